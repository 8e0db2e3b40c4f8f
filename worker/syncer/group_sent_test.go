package syncer

import (
	"fmt"
	"testing"

	"github.com/raftdm/raftdm/internal/fault"
	filters "github.com/raftdm/raftdm/internal/filter"
	"github.com/raftdm/raftdm/internal/testbed"
)

// butFor is a filter for a schema without one of its tables.
type butFor struct {
	inSchema
	table string
}

func (f butFor) MatchTable(schema, table string) bool {
	return f.inSchema.MatchTable(schema, table) && table != f.table
}

// TestLeaveOutWithinLargeTransaction: a row stops the task in the middle of a
// large transaction, and the way out is to leave its table out, or its inserts.
// The rows of the other table are all there then: how far the transaction has
// come was counted with those of both.
func TestLeaveOutWithinLargeTransaction(t *testing.T) {
	testbed.SkipIfShort(t)
	for _, c := range []struct {
		name  string
		leave func(b *bench)
	}{
		{"table", func(b *bench) { b.sub.Filter = butFor{inSchema(b.schema()), "b"} }},
		{"event", func(b *bench) {
			events, err := filters.NewEvents([]filters.EventRule{{Schema: b.schema(), Table: "b", Events: []string{"insert"}, Action: "Ignore"}}, false)
			b.must(err)
			b.sub.Events = events
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, servers.MariaDB(t), secondMariaDB(t), true)
			b.maxTxn = 20_000
			s := b.schema()
			b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)", "CREATE TABLE "+s+".b (id INT PRIMARY KEY)")
			r := b.start()
			r.caughtUp()
			b.must(b.down.Exec(t.Context(), "INSERT INTO "+s+".b VALUES (150)"))
			b.relaxed(func(exec func(string)) {
				exec("BEGIN")
				for i := range 200 {
					exec(fmt.Sprintf("INSERT INTO %s.b VALUES (%d)", s, i))
					exec(fmt.Sprintf("INSERT INTO %s.a VALUES (%d)", s, i))
				}
				exec("COMMIT")
			})
			<-r.done
			if err := r.stop(); !fault.Is(err, fault.Data) {
				t.Fatalf("the run ended with: %v", err)
			}
			if n := b.rowsOf("a"); n == 0 {
				t.Fatal("nothing is applied")
			}
			c.leave(b)
			r = b.again()
			r.caughtUp()
			r.end()
			if n := b.rowsOf("a"); n != 200 {
				t.Errorf("%d of 200 rows are there", n)
			}
		})
	}
}
