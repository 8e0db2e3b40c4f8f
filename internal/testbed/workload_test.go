package testbed

import (
	"context"
	"strings"
	"testing"
	"time"
)

// Two loads from one seed are equal; a single changed value, a lost and a
// doubled row of a table without a key are found and named.
func TestLoadRepeatsAndCompareFinds(t *testing.T) {
	a, b := servers.MariaDB(t), MariaDB(t)
	ctx := t.Context()
	for _, s := range []*Server{a, b} {
		w := Workload{DB: s.DB(), Schema: "repeat", SysbenchTables: 2}
		must(t, w.Load(ctx, 3000, 7))
		// A clock is the only thing that no seed governs.
		must(t, s.Exec(ctx, "UPDATE `repeat`.string_key SET updated = '2024-01-01 00:00:00'"))
	}
	tables, err := Tables(ctx, a.DB(), "repeat")
	must(t, err)
	if len(tables) != 7 {
		t.Fatalf("%d tables, want 7: %v", len(tables), tables)
	}
	for _, c := range []struct{ name, change, detail string }{
		{"equal", "DO 0", ""},
		{"one value", "UPDATE `repeat`.sbtest2 SET k = k + 1 WHERE id = 17", "id=17"},
		{"doubled row", "INSERT INTO `repeat`.no_key (SELECT * FROM `repeat`.no_key LIMIT 1)", "> a="},
		{"lost row", "DELETE FROM `repeat`.no_key LIMIT 2", "< a="},
		{"lost table", "DROP TABLE `repeat`.composite_key", "does not exist on the target"},
		{"other columns", "ALTER TABLE `repeat`.string_key ADD COLUMN more INT", "columns on the target"},
		{"float bits", "UPDATE `repeat`.all_types SET fl = 1.1000001, dp = 3 WHERE id = 5", "id=5"},
	} {
		must(t, b.Exec(ctx, c.change))
		diffs, err := Compare(ctx, a.DB(), b.DB(), tables)
		must(t, err)
		all := ""
		for _, d := range diffs {
			all += d.String() + "\n"
		}
		if (c.detail == "" && all != "") || !strings.Contains(all, c.detail) {
			t.Errorf("%s: %q is not in the differences:\n%s", c.name, c.detail, all)
		}
	}
}

// The same rows, copied value by value as literals of text, compare equal on
// MariaDB and TiDB for every type.
func TestCompareIsEqualAcrossServers(t *testing.T) {
	up, down := servers.MariaDB(t), servers.TiDB(t)
	ctx := t.Context()
	const q = "CREATE TABLE x.t (id INT PRIMARY KEY, fl FLOAT, dp DOUBLE, b BIT(13), d DECIMAL(20,6), ts TIMESTAMP(3) NULL, tm TIME(2), " +
		"y YEAR, e ENUM('a','b'), s SET('a','b'), c CHAR(5), bn BINARY(4), bl BLOB, la VARCHAR(9) CHARACTER SET latin1, da DATE)"
	for _, s := range []*Server{up, down} {
		must(t, s.Exec(ctx, "CREATE DATABASE x", q, "INSERT INTO x.t VALUES "+
			"(1, 0.1, 1e100, b'1000000000001', -1.5, '2024-10-27 02:30:00.123', '-12:34:56.78', 2155, 'b', 'a,b', 'é', 'a\\0', x'00ff', 'ü', '2024-02-29'),"+
			"(2, 16777217, 0.1, 0, 0, NULL, '838:59:59', 0, 'a', '', '', '', '', '', '1000-01-01')"))
	}
	diffs, err := Compare(ctx, up.DB(), down.DB(), []TableName{{Schema: "x", Table: "t"}})
	must(t, err)
	for _, d := range diffs {
		t.Error(d)
	}
}

// The writers do everything that they promise and leave a server that answers.
func TestWriters(t *testing.T) {
	s := servers.MariaDB(t)
	w := Workload{DB: s.DB(), Schema: "writers", SysbenchTables: 2, DDL: true}
	must(t, w.Load(t.Context(), 2000, 1))
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	c, err := w.Writers(ctx, 8, 42)
	must(t, err)
	t.Logf("%+v", c)
	if c.Transactions < 100 || c.Inserts == 0 || c.Updates == 0 || c.Deletes == 0 || c.RolledBack == 0 || c.DDLs < 2 {
		t.Errorf("some kind of change is missing: %+v", c)
	}
}
