package schema

import (
	"slices"
	"strings"
	"testing"
)

func TestForm(t *testing.T) {
	for text, want := range map[string]string{
		"create trigger t before insert on a for each row set new.x = 1":                                                  "CREATE TRIGGER",
		"CREATE DEFINER=`a b c`@`%` PROCEDURE p() SELECT 1":                                                               "CREATE PROCEDURE",
		"CREATE DEFINER = root@localhost.localdomain EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1":                         "CREATE EVENT",
		"CREATE DEFINER = CURRENT_USER() AGGREGATE FUNCTION f(x INT) RETURNS INT RETURN 1":                                "CREATE FUNCTION",
		"CREATE DEFINER='table'@'trigger' FUNCTION f() RETURNS INT RETURN 1":                                              "CREATE FUNCTION",
		"create or replace algorithm = merge definer=current_user sql security invoker view v as select 1":                "CREATE VIEW",
		"ALTER ALGORITHM=MERGE DEFINER=`r`@`%` SQL SECURITY DEFINER VIEW v AS SELECT 1":                                   "ALTER VIEW",
		"CREATE ALGORITHM=UNDEFINED DEFINER=`r`@`%` SQL SECURITY DEFINER JSON RELATIONAL DUALITY VIEW v AS SELECT":        "CREATE VIEW",
		"CREATE JSON DUALITY VIEW v AS SELECT 1":                                                                          "CREATE VIEW",
		"/*!50003 DROP PROCEDURE IF EXISTS p */":                                                                          "DROP PROCEDURE",
		"/*!50003 CREATE*/ /*!50017 DEFINER=`a b`@`%`*/ /*!50003 TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET @x = 1 */": "CREATE TRIGGER",
		"/*M!100103 DROP PACKAGE BODY p */":                                                                               "DROP PACKAGE",
		"#x\nCREATE USER u":                                                                                               "CREATE USER",
		"--\nDROP USER u":                                                                                                 "DROP USER",
		"-- x\nDROP /* USER */ ROLE r":                                                                                    "DROP ROLE",
		"CREATE/**/USER u":                                                                                                "CREATE USER",
		"OPTIMIZE TABLES a":                                                                                               "OPTIMIZE TABLE",
		"analyze no_write_to_binlog table a":                                                                              "ANALYZE TABLE",
		"REPAIR LOCAL TABLE a":                                                                                            "REPAIR TABLE",
		"REPAIR VIEW v":                                                                                                   "REPAIR VIEW",
		"CREATE OR REPLACE SPATIAL REFERENCE SYSTEM 1 NAME 'x'":                                                           "CREATE SPATIAL REFERENCE SYSTEM",
		"DROP UNDO TABLESPACE u":                                                                                          "DROP TABLESPACE",
		"ALTER INSTANCE ROTATE INNODB MASTER KEY":                                                                         "ALTER INSTANCE",
		"CREATE LIBRARY l LANGUAGE JAVASCRIPT AS $$ it's not closed $$":                                                   "CREATE LIBRARY",
		"SET PASSWORD FOR u = 'x'":                                                                                        "SET PASSWORD",
		"SET DEFAULT ROLE NONE TO u":                                                                                      "SET DEFAULT ROLE",
		"GRANT SELECT ON x.* TO u":                                                                                        "GRANT",
		"CREATE OR REPLACE TEMPORARY TABLE a (x INT)":                                                                     "CREATE TEMPORARY TABLE",
		"DROP TEMPORARY TABLES a":                                                                                         "DROP TEMPORARY TABLE",
		"SET STATEMENT max_statement_time=1, lock_wait_timeout=(2) FOR SET STATEMENT x='FOR' FOR DROP VIEW v": "DROP VIEW",
		// What is about tables is never taken for something else.
		"CREATE TABLE procedure (x INT)":        "CREATE TABLE",
		"DROP TABLES user":                      "DROP TABLE",
		"ALTER IGNORE TABLE event ADD user INT": "ALTER TABLE",
		"ALTER TABLE `view` DROP trigger":       "ALTER TABLE",
		"RENAME TABLES user TO role":            "RENAME TABLE",
		"RENAME TABLE a TO user":                "RENAME TABLE",
		"TRUNCATE user":                         "TRUNCATE",
		"CREATE SPATIAL INDEX user ON a (g)":    "CREATE INDEX",
		"DROP INDEX function ON a":              "DROP INDEX",
		"CREATE SCHEMA `user`":                  "CREATE DATABASE",
		"CREATE `user` u":                       "CREATE",
		"`flush`":                               "",
		"'GRANT'":                               "",
		"/* DROP VIEW v */ DROP TABLE v":        "DROP TABLE",
		"/*T! DROP VIEW v */":                   "",
		"OPTIMIZE `TABLE`":                      "OPTIMIZE",
		"ANALYZE UPDATE t SET x = 1":            "ANALYZE",
		"":                                      "",
	} {
		w := ReadWords(text, "", true)
		if got := w.Form(); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// TestWordsOfComments: which comments are executed is for the source to say.
func TestWordsOfComments(t *testing.T) {
	const text = "/*! a */ b /*!80000 c */ d /*M! e */ f /*M!100301 g*/ h /*T! i */ j /*M k */ l /*!100200m*/"
	for maria, want := range map[bool]string{true: "a b c d e f g h j l m", false: "a b c d f h j l m"} {
		w := ReadWords(text, "", maria)
		if got, opened := w.Bare(); got != want || !opened {
			t.Errorf("%v: %s, %v", maria, got, opened)
		}
	}
	w := ReadWords("a /* b */ -- c", "", true)
	if got, opened := w.Bare(); got != "a" || opened {
		t.Errorf("%s, %v", got, opened)
	}
	for _, text := range []string{"", " ", "/* DROP TABLE a */", "# x", "--", "/* not closed"} {
		if w := ReadWords(text, "", true); !w.Empty() {
			t.Errorf("%q is not empty", text)
		}
	}
	if w := ReadWords("'not closed", "", true); w.Empty() {
		t.Error("text that is not closed is taken for nothing")
	}
}

// TestWordsCutOut: what says nothing about tables is no part of the statement,
// and the rest of its text is as it was.
func TestWordsCutOut(t *testing.T) {
	for text, want := range map[string]string{
		"SET STATEMENT max_statement_time=10 FOR ALTER TABLE b ADD y INT DEFAULT 3 /* x */ COMMENT 'FOR'":    "ALTER TABLE b ADD y INT DEFAULT 3 /* x */ COMMENT 'FOR'",
		"set statement a='FOR', b=(1) for set statement c=`for` for TRUNCATE TABLE b":                        "TRUNCATE TABLE b",
		"/*M!100100 SET STATEMENT a=1 FOR */ DROP TABLE b":                                                   "/*M!100100  */ DROP TABLE b",
		"/*M!100100 SET STATEMENT a=1 FOR DROP TABLE b */":                                                   "/*M!100100  DROP TABLE b */",
		"CREATE TABLE `b` (\n  `x` int DEFAULT NULL\n) START TRANSACTION":                                    "CREATE TABLE `b` (\n  `x` int DEFAULT NULL\n)",
		"CREATE TABLE `b` (`x` int) START TRANSACTION COMMENT='START TRANSACTION'":                           "CREATE TABLE `b` (`x` int)  COMMENT='START TRANSACTION'",
		"create table b (x int) engine=innodb start /* x */ transaction /*!50100 PARTITION BY HASH (`x`) */": "create table b (x int) engine=innodb  /*!50100 PARTITION BY HASH (`x`) */",
		"CREATE TABLE start (transaction INT)":                                                               "CREATE TABLE start (transaction INT)",
		"CREATE TABLE b (start transaction)":                                                                 "CREATE TABLE b (start transaction)",
		"CREATE TABLE b (x int) COMMENT 'a\\' START TRANSACTION":                                             "CREATE TABLE b (x int) COMMENT 'a\\' START TRANSACTION",
	} {
		w := ReadWords(text, "", true)
		if got := strings.TrimSpace(w.Text()); got != want {
			t.Errorf("%s:\n%s, want\n%s", text, got, want)
		}
	}
}

func TestCascades(t *testing.T) {
	for text, want := range map[string][]string{
		"CREATE TABLE a (x INT, FOREIGN KEY (x) REFERENCES p (x) ON DELETE CASCADE)":                                                                                     {""},
		"CREATE TABLE a (x INT, y INT, CONSTRAINT c FOREIGN KEY f (x, y) REFERENCES d.p (x, y) MATCH FULL ON UPDATE RESTRICT ON DELETE SET NULL)":                        {"c"},
		"ALTER TABLE a ADD CONSTRAINT FOREIGN KEY IF NOT EXISTS f (x) REFERENCES p (x) on update cascade, ADD FOREIGN KEY g (y) REFERENCES p (x) ON DELETE NO ACTION":    {"f"},
		"ALTER TABLE a ADD CONSTRAINT `c d` FOREIGN KEY (x) REFERENCES p (x) ON DELETE RESTRICT ON UPDATE CASCADE, ADD FOREIGN KEY h (x) REFERENCES q ON DELETE CASCADE": {"c d", "h"},
		"CREATE TABLE a (x INT REFERENCES p (x) ON DELETE CASCADE)":                                                                                                      {""},
		"CREATE TABLE a (x INT, FOREIGN KEY (x) REFERENCES p (x) ON DELETE SET DEFAULT ON UPDATE NO ACTION)":                                                             nil,
		"CREATE TABLE a (t TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, c TEXT COMMENT 'FOREIGN KEY (x) REFERENCES p (x) ON DELETE CASCADE')":                                  nil,
		"CREATE TABLE a (x INT /* REFERENCES p (x) ON DELETE CASCADE */, `REFERENCES` INT)":                                                                              nil,
		"ALTER TABLE a DROP FOREIGN KEY f": nil,
		"ALTER TABLE a DROP FOREIGN KEY":   nil,
		"CREATE TABLE a (x INT REFERENCES": nil,
	} {
		w := ReadWords(text, "", true)
		if got := w.Cascades(true); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	w := ReadWords("CREATE TABLE a (x INT REFERENCES p (x) ON DELETE CASCADE, FOREIGN KEY f (x) REFERENCES p (x) ON DELETE CASCADE)", "", false)
	if got := w.Cascades(false); !slices.Equal(got, []string{"f"}) {
		t.Errorf("%q", got)
	}
}
