package syncer

import (
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestMadeTableIsThere: the target has a table already that a statement makes. One
// whose columns take a value as it is or refuse it is taken; with any other one the
// task pauses, since servers round and cut values without a word, and goes on when
// the column has been changed.
func TestMadeTableIsThere(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, true)
		s := b.schema()
		b.must(down.Exec(t.Context(), "CREATE DATABASE "+s, "CREATE TABLE "+s+".a (at DATETIME(6), d DECIMAL(12,3), v TEXT, n INT, id BIGINT PRIMARY KEY, more INT)"))
		r := b.start()
		b.exec("CREATE DATABASE "+s, "CREATE TABLE IF NOT EXISTS "+s+".a (id INT PRIMARY KEY, n BIGINT, v VARCHAR(20), d DECIMAL(10,2), at DATETIME(3))",
			"INSERT INTO "+s+".a VALUES (1, 2, 'x', 1.25, '2020-02-02 02:02:02.123')")
		r.caughtUp()
		b.exec("INSERT INTO " + s + ".a (id, n) VALUES (2, 9000000000)") // which the target's column refuses
		if f := r.ends(t); f.Side != fault.Downstream || strings.Contains(fault.HintOf(f), "MODIFY") {
			t.Errorf("%v", f)
		}
		b.must(down.Exec(t.Context(), "ALTER TABLE "+s+".a MODIFY COLUMN n BIGINT"))
		b.epoch++
		r = b.start()
		r.caughtUp()
		if got := strings.Join(b.text(down, "SELECT CONCAT_WS(' ', id, n, v, d, at) FROM "+s+".a ORDER BY id"), ""); got != "1 2 x 1.250 2020-02-02 02:02:02.123000|2 9000000000|" {
			t.Errorf("on the target: %s", got)
		}
		// The table is there on the source, too: the statement is about its own one.
		b.exec("CREATE TABLE IF NOT EXISTS " + s + ".a (id INT PRIMARY KEY, d DECIMAL(20,10))")
		r.caughtUp()
		r.end()
		b.exec("DROP TABLE " + s + ".a")

		for _, c := range []struct{ there, create, column, value string }{
			{"INT", "CREATE TABLE", "DECIMAL(10,2)", "1.50"},
			{"DATETIME", "CREATE TABLE IF NOT EXISTS", "DATETIME(3)", "'2020-02-02 02:02:02.987'"},
			{"DOUBLE", "CREATE TABLE", "BIGINT", "9007199254740993"},
		} {
			b.must(down.Exec(t.Context(), "DROP TABLE IF EXISTS "+s+".t", "CREATE TABLE "+s+".t (id INT PRIMARY KEY, c "+c.there+")"))
			b.exec("DROP TABLE IF EXISTS " + s + ".t")
			b.epoch++
			r := b.start()
			r.caughtUp()
			r.end()
			b.must(down.Exec(t.Context(), "CREATE TABLE "+s+".t (id INT PRIMARY KEY, c "+c.there+")"))
			b.exec(c.create+" "+s+".t (id INT PRIMARY KEY, c "+c.column+")", "INSERT INTO "+s+".t VALUES (1, "+c.value+")")
			for range 2 { // whoever resumes it without having done anything is told again
				b.epoch++
				f := b.start().ends(t)
				if f.Side != fault.Downstream || fault.KindOf(f) != fault.Schema || !strings.Contains(fault.HintOf(f), "MODIFY COLUMN `c` "+c.column) {
					t.Errorf("%s, on the target %s: %v (%s)", c.column, c.there, f, fault.HintOf(f))
				}
			}
			b.must(down.Exec(t.Context(), "ALTER TABLE "+s+".t MODIFY COLUMN c "+c.column))
			b.epoch++
			r = b.start()
			r.caughtUp()
			r.end()
			b.equal()
		}
	})
}
