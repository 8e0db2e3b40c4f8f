package load_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/load"
)

// clashing makes a table of the source with rows 1 to n and one of the target,
// which may have more keys, with some of them, other in v.
func (b *bed) clashing(schema, columns, keys string, n int, there string) {
	b.t.Helper()
	b.exec(b.src, "CREATE DATABASE "+schema, "CREATE TABLE "+schema+".t ("+columns+")",
		fmt.Sprintf("INSERT INTO %s.t SELECT seq, CONCAT('u', seq), 'source', seq DIV 2 FROM %s.seq_1_to_%d", schema, schema, n))
	b.exec(b.dst, "CREATE DATABASE "+schema, "CREATE TABLE "+schema+".t ("+columns+keys+")", "INSERT INTO "+schema+".t VALUES "+there)
}

const clashColumns = "id INT PRIMARY KEY, u VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, v VARCHAR(20), w INT, UNIQUE KEY u (u)"

// loadInto loads what is dumped and gives the unit's status and error.
func (b *bed) loadInto() (status.Load, error) {
	b.t.Helper()
	m, closeMeta := b.meta(b.t.Context())
	defer closeMeta()
	u := load.New(load.Config{Subtask: b.sub, Meta: m, Log: b.log()})
	err := u.Run(b.t.Context())
	var s status.Subtask
	u.Fill(&s)
	return *s.Load, err
}

func (b *bed) dumpNow() {
	b.t.Helper()
	m, closeMeta := b.meta(b.t.Context())
	defer closeMeta()
	if err := b.dump(b.t.Context(), m); err != nil {
		b.t.Fatal(err)
	}
}

// TestRowsThatAreThere: error names both rows, ignore keeps the target's and
// replace the dump's, by the primary and by a unique key; all are counted.
func TestRowsThatAreThere(t *testing.T) { intoEach(t, rowsThatAreThere) }

func rowsThatAreThere(t *testing.T, src, dst *testbed.Server) {
	for _, way := range []config.OnDuplicate{"", config.DuplicateIgnore, config.DuplicateReplace} {
		name := "dup_" + dst.Name + string(way)
		b := newBed(t, name, src, dst)
		// 7 clashes by the primary key, 9009 by the unique key with row 9, all of 100 to 160 by both.
		there := "(7, 'x7', 'target', 0), (9009, 'u9', 'target', 0)"
		for i := 100; i <= 160; i++ {
			there += fmt.Sprintf(", (%d, 'u%d', 'target', 0)", i, i)
		}
		b.clashing(name, clashColumns, "", 400, there)
		b.sub.Load.OnDuplicate = way
		b.dumpNow()
		s, err := b.loadInto()
		if way == "" {
			if !fault.Is(err, fault.Data) || !strings.Contains(err.Error(), "target") || !strings.Contains(err.Error(), "id=") || !strings.Contains(fault.HintOf(err), "on-duplicate") {
				t.Errorf("error %v, hint %q", err, fault.HintOf(err))
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", way, err)
		}
		if s.Conflicts != 63 || !strings.Contains(s.LastConflict, "v=") {
			t.Errorf("%s: %d conflicts, the last %q", way, s.Conflicts, s.LastConflict)
		}
		if way == config.DuplicateReplace {
			b.equal(name, "t")
			continue
		}
		if kept, total := b.count(dst, name+".t WHERE v = 'target'"), b.count(dst, name+".t"); kept != 63 || total != 400 {
			t.Errorf("ignore: %d rows of the target are kept, %d in all", kept, total)
		}
	}
}

// TestReplaceNeverLosesARow is peer-bugs 32 for the full phase: a unique key that
// only the target has stops the load with both rows, whether the other one was
// there or came from the same dump.
func TestReplaceNeverLosesARow(t *testing.T) {
	src, dst := servers.MariaDB(t), mariaTarget(t)
	for i, c := range []struct{ name, keys, there, says string }{
		{"another row that was there", ", UNIQUE KEY only_here (w)", "(5000, 'u5000', 'target', 7)", "5000"},
		{"another row of the dump", ", UNIQUE KEY only_here (w)", "(1, 'x', 'target', 0)", "source"},
		{"a coarser collation", ", UNIQUE KEY only_here (v)", "(1, 'x', 'target', 0)", "source"},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := fmt.Sprintf("extra%d", i)
			b := newBed(t, name, src, dst)
			b.clashing(name, clashColumns, c.keys, 60, c.there)
			if i == 0 {
				b.exec(src, "UPDATE "+name+".t SET w = id")
			}
			b.sub.Load.OnDuplicate = config.DuplicateReplace
			b.dumpNow()
			_, err := b.loadInto()
			if !fault.Is(err, fault.Data) || !strings.Contains(err.Error(), "only the target has") || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("error %v", err)
			}
			if n := b.count(dst, name+".t WHERE v = 'target'"); n != 1 {
				t.Errorf("%d rows of the target are left, want 1", n)
			}
			// Resumable once the key is gone.
			b.exec(dst, "ALTER TABLE "+name+".t DROP KEY only_here", "DELETE FROM "+name+".t WHERE id = 5000")
			if _, err := b.loadInto(); err != nil {
				t.Fatal(err)
			}
			b.equal(name, "t")
		})
	}
	t.Run("the same row", func(t *testing.T) {
		b := newBed(t, "extrasame", src, dst)
		b.clashing("extrasame", clashColumns, ", UNIQUE KEY only_here (w, id)", 60, "(7, 'u7', 'target', 3), (8, 'other', 'target', 4)")
		b.sub.Load.OnDuplicate = config.DuplicateReplace
		b.dumpNow()
		if s, err := b.loadInto(); err != nil || s.Conflicts != 2 {
			t.Fatalf("%d conflicts, %v", s.Conflicts, err)
		}
		b.equal("extrasame", "t")
	})
}

// TestIgnoreTakesNoOtherFault: INSERT IGNORE would cut a value to fit.
func TestIgnoreTakesNoOtherFault(t *testing.T) {
	const name = "ignorefit"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	there := "(1, 'x', 'target', 0)"
	for i := 2; i < 60; i++ {
		there += fmt.Sprintf(", (%d, 'u%d', 'target', 0)", i, i)
	}
	b.clashing(name, clashColumns, "", 400, there)
	b.exec(b.src, "UPDATE "+name+".t SET v = 'longer than it was' WHERE id = 399")
	b.exec(b.dst, "ALTER TABLE "+name+".t MODIFY v VARCHAR(10)")
	b.sub.Load.OnDuplicate = config.DuplicateIgnore
	b.dumpNow()
	if _, err := b.loadInto(); !fault.Is(err, fault.Data) {
		t.Fatalf("error %v", err)
	}
	if n := b.count(b.dst, name+".t WHERE id = 399"); n != 0 {
		t.Error("a row was cut to fit")
	}
	b.exec(b.dst, "ALTER TABLE "+name+".t MODIFY v VARCHAR(20)")
	if s, err := b.loadInto(); err != nil || s.Conflicts < 50 {
		t.Fatalf("%d conflicts, %v", s.Conflicts, err)
	}
}

// TestRowsOfMydumperThatAreThere: text is in the column's own character set
// there, and is compared in it.
func TestRowsOfMydumperThatAreThere(t *testing.T) {
	const name = "mdthere"
	src, dst := servers.MariaDB(t), testbed.MariaDB(t, testbed.WithoutBinlog())
	b := newBed(t, name, src, dst)
	create := "CREATE TABLE " + name + ".t (k VARCHAR(20) CHARACTER SET latin1 PRIMARY KEY, v INT, UNIQUE KEY v (v))"
	for _, s := range []*testbed.Server{src, dst} {
		b.exec(s, "CREATE DATABASE "+name, create)
	}
	b.exec(src, "INSERT INTO "+name+".t VALUES ('é', 1), ('ü', 2), ('0', 3)")
	b.exec(dst, "ALTER TABLE "+name+".t ADD w INT DEFAULT 5, ADD UNIQUE KEY only_here (w, v)", "INSERT INTO "+name+".t (k, v) VALUES ('É', 7), ('x', 2), ('a', 9)")
	b.loadOnly(b.mydumper(name))
	b.sub.Load.OnDuplicate = config.DuplicateReplace
	if s := b.loadAlone(); s.Load.Conflicts != 2 {
		t.Errorf("%d conflicts", s.Load.Conflicts)
	}
	if n := b.count(dst, name+".t"); n != 4 { // the three of the dump and 'a'
		t.Errorf("%d rows", n)
	}
	if n := b.count(dst, name+".t WHERE BINARY k IN (0xE9, 0xFC, '0', 'a')"); n != 4 {
		t.Errorf("%d rows have the right keys", n)
	}
}

// TestReplaceByAnyKey: a row takes the place of the one that has its key, also where
// the key's values are not in the dump, are not compared as they are written, or have
// another collation because the target lacks the source's.
func TestReplaceByAnyKey(t *testing.T) {
	intoEach(t, func(t *testing.T, src, dst *testbed.Server) {
		for i, c := range []struct{ columns, rows string }{
			{"k BIT(12) PRIMARY KEY, v INT", "(b'101', 1), (0, 3)"},
			{"k INT, g INT AS (k * 2) STORED, v INT, UNIQUE KEY (g)", "(1, DEFAULT, 1), (2, DEFAULT, 2)"},
			{"k VARCHAR(9) CHARACTER SET latin1 COLLATE latin1_swedish_ci PRIMARY KEY, v INT", "('é', 1), ('z', 2)"},
		} {
			name := fmt.Sprintf("anykey%d_%d", i, dst.Port)
			b := newBed(t, name, src, dst)
			b.exec(src, "CREATE DATABASE "+name, "CREATE TABLE "+name+".t ("+c.columns+")", "INSERT INTO "+name+".t VALUES "+c.rows)
			b.run()
			b.exec(src, "UPDATE "+name+".t SET v = v + 100")
			b.sub.Task += "_again"
			b.sub.Load.Dir += "_again"
			b.sub.Load.OnDuplicate = config.DuplicateReplace
			b.run()
			b.equal(name, "t")
		}
	})
}
