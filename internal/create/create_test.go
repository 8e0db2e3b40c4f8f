package create

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/route"
	"github.com/raftdm/raftdm/internal/schema"
)

func TestFit(t *testing.T) {
	create := "CREATE TABLE `latin1_swedish_ci` (\n  `a` varchar(9) COLLATE latin1_swedish_ci DEFAULT 'latin1_swedish_ci' COMMENT 'it''s \\' latin1_swedish_ci'" +
		"\n) DEFAULT CHARSET=latin1 COLLATE=LATIN1_SWEDISH_CI COMMENT=\"latin1_swedish_ci\""
	want := "CREATE TABLE `latin1_swedish_ci` (\n  `a` varchar(9) COLLATE latin1_bin DEFAULT 'latin1_swedish_ci' COMMENT 'it''s \\' latin1_swedish_ci'" +
		"\n) DEFAULT CHARSET=latin1 COLLATE=latin1_bin COMMENT=\"latin1_swedish_ci\""
	got, done := fit(dbconn.Server{TiDB: true}, create)
	if d := cmp.Diff(want, got); d != "" || len(done) != 2 {
		t.Errorf("%d replaced: %s", len(done), d)
	}
	if got, done := fit(dbconn.Server{}, create); got != create || done != nil {
		t.Error("a statement for another server than TiDB was changed")
	}
	if got := ifNotExists("CREATE TABLE `t` (`a` int)"); got != "CREATE TABLE IF NOT EXISTS `t` (`a` int)" {
		t.Error(got)
	}
}

// TestInvisibleColumns are columns like others where the target knows no such ones.
func TestInvisibleColumns(t *testing.T) {
	table := func(hidden, key string) string {
		return "CREATE TABLE `INVISIBLE` (\n  `id` int(11) NOT NULL,\n  `h` int(11)" + hidden + " DEFAULT 7 COMMENT 'INVISIBLE ` \\\\',\n  `v` varchar(20) COLLATE utf8mb4_bin DEFAULT 'a\\nb'," +
			"\n  PRIMARY KEY (`id`)" + key + "\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='x'"
	}
	n, to := schema.Name{Schema: "s", Table: "INVISIBLE"}, &route.Target{Schema: "s", Table: "INVISIBLE"}
	for _, hidden := range []string{" INVISIBLE", " /*!80023 INVISIBLE */", ""} {
		for _, tidb := range []bool{false, true} {
			want := table(hidden, "")
			if tidb {
				want = table("", "")
			}
			st, err := Rules{Target: dbconn.Server{TiDB: tidb}}.Table(n, to, table(hidden, ""))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Fields(strings.Replace(want, "TABLE", "TABLE IF NOT EXISTS", 1)), strings.Fields(st.SQL)); diff != "" {
				t.Errorf("%q, TiDB %t: %s", hidden, tidb, diff)
			}
		}
	}
}

func TestRenamedDefinitions(t *testing.T) {
	r, err := route.New([]route.Rule{
		{Schema: "a_*", Table: "t_*", TargetSchema: "a", TargetTable: "t"},
		{Schema: "other", TargetSchema: "o"},
	}, route.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := renamedTable("CREATE TABLE `t_1` (\n  `id` int COMMENT 'FOREIGN KEY (x) REFERENCES `t_2`',\n"+
		"  CONSTRAINT `f``1` FOREIGN KEY (`id`) REFERENCES `t_2` (`id`),\n"+
		"  CONSTRAINT `f2` FOREIGN KEY (`id`) REFERENCES `other`.`p` (`id`) ON DELETE CASCADE\n) ENGINE=InnoDB",
		schema.Name{Schema: "a_1", Table: "t_1"}, r)
	if err != nil {
		t.Fatal(err)
	}
	want := "CREATE TABLE `t` (\n  `id` int COMMENT 'FOREIGN KEY (x) REFERENCES `t_2`',\n" +
		"  CONSTRAINT `f``1` FOREIGN KEY (`id`) REFERENCES `t` (`id`),\n" +
		"  CONSTRAINT `f2` FOREIGN KEY (`id`) REFERENCES `o`.`p` (`id`) ON DELETE CASCADE\n) ENGINE=InnoDB"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for in, want := range map[string]string{
		"CREATE DATABASE `a_1` /*!40100 DEFAULT CHARACTER SET utf8mb4 */":                         "CREATE DATABASE `x` /*!40100 DEFAULT CHARACTER SET utf8mb4 */",
		"CREATE DATABASE /*!32312 IF NOT EXISTS*/ `a_1` /*!40100 DEFAULT CHARACTER SET latin1 */": "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `x` /*!40100 DEFAULT CHARACTER SET latin1 */",
	} {
		if got := renamedSchema(in, "x"); got != want {
			t.Errorf("got %s", got)
		}
	}
}

// TestStrict spells out what SHOW CREATE leaves out, and replaces nothing.
func TestStrict(t *testing.T) {
	r := Rules{Strict: true, Target: dbconn.Server{TiDB: true}}
	st, err := r.Table(schema.Name{Schema: "s", Table: "t"}, &route.Target{Schema: "s", Table: "t"}, "CREATE TABLE `CHARSET=latin1 t` (\n  `a` varchar(9) CHARACTER SET latin1 DEFAULT 'CHARSET=latin1',\n"+
		"  `b` text CHARACTER SET utf8 COLLATE utf8_bin\n) ENGINE=InnoDB DEFAULT CHARSET=gbk COMMENT='CHARACTER SET x'")
	if err != nil {
		t.Fatal(err)
	}
	want := "CREATE TABLE IF NOT EXISTS `CHARSET=latin1 t` (\n  `a` varchar(9) CHARACTER SET latin1 COLLATE latin1_swedish_ci DEFAULT 'CHARSET=latin1',\n" +
		"  `b` text CHARACTER SET utf8 COLLATE utf8_bin\n) ENGINE=InnoDB DEFAULT CHARSET=gbk COLLATE=gbk_chinese_ci COMMENT='CHARACTER SET x'"
	if diff := cmp.Diff(want, st.SQL); diff != "" || len(st.Replaced) > 0 {
		t.Error(diff, st.Replaced)
	}
	_, st, err = r.Schema("s", "CREATE DATABASE `s` /*!40100 DEFAULT CHARACTER SET utf8mb4 */")
	if err != nil || st.SQL != "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `s` /*!40100 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci */" {
		t.Error(st.SQL, err)
	}
}
