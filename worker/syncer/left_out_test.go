package syncer

import (
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestLeftOutForAWhile: the filters leave a table out for one run, in which the
// source changes its structure, and the next run replicates it again. Its rows are
// read with the columns that it has, or stop the task; they are never read with
// those that it had before.
func TestLeftOutForAWhile(t *testing.T) {
	testbed.SkipIfShort(t)
	for _, c := range []struct {
		name    string
		source  string // what becomes of the table while it is left out
		target  string // what somebody does on the target
		refused bool
		want    string
	}{
		{name: "nothing", want: "1|10|100| 3|30|300|"},
		{name: "another order", source: "ALTER TABLE %.b MODIFY y INT AFTER id", refused: true, want: "1|10|100|"},
		{name: "another order on both", source: "ALTER TABLE %.b MODIFY y INT AFTER id", target: "ALTER TABLE %.b MODIFY y INT AFTER id", want: "1|10|100| 3|30|300|"},
		{name: "made anew", source: "DROP TABLE %.b; CREATE TABLE %.b (id INT PRIMARY KEY, y INT, x INT)", refused: true, want: "1|10|100|"},
		{name: "another column", source: "ALTER TABLE %.b ADD COLUMN z INT AFTER id", refused: true, want: "1|10|100|"},
		{name: "another column on both", source: "ALTER TABLE %.b ADD COLUMN z INT AFTER id", target: "ALTER TABLE %.b ADD COLUMN z INT AFTER id", want: "1|10|100| 3|30|300|"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, servers.MariaDB(t), secondMariaDB(t), true)
			s := b.schema()
			b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)",
				"CREATE TABLE "+s+".b (id INT PRIMARY KEY, x INT, y INT)", "INSERT INTO "+s+".b VALUES (1, 10, 100)")
			r := b.start()
			r.caughtUp()
			r.end()

			b.sub.Filter = butFor{inSchema(s), "b"}
			r = b.again()
			for _, q := range strings.Split(c.source, "; ") {
				if q != "" {
					b.exec(strings.ReplaceAll(q, "%", s))
				}
			}
			b.exec("INSERT INTO "+s+".b (id, x, y) VALUES (2, 20, 200)", "INSERT INTO "+s+".a VALUES (1)")
			r.caughtUp()
			r.end()
			if c.target != "" {
				b.must(b.down.Exec(t.Context(), strings.ReplaceAll(c.target, "%", s)))
			}

			b.sub.Filter = inSchema(s)
			r = b.again()
			b.exec("INSERT INTO " + s + ".b (id, x, y) VALUES (3, 30, 300)")
			if c.refused {
				select {
				case <-r.done:
				case <-time.After(time.Minute):
					t.Error("the run goes on")
				}
				if err := r.stop(); !fault.Is(err, fault.Schema) {
					t.Errorf("the run ended with %v", err)
				}
			} else {
				r.caughtUp()
				r.end()
			}
			if got := strings.Join(b.text(b.down, "SELECT id, x, y FROM "+s+".b ORDER BY id"), " "); got != c.want {
				t.Errorf("the target has %s, want %s", got, c.want)
			}
		})
	}
}
