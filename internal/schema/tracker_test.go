package schema

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"
	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/internal/fault"
)

func statement(t interface{ Fatalf(string, ...any) }, sql string) ast.StmtNode {
	node, err := parser.New().ParseOneStmt(sql, "", "")
	if err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	return node
}

func applied(t testing.TB, tracker *Tracker, statements ...string) (changed []Name) {
	t.Helper()
	for _, s := range statements {
		var err error
		if changed, err = tracker.Apply("d", statement(t, s)); err != nil {
			t.Fatalf("%v\n%s", err, s)
		}
	}
	return changed
}

// TestVectors: the SQL parser and the reader of CREATE TABLE know the type alike.
func TestVectors(t *testing.T) {
	tracker := NewTracker("", false)
	applied(t, tracker, "CREATE TABLE v (a VECTOR(3), b VECTOR NOT NULL)", "ALTER TABLE v ADD c VECTOR(2048)")
	got, err := tracker.Table(Name{"d", "v"})
	if err != nil {
		t.Fatal(err)
	}
	want := parse(t, "CREATE TABLE v (a vector(3), b vector NOT NULL, c vector(2048))")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-read +tracked:\n%s", diff)
	}
}

func TestApplyNamesWhatChanged(t *testing.T) {
	tracker := NewTracker("", false)
	for _, c := range []struct {
		sql  string
		want []Name
	}{
		{"CREATE DATABASE e", nil},
		{"CREATE TABLE a (x INT)", []Name{{"d", "a"}}},
		{"CREATE TABLE IF NOT EXISTS a (y INT)", nil},
		{"CREATE TABLE e.b LIKE a", []Name{{"e", "b"}}},
		{"ALTER TABLE a ADD y INT", []Name{{"d", "a"}}},
		{"ALTER TABLE a ADD z INT, RENAME TO e.a2", []Name{{"d", "a"}, {"e", "a2"}}},
		{"RENAME TABLE e.a2 TO d.a", []Name{{"e", "a2"}, {"d", "a"}}},
		{"TRUNCATE TABLE a", nil},
		{"CREATE UNIQUE INDEX u ON a (x)", []Name{{"d", "a"}}},
		{"DROP TABLE IF EXISTS nothing, a", []Name{{"d", "a"}}},
		{"DROP DATABASE e", []Name{{"e", "b"}}},
		{"DROP DATABASE IF EXISTS e", nil},
	} {
		if diff := cmp.Diff(c.want, applied(t, tracker, c.sql)); diff != "" {
			t.Errorf("%s: %s", c.sql, diff)
		}
	}
	if got := tracker.Schemas(); !cmp.Equal(got, []string{"d"}) {
		t.Errorf("schemas %v", got)
	}
}

// TestApplyRefuses: each failure names statement and cause, and changes nothing,
// also when an earlier clause of the statement was fine.
func TestApplyRefuses(t *testing.T) {
	tracker := NewTracker("", false)
	applied(t, tracker, "CREATE TABLE a (x INT PRIMARY KEY, y INT, UNIQUE u (y))", "CREATE TABLE b (x INT)")
	for _, c := range []struct {
		sql  string
		kind fault.Kind
		says string
	}{
		{"CREATE TABLE a (z INT)", fault.Exists, "`d`.`a`"},
		{"CREATE TEMPORARY TABLE c (z INT)", fault.Unsupported, "TEMPORARY"},
		{"CREATE TABLE c AS SELECT 1", fault.Unsupported, "SELECT"},
		{"CREATE TABLE c LIKE nothing", fault.NotFound, "`d`.`nothing`"},
		{"CREATE TABLE c (v NATIONAL VARCHAR(3))", fault.Unsupported, "NATIONAL"},
		{"DROP TABLE a, nothing", fault.NotFound, "nothing"},
		{"DROP VIEW v", fault.Unsupported, "VIEW"},
		{"RENAME TABLE a TO c, nothing TO d", fault.NotFound, "nothing"},
		{"RENAME TABLE a TO b", fault.Exists, "`d`.`b`"},
		{"TRUNCATE TABLE nothing", fault.NotFound, "nothing"},
		{"ALTER TABLE nothing ADD x INT", fault.NotFound, "nothing"},
		{"ALTER TABLE a ADD z INT, ADD y INT", fault.Schema, "`y`"},
		{"ALTER TABLE a ADD z INT AFTER nothing", fault.Schema, "`nothing`"},
		{"ALTER TABLE a DROP COLUMN nothing", fault.Schema, "`nothing`"},
		{"ALTER TABLE a DROP y, DROP y", fault.Schema, "`y`"},
		{"ALTER TABLE a MODIFY nothing INT", fault.Schema, "`nothing`"},
		{"ALTER TABLE a CHANGE nothing z INT", fault.Schema, "`nothing`"},
		{"ALTER TABLE a CHANGE x y INT FIRST", fault.Schema, "`y`"},
		{"ALTER TABLE a DROP INDEX nothing", fault.Schema, "`nothing`"},
		{"ALTER TABLE a ADD UNIQUE u (x)", fault.Exists, "`u`"},
		{"ALTER TABLE a ADD PRIMARY KEY (y)", fault.Exists, "`PRIMARY`"},
		{"ALTER TABLE a ADD UNIQUE v (nothing)", fault.Schema, "`nothing`"},
		{"ALTER TABLE a RENAME INDEX nothing TO v", fault.Schema, "`nothing`"},
		{"ALTER TABLE a SET TIFLASH REPLICA 1", fault.Unsupported, "TIFLASH"},
		{"ALTER TABLE b DROP x", fault.Schema, "last column"},
		{"INSERT INTO a VALUES (1)", fault.Unsupported, "InsertStmt"},
		{"ANALYZE TABLE a", fault.Unsupported, "AnalyzeTableStmt"},
	} {
		before := tracker.Clone()
		changed, err := tracker.Apply("d", statement(t, c.sql))
		if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || changed != nil {
			t.Errorf("%s: %v %v", c.sql, changed, err)
		}
		if diff := cmp.Diff(before.tables, tracker.tables); diff != "" {
			t.Errorf("%s changed something: %s", c.sql, diff)
		}
	}
}

func TestTrackerKeepsClonesApart(t *testing.T) {
	tracker := NewTracker("", false)
	applied(t, tracker, "CREATE TABLE a (x INT)")
	clone := tracker.Clone()
	applied(t, tracker, "ALTER TABLE a ADD y INT", "CREATE TABLE b (x INT)")
	old, err := clone.Table(Name{"d", "a"})
	if err != nil || len(old.Columns) != 1 {
		t.Errorf("%+v, %v", old, err)
	}
	if _, err := clone.Table(Name{"d", "b"}); !fault.Is(err, fault.NotFound) || fault.HintOf(err) == "" {
		t.Errorf("%v", err)
	}
}

func TestTrackerNameCase(t *testing.T) {
	for _, lower := range []bool{false, true} {
		tracker := NewTracker("", lower)
		applied(t, tracker, "CREATE TABLE `T` (x INT)")
		_, err := tracker.Table(Name{"D", "t"})
		if (err == nil) != lower {
			t.Errorf("lowerCase %v: %v", lower, err)
		}
	}
}

func TestTrackerCharsets(t *testing.T) {
	tracker := NewTracker("", false)
	tracker.SetServerCharset("latin1", "")
	if err := tracker.PutSchema("s", "CREATE DATABASE `s` /*!40100 DEFAULT CHARACTER SET utf8mb3 COLLATE utf8mb3_bin */"); err != nil {
		t.Fatal(err)
	}
	applied(t, tracker, "CREATE TABLE d.a (v VARCHAR(3))", "CREATE TABLE s.a (v VARCHAR(3))", "CREATE DATABASE e COLLATE utf8mb4_unicode_ci",
		"CREATE TABLE e.a (v VARCHAR(3))", "ALTER DATABASE e CHARACTER SET ascii", "CREATE TABLE e.b (v VARCHAR(3))")
	for n, want := range map[Name]string{
		{"d", "a"}: "latin1_swedish_ci", {"s", "a"}: "utf8_bin", {"e", "a"}: "utf8mb4_unicode_ci", {"e", "b"}: "ascii_general_ci",
	} {
		table, err := tracker.Table(n)
		if err != nil || table.Columns[0].Collate != want {
			t.Errorf("%v: %+v, %v, want %s", n, table, err, want)
		}
	}
}

// TestTrackerDefaultCollations: a character set alone means another collation to a
// MySQL 8 and to a MariaDB 11.5 than to those before.
func TestTrackerDefaultCollations(t *testing.T) {
	tracker := NewTracker("", false)
	tracker.SetDefaultCollations(ReadDefaultCollations("utf8mb3=utf8mb3_uca1400_ai_ci,utf8mb4=utf8mb4_0900_ai_ci"))
	applied(t, tracker, "CREATE DATABASE e CHARACTER SET utf8mb4", "CREATE DATABASE f CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "CREATE DATABASE g CHARACTER SET latin1",
		"CREATE TABLE e.a (v VARCHAR(3))", "CREATE TABLE f.a (v VARCHAR(3))", "CREATE TABLE g.a (v VARCHAR(3))",
		"CREATE TABLE g.b (v VARCHAR(3)) CHARSET utf8mb4", "CREATE TABLE g.c (v VARCHAR(3) CHARACTER SET utf8mb4)", "CREATE TABLE g.d (v VARCHAR(3) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin)",
		"CREATE TABLE g.e (v VARCHAR(3) CHARACTER SET utf8mb3)", "CREATE TABLE g.f (v VARCHAR(3) CHARACTER SET utf8mb4 BINARY)", "CREATE TABLE g.g (v ENUM('a') CHARACTER SET utf8mb4)",
		"CREATE TABLE g.h (v VARCHAR(3))", "ALTER TABLE g.h CONVERT TO CHARACTER SET utf8mb4", "CREATE TABLE g.i (x INT)", "ALTER TABLE g.i ADD v VARCHAR(3) CHARACTER SET utf8mb4 FIRST",
		"CREATE TABLE g.j (v VARCHAR(3))", "ALTER TABLE g.j CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci", "ALTER DATABASE f CHARACTER SET utf8mb4", "CREATE TABLE f.b (v TEXT)")
	for n, want := range map[Name]string{
		{"e", "a"}: "utf8mb4_0900_ai_ci", {"f", "a"}: "utf8mb4_bin", {"g", "a"}: "latin1_swedish_ci", {"g", "b"}: "utf8mb4_0900_ai_ci", {"g", "c"}: "utf8mb4_0900_ai_ci",
		{"g", "d"}: "utf8mb4_bin", {"g", "e"}: "utf8_uca1400_ai_ci", {"g", "f"}: "utf8mb4_bin", {"g", "g"}: "utf8mb4_0900_ai_ci", {"g", "h"}: "utf8mb4_0900_ai_ci",
		{"g", "i"}: "utf8mb4_0900_ai_ci", {"g", "j"}: "utf8mb4_unicode_ci", {"f", "b"}: "utf8mb4_0900_ai_ci",
	} {
		table, err := tracker.Table(n)
		if err != nil || table.Columns[0].Collate != want {
			t.Errorf("%v: %+v, %v, want %s", n, table, err, want)
		}
	}
}

func TestPut(t *testing.T) {
	tracker := NewTracker("ANSI_QUOTES", false)
	got, err := tracker.Put("d", `CREATE TABLE "a" ("x" int)`)
	if err != nil || got.Name != (Name{"d", "a"}) {
		t.Fatalf("%+v, %v", got, err)
	}
	applied(t, tracker, "ALTER TABLE a ADD y INT")
	if table, err := tracker.Table(Name{"d", "a"}); err != nil || len(table.Columns) != 2 {
		t.Errorf("%+v, %v", table, err)
	}
	if _, err := tracker.Put("d", "CREATE TABLE a (x nonsense)"); !fault.Is(err, fault.Schema) {
		t.Errorf("%v", err)
	}
	if gone := tracker.DropSchema("d"); len(gone) != 1 {
		t.Errorf("%v", gone)
	}
}

// TestCanonicalReadsBack: whatever DDL did to a table, its canonical text gives
// the same table again.
func TestCanonicalReadsBack(t *testing.T) {
	types := []string{"INT UNSIGNED", "VARCHAR(9) COLLATE utf8mb4_bin NOT NULL DEFAULT 'it''s \\\\'", "ENUM('a','b\\'c') CHARACTER SET latin1",
		"DECIMAL(9,2) ZEROFILL", "DATETIME(3) DEFAULT CURRENT_TIMESTAMP(3)", "BINARY(3)", "TEXT COMMENT 'x;\\ny'", "BIT(5) DEFAULT b'101'", "INT AS (1 + 2) STORED"}
	rapid.Check(t, func(rt *rapid.T) {
		tracker := NewTracker("", false)
		applied(t, tracker, "CREATE TABLE t (c0 BIGINT)")
		for i := range rapid.IntRange(1, 12).Draw(rt, "steps") {
			table, err := tracker.Table(Name{"d", "t"})
			if err != nil {
				rt.Fatal(err)
			}
			old := rapid.SampledFrom(table.Columns).Draw(rt, "column").Name
			other := rapid.SampledFrom(table.Columns).Draw(rt, "other").Name
			typ := rapid.SampledFrom(types).Draw(rt, "type")
			sql := rapid.SampledFrom([]string{
				fmt.Sprintf("ALTER TABLE t ADD n%d %s AFTER %s", i, typ, old),
				fmt.Sprintf("ALTER TABLE t CHANGE %s n%d %s FIRST", old, i, typ),
				fmt.Sprintf("ALTER TABLE t MODIFY %s %s AFTER %s", old, typ, other),
				fmt.Sprintf("ALTER TABLE t DROP %s", old),
				fmt.Sprintf("ALTER TABLE t ADD UNIQUE (%s, n%d(3)), ADD n%d VARCHAR(20)", old, i, i),
				fmt.Sprintf("ALTER TABLE t ADD PRIMARY KEY (%s)", old),
				fmt.Sprintf("ALTER TABLE t RENAME COLUMN %s TO n%d", old, i),
				"ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
			}).Draw(rt, "sql")
			if _, err := tracker.Apply("d", statement(rt, sql)); err != nil && fault.KindOf(err) != fault.Schema && fault.KindOf(err) != fault.Exists {
				rt.Fatalf("%s: %v", sql, err)
			}
			if table, err = tracker.Table(Name{"d", "t"}); err != nil {
				rt.Fatal(err)
			}
			again, err := Parse(table.CreateSQL, "", "d")
			if err != nil {
				rt.Fatalf("%v\n%s", err, table.CreateSQL)
			}
			if diff := cmp.Diff(table, again); diff != "" {
				rt.Fatalf("after %s: %s\n%s", sql, diff, table.CreateSQL)
			}
		}
	})
}
