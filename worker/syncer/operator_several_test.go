package syncer

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/operation"
	"github.com/raftdm/raftdm/internal/testbed"
)

// renamesThree stops a run at a RENAME of three tables, of which the target refuses
// the one of c.
func (b *bench) renamesThree(first, last string) *running {
	b.t.Helper()
	s := b.schema()
	b.exec("CREATE DATABASE " + s)
	for _, name := range []string{"a", "b", "c"} {
		b.exec("CREATE TABLE " + s + "." + name + " (id INT PRIMARY KEY)")
	}
	r := b.start()
	r.caughtUp()
	b.must(b.down.Exec(b.t.Context(), "CREATE TABLE "+s+".c2 (x INT)"))
	b.exec(fmt.Sprintf("RENAME TABLE %[1]s.%[2]s TO %[1]s.%[2]s2, %[1]s.b TO %[1]s.b2, %[1]s.%[3]s TO %[1]s.%[3]s2", s, first, last), "INSERT INTO "+s+".c2 VALUES (1)", "INSERT INTO "+s+".a2 VALUES (1)")
	<-r.done
	if err := r.stop(); err == nil {
		b.t.Fatal("the run ended without an error")
	}
	return r
}

// TestReplaceOfSeveral: all statements that an operator brings are executed, however
// many tables the source's statement is about that the task leaves out, and each
// once when the filters change amid them.
func TestReplaceOfSeveral(t *testing.T) {
	testbed.SkipIfShort(t)
	for kind, c := range map[operation.Kind][2]string{operation.Replace: {"a", "c"}, operation.Inject: {"c", "a"}} {
		t.Run(string(kind), func(t *testing.T) {
			b := newBench(t, servers.MariaDB(t), secondMariaDB(t), true)
			b.sub.Filter = butFor{inSchema(b.schema()), "b"}
			s := b.schema()
			r := b.renamesThree(c[0], c[1])
			statements := []string{"DROP TABLE " + s + ".c2", "CREATE TABLE " + s + ".new (id INT PRIMARY KEY)"}
			if kind == operation.Replace {
				statements = append(statements, "RENAME TABLE "+s+".c TO "+s+".c2")
			}
			b.mustOperate(r, kind, "", statements...)
			r = b.again()
			r.caughtUp()
			r.end()
			for table, want := range map[string]int{"a2": 1, "c2": 1, "new": 0} {
				if n := b.rowsOf(table); n != want {
					t.Errorf("%d rows of %s, want %d", n, table, want)
				}
			}
		})
	}
	for name, change := range map[string][2]string{"fewer": {"no", "c"}, "more": {"c", "no"}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, servers.MariaDB(t), secondMariaDB(t), true)
			s := b.schema()
			r := b.renamesThree("a", "c")
			b.sub.Filter = butFor{inSchema(s), change[0]}
			once := "CREATE TABLE IF NOT EXISTS " + s + ".once (id INT PRIMARY KEY)"
			b.mustOperate(r, operation.Replace, "", "DROP TABLE "+s+".a2", once, "ALTER TABLE "+s+".once ADD KEY k (nothing)", "CREATE TABLE "+s+".last (id INT PRIMARY KEY)")
			r = b.again()
			r.ends(t)
			b.must(b.down.Exec(t.Context(), "ALTER TABLE "+s+".once ADD COLUMN nothing INT", "CREATE TABLE "+s+".a2 (id INT PRIMARY KEY)"))
			b.sub.Filter = butFor{inSchema(s), change[1]}
			r = b.again()
			r.until("the rows behind are there", time.Minute, func() bool { return b.rowsOf("a2") == 1 })
			_ = r.stop()
			if text := showCreate(b, b.down.DB(), testbed.TableName{Schema: s, Table: "once"}); !strings.Contains(text, "KEY `k`") {
				t.Errorf("%s", text)
			}
			if n := b.rowsOf("last"); n != 0 {
				t.Errorf("%d rows", n)
			}
		})
	}
}

// TestWhatHasRunStaysDone: of a statement that is cut into several those that were
// executed before it was refused are not executed again for another operator, or
// for none again: here they would swap two tables back.
func TestWhatHasRunStaysDone(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		for _, kind := range []operation.Kind{operation.Inject, operation.Revert} {
			t.Run(string(kind), func(t *testing.T) {
				b := newBench(t, up, down, true)
				s := b.schema()
				b.exec("CREATE DATABASE " + s)
				for i, name := range []string{"a", "b", "c"} {
					b.exec("CREATE TABLE "+s+"."+name+" (id INT PRIMARY KEY)", fmt.Sprintf("INSERT INTO %s.%s VALUES (%d)", s, name, i))
				}
				r := b.start()
				r.caughtUp()
				b.must(down.Exec(t.Context(), "CREATE TABLE "+s+".c2 (x INT)"))
				b.session("RENAME TABLE a TO t, b TO a, t TO b, c TO c2", "INSERT INTO a VALUES (10)", "INSERT INTO b VALUES (20)")
				r.ends(t)
				if kind == operation.Inject {
					b.mustOperate(r, kind, "", "DROP TABLE "+s+".c2")
				} else {
					b.mustOperate(r, operation.Replace, "", "DROP TABLE "+s+".c2", "ALTER TABLE "+s+".c ADD KEY k (nothing)")
					r = b.again()
					r.ends(t)
					b.mustOperate(r, operation.Revert, "")
				}
				r = b.again()
				r.caughtUp()
				r.end()
				b.equal()
			})
		}
	})
}
