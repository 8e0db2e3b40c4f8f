//go:build mysql

package syncer

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/internal/testbed/edges"
)

// TestMySQLTypesMatrix is TestTypesMatrix with MySQL 9 on both sides, and from
// MySQL to TiDB.
func TestMySQLTypesMatrix(t *testing.T) {
	up := testbed.MySQL(t)
	for name, down := range map[string]*testbed.Server{"mysql": testbed.MySQL(t), "tidb": servers.TiDB(t)} {
		for _, group := range mysqlGroups() {
			t.Run(name+"/"+group.Name, func(t *testing.T) {
				m := newMatrix(t, up, down)
				for _, c := range group.Columns {
					m.add(t, c)
				}
				m.run(t)
			})
		}
	}
}

// mysqlGroups are those of MariaDB without what MySQL lacks.
func mysqlGroups() []edges.Group {
	out := edges.Groups()
	out = slices.DeleteFunc(out, func(g edges.Group) bool {
		return g.Name == "addresses" || g.Name == "bits" || g.Name == "shapes" || g.Name == "compressed"
	})
	for i := range out {
		out[i].Columns = slices.DeleteFunc(out[i].Columns, func(c edges.Column) bool {
			return strings.Contains(c.Type, "nopad") || strings.HasPrefix(c.Type, "JSON") && c.OnTiDB == "-"
		})
	}
	points := []string{"ST_GeomFromText('POINT(1 -2.5)', 4326)", "ST_GeomFromText('POINT(5 6)', 4326)"}
	return append(out,
		edges.Group{Name: "shapes", Columns: []edges.Column{
			{Type: "POINT SRID 4326", Values: points, OnTiDB: "-"},
			{Type: "GEOMETRY", Values: []string{points[0], "ST_GeomFromText('POLYGON((0 0,0 9,9 9,0 0))')", "ST_GeomFromText('LINESTRING(0 0,1 1)', 3857)"}, OnTiDB: "-"}}},
		edges.Group{Name: "gb18030", Columns: []edges.Column{
			{Type: "VARCHAR(20) CHARACTER SET gb18030", Values: []string{"''", "'中文'", "'🎉'", "x'D6D09439BD35'", "x'FE50'"}, OnTiDB: "VARCHAR(20) CHARACTER SET utf8mb4"},
			{Type: "TEXT CHARACTER SET gb18030", Values: []string{"''", "'中'", "'é'"}, OnTiDB: "TEXT CHARACTER SET utf8mb4"},
			{Type: "VARCHAR(20) CHARACTER SET gb18030 COLLATE gb18030_bin", Values: []string{"x'A6D9'", "x'A8BC'", "''"}, OnTiDB: "-"}}})
}

// TestMySQLTablesMatrix is peer-bugs 15: expression indexes, whose columns no
// CREATE TABLE shows, and what else only MySQL has.
func TestMySQLTablesMatrix(t *testing.T) {
	up := testbed.MySQL(t)
	for name, down := range map[string]*testbed.Server{"mysql": testbed.MySQL(t), "tidb": servers.TiDB(t)} {
		for _, c := range mysqlTables() {
			t.Run(name+"/"+c.name, func(t *testing.T) { runMatrixTable(t, up, down, c) })
		}
	}
}

func mysqlTables() []matrixTable {
	return []matrixTable{
		{name: "expression index", create: "CREATE TABLE %[1]s (id INT NOT NULL, a VARCHAR(20) NOT NULL, n INT, UNIQUE KEY ((LOWER(a))), UNIQUE KEY ((id + 1), a))",
			before: []string{"INSERT INTO %[1]s VALUES (1, 'X', 1), (2, 'y', 2)"},
			after: []string{"UPDATE %[1]s SET a = 'Z' WHERE id = 1", "INSERT INTO %[1]s VALUES (3, 'x', 3)", "UPDATE %[1]s SET a = CONCAT('q', a), n = NULL WHERE id = 2", "INSERT INTO %[1]s VALUES (4, 'Y', 4)",
				"DELETE FROM %[1]s WHERE id = 3"},
			columns: "id, HEX(a), n"},
		{name: "multi-valued index", create: "CREATE TABLE %[1]s (id INT PRIMARY KEY, j JSON, UNIQUE KEY ((CAST(j->'$.z' AS UNSIGNED ARRAY))))",
			before:  []string{`INSERT INTO %[1]s VALUES (1, '{"z": [1, 2]}'), (2, '{"z": [3]}')`},
			after:   []string{`UPDATE %[1]s SET j = '{"z": [4]}' WHERE id = 1`, `INSERT INTO %[1]s VALUES (3, '{"z": [1, 2]}')`, "DELETE FROM %[1]s WHERE id = 2", `INSERT INTO %[1]s VALUES (4, '{"z": [3]}')`},
			columns: "id, CAST(j AS CHAR)"},
		{name: "invisible and generated columns", create: "CREATE TABLE %[1]s (my_row_id INT AUTO_INCREMENT PRIMARY KEY, v INT AS (a + 1) VIRTUAL, a INT, h INT INVISIBLE DEFAULT 7, s INT AS (a * 2) STORED)",
			before: []string{"INSERT INTO %[1]s (a) VALUES (1), (2), (NULL)"},
			after:  []string{"INSERT INTO %[1]s (a, h) VALUES (4, 4)", "UPDATE %[1]s SET a = a + 1, h = 1 WHERE v < 4", "DELETE FROM %[1]s WHERE s = 4"},
			onTiDB: "CREATE TABLE %[1]s (my_row_id INT AUTO_INCREMENT PRIMARY KEY, v INT AS (a + 1) VIRTUAL, a INT, h INT DEFAULT 7, s INT AS (a * 2) STORED)", columns: "my_row_id, v, a, h, s"},
		{name: "documents without a key", create: "CREATE TABLE %[1]s (j JSON, n INT)",
			before: []string{`INSERT INTO %[1]s VALUES ('{"a": 1, "b": [true, null, "x"]}', 1), (JSON_OBJECT('d', CAST('2024-01-02 03:04:05.6' AS DATETIME(6)), 'n', 1.5), 2), ('[]', 3)`},
			after:  []string{"UPDATE %[1]s SET n = 4 WHERE n < 3", "UPDATE %[1]s SET j = JSON_SET(j, '$.a', 2, '$.c', 'ü')", "DELETE FROM %[1]s WHERE n = 3"}, columns: "n, CAST(j AS CHAR)"},
	}
}

// TestMySQLPartialJSON: documents of which the binlog has only what changed
// arrive whole, beside such as come whole, in a table with a key and in one without.
func TestMySQLPartialJSON(t *testing.T) {
	up := testbed.MySQL(t)
	for name, down := range map[string]*testbed.Server{"mysql": testbed.MySQL(t), "tidb": servers.TiDB(t), "mariadb": secondMariaDB(t)} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, up, down, true)
			s := b.schema()
			b.exec("CREATE DATABASE " + s)
			for _, table := range []string{".keyed (id INT PRIMARY KEY, ", ".bare (id INT, "} {
				b.exec("CREATE TABLE " + s + table + "j JSON, k JSON, v INT)")
			}
			r := b.start()
			b.relaxed(func(exec func(string)) {
				exec("SET SESSION binlog_row_value_options = 'PARTIAL_JSON'")
				for _, table := range []string{s + ".keyed", s + ".bare"} {
					exec("INSERT INTO " + table + ` VALUES (1, JSON_OBJECT('a', REPEAT('x', 1000), 'b', 1, 'c', JSON_ARRAY(1, 2, 'ü')), '[1]', 1),
						(2, JSON_OBJECT('a', REPEAT('y', 1000), 'b', NULL, 'c', JSON_ARRAY()), NULL, 1)`)
					for _, set := range []string{"j = JSON_SET(j, '$.b', 3, '$.c[1]', 'new')", "j = JSON_SET(j, '$.b', 4), v = v + 1", "j = JSON_REMOVE(j, '$.a')",
						"j = JSON_SET(j, '$.c[9]', 1.5), k = JSON_ARRAY(2)", "v = v + 1", "j = JSON_SET(j, '$.c', '')", "j = NULL", `j = '{"b": 2}'`, "j = JSON_REPLACE(j, '$.b', CAST('2024-01-02' AS DATE))"} {
						exec("UPDATE " + table + " SET " + set)
						exec("UPDATE " + table + " SET " + set + " WHERE id = 2")
					}
				}
			})
			r.caughtUp()
			r.end()
			m := &matrix{bench: b, tidb: name == "tidb"}
			for _, table := range []string{s + ".keyed", s + ".bare"} {
				query := "SELECT id, v, CAST(j AS CHAR), '|', CAST(k AS CHAR) FROM " + table
				if diff := cmp.Diff(m.query(up, query), m.query(down, query)); diff != "" {
					t.Errorf("%s (-source +target):\n%s", table, diff)
				}
			}
		})
	}
}
