package syncer

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pingcap/tidb/pkg/parser"

	"github.com/raftdm/raftdm/internal/fault"
)

// parserWithLog gives a parser for the tables of notOther and what it logs.
func parserWithLog() (*ddlParser, *bytes.Buffer) {
	log := &bytes.Buffer{}
	return &ddlParser{parser: parser.New(), filter: notOther{}, comments: true, log: slog.New(slog.NewTextHandler(log, nil))}, log
}

// TestDDLPassedOver: statements that are never replicated, in each of the forms
// of spec/architecture.md §8.2 and those that real binlogs have. The log has one
// line for each, and no password.
func TestDDLPassedOver(t *testing.T) {
	for _, in := range []string{
		"FLUSH TABLES", "flush privileges", "FLUSH NO_WRITE_TO_BINLOG LOGS",
		"OPTIMIZE TABLE a", "optimize local tables a, b", "OPTIMIZE NO_WRITE_TO_BINLOG TABLE a",
		"ANALYZE TABLE a", "ANALYZE TABLES a", "ANALYZE NO_WRITE_TO_BINLOG TABLE a", "ANALYZE LOCAL TABLE a", "ANALYZE TABLE a PERSISTENT FOR ALL",
		"ANALYZE TABLE a UPDATE HISTOGRAM ON x WITH 4 BUCKETS",
		"REPAIR TABLE a", "REPAIR TABLES a", "REPAIR LOCAL TABLE a", "REPAIR NO_WRITE_TO_BINLOG TABLE a", "REPAIR VIEW v",
		"CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET NEW.x = 1", "DROP TRIGGER t",
		"CREATE DEFINER=`root`@`%` TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET NEW.x = 1",
		"/*!50003 CREATE*/ /*!50017 DEFINER=`a b c`@`%`*/ /*!50003 TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET NEW.x = 1 */",
		"/*!50003 DROP TRIGGER IF EXISTS t */", "/*!50032 DROP TRIGGER IF EXISTS `d`.`t` */",
		"CREATE PROCEDURE p() SELECT 1", "ALTER PROCEDURE p COMMENT 'x'", "DROP PROCEDURE p", "/*!50003 DROP PROCEDURE IF EXISTS p */",
		"CREATE DEFINER=`a b c`@`%` PROCEDURE `p`()\nBEGIN DROP TABLE a; END", "CREATE OR REPLACE DEFINER = CURRENT_USER() PROCEDURE p() SELECT 1",
		"CREATE VIEW v AS SELECT 1", "ALTER VIEW v AS SELECT 1", "DROP VIEW IF EXISTS v", "/*!50001 DROP VIEW IF EXISTS v*/",
		"/*!50001 CREATE ALGORITHM=UNDEFINED */ /*!50013 DEFINER=`root`@`localhost` SQL SECURITY DEFINER */ /*!50001 VIEW `v` AS select 1 */",
		"CREATE ALGORITHM=UNDEFINED DEFINER=`root`@`%` SQL SECURITY DEFINER JSON RELATIONAL DUALITY VIEW `jv` AS SELECT JSON_DUALITY_OBJECT('_id': id) FROM a",
		"CREATE FUNCTION f() RETURNS INT RETURN 1", "ALTER FUNCTION f COMMENT 'x'", "DROP FUNCTION f", "/*!50003 DROP FUNCTION IF EXISTS `f` */",
		"CREATE FUNCTION u RETURNS STRING SONAME 'u.so'", "CREATE AGGREGATE FUNCTION u RETURNS REAL SONAME 'u.so'",
		"CREATE DEFINER=r@localhost AGGREGATE FUNCTION f(x INT) RETURNS INT RETURN 1",
		"CREATE TABLESPACE s ADD DATAFILE 's.ibd'", "ALTER TABLESPACE s RENAME TO z", "DROP TABLESPACE s",
		"CREATE UNDO TABLESPACE s ADD DATAFILE 's.ibu'", "ALTER UNDO TABLESPACE s SET INACTIVE", "DROP UNDO TABLESPACE s",
		"CREATE LOGFILE GROUP g ADD UNDOFILE 'x' ENGINE = ndb", "ALTER LOGFILE GROUP g ADD UNDOFILE 'y' ENGINE = ndb", "DROP LOGFILE GROUP g ENGINE = ndb",
		"CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1", "ALTER EVENT e DISABLE", "DROP EVENT e", "/*!50106 DROP EVENT IF EXISTS `e` */",
		"CREATE DEFINER=`a b`@`%`   EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1", "ALTER DEFINER = 'x y'@'%' EVENT e ENABLE",
		"GRANT ALL ON *.* TO u IDENTIFIED BY 'secret'", "REVOKE ALL ON *.* FROM u",
		"CREATE USER u IDENTIFIED BY 'secret'", "ALTER USER u IDENTIFIED BY 'secret'", "RENAME USER u TO w", "DROP USER u",
		"CREATE /* x */ USER u", "DROP /*y*/ USER u", "#x\nCREATE USER u", "--\nDROP USER u", "/* a */ -- b\n /* c */ CREATE\n\tUSER u",
		"CREATE ROLE r", "DROP ROLE r", "SET PASSWORD FOR u = 'secret'", "SET PASSWORD = 'secret'", "SET DEFAULT ROLE NONE TO u",
		"CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (PASSWORD 'secret')", "ALTER SERVER s OPTIONS (USER 'x')", "DROP SERVER s",
		"CREATE PACKAGE p AS PROCEDURE q; END", "CREATE OR REPLACE DEFINER=\"root\"@\"%\" PACKAGE BODY p AS PROCEDURE q AS BEGIN NULL; END; END",
		"DROP PACKAGE p", "DROP PACKAGE BODY p", "CREATE LIBRARY `l`\n LANGUAGE JAVASCRIPT\nAS $$ it's $$", "DROP LIBRARY l",
		"CREATE SPATIAL REFERENCE SYSTEM 990000 NAME 'x' DEFINITION 'y'", "DROP SPATIAL REFERENCE SYSTEM 990000",
		"CREATE RESOURCE GROUP g TYPE = USER", "ALTER RESOURCE GROUP g DISABLE", "DROP RESOURCE GROUP g",
		"ALTER INSTANCE ROTATE INNODB MASTER KEY", "INSTALL PLUGIN p SONAME 'p.so'", "UNINSTALL COMPONENT 'file://c'",
		"ALTER DATABASE d READ ONLY = 1", "ALTER SCHEMA d READ ONLY 0", "ALTER DATABASE READ ONLY = DEFAULT",
		"ALTER DATABASE d COMMENT 'only a MariaDB keeps it'",
		"SET STATEMENT max_statement_time=10 FOR DROP VIEW v", "SET STATEMENT max_statement_time=10 FOR CREATE USER u",
	} {
		d, log := parserWithLog()
		list, err := d.parse(&Statement{Schema: "d", Text: in})
		if err != nil || len(list) != 0 {
			t.Errorf("%s: %+v, %v", in, list, err)
		}
		if text := log.String(); strings.Count(text, "\n") != 1 || strings.Contains(text, "secret") || !strings.Contains(text, "level=INFO") {
			t.Errorf("%s: the log says %q", in, text)
		}
	}
	for _, in := range []string{ // of which there may be many, and of other tables: without a word
		"SAVEPOINT x", "RELEASE SAVEPOINT x", "CREATE TEMPORARY TABLE a (x INT)", "CREATE OR REPLACE TEMPORARY TABLE a (x INT)",
		"DROP TEMPORARY TABLE IF EXISTS `a` /* generated by server */", "CREATE TEMPORARY SEQUENCE a", "DROP TEMPORARY SEQUENCE IF EXISTS `d`.`a`",
		"", "/* nothing */", "# nothing", "ALTER TABLE other ADD user INT", "RENAME TABLES other TO no.user", "ALTER DATABASE no READ ONLY = 1",
		"SET STATEMENT max_statement_time=10 FOR ALTER TABLE other ADD u UUID", "SELECT `no`.`f`()",
		"CREATE TABLE other AS SELECT 1 AS x",
	} {
		d, log := parserWithLog()
		if list, err := d.parse(&Statement{Schema: "d", Text: in}); err != nil || len(list) != 0 || log.Len() > 0 {
			t.Errorf("%s: %+v, %v, %q", in, list, err, log)
		}
	}
}

// TestDDLNotPassedOver: what is about a table of the task is executed, however
// much its words look like those of another statement.
func TestDDLNotPassedOver(t *testing.T) {
	for in, want := range map[string][]string{
		"RENAME TABLES a TO b":                                {"RENAME TABLE `d`.`a` TO `d`.`b`"},
		"/*!50003 DROP TABLE IF EXISTS `procedure` */":        {"DROP TABLE IF EXISTS `d`.`procedure`"},
		"DROP /* VIEW v */ TABLE a":                           {"DROP TABLE IF EXISTS `d`.`a`"},
		"# DROP VIEW v\nDROP TABLE a":                         {"DROP TABLE IF EXISTS `d`.`a`"},
		"CREATE TABLE `procedure` (x INT)":                    {"CREATE TABLE IF NOT EXISTS `d`.`procedure` (`x` INT)"},
		"CREATE TABLE user (role INT)":                        {"CREATE TABLE IF NOT EXISTS `d`.`user` (`role` INT)"},
		"TRUNCATE `view`":                                     {"TRUNCATE TABLE `d`.`view`"},
		"TRUNCATE user":                                       {"TRUNCATE TABLE `d`.`user`"},
		"DROP TABLES event, `temporary`":                      {"DROP TABLE IF EXISTS `d`.`event`", "DROP TABLE IF EXISTS `d`.`temporary`"},
		"ALTER TABLE user ADD `trigger` INT":                  {"ALTER TABLE `d`.`user` ADD COLUMN `trigger` INT"},
		"ALTER TABLE `flush` DROP event":                      {"ALTER TABLE `d`.`flush` DROP COLUMN `event`"},
		"ALTER TABLE a ADD x INT COMMENT 'DROP USER'":         {"ALTER TABLE `d`.`a` ADD COLUMN `x` INT COMMENT 'DROP USER'"},
		"RENAME TABLE user TO role":                           {"RENAME TABLE `d`.`user` TO `d`.`role`"},
		"CREATE INDEX user ON a (x)":                          {"CREATE INDEX `user` ON `d`.`a` (`x`)"},
		"DROP INDEX `view` ON `user`":                         {"DROP INDEX `view` ON `d`.`user`"},
		"CREATE DATABASE `user`":                              {"CREATE DATABASE IF NOT EXISTS `user`"},
		"ALTER DATABASE user READ ONLY 0 COLLATE utf8mb4_bin": {"ALTER DATABASE `user` COLLATE = utf8mb4_bin"},
		"CREATE DATABASE x COMMENT 'c'":                       {"CREATE DATABASE IF NOT EXISTS `x`"},
		"CREATE OR REPLACE DATABASE x COMMENT='f' COLLATE utf8mb4_bin": {
			"DROP DATABASE IF EXISTS `x`", "CREATE DATABASE IF NOT EXISTS `x` COLLATE = utf8mb4_bin"},
		"SET STATEMENT max_statement_time=10 FOR CREATE TABLE b (x INT)": {"CREATE TABLE IF NOT EXISTS `d`.`b` (`x` INT)"},
		"SET STATEMENT a=1, b='FOR' FOR ALTER TABLE b ADD y INT":         {"ALTER TABLE `d`.`b` ADD COLUMN `y` INT"},
		"SET STATEMENT a=1 FOR SET STATEMENT b=2 FOR TRUNCATE TABLE b":   {"TRUNCATE TABLE `d`.`b`"},
		// What the source has executed of a comment, also where the SQL parser passes over it.
		"ALTER TABLE a ADD x INT /*M!100301 , ADD y INT */ /* , ADD z INT */": {"ALTER TABLE `d`.`a` ADD COLUMN `x` INT, ADD COLUMN `y` INT"},
		"ALTER TABLE a ADD x INT /*!100100 , ADD y INT */":                    {"ALTER TABLE `d`.`a` ADD COLUMN `x` INT, ADD COLUMN `y` INT"},
		// MySQL's CREATE TABLE ... SELECT
		"CREATE TABLE `b` (\n  `x` int DEFAULT NULL\n) START TRANSACTION":      {"CREATE TABLE IF NOT EXISTS `d`.`b` (`x` INT DEFAULT NULL)"},
		"CREATE TABLE b (x INT) START TRANSACTION COMMENT='START TRANSACTION'": {"CREATE TABLE IF NOT EXISTS `d`.`b` (`x` INT) COMMENT = 'START TRANSACTION'"},
	} {
		d, _ := parserWithLog()
		list, err := d.parse(&Statement{Schema: "d", Text: in})
		var got []string
		for _, one := range list {
			got = append(got, one.text)
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", in, err, diff)
		}
	}
	d, _ := parserWithLog()
	d.comments = false // a MySQL
	if list, err := d.parse(&Statement{Schema: "d", Text: "ALTER TABLE a ADD x INT /*M!100301 , ADD y INT */"}); err != nil ||
		len(list) != 1 || list[0].text != "ALTER TABLE `d`.`a` ADD COLUMN `x` INT" {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestDDLWithoutSettings: to a target of the source's kind goes the statement
// without what only the source's session was about, in its own words.
func TestDDLWithoutSettings(t *testing.T) {
	for in, want := range map[string]string{
		"SET STATEMENT max_statement_time=10 FOR ALTER TABLE a /* x */ ADD u UUID": "ALTER TABLE a /* x */ ADD u UUID",
		"SET STATEMENT max_statement_time=10 FOR CREATE TABLE a (x INT) -- y":      "CREATE TABLE a (x INT) -- y",
		"CREATE TABLE `a` (`x` int) START TRANSACTION ENGINE=InnoDB":               "CREATE TABLE `a` (`x` int)  ENGINE=InnoDB",
		"CREATE DATABASE x COMMENT 'it''s'":                                        "CREATE DATABASE IF NOT EXISTS `x` COMMENT 'it\\'s'",
		"ALTER DATABASE COMMENT = 'c'":                                             "ALTER DATABASE `d` COMMENT = 'c'",
		"ALTER DATABASE x COMMENT 'c' CHARACTER SET latin1":                        "ALTER DATABASE `x` CHARACTER SET = latin1 COMMENT 'c'",
	} {
		d, _ := parserWithLog()
		d.same, d.maria = true, true
		list, err := d.parse(&Statement{Schema: "d", Text: in})
		if err != nil || len(list) != 1 || strings.TrimSpace(list[0].text) != want {
			t.Errorf("%s: %+v, %v", in, list, err)
		}
	}
}

// TestDDLRefusesWhatFunctionsChanged: a call in the binlog stands for changes of
// rows that nobody can tell.
func TestDDLRefusesWhatFunctionsChanged(t *testing.T) {
	for _, in := range []string{
		"SELECT `d`.`f`()", "SELECT `no`.`g`(`d`.`f`(1))", "SELECT f()", "DO d.f()", "CALL p()", "SET STATEMENT binlog_format='STATEMENT' FOR INSERT INTO a VALUES (1)",
		"SET STATEMENT x=1 FOR ANALYZE UPDATE a SET x = 2", "ANALYZE FORMAT=JSON DELETE FROM a", "/*!50000 INSERT INTO a VALUES (1) */",
		"WITH c AS (SELECT 1) UPDATE a, c SET x = 1", "CREATE TABLE a AS SELECT * FROM other", "# note\nDELETE FROM a",
	} {
		d, _ := parserWithLog()
		_, err := d.parse(&Statement{Schema: "d", Text: in})
		if f := (*fault.Error)(nil); !errors.As(err, &f) || f.Code != codeDML || f.Hint == "" {
			t.Errorf("%s: %v", in, err)
		}
	}
}
