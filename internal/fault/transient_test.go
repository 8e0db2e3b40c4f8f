package fault

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// TestTransientNumbers is the retry table with the name each server gives the number.
func TestTransientNumbers(t *testing.T) {
	for number, c := range map[uint16]struct {
		name string
		want bool
	}{
		1040: {"ER_CON_COUNT_ERROR: too many connections", true},
		1042: {"ER_BAD_HOST_ERROR: no address of the client now", true},
		1043: {"ER_HANDSHAKE_ERROR", true},
		1047: {"ER_UNKNOWN_COM_ERROR: Galera, node not ready", true},
		1053: {"ER_SERVER_SHUTDOWN", true},
		1077: {"ER_NORMAL_SHUTDOWN", true},
		1078: {"ER_GOT_SIGNAL", true},
		1079: {"ER_SHUTDOWN_COMPLETE", true},
		1080: {"ER_FORCING_CLOSE", true},
		1152: {"ER_ABORTING_CONNECTION", true},
		1158: {"ER_NET_READ_ERROR", true},
		1159: {"ER_NET_READ_INTERRUPTED", true},
		1160: {"ER_NET_ERROR_ON_WRITE", true},
		1161: {"ER_NET_WRITE_INTERRUPTED", true},
		1184: {"ER_NEW_ABORTING_CONNECTION", true},
		1203: {"ER_TOO_MANY_USER_CONNECTIONS", true},
		1205: {"ER_LOCK_WAIT_TIMEOUT", true},
		1213: {"ER_LOCK_DEADLOCK", true},
		1226: {"ER_USER_LIMIT_REACHED", true},
		1290: {"ER_OPTION_PREVENTS_STATEMENT: read_only", true},
		1317: {"ER_QUERY_INTERRUPTED", true},
		1412: {"ER_TABLE_DEF_CHANGED", true},
		1614: {"ER_XA_RBDEADLOCK", true},
		1792: {"ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION", true},
		1836: {"ER_READ_ONLY_MODE", true},
		1927: {"MariaDB ER_CONNECTION_KILLED", true},
		2002: {"CR_CONNECTION_ERROR, sent on by proxies", true},
		2003: {"CR_CONN_HOST_ERROR", true},
		2006: {"CR_SERVER_GONE_ERROR", true},
		2013: {"CR_SERVER_LOST", true},
		3058: {"ER_USER_LOCK_DEADLOCK", true},
		3572: {"ER_LOCK_NOWAIT", true},
		8002: {"TiDB ErrForUpdateCantRetry", true},
		8005: {"TiDB ErrWriteConflictInTiDB", true},
		8022: {"TiDB ErrTxnRetryable", true},
		8027: {"TiDB ErrInfoSchemaExpired", true},
		8028: {"TiDB ErrInfoSchemaChanged", true},
		9001: {"TiDB ErrPDServerTimeout", true},
		9002: {"TiDB ErrTiKVServerTimeout", true},
		9003: {"TiDB ErrTiKVServerBusy", true},
		9004: {"TiDB ErrResolveLockTimeout", true},
		9005: {"TiDB ErrRegionUnavailable", true},
		9006: {"TiDB ErrGCTooEarly", true},
		9007: {"TiDB ErrWriteConflict", true},
		9008: {"TiDB ErrTiKVStoreLimit", true},
		9010: {"TiDB ErrTiKVStaleCommand", true},
		9011: {"TiDB ErrTiKVMaxTimestampNotSynced", true},
		9012: {"TiDB ErrTiFlashServerTimeout", true},
		9013: {"TiDB ErrTiFlashServerBusy", true},

		1044: {"ER_DBACCESS_DENIED_ERROR", false},
		1045: {"ER_ACCESS_DENIED_ERROR", false},
		1049: {"ER_BAD_DB_ERROR", false},
		1062: {"ER_DUP_ENTRY", false},
		1064: {"ER_PARSE_ERROR", false},
		1105: {"ER_UNKNOWN_ERROR", false},
		1130: {"ER_HOST_NOT_PRIVILEGED", false},
		1146: {"ER_NO_SUCH_TABLE", false},
		1153: {"ER_NET_PACKET_TOO_LARGE", false},
		1227: {"ER_SPECIFIC_ACCESS_DENIED_ERROR", false},
		1236: {"ER_MASTER_FATAL_ERROR_READING_BINLOG: purged", false},
		1406: {"ER_DATA_TOO_LONG", false},
		8004: {"TiDB ErrTxnTooLarge", false},
		8200: {"TiDB ErrUnsupportedDDLOperation", false},
	} {
		err := fmt.Errorf("exec: %w", &mysql.MySQLError{Number: number, Message: "m"})
		if got := Transient(err); got != c.want {
			t.Errorf("%d %s: %v", number, c.name, got)
		}
	}
}

func TestTransientConnections(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errors.New("something else"), false},
		{context.Canceled, false},
		{context.DeadlineExceeded, true},
		{driver.ErrBadConn, true},
		{mysql.ErrInvalidConn, true},
		{mysql.ErrPktTooLarge, false},
		{io.ErrUnexpectedEOF, true},
		{syscall.ECONNREFUSED, true},
		{&fs.PathError{Op: "open", Path: "f", Err: syscall.ENOENT}, false},
		{&fs.PathError{Op: "write", Path: "f", Err: syscall.ENOSPC}, false},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, true},
		{&fs.PathError{Op: "write", Err: syscall.ENOSPC}, false},
		{&fs.PathError{Op: "write", Err: syscall.EIO}, false},
		{&fs.PathError{Op: "open", Err: syscall.EACCES}, false},
		{&fs.PathError{Op: "open", Err: syscall.EMFILE}, true},
		{&net.DNSError{Name: "nowhere", IsNotFound: true}, false},
		{&net.DNSError{Name: "slow", IsTimeout: true}, true},
		{&Error{Kind: Unavailable, Err: io.EOF}, true},
		{errors.Join(errors.New("close"), io.EOF), true},
	} {
		if got := Transient(c.err); got != c.want {
			t.Errorf("%v: %v, want %v", c.err, got, c.want)
		}
	}
}

// TestConnectionThatBreaksInTheLogin: the server greets and is gone.
func TestConnectionThatBreaksInTheLogin(t *testing.T) {
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.Logger = "tcp", "127.0.0.1:1", &mysql.NopLogger{}
	cfg.DialFunc = func(context.Context, string, string) (net.Conn, error) { return greeted(), nil }
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := connector.Connect(t.Context())
	if err == nil {
		t.Fatal("it connects", conn.Close())
	}
	if err = fmt.Errorf("connect: %w", errors.Join(err)); !Transient(Wrap("start", err)) {
		t.Errorf("it is not tried again after: %v", err)
	}
}

// broken is a connection that can be read from, and not written to.
type broken struct {
	net.Conn
	rest *bytes.Reader
}

func (b broken) Read(p []byte) (int, error)       { return b.rest.Read(p) }
func (b broken) Write([]byte) (int, error)        { return 0, net.ErrClosed }
func (b broken) Close() error                     { return nil }
func (b broken) SetDeadline(time.Time) error      { return nil }
func (b broken) SetReadDeadline(time.Time) error  { return nil }
func (b broken) SetWriteDeadline(time.Time) error { return nil }

func greeted() net.Conn {
	text := "\x0a10.11.1-MariaDB\x00" + "\x01\x00\x00\x00" + "saltsalt\x00" + "\xff\xf7\x2d\x02\x00\xff\x81\x15" +
		strings.Repeat("\x00", 10) + "saltsaltsalt\x00" + "mysql_native_password\x00"
	return broken{rest: bytes.NewReader(append([]byte{byte(len(text)), 0, 0, 0}, text...))}
}
