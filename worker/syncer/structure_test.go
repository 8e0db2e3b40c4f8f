package syncer

import (
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestRefusedDDLRunsLater: a statement that the target has refused has not run,
// whatever an operator changes about the table before resuming.
func TestRefusedDDLRunsLater(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, false)
		s := b.schema()
		r := b.start()
		b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY, v INT)", "INSERT INTO "+s+".a VALUES (1, 1), (2, 2)")
		r.caughtUp()
		b.must(b.down.Exec(t.Context(), "INSERT INTO "+s+".a VALUES (100, 1)"))
		b.exec("ALTER TABLE "+s+".a ADD UNIQUE KEY u (v)", "INSERT INTO "+s+".a VALUES (3, 3)")
		if f := r.ends(t); f.Side != fault.Downstream {
			t.Errorf("side %s", f.Side)
		}
		// The operator repairs the data, and changes the structure by the way.
		b.must(b.down.Exec(t.Context(), "DELETE FROM "+s+".a WHERE id = 100", "ALTER TABLE "+s+".a COMMENT = 'repaired'"))
		b.epoch++
		r = b.start()
		r.caughtUp()
		r.end()
		b.equal()
		if err := b.down.Exec(t.Context(), "INSERT INTO "+s+".a VALUES (101, 1)"); err == nil {
			t.Error("the unique key of the refused statement is not on the target")
		}
	})
}

// TestRefusedDDLDoneByHand: the other way out is to execute it by hand.
func TestRefusedDDLDoneByHand(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, false)
		s := b.schema()
		r := b.start()
		b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY, v INT)", "INSERT INTO "+s+".a VALUES (1, 1), (2, 2)")
		r.caughtUp()
		b.must(b.down.Exec(t.Context(), "INSERT INTO "+s+".a VALUES (100, 1)"))
		b.exec("ALTER TABLE "+s+".a ADD UNIQUE KEY u (v)", "INSERT INTO "+s+".a VALUES (3, 3)")
		r.ends(t)
		b.must(b.down.Exec(t.Context(), "DELETE FROM "+s+".a WHERE id = 100", "ALTER TABLE "+s+".a ADD UNIQUE KEY u (v)"))
		b.epoch++
		r = b.start()
		r.caughtUp()
		r.end()
		b.equal()
	})
}

// TestRowsAreReadAsTheSourceWroteThem: a table that inherits its character set
// has another one on a target whose schema differs; the bytes of the binlog are
// the source's, before and after restarts and DDL.
func TestRowsAreReadAsTheSourceWroteThem(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, false)
		s := b.schema()
		r := b.start()
		b.exec("CREATE DATABASE "+s+" CHARACTER SET latin1 COLLATE latin1_bin",
			"CREATE TABLE "+s+".first (id INT PRIMARY KEY, v VARCHAR(20))", "INSERT INTO "+s+".first VALUES (1, 'é')")
		r.caughtUp()
		r.end()
		b.must(b.down.Exec(t.Context(), "ALTER DATABASE "+s+" CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"))
		for i := range 3 { // each run begins with what the one before has recorded
			b.epoch++
			r = b.start()
			switch i {
			case 0:
				b.exec("CREATE TABLE "+s+".a (id INT PRIMARY KEY, v VARCHAR(20))", "INSERT INTO "+s+".a VALUES (1, 'ä')")
			case 1:
				b.exec("INSERT INTO "+s+".a VALUES (2, 'ö')", "ALTER TABLE "+s+".a ADD COLUMN w VARCHAR(9) NOT NULL DEFAULT 'ß' AFTER id",
					"UPDATE "+s+".a SET w = 'Ü' WHERE id = 1")
			case 2:
				b.exec("INSERT INTO "+s+".a VALUES (3, 'ñ', 'ÿ')", "RENAME TABLE "+s+".a TO "+s+".b", "INSERT INTO "+s+".b VALUES (4, 'æ', 'ø')",
					"CREATE TABLE "+s+".c LIKE "+s+".b", "INSERT INTO "+s+".c SELECT * FROM "+s+".b")
			}
			r.caughtUp()
			r.end()
		}
		b.equal()
		for _, table := range []string{"b", "c"} {
			want := []string{"1 Ü ä", "2 ß ö", "3 ñ ÿ", "4 æ ø"}
			rows, err := b.down.DB().QueryContext(t.Context(), "SELECT CONCAT_WS(' ', id, w, v) FROM "+s+"."+table+" ORDER BY id")
			b.must(err)
			for i := 0; rows.Next(); i++ {
				var got string
				b.must(rows.Scan(&got))
				if i >= len(want) || got != want[i] {
					t.Errorf("table %s, row %d: %s", table, i, got)
				}
			}
			b.must(rows.Close())
		}
	})
}

// TestATableOfAnUnusualKindDisturbsOnlyItself: a structure that cannot be read
// matters when its rows arrive, not before; and dropping it works.
func TestATableOfAnUnusualKindDisturbsOnlyItself(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), false)
	s := b.schema()
	b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".odd (id INT PRIMARY KEY, v VARCHAR(5) CHARACTER SET gbk)", "CREATE TABLE "+s+".a (id INT PRIMARY KEY)")
	r := b.start()
	b.exec("INSERT INTO "+s+".a VALUES (1)", "ALTER TABLE "+s+".odd ADD COLUMN w INT", "DROP TABLE "+s+".odd", "INSERT INTO "+s+".a VALUES (2)")
	r.until("all is applied", 20*time.Second, func() bool { return r.at().Compare(b.master().Position) >= 0 })
	r.end()
	b.equal()
}
