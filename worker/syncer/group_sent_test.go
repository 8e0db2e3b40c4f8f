package syncer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/fault"
	filters "github.com/raftdm/raftdm/internal/filter"
	"github.com/raftdm/raftdm/internal/testbed"
)

// butFor is a filter for a schema without the tables whose names begin so.
type butFor struct {
	inSchema
	table string
}

func (f butFor) MatchTable(schema, table string) bool {
	return f.inSchema.MatchTable(schema, table) && !strings.HasPrefix(table, f.table)
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

// TestLeaveOutWithinRename: the target refuses the last of three renames of one
// statement, and the way out is found together with a filter that leaves the
// first out: the last is made all the same.
func TestLeaveOutWithinRename(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), true)
	s := b.schema()
	b.exec("CREATE DATABASE " + s)
	for _, name := range []string{"a", "b", "c"} {
		b.exec("CREATE TABLE " + s + "." + name + " (id INT PRIMARY KEY)")
	}
	r := b.start()
	r.caughtUp()
	b.must(b.down.Exec(t.Context(), "CREATE TABLE "+s+".c2 (x INT)"))
	b.exec(fmt.Sprintf("RENAME TABLE %[1]s.a TO %[1]s.a2, %[1]s.b TO %[1]s.b2, %[1]s.c TO %[1]s.c2", s), "INSERT INTO "+s+".c2 VALUES (1)")
	<-r.done
	if err := r.stop(); err == nil {
		t.Fatal("the run ended without an error")
	}
	b.must(b.down.Exec(t.Context(), "DROP TABLE "+s+".c2"))
	b.sub.Filter = butFor{inSchema(s), "a"}
	r = b.again()
	r.caughtUp()
	r.end()
	if n := b.rowsOf("c2"); n != 1 {
		t.Errorf("c2 has %d rows, want 1", n)
	}
}
