package syncer

import (
	"context"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/testbed"
)

// session executes statements on one connection of the source, in its schema.
func (b *bench) session(statements ...string) {
	b.t.Helper()
	conn, err := b.up.Session(b.t.Context())
	b.must(err)
	defer conn.Close()
	for _, q := range append([]string{"USE " + b.schema()}, statements...) {
		if _, err := conn.ExecContext(b.t.Context(), q); err != nil {
			b.t.Fatalf("%s: %v", q, err)
		}
	}
}

// everyServer are statements about the server as clients write them; $ is a
// name that no other test uses.
func everyServer(name string) []string {
	out := []string{
		"/*!50003 DROP PROCEDURE IF EXISTS p */", "/*!50003 DROP FUNCTION IF EXISTS f */", "/*!50106 DROP EVENT IF EXISTS e */", "/*!50032 DROP TRIGGER IF EXISTS t */",
		"/*!50003 CREATE*/ /*!50017 DEFINER=`a b c`@`%`*/ /*!50003 TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET NEW.v = NEW.v + 1 */", "DROP TRIGGER t",
		"CREATE DEFINER=`a b c`@`%`   PROCEDURE p() SELECT 1", "ALTER PROCEDURE p COMMENT 'x'", "DROP PROCEDURE p",
		"CREATE DEFINER=root@localhost EVENT e ON SCHEDULE EVERY 1 YEAR DO SELECT 1", "ALTER EVENT e DISABLE", "DROP EVENT e",
		"CREATE DEFINER = CURRENT_USER() SQL SECURITY INVOKER VIEW view1 AS SELECT 1 AS x", "ALTER VIEW view1 AS SELECT 2 AS x", "DROP VIEW view1",
		"CREATE /* x */ USER $ IDENTIFIED BY 'Secret-1'", "GRANT SELECT ON $.* TO $", "REVOKE SELECT ON $.* FROM $", "RENAME USER $ TO $_b", "DROP /*y*/ USER $_b",
		"#x\nCREATE ROLE $_r", "--\nDROP ROLE $_r", "OPTIMIZE TABLES a", "ANALYZE TABLES a", "REPAIR TABLES a", "FLUSH TABLES",
		"CREATE TEMPORARY TABLE tt (x INT)", "ALTER TABLE tt ADD y INT", "DROP TABLE tt", "CREATE SERVER $ FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'x')", "DROP SERVER $",
	}
	for i := range out {
		out[i] = strings.ReplaceAll(out[i], "$", name)
	}
	return out
}

// TestServerStatementsPassBy: statements about the server stop no task, and what
// is about tables between them is not missed.
func TestServerStatementsPassBy(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, true)
		s := b.schema()
		b.exec("CREATE DATABASE "+s+" COMMENT 'a schema of a MariaDB'", "CREATE TABLE "+s+".a (id INT PRIMARY KEY, v INT)")
		r := b.start()
		b.session(everyServer(s)...)
		b.session("CREATE TEMPORARY SEQUENCE seq", "DROP SEQUENCE seq", "REPAIR VIEW nothing", "ANALYZE TABLE a PERSISTENT FOR ALL",
			"CREATE OR REPLACE DEFINER=`x y`@`%` PROCEDURE p() SELECT 1", "SET STATEMENT max_statement_time=10 FOR DROP PROCEDURE p",
			"SET sql_mode = ORACLE", "CREATE PACKAGE pk AS PROCEDURE p; END", "CREATE OR REPLACE PACKAGE BODY pk AS PROCEDURE p AS BEGIN NULL; END; END", "DROP PACKAGE pk")
		b.session("INSERT INTO a VALUES (1, 1)", "ALTER DATABASE COMMENT 'another'", "ALTER DATABASE "+s+" COMMENT = 'a third' COLLATE utf8mb4_bin",
			"RENAME TABLES a TO `procedure`", "ALTER TABLE `procedure` ADD user INT", "INSERT INTO `procedure` VALUES (2, 2, 3)",
			"SET STATEMENT max_statement_time=10, lock_wait_timeout=5 FOR CREATE TABLE user (id INT PRIMARY KEY) COMMENT 'FOR'",
			"SET STATEMENT max_statement_time=10 FOR ALTER TABLE user ADD `trigger` VARCHAR(9) DEFAULT 'x' /*M!100301 , ADD role INT */ /*!99999 , ADD nothing INT */",
			"SET STATEMENT max_statement_time=10 FOR INSERT INTO user VALUES (1, 'y', 2)", "/*M!100100 SET STATEMENT max_statement_time=10 FOR */ TRUNCATE `procedure`", "INSERT INTO `procedure` VALUES (3, 3, 3)")
		r.caughtUp()
		r.end()
		b.equal()
		var comment string
		if down.Name == "mariadb" {
			b.must(down.DB().QueryRow("SELECT SCHEMA_COMMENT FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?", s).Scan(&comment))
			if comment != "a third" {
				t.Errorf("the schema's comment on the target is %q", comment)
			}
		}
	})
}

// TestFunctionInTheBinlogStops: what a function changed where the source logs
// statements is not lost in silence.
func TestFunctionInTheBinlogStops(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), false)
	s := b.schema()
	b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)")
	r := b.start()
	b.session("CREATE FUNCTION f() RETURNS INT DETERMINISTIC MODIFIES SQL DATA BEGIN INSERT INTO a VALUES (1); RETURN 1; END",
		"SET SESSION binlog_format = 'STATEMENT'", "DO f()")
	if f := r.ends(t); f.Code != codeDML {
		t.Errorf("code %d", f.Code)
	}
}

// TestDDLOfAnotherSchemasSessionArrives: the session's default schema is one that
// the task does not replicate, so the target does not have it.
func TestDDLOfAnotherSchemasSessionArrives(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, false)
		s := b.schema()
		other := s + "_other"
		t.Cleanup(func() { _ = up.Exec(context.Background(), "DROP DATABASE IF EXISTS "+other) })
		r := b.start()
		b.exec("CREATE DATABASE "+s, "CREATE DATABASE "+other, "CREATE TABLE "+other+".a (id INT PRIMARY KEY)", "CREATE TABLE "+other+".p (other INT PRIMARY KEY)",
			"CREATE TABLE "+s+".p (id INT PRIMARY KEY)", "INSERT INTO "+s+".p VALUES (1), (2)")
		b.session("USE "+other, "CREATE TABLE "+s+".a (id INT PRIMARY KEY, FOREIGN KEY (id) REFERENCES p (id))", "INSERT INTO "+s+".a VALUES (1)",
			"ALTER TABLE "+s+".a ADD COLUMN x INT, ADD FOREIGN KEY (x) REFERENCES p (id)", "CREATE INDEX i ON "+s+".a (x, id)", "INSERT INTO "+s+".a VALUES (2, 2)",
			"ALTER TABLE a ADD COLUMN here INT", "RENAME TABLE a TO b", "DROP TABLE b", "ALTER TABLE "+s+".a RENAME TO "+s+".c", "TRUNCATE TABLE "+s+".c", "INSERT INTO "+s+".c VALUES (1, 2)")
		r.caughtUp()
		r.end()
		b.equal()
	})
}

// TestDropConstraint: the word says CHECK, foreign key or unique key, and only the
// table which.
func TestDropConstraint(t *testing.T) { targets(t, dropsConstraints) }

func dropsConstraints(t *testing.T, up, down *testbed.Server) {
	b := newBench(t, up, down, false)
	s := b.schema()
	r := b.start()
	b.exec("CREATE DATABASE " + s)
	b.session("CREATE TABLE p (id INT PRIMARY KEY)", "INSERT INTO p VALUES (1)",
		"CREATE TABLE a (id INT PRIMARY KEY, v INT, x INT, CONSTRAINT u UNIQUE (v), CONSTRAINT f FOREIGN KEY (x) REFERENCES p (id), CONSTRAINT c CHECK (v < 5), CONSTRAINT e CHECK (v < 6))",
		"INSERT INTO a VALUES (1, 1, 1)", "ALTER TABLE a DROP CONSTRAINT u", "INSERT INTO a VALUES (2, 1, 1)",
		"ALTER TABLE a DROP CONSTRAINT c, ADD COLUMN y INT, DROP CONSTRAINT f", "ALTER TABLE a DROP CONSTRAINT e", "INSERT INTO a VALUES (3, 9, 9, 9)", "DROP TABLE p")
	r.caughtUp()
	r.end()
	b.equal()
	for _, db := range []*testbed.Server{up, down} {
		text := showCreate(b, db.DB(), testbed.TableName{Schema: s, Table: "a"})
		if strings.Contains(text, "UNIQUE") || strings.Contains(text, "FOREIGN") || strings.Contains(text, "CHECK") {
			t.Errorf("%s", text)
		}
	}
}
