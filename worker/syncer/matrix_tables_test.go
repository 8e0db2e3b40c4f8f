package syncer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/testbed"
)

// matrixTable is a table whose structure is special, and its changes. Statements
// have %[1]s in the place of the table.
type matrixTable struct {
	name    string
	create  string
	before  []string // dumped and loaded
	after   []string // replicated
	onTiDB  string   // as in edges.Column
	columns string   // what is compared, by its bytes
}

// TestTablesMatrix takes tables through dump and load, and then through the
// binlog. It is peer-bugs 15 as far as MariaDB goes.
func TestTablesMatrix(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		for _, c := range matrixTables() {
			t.Run(c.name, func(t *testing.T) { runMatrixTable(t, up, down, c) })
		}
	})
}

func runMatrixTable(t *testing.T, up, down *testbed.Server, c matrixTable) {
	m := newMatrix(t, up, down)
	if m.tidb && c.onTiDB == "-" {
		t.Skip("not in TiDB")
	}
	table := m.schema() + ".t"
	fill := func(in []string) {
		m.relaxed(func(exec func(string)) {
			for _, q := range in {
				exec(strings.ReplaceAll(q, "%[1]s", table))
			}
		})
	}
	fill([]string{c.create})
	if m.tidb && c.onTiDB != "" {
		m.must(down.Exec(t.Context(), strings.ReplaceAll(c.onTiDB, "%[1]s", table)))
	}
	fill(c.before)
	same := func(when string) {
		t.Helper()
		form := "SELECT " + c.columns + " FROM " + table
		up, down := m.query(up, form), m.query(down, form)
		if fmt.Sprint(up) != fmt.Sprint(down) || len(up) == 0 {
			t.Errorf("%s\nsource %.600s\ntarget %.600s", when, up, down)
		}
	}
	m.copy(t)
	same("after the load")
	r := m.start()
	fill(c.after)
	r.caughtUp()
	r.end()
	same("after the changes")
}

func matrixTables() []matrixTable {
	return []matrixTable{
		{name: "generated columns", create: "CREATE TABLE %[1]s (id INT PRIMARY KEY, v INT AS (a + 1) VIRTUAL, a INT, `s t` VARCHAR(30) AS (CONCAT('x''\\\\', b)) STORED, b VARCHAR(20), INDEX (v))",
			before:  []string{"INSERT INTO %[1]s (id, a, b) VALUES (1, 5, 'x'), (2, NULL, NULL), (3, 7, 'ü')"},
			after:   []string{"INSERT INTO %[1]s (id, a, b) VALUES (4, 5, 'x')", "UPDATE %[1]s SET a = a + 1, b = 'y' WHERE id < 3", "DELETE FROM %[1]s WHERE id = 3"},
			columns: "id, v, a, HEX(`s t`), HEX(b)"},
		{name: "generated column without a key", create: "CREATE TABLE %[1]s (a INT, v INT AS (a + 1) VIRTUAL, s INT AS (a * 2) STORED, b VARCHAR(20))",
			before:  []string{"INSERT INTO %[1]s (a, b) VALUES (1, 'x'), (1, 'x'), (NULL, NULL), (3, 'z')"},
			after:   []string{"INSERT INTO %[1]s (a, b) VALUES (1, 'x')", "UPDATE %[1]s SET a = 9 WHERE a = 1 LIMIT 2", "DELETE FROM %[1]s WHERE v IS NULL"},
			columns: "a, v, s, HEX(b)"},
		{name: "unique key on a virtual column", create: "CREATE TABLE %[1]s (a INT NOT NULL, b VARCHAR(20) NOT NULL, v VARCHAR(20) AS (LOWER(b)) VIRTUAL, UNIQUE KEY (v))",
			before:  []string{"INSERT INTO %[1]s (a, b) VALUES (1, 'X'), (2, 'y')"},
			after:   []string{"UPDATE %[1]s SET b = 'Z' WHERE a = 1", "INSERT INTO %[1]s (a, b) VALUES (3, 'x')", "UPDATE %[1]s SET b = CONCAT('q', b) WHERE a = 2", "INSERT INTO %[1]s (a, b) VALUES (4, 'Y')", "DELETE FROM %[1]s WHERE a = 3"},
			columns: "a, HEX(b), HEX(v)"},
		{name: "unique key on a stored column", create: "CREATE TABLE %[1]s (a VARCHAR(20), k VARCHAR(40) AS (CONCAT(a, '!')) PERSISTENT UNIQUE KEY, n INT)",
			before: []string{"INSERT INTO %[1]s (a, n) VALUES ('x', 1), ('y', 2)"},
			after:  []string{"UPDATE %[1]s SET a = CONCAT(a, 'q')", "UPDATE %[1]s SET n = n + 1", "DELETE FROM %[1]s WHERE n = 2", "INSERT INTO %[1]s (a, n) VALUES ('x', 3)"},
			onTiDB: "CREATE TABLE %[1]s (a VARCHAR(20), k VARCHAR(40) AS (CONCAT(a, '!')) STORED UNIQUE KEY, n INT)", columns: "HEX(a), HEX(k), n"},
		{name: "invisible columns", create: "CREATE TABLE %[1]s (id INT PRIMARY KEY, h INT INVISIBLE DEFAULT 7, v VARCHAR(20), g VARCHAR(20) INVISIBLE)",
			before: []string{"INSERT INTO %[1]s VALUES (1, 'x')", "INSERT INTO %[1]s (id, h, v, g) VALUES (2, 9, 'y', 'z')"},
			after:  []string{"INSERT INTO %[1]s (id, h, v, g) VALUES (3, NULL, 'y', 'z')", "INSERT INTO %[1]s VALUES (4, 'x')", "UPDATE %[1]s SET h = 1, g = 'g' WHERE id = 1", "DELETE FROM %[1]s WHERE h = 9"},
			onTiDB: "CREATE TABLE %[1]s (id INT PRIMARY KEY, h INT DEFAULT 7, v VARCHAR(20), g VARCHAR(20))", columns: "id, h, HEX(v), HEX(g)"},
		{name: "unique text", create: "CREATE TABLE %[1]s (id INT NOT NULL, b TEXT NOT NULL, UNIQUE KEY (b) USING HASH)",
			before: []string{"INSERT INTO %[1]s VALUES (1, 'x'), (2, REPEAT('y', 5000))"},
			after:  []string{"INSERT INTO %[1]s VALUES (3, 'w')", "UPDATE %[1]s SET b = CONCAT(b, b)", "DELETE FROM %[1]s WHERE id = 1", "INSERT INTO %[1]s VALUES (4, 'xx')"},
			onTiDB: "CREATE TABLE %[1]s (id INT NOT NULL, b TEXT NOT NULL)", columns: "id, HEX(b)"},
		{name: "times of other zones", create: "CREATE TABLE %[1]s (id INT PRIMARY KEY, ts TIMESTAMP(3) NULL, dt DATETIME, d TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP)",
			before: []string{"SET time_zone = '+02:00'", "INSERT INTO %[1]s VALUES (1, '2024-10-27 02:30:00.5', '2024-10-27 02:30:00', '2024-03-31 02:30:00')",
				"SET time_zone = '-11:30'", "INSERT INTO %[1]s (id, ts) VALUES (2, '2024-10-27 02:30:00.5')"},
			after: []string{"SET time_zone = '+13:00'", "INSERT INTO %[1]s VALUES (3, '2024-10-27 02:30:00.5', '2024-10-27 02:30:00', '2024-03-31 02:30:00')",
				"SET time_zone = '-11:30'", "UPDATE %[1]s SET ts = '2038-01-18 15:44:07' WHERE id = 1", "UPDATE %[1]s SET dt = NOW()", "INSERT INTO %[1]s (id, ts) VALUES (4, NULL)"},
			columns: "id, ts, dt, d"},
		{name: "statements of other modes", create: "CREATE TABLE %[1]s (id INT PRIMARY KEY, v VARCHAR(20) DEFAULT 'a''b')",
			before: []string{"INSERT INTO %[1]s VALUES (1, 'a\\\\b')"},
			after: []string{"SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'", `ALTER TABLE %[1]s ADD COLUMN "q` + "``" + `r" VARCHAR(20) DEFAULT 'c\d'`, `INSERT INTO %[1]s (id, v) VALUES (2, 'x\y')`,
				"SET sql_mode = 'PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES'", `UPDATE %[1]s SET v = 'it''s\' || v`,
				"SET sql_mode = 'PAD_CHAR_TO_FULL_LENGTH'", "ALTER TABLE %[1]s ADD COLUMN c CHAR(5) DEFAULT 'x\\ty'", "INSERT INTO %[1]s (id, c) VALUES (3, 'a')"},
			columns: "id, HEX(v)"},
		{name: "unsigned key", create: "CREATE TABLE %[1]s (id BIGINT UNSIGNED PRIMARY KEY, u INT UNSIGNED UNIQUE, v INT)",
			before: []string{"INSERT INTO %[1]s VALUES (18446744073709551615, 4294967295, 1), (9223372036854775808, 2147483648, 2), (0, 0, 3)"},
			after: []string{"UPDATE %[1]s SET v = v + 1", "UPDATE %[1]s SET id = id - 1, u = u - 1 WHERE id > 9223372036854775808", "DELETE FROM %[1]s WHERE id = 9223372036854775808",
				"INSERT INTO %[1]s VALUES (18446744073709551615, 4294967295, 5)"},
			columns: "id, u, v"},
	}
}
