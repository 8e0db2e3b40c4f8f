package syncer

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/internal/testbed"
)

// planOf is the plan of a table that is alike on both sides.
func planOf(t testing.TB, columns string) *plan {
	t.Helper()
	table, err := schema.Parse("CREATE TABLE t ("+columns+") DEFAULT CHARSET=utf8mb4", "", "d")
	if err != nil {
		t.Fatal(err)
	}
	return newPlan(table, &there{table: table}, false)
}

// TestStatementsOfSeveralRows shows the form of each statement, and what stays apart.
func TestStatementsOfSeveralRows(t *testing.T) {
	two, bare := planOf(t, "a INT, b VARCHAR(9), v INT, PRIMARY KEY (a, b)"), planOf(t, "a INT")
	one := planOf(t, "id INT PRIMARY KEY, u INT UNIQUE")
	row := func(p *plan, before, after []any) change {
		r := &Row{Table: p.table.Name, Kind: Update}
		if before == nil {
			r.Kind = Insert
		} else {
			r.Before = imageOf(t, p, before...)
		}
		if after == nil {
			r.Kind = Delete
		} else {
			r.After = imageOf(t, p, after...)
		}
		return change{plan: p, row: r}
	}
	n := func(v ...any) []any { return v }
	changes := []change{
		row(one, nil, n(1, 1)), row(two, n(1, "x", 1), n(1, "x", 2)), row(one, n(7, 7), nil), row(bare, nil, n(1)), row(bare, nil, n(1)),
		row(two, n(2, "y", 1), n(2, "y", 3)), row(one, n(8, 8), nil), row(one, nil, n(2, 2)), row(bare, n(1), nil),
		row(one, nil, n(5, 5)), row(one, n(5, 5), n(5, 6)), row(one, n(5, 6), nil), // came and went
		row(one, n(10, 10), n(10, 12)), row(one, n(11, 11), n(11, 10)), row(one, n(10, 12), n(10, 11)), // a swap
	}
	for i := range changes {
		var err error
		if changes[i].keys, err = changes[i].plan.appendKeys(nil, changes[i].row); err != nil {
			t.Fatal(err)
		}
	}
	var a arranger
	var b sqlBatch
	for _, o := range together(nil, a.arrange(changes, true), true) {
		if err := b.addOp(&o); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for i := range b.stmts {
		got = append(got, string(b.part(i)))
	}
	slices.Sort(got)
	want := []string{
		"DELETE FROM `d`.`t` WHERE `a` = 1 LIMIT 1",
		"DELETE FROM `d`.`t` WHERE `id` IN (5)",
		"DELETE FROM `d`.`t` WHERE `id` IN (7,8)",
		"INSERT INTO `d`.`t` (`a`) VALUES (1),(1)",
		"INSERT INTO `d`.`t` (`a`, `b`, `v`) VALUES (1,'x',2),(2,'y',3) ON DUPLICATE KEY UPDATE `a` = VALUES(`a`), `b` = VALUES(`b`), `v` = VALUES(`v`)",
		"INSERT INTO `d`.`t` (`id`, `u`) VALUES (1,1),(2,2)",
		"UPDATE `d`.`t` SET `u` = 10 WHERE `id` = 11",
		"UPDATE `d`.`t` SET `u` = 11 WHERE `id` = 10",
		"UPDATE `d`.`t` SET `u` = 12 WHERE `id` = 10",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestUnmatchedRowsAreStillCounted: rows that are missing on the target are
// counted one by one and named, though their changes would be one statement,
// and the rows beside them are changed all the same.
func TestUnmatchedRowsAreStillCounted(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, true)
		b.sub.Sync.Compact, b.sub.Sync.MultipleRows, b.sub.Sync.Strict = true, true, false
		full := b.schema() + ".t"
		b.exec("CREATE DATABASE "+b.schema(), "CREATE TABLE "+full+" (id INT PRIMARY KEY, v INT)",
			"INSERT INTO "+full+" VALUES (1,1),(2,2),(3,3),(4,4),(5,5),(6,6)")
		r := b.start()
		r.caughtUp()
		b.must(down.Exec(t.Context(), "DELETE FROM "+full+" WHERE id IN (2, 4)"))
		b.exec("UPDATE "+full+" SET v = v + 10 WHERE id < 6", "DELETE FROM "+full+" WHERE id IN (1, 4)")
		r.caughtUp()
		s := r.status()
		if s.UnmatchedRows != 3 || !strings.Contains(s.LastUnmatched, "`id` = 4") {
			t.Errorf("%d unmatched rows, the last one %s", s.UnmatchedRows, s.LastUnmatched)
		}
		r.end()
		if diff := cmp.Diff([]string{"3|13|", "5|15|", "6|6|"}, b.text(down, "SELECT id, v FROM "+full+" ORDER BY id")); diff != "" {
			t.Error(diff)
		}
	})
}
