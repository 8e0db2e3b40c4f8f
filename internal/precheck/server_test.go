package precheck

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
)

var servers testbed.Shared

func TestMain(m *testing.M) { os.Exit(servers.Main(m)) }

func source(db config.Database) config.Source {
	return config.Source{SourceID: "s1", From: db}
}

// prepare runs statements as root.
func prepare(t *testing.T, s *testbed.Server, statements ...string) {
	t.Helper()
	if err := s.Exec(context.Background(), statements...); err != nil {
		t.Fatal(err)
	}
}

// user makes a user with some grants and gives what to connect with.
func user(t *testing.T, s *testbed.Server, name string, grants ...string) config.Database {
	t.Helper()
	prepare(t, s, fmt.Sprintf("CREATE OR REPLACE USER '%s'@'%%' IDENTIFIED BY 'secret-of-%s'", name, name))
	for _, g := range grants {
		prepare(t, s, fmt.Sprintf("GRANT %s TO '%s'@'%%'", g, name))
	}
	db := s.Config()
	db.User, db.Password = name, config.Secret("secret-of-"+name)
	return db
}

func TestCheckSourceDetects(t *testing.T) {
	s := servers.MariaDB(t)
	src, _, err := config.DecodeSource("", []byte("{source-id: s1, from: {host: h, port: 1, user: u}}"))
	if err != nil {
		t.Fatal(err)
	}
	src.From = s.Config()
	got, err := CheckSource(context.Background(), src)
	if err != nil {
		t.Fatal(err)
	}
	if got.Flavor != "mariadb" || !got.CaseSensitive || got.ServerID < firstServerID || got.ServerID >= firstServerID+serverIDs {
		t.Errorf("detected %+v", got)
	}
	// What was detected is stored, and still passes.
	again, warnings, err := config.DecodeSource("", []byte(config.SecretKey{}.EncodeSource(got)))
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	if again, err = CheckSource(context.Background(), again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, again); diff != "" {
		t.Error(diff)
	}
}

func TestCheckSourceWithoutPrivileges(t *testing.T) {
	s := servers.MariaDB(t)
	got, err := CheckSource(context.Background(), source(user(t, s, "nobody")))
	if err != nil || got.ServerID == 0 {
		t.Errorf("a source whose user may nothing but log in: %+v, %v", got, err)
	}
}

func TestCheckSourceRefuses(t *testing.T) {
	s := servers.MariaDB(t)
	var own uint32
	if err := s.DB().QueryRow("SELECT @@server_id").Scan(&own); err != nil {
		t.Fatal(err)
	}
	wrongPassword := user(t, s, "alice")
	wrongPassword.Password = "hunter2"
	noHost := s.Config()
	noHost.Host = "no-such-host.invalid"
	closed := s.Config()
	closed.Port = closedPort(t)
	for _, c := range []struct {
		name string
		src  config.Source
		kind fault.Kind
		want string
	}{
		{"wrong password", source(wrongPassword), fault.Invalid, "Access denied for user 'alice'"},
		{"unknown host", source(noHost), fault.Unavailable, "no-such-host.invalid"},
		{"closed port", source(closed), fault.Unavailable, "the server cannot be reached"},
		{"other flavor", config.Source{SourceID: "s1", From: s.Config(), Flavor: "mysql"}, fault.Invalid, "the server is mariadb"},
		{"server's own id", config.Source{SourceID: "s1", From: s.Config(), ServerID: own}, fault.Invalid, "is the server's own id"},
	} {
		_, err := CheckSource(context.Background(), c.src)
		checkFault(t, c.name, err, c.kind, fault.Upstream, c.want)
	}
}

func asFault(err error, f **fault.Error) bool { return errors.As(err, f) }

func checkFault(t *testing.T, name string, err error, kind fault.Kind, side fault.Side, want string) {
	t.Helper()
	var f *fault.Error
	if !asFault(err, &f) {
		t.Errorf("%s: got %v, want a fault", name, err)
		return
	}
	if f.Kind != kind || f.Side != side || fault.HintOf(err) == "" || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: got %s/%s %q hint %q; want %s/%s with %q and a hint", name, f.Kind, f.Side, err, fault.HintOf(err), kind, side, want)
	}
	for _, secret := range []string{"hunter2", "secret-of-", "raftdm-root"} {
		if strings.Contains(err.Error()+fault.HintOf(err), secret) {
			t.Errorf("%s: the error shows a password: %v", name, err)
		}
	}
}

// closedPort gives a port that nobody listens on.
func closedPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// subtask is one that passes but for what is changed in it. Both sides may be
// one server here: nothing is written.
func subtask(t *testing.T, up, down config.Database, mode, rules string) config.Subtask {
	t.Helper()
	task, _, err := config.DecodeTask("task.yaml", []byte(fmt.Sprintf(`
name: t1
task-mode: %s
target-database: {host: h, port: 1, user: u}
mysql-instances: [{source-id: s1, block-allow-list: l, meta: {binlog-name: mariadb-bin.000001, binlog-pos: 4}}]
block-allow-list: {l: {%s}}
`, mode, rules)))
	if err != nil {
		t.Fatal(err)
	}
	task.Target = down
	sub, err := task.Subtask(source(up))
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

// findings writes what did not succeed, one line each.
func findings(r Report) []string {
	var out []string
	for _, res := range r.Results {
		for _, d := range res.Errors {
			instruction := d.Instruction
			if instruction == "" {
				instruction = res.Instruction
			}
			out = append(out, fmt.Sprintf("%s %s: %s | %s", d.Severity, res.Name, d.ShortErr, instruction))
		}
	}
	return out
}

// with is a subtask whose dump has another consistency.
func with(sub config.Subtask, consistency string) config.Subtask {
	sub.Dump.Consistency = consistency
	return sub
}

func TestCheckTaskOnOneServer(t *testing.T) {
	s := servers.MariaDB(t)
	root := s.Config()
	prepare(t, s,
		"CREATE OR REPLACE DATABASE shop", "CREATE TABLE shop.orders (id INT PRIMARY KEY)", "CREATE TABLE shop.log (a INT)",
		"CREATE VIEW shop.v AS SELECT * FROM shop.log", "CREATE OR REPLACE DATABASE empty_one",
		"CREATE OR REPLACE DATABASE cases", "CREATE TABLE cases.T (id INT PRIMARY KEY)", "CREATE TABLE cases.t (id INT PRIMARY KEY)")
	nobody := user(t, s, "nobody2")
	reader := user(t, s, "reader", "SELECT ON shop.*", "RELOAD ON *.*")
	locker := user(t, s, "locker", "SELECT, LOCK TABLES ON shop.*")
	all := user(t, s, "everything", "SELECT, RELOAD, REPLICATION SLAVE, REPLICATION CLIENT ON *.*", "ALL ON `dm\\_meta`.*", "INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX ON shop.*")
	const tables, keyless = "table structure compatibility check", "warn table structure compatibility check: table `shop`.`log` primary/unique key does not exist | " +
		"please set primary/unique key for the table: without one each change reads the whole table on the target"
	for _, c := range []struct {
		name   string
		sub    config.Subtask
		ignore []string
		want   []string
	}{
		{"least privileges pass", subtask(t, all, all, "all", "do-tables: [{db-name: shop, tbl-name: orders}]"), nil, nil},
		{"a table without a key is a warning", subtask(t, root, root, "all", "do-dbs: [shop]"), nil, []string{keyless}},
		{"ignored items are not checked", subtask(t, root, root, "all", "do-dbs: [shop]"), []string{"table_schema"}, nil},
		{"full needs no replication privileges", subtask(t, reader, root, "full", "do-tables: [{db-name: Shop, tbl-name: ORDERS}]"), nil, nil},
		{"the consistency lock needs no global lock", with(subtask(t, locker, root, "full", "do-tables: [{db-name: shop, tbl-name: orders}]"), config.ConsistencyLock), nil, nil},
		{"the consistency lock needs locks", with(subtask(t, reader, root, "full", "do-tables: [{db-name: shop, tbl-name: orders}]"), config.ConsistencyLock), nil, []string{
			"fail source db dump privilege checker: lack of LOCK TABLES privilege | GRANT LOCK TABLES ON *.* TO 'reader'@'%';"}},
		{"incremental needs no dump privileges", subtask(t, reader, root, "incremental", "do-tables: [{db-name: shop, tbl-name: orders}]"), nil, []string{
			"fail source db replication privilege checker: lack of REPLICATION SLAVE,REPLICATION CLIENT privilege | GRANT REPLICATION SLAVE,REPLICATION CLIENT ON *.* TO 'reader'@'%';"}},
		{"user without privileges", subtask(t, nobody, nobody, "all", "do-dbs: [shop]"), nil, []string{
			"fail source db dump privilege checker: lack of RELOAD,SELECT privilege | GRANT RELOAD,SELECT ON *.* TO 'nobody2'@'%';",
			"fail source db replication privilege checker: lack of REPLICATION SLAVE,REPLICATION CLIENT privilege | GRANT REPLICATION SLAVE,REPLICATION CLIENT ON *.* TO 'nobody2'@'%';",
			"fail " + tables + ": block-allow-list \"l\" selects no table of source s1 | correct the names in block-allow-list (case-sensitive decides whether case counts), or grant SELECT on the tables to nobody2",
			"fail target db meta schema checker: lack of SELECT,INSERT,UPDATE,DELETE,CREATE,DROP privilege on meta schema `dm_meta` | GRANT SELECT,INSERT,UPDATE,DELETE,CREATE,DROP ON `dm_meta`.* TO 'nobody2'@'%';"}},
		{"tables that do not exist", subtask(t, root, root, "all", `do-tables: [{db-name: shop, tbl-name: orders}, {db-name: shop, tbl-name: odrers}, {db-name: shop, tbl-name: v}, {db-name: gone, tbl-name: "*"}]`), nil, []string{
			"fail " + tables + ": table `shop`.`odrers` in block-allow-list \"l\" does not exist on source s1 | create it, correct its name in the task file, or grant SELECT on it to root",
			"fail " + tables + ": table `shop`.`v` in block-allow-list \"l\" is a view on source s1 | remove it from do-tables: views are not migrated"}},
		{"a table that do-dbs filters", subtask(t, root, root, "all", `do-dbs: [cases], do-tables: [{db-name: shop, tbl-name: orders}, {db-name: cases, tbl-name: "[T]"}]`), nil, []string{
			"warn " + tables + ": table `shop`.`orders` in do-tables of block-allow-list \"l\" is not migrated: its schema is filtered | add its schema to do-dbs, or remove it from do-tables"}},
		{"no table at all", subtask(t, root, root, "full", "do-dbs: [empty_one]"), nil, []string{
			"fail " + tables + ": block-allow-list \"l\" selects no table of source s1 | correct the names in block-allow-list (case-sensitive decides whether case counts), or grant SELECT on the tables to root"}},
		{"no table yet, incremental", subtask(t, root, root, "incremental", "do-dbs: [empty_one]"), nil, []string{
			"warn " + tables + ": block-allow-list \"l\" selects no table of source s1 | correct the names in block-allow-list (case-sensitive decides whether case counts), or grant SELECT on the tables to root"}},
	} {
		if c.name == "a table that do-dbs filters" {
			c.sub.CaseSensitive = true
			f := c.sub.Rules
			c.sub.Filter = exactly{f.DoDBs[0], "T"}
		}
		r, err := Check(context.Background(), []config.Subtask{c.sub}, c.ignore)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if diff := cmp.Diff(c.want, findings(r)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}

	both := subtask(t, root, root, "all", "do-dbs: [cases]")
	_, err := Check(context.Background(), []config.Subtask{both}, nil)
	var f *fault.Error
	if !asFault(err, &f) || f.Code != codeSameTable || !strings.Contains(f.Msg, "`cases`.`T`") {
		t.Errorf("tables that differ in case only: got %v", err)
	}
}

// exactly is a filter for one table.
type exactly struct{ schema, table string }

func (e exactly) MatchSchema(s string) bool   { return s == e.schema }
func (e exactly) MatchTable(s, t string) bool { return s == e.schema && t == e.table }

func TestCheckTaskUnreachable(t *testing.T) {
	s := servers.MariaDB(t)
	root, closed := s.Config(), s.Config()
	closed.Port = closedPort(t)
	for _, c := range []struct {
		name     string
		up, down config.Database
		side     fault.Side
	}{
		{"source", closed, root, fault.Upstream},
		{"target", root, closed, fault.Downstream},
	} {
		sub := subtask(t, c.up, c.down, "all", "do-dbs: [shop]")
		err := CheckTask(context.Background(), []config.Subtask{sub}, nil, 10, 10)
		checkFault(t, c.name, err, fault.Unavailable, c.side, "the server cannot be reached")
		var f *fault.Error
		if !asFault(err, &f) || f.Code != codeOpenFailed {
			t.Errorf("%s: code %d, want %d", c.name, f.Code, codeOpenFailed)
		}
		// DM: with nothing to check, connections are not tried either.
		if err := CheckTask(context.Background(), []config.Subtask{sub}, []string{"all"}, 10, 10); err != nil {
			t.Errorf("%s: ignoring everything: %v", c.name, err)
		}
	}
}

func TestCheckTaskBinlogSettings(t *testing.T) {
	for _, c := range []struct {
		name string
		opts []testbed.MariaDBOption
		mode string
		want []string
	}{
		{"binlog off", []testbed.MariaDBOption{testbed.WithoutBinlog(), testbed.WithBinlogFormat("ROW")}, "all", []string{
			"fail mysql_binlog_enable: log_bin is OFF, and should be ON | set log_bin, server_id and binlog_format=ROW in the server's configuration file and restart it"}},
		{"STATEMENT and MINIMAL", []testbed.MariaDBOption{testbed.WithBinlogFormat("STATEMENT"), testbed.WithArgs("--binlog-row-image=MINIMAL", "--binlog-do-db=other")}, "incremental", []string{
			"fail mysql_binlog_enable: binlog_do_db of the server keeps changes of schema `shop` out of the binlog | remove binlog_do_db from the server's configuration file and restart it, or exclude the schema with the block-allow-list",
			"fail mysql_binlog_format: binlog_format is STATEMENT, and should be ROW | set global binlog_format = ROW; and the same in the server's configuration file, then reconnect the clients that write",
			"fail mysql_binlog_row_image: binlog_row_image is MINIMAL, and should be FULL | set global binlog_row_image = FULL; and the same in the server's configuration file, then reconnect the clients that write"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := testbed.MariaDB(t, c.opts...)
			prepare(t, s, "CREATE DATABASE shop", "CREATE TABLE shop.orders (id INT PRIMARY KEY)")
			sub := subtask(t, s.Config(), s.Config(), c.mode, "do-dbs: [shop]")
			r, err := Check(context.Background(), []config.Subtask{sub}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, findings(r)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			err = r.Err(10, 10)
			var f *fault.Error
			if !asFault(err, &f) || f.Code != codeChecksFailed || !strings.HasPrefix(f.Msg, failedText) {
				t.Errorf("the report became %v", err)
			}
			sub = subtask(t, s.Config(), s.Config(), "full", "do-dbs: [shop]")
			if err := CheckTask(context.Background(), []config.Subtask{sub}, nil, 10, 10); err != nil {
				t.Errorf("a full task does not need the binlog: %v", err)
			}
		})
	}
}

func TestCheckTaskTargetTiDB(t *testing.T) {
	up, down := servers.MariaDB(t), servers.TiDB(t)
	prepare(t, up, "CREATE OR REPLACE DATABASE for_tidb", "CREATE TABLE for_tidb.t (id INT PRIMARY KEY)")
	prepare(t, down, "CREATE USER 'poor'@'%' IDENTIFIED BY 'secret-of-poor'", "GRANT SELECT ON `dm_meta`.* TO 'poor'@'%'")
	sub := subtask(t, up.Config(), down.Config(), "all", "do-dbs: [for_tidb]")
	if err := CheckTask(context.Background(), []config.Subtask{sub}, nil, 10, 10); err != nil {
		t.Error(err)
	}
	sub.Target.User, sub.Target.Password = "poor", "secret-of-poor"
	r, err := Check(context.Background(), []config.Subtask{sub}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"fail target db privilege checker: lack of SELECT,INSERT,UPDATE,DELETE,CREATE privilege on schema `for_tidb` of the target | GRANT SELECT,INSERT,UPDATE,DELETE,CREATE ON `for_tidb`.* TO 'poor'@'%';",
		"warn target db privilege checker: lack of DROP,ALTER,INDEX privilege on schema `for_tidb` of the target | GRANT DROP,ALTER,INDEX ON `for_tidb`.* TO 'poor'@'%'; without it the first DDL that needs it pauses the task",
		"fail target db meta schema checker: lack of INSERT,UPDATE,DELETE,CREATE,DROP privilege on meta schema `dm_meta` | GRANT INSERT,UPDATE,DELETE,CREATE,DROP ON `dm_meta`.* TO 'poor'@'%';"}
	got := findings(r)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// TiDB is a target, not a source.
	_, err = CheckSource(context.Background(), source(down.Config()))
	checkFault(t, "TiDB as a source", err, fault.Invalid, fault.Upstream, "the server is TiDB")
}
