package fault

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"slices"
	"syscall"

	"github.com/go-sql-driver/mysql"
)

// Transient tells whether the same attempt may succeed later without anyone
// changing anything: a broken connection, a busy or restarting server, a
// conflict between transactions. It says nothing about whether the failed
// attempt took effect: a lost COMMIT is transient and its outcome is unknown.
func Transient(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	var answered *mysql.MySQLError
	if errors.As(err, &answered) {
		return transientNumber(answered.Number)
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		// A name that does not exist is a typing error; a silent name server is not.
		return !dns.IsNotFound
	}
	var network net.Error
	if errors.As(err, &network) {
		// A number of the system's is a net.Error too, also one about a file.
		if no, is := network.(syscall.Errno); !is || no.Temporary() {
			return true
		}
	}
	return slices.ContainsFunc(brokenConnection(), func(e error) bool { return errors.Is(err, e) }) || unwritten(err)
}

// unwritten tells that a connection broke before anything was sent over it. The
// driver keeps its error for that to itself, and lets it out of a login.
func unwritten(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if err.Error() == "bad connection" {
			return true
		}
	}
	return false
}

// brokenConnection lists the forms in which the driver and the system say that
// the peer is gone.
func brokenConnection() []error {
	return []error{
		driver.ErrBadConn, mysql.ErrInvalidConn, mysql.ErrMalformPkt, mysql.ErrPktSync, mysql.ErrBusyBuffer,
		io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed,
		syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, syscall.ETIMEDOUT,
		syscall.EHOSTUNREACH, syscall.ENETUNREACH,
		context.DeadlineExceeded,
	}
}
