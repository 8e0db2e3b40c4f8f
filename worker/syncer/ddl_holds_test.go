package syncer

import (
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestAddedColumnIsThere: the target has a column already that a statement adds.
// One that holds what the source's does is taken; with any other one the task pauses,
// since servers round and cut values without a word, and goes on when the column
// has been changed.
func TestAddedColumnIsThere(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, true)
		s := b.schema()
		r := b.start()
		b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)")
		r.caughtUp()
		for _, c := range []struct{ there, add, value string }{
			{"c1 DECIMAL(10,2) DEFAULT 7", "c1 DECIMAL(10,2) NOT NULL DEFAULT 0", "1.50"},
			{"c2 DECIMAL(12,3)", "c2 DECIMAL(10,2)", "1.50"},
			{"c3 BIGINT", "c3 INT UNSIGNED", "4000000000"},
			{"c4 LONGTEXT", "c4 VARCHAR(20)", "'x'"},
			{"c5 DATETIME(6)", "c5 DATETIME(3) NULL", "'2020-02-02 02:02:02.123'"},
			{"c6 VARCHAR(9)", "c6 ENUM('a','b')", "'b'"},
			{"c7 JSON", "c7 JSON", "'[1]'"},
		} {
			b.must(down.Exec(t.Context(), "ALTER TABLE "+s+".a ADD COLUMN "+c.there))
			b.exec("ALTER TABLE "+s+".a ADD COLUMN "+c.add, "REPLACE INTO "+s+".a (id, "+strings.Fields(c.add)[0]+") VALUES (1, "+c.value+")")
		}
		b.exec("ALTER TABLE " + s + ".a ADD COLUMN IF NOT EXISTS c3 DOUBLE") // which changes nothing on either side
		r.caughtUp()
		r.end()
		b.equal()

		for _, c := range []struct{ there, column, add, value string }{
			{"INT", "`d1`", "COLUMN `d1` DECIMAL(10,2)", "1.50"},
			{"DATETIME", "`d2`", "COLUMN IF NOT EXISTS `d2` DATETIME(3)", "'2020-02-02 02:02:02.987'"},
			{"DOUBLE", "`d3`", "COLUMN IF NOT EXISTS `d3` BIGINT, ADD COLUMN d4 INT", "9007199254740993"},
		} {
			there, from := c.column+" "+c.there, c.add[strings.Index(c.add, c.column):]
			from, _, _ = strings.Cut(from, ", ")
			b.must(down.Exec(t.Context(), "ALTER TABLE "+s+".a ADD COLUMN "+there))
			b.exec("ALTER TABLE "+s+".a ADD "+c.add, "REPLACE INTO "+s+".a (id, "+c.column+", c1) VALUES (1, "+c.value+", 1), (2, NULL, 2)")
			for range 2 { // whoever resumes it without having done anything is told again
				b.epoch++
				f := b.start().ends(t)
				text := strings.ToUpper(f.Error())
				if f.Side != fault.Downstream || !strings.Contains(text, strings.ToUpper(there)) || !strings.Contains(text, strings.ToUpper(from)) || !strings.Contains(fault.HintOf(f), "MODIFY COLUMN "+from) {
					t.Errorf("%s, on the target %s: %v", from, there, f)
				}
			}
			b.must(down.Exec(t.Context(), "ALTER TABLE "+s+".a MODIFY COLUMN "+from))
			b.epoch++
			r := b.start()
			r.caughtUp()
			r.end()
			b.equal()
		}
	})
}
