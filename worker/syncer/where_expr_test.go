package syncer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/expr"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
)

func (b *bench) expressions(rules ...expr.Rule) {
	b.t.Helper()
	for i := range rules {
		rules[i].Schema = b.schema()
	}
	var err error
	b.sub.Exprs, err = expr.NewRules(rules, false)
	b.must(err)
}

// TestExpressionFilters leaves out rows by their values: in transactions that lose
// some or all of their rows, in pieces of large ones, across a change of the
// structure, and without counting them as lost.
func TestExpressionFilters(t *testing.T) {
	testbed.SkipIfShort(t)
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, true)
		b.maxTxn = 64 << 10
		b.expressions(expr.Rule{Name: "even", Table: "tbl", Insert: "c % 2 = 0"}, expr.Rule{Name: "kept", Table: "tbl", Delete: "id >= 1000 AND s LIKE 'k%'"},
			expr.Rule{Name: "moves", Table: "tbl", UpdateOld: "c < 10", UpdateNew: "c > 20"}, expr.Rule{Name: "w", Table: "tbl", Insert: "w = 'no'"})
		s := b.schema()
		r := b.start()
		b.exec("CREATE DATABASE " + s)
		b.session("CREATE TABLE tbl (id INT PRIMARY KEY, c INT, s VARCHAR(9))", "CREATE TABLE other (id INT PRIMARY KEY, c INT)",
			"INSERT INTO tbl (id, c) VALUES (1, 1), (2, 2), (3, 3), (4, 4)", "INSERT INTO tbl (id, c) VALUES (6, 6)", // all of it is left out
			"INSERT INTO other VALUES (2, 2)",
			"UPDATE tbl SET c = 21 WHERE id = 1", "UPDATE tbl SET c = 15 WHERE id = 3", "UPDATE tbl SET c = 23 WHERE id = 3", // into, within, and out of the filter
			"INSERT INTO tbl SELECT seq + 1000, seq, IF(seq % 3, 'k', 'x') FROM seq_1_to_1000", "DELETE FROM tbl WHERE id BETWEEN 1001 AND 1021 AND c % 2 = 1")
		r.caughtUp()
		r.end()
		b.epoch++
		r = b.start()
		b.session("ALTER TABLE tbl ADD w VARCHAR(3) COLLATE utf8mb4_general_ci FIRST", "INSERT INTO tbl VALUES ('NO', 10, 1, 'a'), ('yes', 11, 1, 'a'), ('yes', 12, 2, 'a')",
			"ALTER TABLE tbl DROP c", "INSERT INTO tbl VALUES ('yes', 14, 'a')")
		r.caughtUp()
		r.end()
		want := []string{"1|NULL|", "3|NULL|", "11|yes|", "14|yes|"}
		if diff := cmp.Diff(want, b.text(down, "SELECT id, w FROM "+s+".tbl WHERE id < 1000 ORDER BY id")); diff != "" {
			t.Errorf("(-want +target):\n%s", diff)
		}
		sum := func(condition string) string {
			return "SELECT COUNT(*), SUM(id) FROM " + s + ".tbl WHERE id > 1000 AND (" + condition + ")"
		}
		odd := b.text(down, sum("id % 2 = 1"))
		if diff := cmp.Diff([]string{fmt.Sprintf("%d|%d|", 500-4, 750000-4048)}, odd); diff != "" { // 1003, 1009, 1015 and 1021 are gone
			t.Errorf("odd rows (-want +target):\n%s", diff)
		}
		if got := b.text(down, sum("id % 2 = 0")); got[0] != "0|NULL|" {
			t.Errorf("even rows: %q", got)
		}
		if got := b.text(down, "SELECT * FROM "+s+".other"); len(got) != 1 {
			t.Errorf("the other table: %q", got)
		}
	})
}

// TestExpressionFilterRefused: a condition without a value stops the task at the row.
func TestExpressionFilterRefused(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), true)
	b.expressions(expr.Rule{Name: "r", Table: "a", Insert: "u - 1 > 5"})
	r := b.start()
	b.exec("CREATE DATABASE " + b.schema())
	b.session("CREATE TABLE a (u BIGINT UNSIGNED PRIMARY KEY)", "INSERT INTO a VALUES (9), (0)")
	if f := r.ends(t); f.Kind != fault.Data || !strings.Contains(f.Error(), `"u - 1 > 5" cannot be evaluated`) {
		t.Errorf("got %v", f)
	}
}

// TestTimesOfZones: what a condition says about a TIMESTAMP is in UTC unless it names
// an offset, whatever zones the task and who has written the row have; a DATETIME is
// what it says. What a definition says is in the zone of the source's session, which
// for SYSTEM is that of its machine and not the task's.
func TestTimesOfZones(t *testing.T) {
	testbed.SkipIfShort(t)
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, true)
		b.sub.Timezone = "+05:00"
		b.expressions(expr.Rule{Name: "utc", Table: "a", Insert: "ts < '2020-01-01 00:00:00'"}, expr.Rule{Name: "named", Table: "a", Insert: "ts > '2030-01-01 00:00:00+05:00'"},
			expr.Rule{Name: "dt", Table: "a", Insert: "dt >= '2025-01-01'"})
		b.exec("CREATE DATABASE " + b.schema())
		r := b.start()
		const before, behind = "'2020-01-01 00:00:00'", "'2024-12-31 23:59:59'"
		b.session("CREATE TABLE a (id INT PRIMARY KEY, ts TIMESTAMP NULL, dt DATETIME)", "CREATE TABLE b (id INT PRIMARY KEY)", "INSERT INTO b VALUES (1)",
			"SET time_zone = '-03:00'", "INSERT INTO a VALUES (1, '2019-12-31 20:59:59', NULL), (2, '2019-12-31 21:00:00', "+behind+"), (3, "+before+", '2025-01-01 00:00:00')",
			"INSERT INTO a VALUES (4, '2029-12-31 16:00:00', NULL), (5, '2029-12-31 16:00:01', NULL)",
			"ALTER TABLE b ADD own TIMESTAMP NOT NULL DEFAULT "+before, "SET time_zone = 'SYSTEM'", "ALTER TABLE b ADD none TIMESTAMP NOT NULL DEFAULT "+before)
		r.caughtUp()
		r.end()
		if diff := cmp.Diff([]string{"2|", "4|"}, b.text(down, "SELECT id FROM "+b.schema()+".a ORDER BY id")); diff != "" {
			t.Errorf("rows (-want +target):\n%s", diff)
		}
		seconds := "SELECT UNIX_TIMESTAMP(own) - UNIX_TIMESTAMP(none) FROM " + b.schema() + ".b"
		if diff := cmp.Diff(b.text(up, seconds), b.text(down, seconds)); diff != "" {
			t.Errorf("seconds between midnight of the two zones (-source +target):\n%s", diff)
		}
	})
}
