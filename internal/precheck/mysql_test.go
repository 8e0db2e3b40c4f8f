package precheck

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/server"
	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
)

// fakeMySQL speaks the protocol of a MySQL server that is not at hand in every
// test: it knows variables, and answers of one column to SHOW statements.
type fakeMySQL struct {
	server.EmptyHandler

	variables map[string]string
	shows     map[string][]string
}

const showVariable = "SHOW VARIABLES WHERE Variable_name = "

// mysql84 answers as MySQL 8.4 does.
func mysql84(change func(*fakeMySQL)) *fakeMySQL {
	f := &fakeMySQL{
		variables: map[string]string{"VERSION()": "8.4.3", "version_comment": "MySQL Community Server - GPL", "server_id": "7",
			"lower_case_table_names": "1", "sql_mode": "STRICT_TRANS_TABLES", "log_bin": "1", "max_allowed_packet": "67108864", "gtid_mode": "ON", "CURRENT_USER()": "u@%"},
		shows: map[string][]string{"SHOW REPLICAS": {"429496730", "12"}},
	}
	change(f)
	return f
}

// HandleQuery is part of server.Handler.
func (f *fakeMySQL) HandleQuery(query string) (*mysql.Result, error) {
	switch {
	case strings.HasPrefix(query, "SET"):
		return &mysql.Result{}, nil
	case strings.HasPrefix(query, "SELECT "):
		return f.selected(strings.Split(strings.TrimPrefix(query, "SELECT "), ","))
	case strings.HasPrefix(query, showVariable):
		name := strings.Trim(strings.TrimPrefix(query, showVariable), "'")
		var rows [][]any
		if v, ok := f.variables[name]; ok {
			rows = [][]any{{name, v}}
		}
		return answer([]string{"Variable_name", "Value"}, rows)
	}
	lines, ok := f.shows[query]
	if !ok {
		return nil, mysql.NewError(1064, "You have an error in your SQL syntax")
	}
	var rows [][]any
	for _, l := range lines {
		rows = append(rows, []any{l})
	}
	return answer([]string{"c"}, rows)
}

func (f *fakeMySQL) selected(columns []string) (*mysql.Result, error) {
	row := make([]any, len(columns))
	for i, c := range columns {
		c = strings.TrimSpace(c)
		v, ok := f.variables[strings.TrimPrefix(strings.TrimPrefix(c, "@@"), "GLOBAL.")]
		if !ok {
			return nil, mysql.NewError(1193, fmt.Sprintf("Unknown system variable '%s'", c))
		}
		row[i] = v
	}
	return answer(columns, [][]any{row})
}

func answer(columns []string, rows [][]any) (*mysql.Result, error) {
	set, err := mysql.BuildSimpleTextResultset(columns, rows)
	return &mysql.Result{Resultset: set}, err
}

// start serves until the test ends and gives what to connect with.
func (f *fakeMySQL) start(t *testing.T) config.Database {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go f.serve(conn)
		}
	}()
	return config.Database{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, User: "u", Password: "p"}
}

func (f *fakeMySQL) serve(conn net.Conn) {
	defer conn.Close()
	c, err := server.NewConn(conn, "u", "p", f)
	for err == nil && !c.Closed() {
		err = c.HandleCommand()
	}
}

func TestCheckSourceMySQL(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*fakeMySQL)
		gtid   bool
		code   int
	}{
		{"by position", func(f *fakeMySQL) { f.variables["gtid_mode"] = "OFF" }, false, 0},
		{"by GTID", func(*fakeMySQL) {}, true, 0},
		{"GTID off", func(f *fakeMySQL) { f.variables["gtid_mode"] = "ON_PERMISSIVE" }, true, codeGTIDMode},
		{"GTID unknown", func(f *fakeMySQL) { delete(f.variables, "gtid_mode") }, true, codeGTIDMode},
		{"before 8.4", func(f *fakeMySQL) { f.shows["SHOW SLAVE HOSTS"] = []string{"12"}; delete(f.shows, "SHOW REPLICAS") }, true, 0},
	} {
		src := source(mysql84(c.change).start(t))
		src.EnableGTID = c.gtid
		got, err := CheckSource(context.Background(), src)
		if c.code != 0 {
			checkFault(t, c.name, err, fault.Invalid, fault.Upstream, "gtid_mode")
			if f := (*fault.Error)(nil); !asFault(err, &f) || f.Code != c.code {
				t.Errorf("%s: got %v, want code %d", c.name, err, c.code)
			}
			continue
		}
		if err != nil || got.Flavor != "mysql" || got.CaseSensitive || got.ServerID == 0 || got.ServerID == 429496730 {
			t.Errorf("%s: got %+v, %v", c.name, got, err)
		}
	}
}

// A role's privileges count, in the words that MySQL 8 lists them in.
func TestRolePrivilegesMySQL(t *testing.T) {
	db, err := open(context.Background(), fault.Upstream, mysql84(func(f *fakeMySQL) {
		f.shows["SHOW GRANTS"] = []string{"GRANT USAGE ON *.* TO `u`@`%`", "GRANT `r1`@`%`,`r2`@`%` TO `u`@`%`"}
		f.shows["SHOW GRANTS FOR CURRENT_USER() USING `r1`@`%`, `r2`@`%`"] = []string{
			"GRANT RELOAD, REPLICATION CLIENT ON *.* TO `u`@`%`", "GRANT SELECT ON `shop`.* TO `u`@`%`", "GRANT `r1`@`%`,`r2`@`%` TO `u`@`%`"}
	}).start(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	c := &checker{db: db, sub: &config.Subtask{}}
	if f := c.dumpPrivileges(context.Background()); f.state() != Success {
		t.Errorf("dump: %+v", f)
	}
	want := failed("GRANT REPLICATION SLAVE ON *.* TO 'u'@'%';", "lack of REPLICATION SLAVE privilege")
	if diff := cmp.Diff(want.details, c.replicationPrivileges(context.Background()).details); diff != "" {
		t.Error(diff)
	}
}

// A future server without these variables writes rows, and whole ones.
func TestVariablesThatAreGone(t *testing.T) {
	db, err := open(context.Background(), fault.Upstream, mysql84(func(*fakeMySQL) {}).start(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	c := &checker{db: db, sub: &config.Subtask{}}
	for _, f := range []finding{c.binlogFormat(context.Background()), c.rowImage(context.Background())} {
		if f.state() != Success {
			t.Errorf("%+v", f)
		}
	}
}

func TestVersionBounds(t *testing.T) {
	for _, c := range []struct{ flavor, version, want string }{
		{"mysql", "5.5.62", "version required at least 5.6.0 but got 5.5.62"},
		{"mysql", "5.6.0-log", ""},
		{"mariadb", "10.1.1-MariaDB", "version required at least 10.1.2 but got 10.1.1"},
		{"mariadb", "11.4.2-MariaDB", ""},
		{"mysql", "unknown", `version "unknown" is not three numbers`},
	} {
		if got := version(c.flavor, c.version); c.want == "" && len(got.details) > 0 || c.want != "" && (len(got.details) != 1 || got.details[0].ShortErr != c.want) {
			t.Errorf("%s %s: got %+v", c.flavor, c.version, got)
		}
	}
}

// A server that accepts a connection and then says nothing must not hold up the
// operator.
func TestCheckSourceSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_, err = CheckSource(ctx, source(config.Database{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, User: "u"}))
	checkFault(t, "silent server", err, fault.Unavailable, fault.Upstream, "the server did not answer in time")
}
