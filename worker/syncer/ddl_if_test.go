package syncer

import (
	"fmt"
	"testing"

	"github.com/raftdm/raftdm/internal/testbed"
)

// TestConditionsIntoOthers: the source looks before an ALTER TABLE begins what IF
// EXISTS and IF NOT EXISTS are about. A target that gets its clauses one by one, or
// does not know these words, must come to the same table.
func TestConditionsIntoOthers(t *testing.T) {
	testbed.SkipIfShort(t)
	conditionsInto(t, servers.TiDB(t))
}

func conditionsInto(t *testing.T, down *testbed.Server) {
	b := newBench(t, servers.MariaDB(t), down, true)
	s := b.schema()
	const table = " (id INT PRIMARY KEY, c10 INT, k INT NOT NULL, u INT, KEY k (k), CONSTRAINT uu UNIQUE (u), CONSTRAINT positive%d CHECK (k >= 0))" // whose name a MySQL gives once in a schema
	statements := []string{
		"ADD COLUMN IF NOT EXISTS c10 INT, ADD c22 INT, DROP COLUMN IF EXISTS c10",
		"ADD COLUMN IF NOT EXISTS gone INT DEFAULT 7, DROP COLUMN IF EXISTS gone, DROP CONSTRAINT IF EXISTS positive1",
		"ADD COLUMN IF NOT EXISTS c10 INT, CHANGE COLUMN IF EXISTS c10 y BIGINT, ADD COLUMN IF NOT EXISTS x INT, CHANGE COLUMN IF EXISTS x z BIGINT",
		"ADD COLUMN IF NOT EXISTS x INT, MODIFY COLUMN IF EXISTS x VARCHAR(10) AFTER id, ALTER COLUMN IF EXISTS x SET DEFAULT 5",
		"ADD COLUMN IF NOT EXISTS (c10 INT, z INT DEFAULT 3), DROP c10, DROP FOREIGN KEY IF EXISTS nothing",
		"RENAME COLUMN IF EXISTS c10 TO d10, RENAME COLUMN IF EXISTS nothing TO d11, RENAME INDEX IF EXISTS k TO k2, RENAME INDEX IF EXISTS nothing TO k3",
		"DROP INDEX IF EXISTS k, ADD INDEX IF NOT EXISTS k (c10), DROP INDEX IF EXISTS nothing, ADD UNIQUE INDEX IF NOT EXISTS uu (k)",
		"DROP CONSTRAINT IF EXISTS uu",
		"DROP CONSTRAINT IF EXISTS nothing",
	}
	b.exec("CREATE DATABASE " + s)
	r := b.start()
	for i, clauses := range statements {
		name := fmt.Sprintf("%s.t%d", s, i)
		b.exec("CREATE TABLE "+name+fmt.Sprintf(table, i), "INSERT INTO "+name+" VALUES (1, 2, 3, 4)", "ALTER TABLE "+name+" "+clauses,
			"INSERT INTO "+name+" (id, k, u) VALUES (2, 5, 6)", "UPDATE "+name+" SET k = 6")
	}
	r.caughtUp()
	r.end()
	b.equal()
	for i, clauses := range statements {
		name := fmt.Sprintf("t%d", i)
		if up, there := keysOf(b, b.up, name), keysOf(b, b.down, name); up != there {
			t.Errorf("%s: the source has the keys %s, the target %s", clauses, up, there)
		}
	}
}

// keysOf lists a table's keys and their columns.
func keysOf(b *bench, on *testbed.Server, table string) string {
	b.t.Helper()
	var out string
	b.must(on.DB().QueryRowContext(b.t.Context(), "SELECT GROUP_CONCAT(INDEX_NAME, ' ', COLUMN_NAME ORDER BY LOWER(INDEX_NAME), SEQ_IN_INDEX)"+
		" FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?", b.schema(), table).Scan(&out))
	return out
}

// TestViewsAreRenamed: no target has the source's views, so their renames pass by;
// a table that is missing on the target still stops the task.
func TestViewsAreRenamed(t *testing.T) {
	testbed.SkipIfShort(t)
	up, down := servers.MariaDB(t), secondMariaDB(t)
	b := newBench(t, up, down, true)
	s := b.schema()
	b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)", "CREATE VIEW "+s+".v AS SELECT * FROM "+s+".a")
	r := b.start()
	r.caughtUp()
	b.session("RENAME TABLE v TO w", "INSERT INTO a VALUES (1)", "RENAME TABLE w TO x, a TO b", "RENAME TABLE x TO y", "DROP VIEW y", "INSERT INTO b VALUES (2)")
	r.caughtUp()
	b.must(down.Exec(t.Context(), "CREATE TABLE "+s+".c LIKE "+s+".b", "DROP TABLE "+s+".b"))
	r.end()
	b.must(down.Exec(t.Context(), "DELETE FROM dm_meta."+b.sub.Task+"_raftdm_structure WHERE tbl = 'b'"))
	b.epoch++
	r = b.start()
	b.session("RENAME TABLE b TO c")
	<-r.done
	if err := r.stop(); err == nil {
		t.Error("the rename of a table that the target does not have is passed over")
	}
}
