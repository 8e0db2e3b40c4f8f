package syncer

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/pingcap/tidb/pkg/parser"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestDDLDone: which answers to which statements mean that there is nothing to
// do (spec/architecture.md §8.2-6): those that the statement itself would cause
// by running twice, as long as nothing else of it is left undone.
func TestDDLDone(t *testing.T) {
	const unknownColumn, secondPrimary, noKey, sameForeign, noPartition, samePartition, data = 1054, 1068, 1176, 1826, 1507, 1517, 1062
	all := []uint16{schemaExists, schemaUnknown, tableExists, tableUnknown, noSuchTable, columnExists, keyExists, cannotDrop, unknownColumn, indexExists,
		secondPrimary, noKey, sameForeign, noPartition, samePartition, data}
	alter := []uint16{columnExists, keyExists, cannotDrop, unknownColumn, indexExists, secondPrimary, noKey, sameForeign, noPartition, samePartition}
	for _, c := range []struct {
		in string
		// at once, and when an operator has changed the table since the refusal
		want, byHand []uint16
	}{
		{"CREATE DATABASE x", []uint16{schemaExists}, nil},
		{"DROP DATABASE x", []uint16{schemaUnknown}, nil},
		{"ALTER DATABASE x COLLATE utf8mb4_bin", nil, nil},
		{"CREATE TABLE a (x INT)", []uint16{tableExists}, nil},
		{"CREATE TABLE a LIKE b", []uint16{tableExists}, nil},
		{"CREATE TABLE a (u UUID)", []uint16{tableExists}, nil}, // which the SQL parser cannot read
		{"DROP TABLE a", []uint16{tableUnknown}, nil},
		{"TRUNCATE TABLE a", nil, nil},
		{"RENAME TABLE a TO b", nil, []uint16{noSuchTable, tableUnknown, tableExists}},
		{"RENAME TABLE IF EXISTS a TO b", []uint16{noSuchTable, tableUnknown}, []uint16{noSuchTable, tableUnknown, tableExists}},
		{"CREATE INDEX i ON a (x)", []uint16{keyExists, indexExists}, alter},
		{"DROP INDEX i ON a", []uint16{cannotDrop}, alter},
		{"ALTER TABLE a ADD COLUMN x INT", []uint16{columnExists}, alter},
		{"ALTER TABLE IF EXISTS a ADD COLUMN x INT", []uint16{columnExists, noSuchTable, tableUnknown}, slices.Concat(alter, []uint16{noSuchTable, tableUnknown})},
		{"ALTER TABLE a ADD COLUMN (x INT, y INT)", nil, alter},
		{"ALTER TABLE a ADD COLUMN (x INT, UNIQUE u (x))", nil, alter},
		{"ALTER TABLE a ADD KEY i (x)", []uint16{keyExists, indexExists}, alter},
		{"ALTER TABLE a ADD UNIQUE KEY i (x)", []uint16{keyExists, indexExists}, alter},
		{"ALTER TABLE a ADD FOREIGN KEY f (x) REFERENCES b (x)", []uint16{keyExists, indexExists}, alter},
		{"ALTER TABLE a DROP COLUMN x", []uint16{cannotDrop}, alter},
		{"ALTER TABLE a DROP KEY i", []uint16{cannotDrop}, alter},
		{"ALTER TABLE a DROP PRIMARY KEY", []uint16{cannotDrop}, alter},
		{"ALTER TABLE a DROP FOREIGN KEY f", []uint16{cannotDrop}, alter},
		{"ALTER TABLE a DROP CONSTRAINT f", []uint16{cannotDrop}, alter},
		// Here the same answer means that something is in the way.
		{"ALTER TABLE a CHANGE x y INT", nil, alter},
		{"ALTER TABLE a RENAME COLUMN x TO y", nil, alter},
		{"ALTER TABLE a RENAME KEY i TO j", nil, alter},
		{"ALTER TABLE a MODIFY x BIGINT", nil, alter},
		{"ALTER TABLE a ALTER x SET DEFAULT 1", nil, alter},
		{"ALTER TABLE a RENAME TO b", nil, slices.Concat(alter, []uint16{noSuchTable, tableUnknown, tableExists})},
		{"ALTER TABLE a ADD COLUMN x INT, ADD KEY i (x)", nil, alter},
		{"ALTER TABLE a DROP COLUMN x, DROP COLUMN y", nil, alter},
		{"ALTER TABLE a DROP PARTITION p", nil, alter},
		{"ALTER TABLE a ADD u UUID", nil, alter},
		{"CREATE SPATIAL INDEX i ON a (g)", []uint16{keyExists, indexExists}, alter},
	} {
		d := &ddlParser{parser: parser.New(), filter: notOther{}, same: true}
		list, err := d.parse(&Statement{Schema: "d", Text: c.in})
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: %+v, %v", c.in, list, err)
		}
		for _, n := range all {
			if got, want := list[0].done(n, false), slices.Contains(c.want, n); got != want {
				t.Errorf("%s, answer %d: %v, want %v", c.in, n, got, want)
			}
			want := slices.Contains(c.want, n) || slices.Contains(c.byHand, n)
			if got := list[0].done(n, true); got != want {
				t.Errorf("%s, answer %d behind the work of an operator: %v, want %v", c.in, n, got, want)
			}
		}
	}
}

// TestRefusedDDLIsNotTakenForDone: a task that is resumed although nobody did
// anything is refused again. That one of two columns is there says nothing about
// the other.
func TestRefusedDDLIsNotTakenForDone(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), false)
	s := b.schema()
	r := b.start()
	b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)", "INSERT INTO "+s+".a VALUES (1)")
	r.caughtUp()
	b.must(b.down.Exec(t.Context(), "ALTER TABLE "+s+".a ADD COLUMN x INT"))
	b.exec("ALTER TABLE "+s+".a ADD COLUMN (x INT, y INT)", "INSERT INTO "+s+".a VALUES (2, 2, 2)")
	for range 3 {
		r.ends(t)
		b.epoch++
		r = b.start()
	}
	r.ends(t)
	b.epoch++
	b.must(b.down.Exec(t.Context(), "ALTER TABLE "+s+".a ADD KEY (x)")) // some work, and not all
	r = b.start()
	if f := r.ends(t); f.Kind != fault.Schema || f.Code != codeHandleDDL || !strings.Contains(f.Error(), "`y`") {
		t.Errorf("%v", f)
	}
	b.epoch++
	b.must(b.down.Exec(t.Context(), "ALTER TABLE "+s+".a ADD COLUMN y INT, DROP KEY x"))
	r = b.start()
	r.caughtUp()
	r.end()
	b.equal()
}

// TestAlterDatabaseThatIsNotThere passes by: a task that lists tables has the schemas
// of these, while such a statement may be about any.
func TestAlterDatabaseThatIsNotThere(t *testing.T) {
	testbed.SkipIfShort(t)
	for name, down := range map[string]*testbed.Server{"MariaDB": secondMariaDB(t), "TiDB": servers.TiDB(t)} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, servers.MariaDB(t), down, false)
			s := b.schema()
			r := b.start()
			b.exec("CREATE DATABASE " + s)
			r.caughtUp()
			b.must(b.down.Exec(t.Context(), "DROP DATABASE "+s))
			b.exec("ALTER DATABASE "+s+" CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "CREATE OR REPLACE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)", "INSERT INTO "+s+".a VALUES (1)")
			r.caughtUp()
			r.end()
			b.equal()
		})
	}
}

// TestATableWithoutAKnownID: whether rows have changed their table tells only the
// table's id, which a MariaDB shows to who has PROCESS. Without it the statement
// does not run, under DM's number for a DDL that cannot be dealt with, and the task
// goes on when it is granted.
func TestATableWithoutAKnownID(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), false)
	b.must(b.down.Exec(t.Context(), "CREATE OR REPLACE USER noid@'%' IDENTIFIED BY 'x'", "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX ON *.* TO noid@'%'"))
	t.Cleanup(func() { _ = b.down.Exec(context.Background(), "DROP USER IF EXISTS noid@'%'") })
	b.sub.Target.User, b.sub.Target.Password = "noid", "x"
	b.meta = b.sub.Target
	s := b.schema()
	b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10))",
		"CREATE TABLE "+s+".b (id INT PRIMARY KEY)", "INSERT INTO "+s+".a VALUES (1)", "INSERT INTO "+s+".b VALUES (2)",
		"ALTER TABLE "+s+".a EXCHANGE PARTITION p0 WITH TABLE "+s+".b")
	for range 2 { // whoever resumes it without having done anything is told again
		if f := b.start().ends(t); f.Code != codeHandleDDL || f.Kind != fault.Unsupported || f.Side != fault.Downstream || !strings.Contains(f.Hint, "PROCESS") {
			t.Errorf("%d %v (%s)", f.Code, f, f.Hint)
		}
		b.epoch++
	}
	b.must(b.down.Exec(t.Context(), "GRANT PROCESS ON *.* TO noid@'%'"))
	r := b.start()
	r.caughtUp()
	r.end()
	b.equal()
}
