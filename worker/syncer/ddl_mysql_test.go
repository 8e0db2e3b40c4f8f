//go:build mysql

package syncer

import (
	"testing"

	"github.com/raftdm/raftdm/internal/testbed"
)

// mysqlTargets runs a test from a MySQL 9 into each kind of target.
func mysqlTargets(t *testing.T, f func(t *testing.T, up, down *testbed.Server)) {
	up := testbed.MySQL(t)
	if err := up.Exec(t.Context(), "CREATE DATABASE first"); err != nil { // a start point by GTID needs one
		t.Fatal(err)
	}
	for name, down := range map[string]*testbed.Server{"mysql": testbed.MySQL(t), "mariadb": secondMariaDB(t), "tidb": servers.TiDB(t)} {
		t.Run(name, func(t *testing.T) { f(t, up, down) })
	}
}

// TestMySQLServerStatementsPassBy is TestServerStatementsPassBy with a MySQL 9.
func TestMySQLServerStatementsPassBy(t *testing.T) {
	mysqlTargets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, true)
		s := b.schema()
		b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY, v INT)")
		r := b.start()
		b.session(everyServer(s)...)
		b.session("CREATE SPATIAL REFERENCE SYSTEM 990000 NAME 'foo' DEFINITION 'GEOGCS[\"x\",DATUM[\"d\",SPHEROID[\"s\",6378137,298.25]],PRIMEM[\"G\",0],UNIT[\"d\",0.017],AXIS[\"Lat\",NORTH],AXIS[\"Lon\",EAST]]'",
			"DROP SPATIAL REFERENCE SYSTEM 990000", "CREATE LIBRARY lib LANGUAGE JAVASCRIPT AS $$ export function f(n) { return \"it's\" } $$", "DROP LIBRARY lib",
			"CREATE JSON RELATIONAL DUALITY VIEW jv AS SELECT JSON_DUALITY_OBJECT('_id': id, 'v': v) FROM a", "DROP VIEW jv",
			"CREATE TABLESPACE "+s+" ADD DATAFILE '"+s+".ibd'", "DROP TABLESPACE "+s, "ANALYZE TABLE a UPDATE HISTOGRAM ON v WITH 4 BUCKETS",
			"ALTER DATABASE "+s+" READ ONLY = 1", "ALTER SCHEMA "+s+" READ ONLY 0", "ALTER DATABASE READ ONLY = DEFAULT", "ALTER DATABASE "+s+" COLLATE utf8mb4_bin READ ONLY 0")
		b.session("INSERT INTO a VALUES (1, 1)", "RENAME TABLES a TO `procedure`", "ALTER TABLE `procedure` ADD user INT /*!80000 , ADD `trigger` INT */ /*M!100301 , ADD nothing INT */ /*!99999 , ADD nothing INT */",
			"ALTER TABLE `procedure` ADD x INT /*!080000 , ADD y INT */", "INSERT INTO `procedure` VALUES (2, 2, 3, 4, 5, 6)", "CREATE TABLE user (id INT PRIMARY KEY)", "INSERT INTO user VALUES (1)")
		r.caughtUp()
		r.end()
		b.equal()
	})
}

// TestMySQLCreateTableSelect: since 8.0.21 the table and its rows are one
// transaction of the binlog, the structure written for BINLOG statements only.
func TestMySQLCreateTableSelect(t *testing.T) {
	mysqlTargets(t, func(t *testing.T, up, down *testbed.Server) {
		modes(t, func(t *testing.T, gtid bool) {
			b := newBench(t, up, down, gtid)
			s := b.schema()
			b.exec("CREATE DATABASE "+s+" COLLATE utf8mb4_bin", "CREATE TABLE "+s+".a (id INT PRIMARY KEY, v VARCHAR(20))", "INSERT INTO "+s+".a VALUES (1, 'x'), (2, 'ü'), (3, NULL)")
			r := b.start()
			r.caughtUp()
			b.session("CREATE TABLE b AS SELECT * FROM a", "CREATE TABLE nothing SELECT * FROM a WHERE id > 9", "INSERT INTO nothing VALUES (7, 'y')",
				"CREATE TABLE c (PRIMARY KEY (id), w INT DEFAULT 5) COMMENT = 'START TRANSACTION' SELECT id, v FROM a", "UPDATE c SET w = id, v = 'start transaction'",
				"CREATE TABLE p (id INT) PARTITION BY HASH (id) PARTITIONS 2 AS SELECT id FROM a", "CREATE TABLE IF NOT EXISTS p SELECT id FROM a")
			r.caughtUp()
			r.end()
			b.epoch++
			b.session("SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'", `CREATE TABLE "q" (k VARCHAR(9) DEFAULT 'a\') SELECT id AS "start transaction", v FROM a`, "INSERT INTO q (v) VALUES ('z')")
			if down.Name == "mysql" { // which reads what the SQL parser does not
				b.session("CREATE TABLE g (id INT, g POINT SRID 0) SELECT id FROM a")
			}
			r = b.start()
			r.caughtUp()
			r.end()
			b.equal()
		})
	})
}

// TestMySQLCascadesAreRows: since 9.6 a MySQL logs the rows that its foreign keys
// change; they arrive, and nothing has to be said.
func TestMySQLCascadesAreRows(t *testing.T) {
	mysqlTargets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, true)
		s := b.schema()
		r := b.start()
		b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".p (id INT PRIMARY KEY)")
		b.session("CREATE TABLE c (id INT PRIMARY KEY, x INT, FOREIGN KEY (x) REFERENCES p (id) ON DELETE CASCADE ON UPDATE SET NULL)",
			"CREATE TABLE d (id INT PRIMARY KEY, x INT REFERENCES p (id) ON DELETE CASCADE)",
			"INSERT INTO p VALUES (1), (2), (3)", "INSERT INTO c VALUES (1, 1), (2, 2), (3, 3)", "INSERT INTO d VALUES (1, 1), (3, 3)",
			"DELETE FROM p WHERE id = 1", "UPDATE p SET id = 4 WHERE id = 2", "REPLACE INTO p VALUES (3)")
		r.caughtUp()
		if got := r.status().Cascades; len(got) > 0 {
			t.Errorf("shown: %q", got)
		}
		r.end()
		b.equal()
	})
}

// TestMySQLDropConstraint is TestDropConstraint with a MySQL 9.
func TestMySQLDropConstraint(t *testing.T) { mysqlTargets(t, dropsConstraints) }
