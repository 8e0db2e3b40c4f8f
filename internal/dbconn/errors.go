package dbconn

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/fault"
)

// DM's numbers for database failures.
const (
	codeDriver         = 10001 // the database cannot be reached
	codeBadConn        = 10002 // connection broken before anything was sent
	codeInvalid        = 10003 // connection broken after part was sent
	codeQuery          = 10005 // a query failed
	codeNoMasterStatus = 11125 // the server writes no binlog
	codeExec           = 10006 // a DDL, INSERT, UPDATE or DELETE failed
)

// Error turns what a query answered into a fault.Error: kind, side, DM number
// and a hint. Nil stays nil; a fault gets the operation in front and its side.
func Error(side fault.Side, op string, err error) error { return convert(side, op, codeQuery, err) }

// ExecError is Error for a statement that changes something.
func ExecError(side fault.Side, op string, err error) error { return convert(side, op, codeExec, err) }

func convert(side fault.Side, op string, code int, err error) error {
	if err == nil {
		return nil
	}
	var known *fault.Error
	if errors.As(err, &known) {
		return &fault.Error{Op: op, Kind: fault.KindOf(err), Side: side, Code: known.Code, Hint: fault.HintOf(err), Err: err}
	}
	out := &fault.Error{Op: op, Kind: fault.Internal, Side: side, Code: code, Err: err}
	var answered *mysql.MySQLError
	switch {
	case errors.As(err, &answered):
		n := byNumber(answered.Number)
		out.Kind, out.Hint = n.kind, n.hint
		if n.kind == fault.Internal && fault.Transient(err) {
			out.Kind = fault.Unavailable
		}
	case errors.Is(err, sql.ErrNoRows):
		out.Kind, out.Msg = fault.NotFound, "the server answered with no row"
	default:
		describeBroken(out, err)
	}
	return out
}

// describeBroken fills kind, number and hint of an error that did not come from
// the server: there was no answer at all.
func describeBroken(out *fault.Error, err error) {
	out.Kind = fault.Unavailable
	var dns *net.DNSError
	var network *net.OpError
	switch {
	case errors.Is(err, context.Canceled):
		out.Kind = fault.Cancelled
	case errors.Is(err, driver.ErrBadConn):
		out.Code, out.Hint = codeBadConn, "check the network and whether the server was restarted; it is retried automatically"
	case errors.Is(err, mysql.ErrInvalidConn):
		out.Code, out.Hint = codeInvalid, "check the network and whether the server was restarted"
	case errors.Is(err, mysql.ErrPktTooLarge):
		out.Kind = fault.Invalid
		out.Hint = "raise max_allowed_packet on the server, for example SET GLOBAL max_allowed_packet = 134217728"
	case errors.As(err, &dns):
		out.Code, out.Msg = codeDriver, fmt.Sprintf("host %s has no address", dns.Name)
		out.Hint = "check the host in the configuration and the name service of this machine"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		out.Code, out.Msg = codeDriver, "the server did not answer in time"
		out.Hint = "check host and port in the configuration, firewalls, and the load of the server"
	case errors.As(err, &network):
		out.Code, out.Msg = codeDriver, "the server cannot be reached"
		out.Hint = "check that the server runs and that host and port in the configuration are right"
	default:
		out.Kind, out.Code = fault.Internal, codeDriver
		if fault.Transient(err) {
			out.Kind = fault.Unavailable
		}
	}
}
