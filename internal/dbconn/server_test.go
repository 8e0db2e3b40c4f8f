package dbconn_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/internal/testbed"
)

var servers testbed.Shared

func TestMain(m *testing.M) { os.Exit(servers.Main(m)) }

func open(t *testing.T, side fault.Side, cfg config.Database, o dbconn.Options) *dbconn.DB {
	t.Helper()
	db, err := dbconn.Open(t.Context(), side, cfg, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func exec(t *testing.T, db *dbconn.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%v\n%s", err, s)
		}
	}
}

// onBoth runs a test against a MariaDB and a TiDB.
func onBoth(t *testing.T, f func(*testing.T, *testbed.Server)) {
	t.Run("mariadb", func(t *testing.T) { f(t, servers.MariaDB(t)) })
	t.Run("tidb", func(t *testing.T) { f(t, servers.TiDB(t)) })
}

func TestEverySessionIsAlike(t *testing.T) {
	onBoth(t, func(t *testing.T, server *testbed.Server) {
		cfg := server.Config()
		cfg.Session = map[string]string{"sql_mode": "ANSI", "wait_timeout": "1234", "foreign_key_checks": "OFF", "autocommit": "0", "completion_type": "1", "sql_select_limit": "3"}
		db := open(t, fault.Downstream, cfg, dbconn.Options{MaxConns: 3, SQLMode: "NO_ZERO_DATE", TimeZone: "+03:00", TxnMode: "optimistic"})
		for range 3 { // hold all three
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			var mode, zone, charset, collate string
			var wait, fk int
			err = conn.QueryRowContext(t.Context(), "SELECT @@sql_mode, @@time_zone, @@character_set_connection, @@collation_connection, @@wait_timeout, @@foreign_key_checks").
				Scan(&mode, &zone, &charset, &collate, &wait, &fk)
			if err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprint(mode, " ", zone, " ", charset, " ", collate, " ", wait, " ", fk)
			var commits, chains, limit string
			if err := conn.QueryRowContext(t.Context(), "SELECT @@autocommit, @@completion_type, @@sql_select_limit").Scan(&commits, &chains, &limit); err != nil {
				t.Fatal(err)
			}
			if commits != "1" && commits != "ON" || chains != "NO_CHAIN" || limit != dbconn.NoSelectLimit {
				t.Errorf("autocommit %s, completion_type %s, sql_select_limit %s", commits, chains, limit)
			}
			if want := "NO_ZERO_DATE +03:00 utf8mb4 utf8mb4_general_ci 1234 0"; got != want {
				t.Errorf("%s, want %s", got, want)
			}
			if db.Server.TiDB {
				var retry, txn string
				var limit int
				if err := conn.QueryRowContext(t.Context(), "SELECT @@tidb_disable_txn_auto_retry, @@tidb_retry_limit, @@tidb_txn_mode").Scan(&retry, &limit, &txn); err != nil {
					t.Fatal(err)
				}
				if retry != "1" && retry != "ON" || limit != 0 || txn != "optimistic" {
					t.Errorf("auto retry off %s, limit %d, mode %s", retry, limit, txn)
				}
			}
		}
		if db.Server.TiDB == (db.Server.Flavor == binlog.MariaDB) || db.Server.Version == "" || db.Stats().MaxOpenConnections != 3 {
			t.Errorf("%+v", db.Server)
		}
	})
}

// TestMatchedRowsCount: an UPDATE that changes nothing still matches its row.
func TestMatchedRowsCount(t *testing.T) {
	onBoth(t, func(t *testing.T, server *testbed.Server) {
		db := open(t, fault.Downstream, server.Config(), dbconn.Options{})
		exec(t, db, "CREATE DATABASE matched", "CREATE TABLE matched.t (a INT PRIMARY KEY, b VARCHAR(9))",
			"INSERT INTO matched.t VALUES (1, 'x'); INSERT INTO matched.t VALUES (2, 'y')")
		res, err := db.ExecContext(t.Context(), "UPDATE matched.t SET b = ? WHERE a = ?", "x", 1)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			t.Errorf("%d rows, %v", n, err)
		}
	})
}

type filter func(schema, table string) bool

func (f filter) MatchSchema(string) bool              { return true }
func (f filter) MatchTable(schema, table string) bool { return f(schema, table) }

func TestCatalog(t *testing.T) {
	onBoth(t, func(t *testing.T, server *testbed.Server) {
		db := open(t, fault.Upstream, server.Config(), dbconn.Options{})
		exec(t, db, "CREATE DATABASE cat_b CHARACTER SET utf8mb4", "CREATE DATABASE `cat_a``x`", "CREATE TABLE cat_b.z (a INT)", "CREATE TABLE cat_b.`we``ird` (a INT)",
			"CREATE TABLE `cat_a``x`.t (a INT)", "CREATE VIEW cat_b.v AS SELECT 1", "CREATE TABLE cat_b.no (a INT)")
		got, err := db.Tables(t.Context(), filter(func(s, n string) bool { return n != "no" && (strings.HasPrefix(s, "cat_") || s == "mysql") }))
		if err != nil {
			t.Fatal(err)
		}
		want := []schema.Name{{Schema: "cat_a`x", Table: "t"}, {Schema: "cat_b", Table: "we`ird"}, {Schema: "cat_b", Table: "z"}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if text, err := db.CreateTable(t.Context(), got[1]); err != nil || !strings.HasPrefix(text, "CREATE TABLE `we``ird`") {
			t.Errorf("%s, %v", text, err)
		}
		if text, err := db.CreateSchema(t.Context(), "cat_b"); err != nil || !strings.Contains(text, "utf8mb4") {
			t.Errorf("%s, %v", text, err)
		}
		_, err = db.CreateTable(t.Context(), schema.Name{Schema: "cat_b", Table: "nothing"})
		if !fault.Is(err, fault.NotFound) || !strings.Contains(err.Error(), "`cat_b`.`nothing`") {
			t.Errorf("%v", err)
		}
		if v, err := db.Variable(t.Context(), "max_allowed_packet"); err != nil || v == "" {
			t.Errorf("%q, %v", v, err)
		}
		if _, err := db.Variable(t.Context(), "maxXallowed_packet"); !fault.Is(err, fault.NotFound) {
			t.Errorf("%v", err)
		}
		if _, err := db.Variable(t.Context(), "a'b"); !fault.Is(err, fault.Invalid) {
			t.Errorf("%v", err)
		}
	})
}

// TestMasterStatusWhileWriting: position and GTID set belong together even when
// transactions commit between the queries.
func TestMasterStatusWhileWriting(t *testing.T) {
	server := servers.MariaDB(t)
	db := open(t, fault.Upstream, server.Config(), dbconn.Options{})
	exec(t, db, "CREATE DATABASE busy", "CREATE TABLE busy.t (a INT AUTO_INCREMENT PRIMARY KEY)")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			if _, err := db.ExecContext(ctx, "INSERT INTO busy.t VALUES ()"); err != nil && ctx.Err() == nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for range 20 {
		loc, err := db.MasterStatus(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var want string
		if err := db.QueryRowContext(t.Context(), "SELECT BINLOG_GTID_POS(?, ?)", loc.Position.Name, loc.Position.Pos).Scan(&want); err != nil {
			t.Fatal(err)
		}
		if loc.GTID.Flavor() != binlog.MariaDB || loc.GTID.String() != want {
			t.Errorf("%s: the server says %s", loc, want)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestMasterStatusWithoutBinlog(t *testing.T) {
	db := open(t, fault.Upstream, testbed.MariaDB(t, testbed.WithoutBinlog()).Config(), dbconn.Options{})
	if db.Server.LogBin {
		t.Errorf("%+v", db.Server)
	}
	if _, err := db.MasterStatus(t.Context()); !fault.Is(err, fault.Invalid) || !strings.Contains(fault.HintOf(err), "log_bin") {
		t.Errorf("%v", err)
	}
}

// TestOpenRefusals: each failure is one sentence with a way out, and none
// shows the password.
func TestOpenRefusals(t *testing.T) {
	server := servers.MariaDB(t)
	const secret = "hunter2-secret"
	port, err := testbed.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		edit func(*config.Database)
		kind fault.Kind
		says []string
	}{
		{"wrong password", func(c *config.Database) { c.Password = secret }, fault.Invalid, []string{"Access denied", fmt.Sprint(server.Port)}},
		{"nobody listens", func(c *config.Database) { c.Port = port }, fault.Unavailable, []string{"cannot be reached", fmt.Sprint(port)}},
		{"unknown host", func(c *config.Database) { c.Host = "nowhere.invalid" }, fault.Unavailable, []string{"nowhere.invalid"}},
		{"unknown variable", func(c *config.Database) { c.Session = map[string]string{"no_such_variable": "1"} }, fault.Invalid, []string{"no_such_variable"}},
		{"wrong value", func(c *config.Database) { c.Session = map[string]string{"wait_timeout": "soon"} }, fault.Invalid, []string{"wait_timeout", "soon"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cfg := server.Config()
			c.edit(&cfg)
			db, err := dbconn.Open(ctx, fault.Upstream, cfg, dbconn.Options{})
			if err == nil {
				t.Fatal(errors.Join(errors.New("it opened"), db.Close()))
			}
			var f *fault.Error
			if !errors.As(err, &f) || f.Kind != c.kind || f.Side != fault.Upstream || fault.HintOf(err) == "" {
				t.Errorf("%#v hint %q", err, fault.HintOf(err))
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q does not say %q", err, s)
				}
			}
			if text := fmt.Sprintf("%v %+v %#v %s", err, err, err, fault.HintOf(err)); strings.Contains(text, secret) {
				t.Error("the password is shown")
			}
		})
	}
}
