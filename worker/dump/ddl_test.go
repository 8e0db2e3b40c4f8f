package dump

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
)

var servers testbed.Shared

func TestMain(m *testing.M) { os.Exit(servers.Main(m)) }

// oneSchema is a filter for one schema.
type oneSchema string

func (o oneSchema) MatchSchema(s string) bool   { return s == string(o) }
func (o oneSchema) MatchTable(s, _ string) bool { return s == string(o) }

// dumpAround takes a snapshot of a schema, runs statements, reads the tables
// and answers how that ended.
func dumpAround(t *testing.T, src *testbed.Server, name string, between ...string) error {
	t.Helper()
	ctx := t.Context()
	db, err := dbconn.Open(ctx, fault.Upstream, src.Config(), dbconn.Options{MaxConns: 4, TimeZone: "+00:00", SQLMode: sessionMode})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	cat := &catalogue{filter: oneSchema(name), threads: 2}
	if err := cat.read(ctx, db, config.Dump{Threads: 2}); err != nil {
		t.Fatal(err)
	}
	snap, err := connect(ctx, db, src.Config(), 2)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.close()
	var states []*tableState
	if err := snap.take(ctx, db, cat, slog.New(slog.DiscardHandler), func(context.Context) error {
		for _, tbl := range snap.tables {
			states = append(states, newTableState(tbl, 0))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := src.Exec(ctx, between...); err != nil {
		t.Fatal(err)
	}
	r := &readers{db: db, dir: t.TempDir(), chunk: 1 << 20, stmt: 1 << 20, log: slog.New(slog.DiscardHandler),
		progress: newProgress(states), metrics: newMetrics(nil, "t", "s"),
		note:  func(schema.Name, dumpdir.Chunk) error { return nil },
		local: func(_ string, err error) error { return err }}
	return r.read(ctx, snap.conns, states, true)
}

// TestDDLDuringTheDumpIsNoticed: a structure or a table that is not the
// snapshot's makes the dump begin anew; rows alone do not.
func TestDDLDuringTheDumpIsNoticed(t *testing.T) {
	cases := []struct {
		name    string
		ddl     []string
		noticed bool
	}{
		{"nothing", nil, false},
		{"rows", []string{"INSERT INTO %s.t (v) VALUES (9), (10)", "DELETE FROM %s.t WHERE id = 1"}, false},
		{"add column", []string{"ALTER TABLE %s.t ADD COLUMN x INT"}, true},
		{"add column in front", []string{"ALTER TABLE %s.t ADD COLUMN x INT FIRST"}, true},
		{"drop and add the same column", []string{"ALTER TABLE %s.t DROP COLUMN v", "ALTER TABLE %s.t ADD COLUMN v INT"}, true},
		{"swap column names", []string{"ALTER TABLE %s.t RENAME COLUMN v TO x, RENAME COLUMN w TO v", "ALTER TABLE %s.t RENAME COLUMN x TO w"}, true},
		{"comment", []string{"ALTER TABLE %s.t COMMENT 'x'"}, true},
		{"truncate", []string{"TRUNCATE TABLE %s.t"}, true},
		{"drop", []string{"DROP TABLE %s.t"}, true},
		{"recreate", []string{"RENAME TABLE %s.t TO %s.gone", "CREATE TABLE %s.t LIKE %s.gone"}, true},
		{"swap with an older copy", []string{"RENAME TABLE %s.t TO %s.t_old, %s.copy TO %s.t"}, true},
		{"other table", []string{"CREATE TABLE %s.other (id INT PRIMARY KEY)"}, false},
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			src := servers.MariaDB(t)
			name := fmt.Sprintf("ddl%d", i)
			create := "(id INT AUTO_INCREMENT PRIMARY KEY, v INT, w INT)"
			if err := src.Exec(t.Context(), "CREATE DATABASE "+name, "CREATE TABLE "+name+".copy "+create, "DO SLEEP(1.1)",
				"CREATE TABLE "+name+".t "+create, "INSERT INTO "+name+".t (v) VALUES (1), (2)"); err != nil {
				t.Fatal(err)
			}
			var ddl []string
			for _, q := range c.ddl {
				ddl = append(ddl, strings.ReplaceAll(q, "%s", name))
			}
			err := dumpAround(t, src, name, ddl...)
			if got := errors.Is(err, errStructureChanged); got != c.noticed || err != nil && !got {
				t.Errorf("noticed: %v, want %v (error %v)", got, c.noticed, err)
			}
		})
	}
}

// TestMissingPrivilege names the GRANT that a dump needs.
func TestMissingPrivilege(t *testing.T) {
	src := servers.MariaDB(t)
	if err := src.Exec(t.Context(), "CREATE USER noreload@'%' IDENTIFIED BY 'x'", "GRANT SELECT ON *.* TO noreload@'%'"); err != nil {
		t.Fatal(err)
	}
	cfg := src.Config()
	cfg.User, cfg.Password = "noreload", "x"
	db, err := dbconn.Open(t.Context(), fault.Upstream, cfg, dbconn.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _, err = stop(t.Context(), db, conn, &catalogue{})
	if fault.KindOf(err) != fault.Invalid || !strings.Contains(fault.HintOf(err), "GRANT RELOAD") {
		t.Errorf("error %v, hint %q", err, fault.HintOf(err))
	}
}
