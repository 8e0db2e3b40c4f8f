package schema

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func readHead(text, sqlMode string) (Head, bool) {
	w := ReadWords(text, sqlMode, true)
	return w.Head()
}

func TestReadHead(t *testing.T) {
	for text, want := range map[string]Head{
		"create or replace table `a b`.c (x int invisible)": {Verb: "CREATE", Object: "TABLE", OrReplace: true, Tables: []Name{{"a b", "c"}}, Whole: true,
			Plain: "create table `a b`.c (x int invisible)", Visible: "create table `a b`.c (x int)"},
		"ALTER ONLINE TABLE IF EXISTS t WAIT 5 ADD g INT AS (1) PERSISTENT": {Verb: "ALTER", Object: "TABLE", IfExists: true, Tables: []Name{{"", "t"}}, Whole: true,
			Plain: "ALTER TABLE t ADD g INT AS (1) STORED", Visible: "ALTER TABLE t ADD g INT AS (1) STORED"},
		"DROP TABLE IF EXISTS a, b.c": {Verb: "DROP", Object: "TABLE", IfExists: true, Tables: []Name{{"", "a"}, {"b", "c"}}, Whole: true,
			Plain: "DROP TABLE IF EXISTS a, b.c", Visible: "DROP TABLE IF EXISTS a, b.c"},
		"RENAME TABLES a TO b, c NOWAIT TO d": {Verb: "RENAME", Object: "TABLE", Tables: []Name{{"", "a"}, {"", "b"}, {"", "c"}, {"", "d"}}, Whole: true,
			Plain: "RENAME TABLE a TO b, c TO d", Visible: "RENAME TABLE a TO b, c TO d"},
		"ALTER TABLE a EXCHANGE PARTITION p WITH TABLE b": {Verb: "ALTER", Object: "TABLE", Tables: []Name{{"", "a"}},
			Plain: "ALTER TABLE a EXCHANGE PARTITION p WITH TABLE b", Visible: "ALTER TABLE a EXCHANGE PARTITION p WITH TABLE b"},
		"ALTER TABLE a CONVERT PARTITION p TO TABLE b": {Verb: "ALTER", Object: "TABLE", Tables: []Name{{"", "a"}},
			Plain: "ALTER TABLE a CONVERT PARTITION p TO TABLE b", Visible: "ALTER TABLE a CONVERT PARTITION p TO TABLE b"},
		"CREATE UNIQUE INDEX IF NOT EXISTS i USING BTREE ON s.t (c)": {Verb: "CREATE", Object: "INDEX", Tables: []Name{{"s", "t"}}, Index: "i", Whole: true,
			Plain: "CREATE UNIQUE INDEX IF NOT EXISTS i USING BTREE ON s.t (c)", Visible: "CREATE UNIQUE INDEX IF NOT EXISTS i USING BTREE ON s.t (c)"},
		"CREATE TABLE c (compressed TEXT COMPRESSED NOT NULL, x VARCHAR(9) COMPRESSED=zlib, y BLOB /*M!100301 COMPRESSED*/, z VARCHAR(9) COMPRESSED CHARACTER SET latin1, a CHAR(1) COMPRESSED BINARY, KEY (compressed)) ROW_FORMAT=COMPRESSED, ROW_FORMAT COMPRESSED": {
			Verb: "CREATE", Object: "TABLE", Tables: []Name{{"", "c"}}, Whole: true,
			Plain:   "CREATE TABLE c (compressed TEXT NOT NULL, x VARCHAR(9), y BLOB , z VARCHAR(9) CHARACTER SET latin1, a CHAR(1) BINARY, KEY (compressed)) ROW_FORMAT=COMPRESSED, ROW_FORMAT COMPRESSED",
			Visible: "CREATE TABLE c (compressed TEXT NOT NULL, x VARCHAR(9), y BLOB , z VARCHAR(9) CHARACTER SET latin1, a CHAR(1) BINARY, KEY (compressed)) ROW_FORMAT=COMPRESSED, ROW_FORMAT COMPRESSED"},
		"ALTER TABLE c CHANGE COLUMN IF EXISTS compressed compressed TEXT COMPRESSED AFTER compressed, DROP compressed": {Verb: "ALTER", Object: "TABLE", Tables: []Name{{"", "c"}}, Whole: true,
			Plain: "ALTER TABLE c CHANGE COLUMN IF EXISTS compressed compressed TEXT AFTER compressed, DROP compressed", Visible: "ALTER TABLE c CHANGE COLUMN IF EXISTS compressed compressed TEXT AFTER compressed, DROP compressed",
			Sure: "ALTER TABLE c CHANGE COLUMN compressed compressed TEXT AFTER compressed, DROP compressed", Ifs: []Condition{IfExists, Always}},
		"DROP SCHEMA d": {Verb: "DROP", Object: "DATABASE", Tables: []Name{{Schema: "d"}}, Whole: true, Plain: "DROP SCHEMA d", Visible: "DROP SCHEMA d"},
		// a schema: the session's, or one that is named
		"ALTER DATABASE CHARACTER SET latin1":  {Verb: "ALTER", Object: "DATABASE", Tables: []Name{{}}, Whole: true, Plain: "ALTER DATABASE CHARACTER SET latin1", Visible: "ALTER DATABASE CHARACTER SET latin1"},
		"ALTER SCHEMA COMMENT = 'x' COLLATE c": {Verb: "ALTER", Object: "DATABASE", Tables: []Name{{}}, Whole: true, Plain: "ALTER SCHEMA COMMENT = 'x' COLLATE c", Visible: "ALTER SCHEMA COLLATE c", Remark: "COMMENT = 'x'"},
		"ALTER SCHEMA COMMENT 'x'":             {Verb: "ALTER", Object: "DATABASE", Tables: []Name{{}}, Whole: true, Plain: "ALTER SCHEMA COMMENT 'x'", Remark: "COMMENT 'x'"},
		"ALTER DATABASE READ ONLY = DEFAULT":   {Verb: "ALTER", Object: "DATABASE", Tables: []Name{{}}, Whole: true, Plain: "ALTER DATABASE READ ONLY = DEFAULT", Remark: "READ ONLY = DEFAULT"},
		"ALTER DATABASE d READ ONLY 1":         {Verb: "ALTER", Object: "DATABASE", Tables: []Name{{Schema: "d"}}, Whole: true, Plain: "ALTER DATABASE d READ ONLY 1", Remark: "READ ONLY 1"},
		"CREATE DATABASE d COMMENT'x'COLLATE c": {Verb: "CREATE", Object: "DATABASE", Tables: []Name{{Schema: "d"}}, Whole: true,
			Plain: "CREATE DATABASE d COMMENT'x'COLLATE c", Visible: "CREATE DATABASE d COLLATE c", Remark: "COMMENT'x'"},
		"truncate t": {Verb: "TRUNCATE", Object: "TABLE", Tables: []Name{{"", "t"}}, Whole: true, Plain: "truncate t", Visible: "truncate t"},
	} {
		got, ok := readHead(text, "")
		if diff := cmp.Diff(want, got); !ok || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", text, ok, diff)
		}
	}
	for _, text := range []string{"INSERT INTO t VALUES (1)", "ALTER USER u", "ALTER DATABASE charset utf8 COLLATE utf8_bin", "ALTER DATABASE comment COMMENT 'x'", "CREATE TABLE", "RENAME TABLE a", "DROP TABLE 'x'", "ALTER TABLE `a", ""} {
		if got, ok := readHead(text, ""); ok {
			t.Errorf("%s: %+v", text, got)
		}
	}
	if got, ok := readHead(`ALTER TABLE "a" ADD x CHAR(3) DEFAULT 'it\'`, "ANSI_QUOTES,NO_BACKSLASH_ESCAPES"); !ok || got.Plain != "ALTER TABLE `a` ADD x CHAR(3) DEFAULT 'it\\\\'" {
		t.Errorf("%+v, %v", got, ok)
	}
}

// TestHeadConditions: what a clause depends on is cut out, by the clause, and not
// what reads like it inside of expressions and texts.
func TestHeadConditions(t *testing.T) {
	for text, want := range map[string]struct {
		sure string
		ifs  []Condition
	}{
		"ALTER TABLE t DROP CONSTRAINT IF EXISTS c":                                              {"ALTER TABLE t DROP CONSTRAINT c", []Condition{IfExists}},
		"ALTER TABLE IF EXISTS t ADD (a INT, b INT), drop key if exists k":                       {"ALTER TABLE t ADD (a INT, b INT), drop key k", []Condition{Always, IfExists}},
		"ALTER TABLE t ADD UNIQUE KEY IF NOT EXISTS u (a), ADD x INT INVISIBLE":                  {"ALTER TABLE t ADD UNIQUE KEY u (a), ADD x INT", []Condition{IfNotExists, Always}},
		"ALTER TABLE t ADD x INT AS (IF(EXISTS(SELECT 1), 1, 2)), COMMENT 'IF EXISTS'":           {"", nil},
		"ALTER TABLE t ADD `IF` INT, DROP `EXISTS`":                                              {"", nil},
		"CREATE TABLE IF NOT EXISTS t (x INT)":                                                   {"", nil},
		"ALTER TABLE t DROP FOREIGN KEY IF EXISTS f, ADD CONSTRAINT IF NOT EXISTS c CHECK (a>1)": {"ALTER TABLE t DROP FOREIGN KEY f, ADD CONSTRAINT c CHECK (a>1)", []Condition{IfExists, IfNotExists}},
	} {
		got, ok := readHead(text, "")
		if !ok || got.Sure != want.sure || !slices.Equal(got.Ifs, want.ifs) {
			t.Errorf("%s: %v, %q, %v", text, ok, got.Sure, got.Ifs)
		}
	}
}

// TestHeadAttributes: what only one server's storage engines know is left out.
func TestHeadAttributes(t *testing.T) {
	for text, want := range map[string]string{
		"CREATE TABLE t (a INT ENGINE_ATTRIBUTE='{}' NOT NULL, KEY (a) SECONDARY_ENGINE_ATTRIBUTE '{}') COMMENT='x' ENGINE_ATTRIBUTE = '{\"a\":1}' ROW_FORMAT=DYNAMIC": "CREATE TABLE t (a INT NOT NULL, KEY (a)) COMMENT='x' ROW_FORMAT=DYNAMIC",
		"CREATE TABLE t (a INT) SECONDARY_ENGINE=rapid":                                   "CREATE TABLE t (a INT)",
		"CREATE TABLE t (a INT) SECONDARY_ENGINE_ATTRIBUTE='{}', COMMENT='x'":             "CREATE TABLE t (a INT) COMMENT='x'",
		"ALTER TABLE t ENGINE_ATTRIBUTE='{}', ADD b INT":                                  "ALTER TABLE t ADD b INT",
		"ALTER TABLE t ADD b INT, SECONDARY_ENGINE = NULL":                                "ALTER TABLE t ADD b INT",
		"ALTER TABLE t ADD b INT, SECONDARY_ENGINE_ATTRIBUTE='{}', ADD c INT":             "ALTER TABLE t ADD b INT, ADD c INT",
		"ALTER TABLE t ENGINE_ATTRIBUTE='{}', SECONDARY_ENGINE_ATTRIBUTE='{}', ADD c INT": "ALTER TABLE t ADD c INT",
		"ALTER TABLE t ADD b INT SECONDARY_ENGINE_ATTRIBUTE='{}' COMMENT 'x', ADD c INT":  "ALTER TABLE t ADD b INT COMMENT 'x', ADD c INT",
		"ALTER TABLE t ADD b INT SECONDARY_ENGINE_ATTRIBUTE='{}', ADD c INT":              "ALTER TABLE t ADD b INT, ADD c INT",
		"ALTER TABLE t ENGINE_ATTRIBUTE='{}'":                                             "",
		"ALTER TABLE t ENGINE_ATTRIBUTE='{}' SECONDARY_ENGINE_ATTRIBUTE='{}'":             "",
		"CREATE INDEX i ON t (a) COMMENT 'x' SECONDARY_ENGINE_ATTRIBUTE '{}'":             "CREATE INDEX i ON t (a) COMMENT 'x'",
	} {
		got, ok := readHead(text, "")
		if !ok || !got.Attributes || got.Visible != want {
			t.Errorf("%s: %v, %v, %q", text, ok, got.Attributes, got.Visible)
		}
	}
	const names = "ALTER TABLE t ADD engine_attribute INT, ADD `ENGINE_ATTRIBUTE` INT, DROP secondary_engine"
	if got, _ := readHead(names, ""); got.Attributes || got.Visible != names {
		t.Errorf("%+v", got)
	}
}

// TestAbout: a statement is about another table, and nothing else of it changes.
func TestAbout(t *testing.T) {
	for text, want := range map[string]string{
		"ALTER /* gh-ost */ TABLE `s`.`_t_gho` ADD c INT COMMENT '_t_gho'": "ALTER /* gh-ost */ TABLE `d``b`.`t` ADD c INT COMMENT '_t_gho'",
		"alter online table if exists _t_gho wait 5 add _t_gho int":        "alter online table if exists `d``b`.`t` wait 5 add _t_gho int",
		"ALTER TABLE s . /* x */ _t_gho/*!50100 ADD c INT*/":               "ALTER TABLE `d``b`.`t`/*!50100 ADD c INT*/",
		"CREATE UNIQUE INDEX i USING BTREE ON s._t_gho (c)":                "CREATE UNIQUE INDEX i USING BTREE ON `d``b`.`t` (c)",
		"SET STATEMENT max_statement_time=5 FOR ALTER TABLE x ADD y INT":   "ALTER TABLE `d``b`.`t` ADD y INT",
		"DROP INDEX i ON x":      "DROP INDEX i ON `d``b`.`t`",
		"INSERT INTO x SELECT 1": "INSERT INTO x SELECT 1",
	} {
		w := ReadWords(text, "", true)
		if got := w.About(Name{"d`b", "t"}); strings.TrimSpace(got) != want {
			t.Errorf("%s:\n%s, want\n%s", text, got, want)
		}
	}
	w := ReadWords(`ALTER TABLE "a b" ADD x CHAR(3) DEFAULT 'it\'`, "ANSI_QUOTES,NO_BACKSLASH_ESCAPES", true)
	if got := w.About(Name{"d", "t"}); got != "ALTER TABLE `d`.`t` ADD x CHAR(3) DEFAULT 'it\\'" {
		t.Error(got)
	}
}
