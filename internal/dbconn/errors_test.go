package dbconn

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/fault"
)

func TestErrorTable(t *testing.T) {
	number := func(n uint16) error {
		return fmt.Errorf("x: %w", &mysql.MySQLError{Number: n, Message: "the server's own words"})
	}
	for _, c := range []struct {
		name string
		err  error
		kind fault.Kind
		code int
		hint string
	}{
		{"access denied", number(1045), fault.Invalid, codeQuery, "SHOW GRANTS"},
		{"missing privilege", number(1227), fault.Invalid, codeQuery, "GRANT"},
		{"table privilege", number(1142), fault.Invalid, codeQuery, "GRANT"},
		{"schema privilege", number(1044), fault.Invalid, codeQuery, "GRANT"},
		{"unknown database", number(1049), fault.NotFound, codeQuery, "create the database"},
		{"unknown table", number(1146), fault.NotFound, codeQuery, "create the table"},
		{"host not allowed", number(1130), fault.Invalid, codeQuery, "'%'"},
		{"duplicate", number(1062), fault.Data, codeQuery, "target"},
		{"deadlock", number(1213), fault.Unavailable, codeQuery, ""},
		{"write conflict", number(9007), fault.Unavailable, codeQuery, ""},
		{"unknown number", number(65000), fault.Internal, codeQuery, ""},
		{"purged binlog", number(1236), fault.NotFound, codeQuery, "purged"},
		{"row too large for TiDB", number(8025), fault.Invalid, codeQuery, "tidb_txn_entry_size_limit"},
		{"transaction too large for TiDB", number(8004), fault.Invalid, codeQuery, "txn-total-size-limit"},
		{"MyISAM with GTIDs", number(1785), fault.Unsupported, codeQuery, "ENGINE = InnoDB"},
		{"bad connection", driver.ErrBadConn, fault.Unavailable, codeBadConn, "restarted"},
		{"invalid connection", mysql.ErrInvalidConn, fault.Unavailable, codeInvalid, "network"},
		{"refused", &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}, fault.Unavailable, codeDriver, "server runs"},
		{"unknown host", &net.OpError{Op: "dial", Err: &net.DNSError{Name: "nowhere.invalid", IsNotFound: true}}, fault.Unavailable, codeDriver, "host"},
		{"deadline", context.DeadlineExceeded, fault.Unavailable, codeDriver, "firewalls"},
		{"canceled", context.Canceled, fault.Cancelled, codeQuery, ""},
		{"large packet", mysql.ErrPktTooLarge, fault.Invalid, codeQuery, "max_allowed_packet"},
		{"no row", sql.ErrNoRows, fault.NotFound, codeQuery, ""},
		{"anything", errors.New("surprise"), fault.Internal, codeDriver, ""},
		{"a fault", &fault.Error{Kind: fault.Schema, Code: 44006, Hint: "do this"}, fault.Schema, 44006, "do this"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Error(fault.Downstream, "do it", c.err)
			var f *fault.Error
			if !errors.As(got, &f) || f.Kind != c.kind || f.Code != c.code || f.Side != fault.Downstream || f.Op != "do it" {
				t.Fatalf("%#v", got)
			}
			if (c.hint == "") != (f.Hint == "") || !strings.Contains(f.Hint, c.hint) {
				t.Errorf("hint %q, want %q in it", f.Hint, c.hint)
			}
			if !errors.Is(got, c.err) {
				t.Error("the cause is lost")
			}
		})
	}
	if Error(fault.Upstream, "x", nil) != nil {
		t.Error("nil became an error")
	}
	var f *fault.Error
	if !errors.As(ExecError(fault.Downstream, "insert", number(1062)), &f) || f.Code != codeExec {
		t.Errorf("%#v", f)
	}
}
