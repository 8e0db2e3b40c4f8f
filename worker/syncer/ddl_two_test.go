package syncer

import (
	"context"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// TestTwoStatementsOfOneTransaction: a transaction of the binlog with several
// statements, of which some are cut into more for the target, and a worker that
// dies behind any of them: each runs once. Servers write one statement into a
// transaction, so the events are made up, and the rest is real.
func TestTwoStatementsOfOneTransaction(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		for _, gtid := range []bool{true, false} {
			b := newBench(t, up, down, gtid)
			s := b.schema()
			b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)", "CREATE TABLE "+s+".b (id INT PRIMARY KEY)")
			r := b.start()
			r.caughtUp()
			r.end()
			var pieces []*Txn
			p := newTape(t, "mariadb", gtid, 0)
			p.g.loc = b.master()
			each := func(t *Txn) error { pieces = append(pieces, t); return nil }
			p.each = each
			if gtid {
				p.maria(1<<40, 0)
			} else {
				p.query("BEGIN")
			}
			// Were the second taken for the first, or the first for the second, a table
			// would keep its name, or change it twice.
			for _, text := range []string{"RENAME TABLE a TO x", "RENAME TABLE b TO a", "RENAME TABLE x TO b", "ALTER TABLE a ADD COLUMN v INT, ADD COLUMN w INT", "ALTER TABLE b RENAME TO y"} {
				p.query(text)
				pieces[len(pieces)-1].DDL.Schema = s
			}
			for died := 1; died <= len(pieces); died++ { // each life sees all from the first on
				b.epoch++
				b.statements(pieces[:died])
			}
			b.epoch++
			b.statements(pieces)
			query := "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = '" + s + "' ORDER BY 1, ordinal_position"
			if diff := cmp.Diff([]string{"a|id|", "a|v|", "a|w|", "y|id|"}, b.text(down, query)); diff != "" {
				t.Errorf("by GTID %v (-want +got):\n%s", gtid, diff)
			}
		}
	})
}

// statements lets a new life of the worker execute pieces of a transaction, and
// ends it as kill -9 does.
func (b *bench) statements(pieces []*Txn) {
	b.t.Helper()
	ctx := context.Background()
	db, err := dbconn.Open(ctx, fault.Downstream, b.meta, dbconn.Options{})
	b.must(err)
	defer db.Close()
	meta, err := checkpoint.Open(ctx, db, b.sub, b.epoch)
	b.must(err)
	u := New(Config{Subtask: b.sub, Meta: meta, Log: slog.New(slog.DiscardHandler)})
	u.stats.begin(newMetrics(nil, b.sub.Task, b.sub.SourceID, ""))
	var closers []interface{ Close() error }
	p, err := u.open(ctx, &closers)
	b.must(err)
	defer func() {
		for _, c := range closers {
			_ = c.Close()
		}
	}()
	p.coord.dispatch = newDispatch(make([]chan job, len(p.lanes)), p.coord.order.batch, p.coord.order)
	for _, t := range pieces {
		again := *t.DDL
		b.must(p.coord.take(ctx, ctx, &Txn{GTID: t.GTID, Begin: t.Begin, Time: t.Time, DDL: &again, nth: t.nth, Part: t.Part, RowsBefore: t.RowsBefore}))
	}
}
