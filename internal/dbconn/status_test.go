package dbconn

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/fault"
)

// scripted is a server that answers known queries and refuses others as a
// syntax error: MySQL 8.4 and later have no SHOW MASTER STATUS.
type scripted map[string]table

type table struct {
	columns []string
	rows    [][]driver.Value
}

func (s scripted) Connect(context.Context) (driver.Conn, error) { return s, nil }
func (s scripted) Driver() driver.Driver                        { return nil }
func (s scripted) Prepare(string) (driver.Stmt, error)          { return nil, driver.ErrSkip }
func (s scripted) Close() error                                 { return nil }
func (s scripted) Begin() (driver.Tx, error)                    { return nil, driver.ErrSkip }

func (s scripted) QueryContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	t, ok := s[query]
	if !ok {
		return nil, &mysql.MySQLError{Number: 1064, Message: "You have an error in your SQL syntax"}
	}
	return &answer{t}, nil
}

type answer struct{ table }

func (a *answer) Columns() []string { return a.columns }
func (a *answer) Close() error      { return nil }
func (a *answer) Next(dest []driver.Value) error {
	if len(a.rows) == 0 {
		return io.EOF
	}
	copy(dest, a.rows[0])
	a.rows = a.rows[1:]
	return nil
}

func TestMasterStatusSpellings(t *testing.T) {
	columns := []string{"File", "Position", "Binlog_Do_DB", "Binlog_Ignore_DB", "Executed_Gtid_Set"}
	const set = "B0000000-0000-0000-0000-000000000000:1-5,\n00000000-0000-0000-0000-00000000000a:7"
	row := [][]driver.Value{{"binlog.000007", "4410", "", "", set}}
	for _, c := range []struct {
		name   string
		server scripted
		want   string
		kind   fault.Kind
	}{
		{"old", scripted{"SHOW MASTER STATUS": {columns, row}}, "(binlog.000007, 4410) gtid=00000000-0000-0000-0000-00000000000a:7,b0000000-0000-0000-0000-000000000000:1-5", 0},
		{"new", scripted{"SHOW BINARY LOG STATUS": {columns, row}}, "(binlog.000007, 4410) gtid=00000000-0000-0000-0000-00000000000a:7,b0000000-0000-0000-0000-000000000000:1-5", 0},
		{"no gtid", scripted{"SHOW MASTER STATUS": {columns[:4], [][]driver.Value{{"b.1", "4", "", ""}}}}, "(b.1, 4) gtid=", 0},
		{"no binlog", scripted{"SHOW BINARY LOG STATUS": {columns, nil}}, "", fault.Invalid},
		{"huge file", scripted{"SHOW MASTER STATUS": {columns, [][]driver.Value{{"b.1", "4294967296", "", "", ""}}}}, "", fault.Unsupported},
		{"neither", scripted{}, "", fault.Unsupported},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := &DB{DB: sql.OpenDB(c.server), Server: Server{Flavor: binlog.MySQL}, side: fault.Upstream}
			defer db.Close()
			got, err := db.MasterStatus(t.Context())
			if c.want == "" {
				var f *fault.Error
				if !errors.As(err, &f) || f.Kind != c.kind || fault.HintOf(err) == "" {
					t.Fatalf("%v", err)
				}
				if c.name == "no binlog" && f.Code != codeNoMasterStatus {
					t.Errorf("%v has the number %d", err, f.Code)
				}
				return
			}
			if err != nil || got.String() != c.want {
				t.Errorf("%s, %v", got, err)
			}
		})
	}
}

// TestMariaStatusUnderLoad: when the GTID position never stands still, the
// server is asked which set belongs to the position.
func TestMariaStatusUnderLoad(t *testing.T) {
	moving := &restless{scripted: scripted{
		"SHOW MASTER STATUS": {[]string{"File", "Position"}, [][]driver.Value{{"b.000001", "500"}}},
	}}
	db := &DB{DB: sql.OpenDB(moving), Server: Server{Flavor: binlog.MariaDB}}
	defer db.Close()
	got, err := db.MasterStatus(t.Context())
	if err != nil || got.String() != "(b.000001, 500) gtid=0-1-77" {
		t.Errorf("%s, %v", got, err)
	}
}

// restless commits a transaction between any two queries.
type restless struct {
	scripted
	committed int
}

func (r *restless) Connect(context.Context) (driver.Conn, error) { return r, nil }

func (r *restless) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	one := func(v string) (driver.Rows, error) {
		return &answer{table{[]string{"v"}, [][]driver.Value{{v}}}}, nil
	}
	switch {
	case strings.HasPrefix(query, "SELECT BINLOG_GTID_POS("):
		return one("0-1-77")
	case query == "SELECT @@GLOBAL.gtid_binlog_pos":
		r.committed++
		return one("0-1-" + strings.Repeat("1", r.committed))
	}
	return r.scripted.QueryContext(ctx, query, args)
}
