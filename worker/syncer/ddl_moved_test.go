package syncer

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/route"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// TestStatementOfAnotherTable: a task is stopped while the target executes a DDL,
// and started with other routes. What the former table looks like says nothing
// about whether the statement ran on the new one: it is executed there.
func TestStatementOfAnotherTable(t *testing.T) {
	testbed.SkipIfShort(t)
	for _, c := range []struct{ name, before, after string }{
		{"the route goes", "x", ""},
		{"a route comes", "", "y"},
		{"another route", "x", "y"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, servers.MariaDB(t), secondMariaDB(t), true)
			s := b.schema()
			b.routed(c.before)
			old, now := s+".a", s+".a"
			if c.before != "" {
				old = s + "." + c.before
			}
			if c.after != "" {
				now = s + "." + c.after
			}
			b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)", "INSERT INTO "+s+".a VALUES (1), (2)")
			r := b.start()
			r.caughtUp()

			conn, err := b.down.DB().Conn(t.Context())
			b.must(err)
			defer conn.Close()
			_, err = conn.ExecContext(t.Context(), "LOCK TABLES "+old+" READ")
			b.must(err)
			b.exec("TRUNCATE TABLE "+s+".a", "INSERT INTO "+s+".a VALUES (3)", "ALTER TABLE "+s+".a ADD COLUMN v INT DEFAULT 7", "INSERT INTO "+s+".a VALUES (4, 5)")
			r.until("the DDL is under way", time.Minute, func() bool { return r.intent().Statement != "" && !r.intent().Done })
			r.cancel()
			for _, id := range b.text(b.down, "SELECT id FROM information_schema.processlist WHERE info LIKE 'TRUNCATE%'") {
				b.must(b.down.Exec(t.Context(), "KILL "+strings.TrimSuffix(id, "|"))) // else it is waited for
			}
			if err := r.stop(); err == nil {
				t.Fatal("the run has finished")
			}
			_, err = conn.ExecContext(t.Context(), "UNLOCK TABLES")
			b.must(err)

			b.must(b.down.Exec(t.Context(), "RENAME TABLE "+old+" TO "+now))
			b.routed(c.after)
			r = b.again()
			r.caughtUp()
			r.end()
			got, want := b.text(b.down, "SELECT * FROM "+now+" ORDER BY id"), []string{"3|7|", "4|5|"}
			if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
				t.Errorf("the target has %v, want %v", got, want)
			}
		})
	}
}

// routed gives the table a another name on the target, "" its own.
func (b *bench) routed(name string) {
	b.t.Helper()
	b.sub.Routes = nil
	if name == "" {
		return
	}
	var err error
	b.sub.Routes, err = route.New([]route.Rule{{Schema: b.schema(), Table: "a", TargetSchema: b.schema(), TargetTable: name}}, route.Options{})
	b.must(err)
}

// intent is the last that the run has recorded.
func (r *running) intent() checkpoint.Intent {
	r.b.t.Helper()
	in, _, err := r.unit.cfg.Meta.DDL(context.Background())
	r.b.must(err)
	return in
}
