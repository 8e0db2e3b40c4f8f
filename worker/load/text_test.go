package load_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestTextOfDumpling: its files name the character set binary and hold UTF-8, of
// whatever character set the columns are.
func TestTextOfDumpling(t *testing.T) {
	intoEach(t, func(t *testing.T, src, dst *testbed.Server) {
		name := "dumplingtext" + strconv.Itoa(dst.Port)
		b := newBed(t, name, src, dst)
		create := "CREATE TABLE `t` (`id` int PRIMARY KEY, `v` varchar(20), `b` blob, `j` json) DEFAULT CHARSET=latin1"
		b.exec(src, "CREATE DATABASE "+name, strings.Replace(create, "`t`", name+".t", 1), "INSERT INTO "+name+".t VALUES (1, 'aä€', x'00ff27', '[\"ä\"]'), (2, 'x', NULL, NULL)")
		b.loadOnly(written(t, map[string]string{"metadata": "", name + "-schema-create.sql": "CREATE DATABASE `" + name + "`;\n", name + ".t-schema.sql": "/*!40101 SET NAMES binary*/;\n" + create + ";\n",
			name + ".t.0000000010000.sql": "/*!40014 SET FOREIGN_KEY_CHECKS=0*/;\n/*!40101 SET NAMES binary*/;\nINSERT INTO `t` VALUES\n(1,'aä€',x'00ff27','[\\\"ä\\\"]'),\n(2,'x',NULL,NULL);\n"}))
		b.loadAlone()
		b.equal(name, "t")
	})
}

// TestTextOfMydumper: its files name the character set binary and hold the bytes of
// each column's own. Where the target's column would take them for other text the
// load ends with the column, and goes on when that is mended.
func TestTextOfMydumper(t *testing.T) {
	maria, tidb := mariaTarget(t), servers.TiDB(t)
	for i, c := range []struct {
		name         string
		dst          *testbed.Server
		source       string
		there, value string // there is "" where the load makes the table
		refused      bool
	}{
		{"the same", maria, "latin1", "", "'ä€'", false},
		{"of another size", maria, "utf8mb3", "utf8mb4", "'ä€'", false},
		{"utf8 into latin1", maria, "utf8mb4", "latin1", "'ä'", true},
		{"latin1 that looks like utf8", maria, "latin1", "utf8mb4", "'Ã¤'", true},
		{"nothing but ASCII", maria, "utf8mb4", "latin1", "'abc\\'\\\\'", false},
		{"two bytes each", maria, "ucs2", "utf8mb4", "'ab'", true},
		{"latin1 of TiDB", tidb, "latin1", "", "'ä'", true},
		{"ASCII in latin1 of TiDB", tidb, "latin1", "", "'abc'", false},
		{"utf8 of TiDB", tidb, "utf8mb4", "", "'ä€🎉'", false},
		{"gbk of TiDB", tidb, "gbk", "", "'中誠'", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := "mdtext" + strconv.Itoa(i)
			b := newBed(t, name, servers.MariaDB(t), c.dst)
			table := "CREATE TABLE " + name + ".t (id INT PRIMARY KEY, v VARCHAR(20), w VARCHAR(20), b BLOB) DEFAULT CHARSET "
			b.exec(b.src, "CREATE DATABASE "+name, table+c.source, "INSERT INTO "+name+".t VALUES (1, "+c.value+", NULL, x'00e4ff'), (2, NULL, "+c.value+", NULL)")
			if c.there != "" {
				b.exec(b.dst, "CREATE DATABASE "+name, table+c.there)
			}
			b.loadOnly(b.mydumper(name))
			if !c.refused {
				b.loadAlone()
				b.equal(name, "t")
				return
			}
			m, closeMeta := b.meta(t.Context())
			defer closeMeta()
			err := b.load(t.Context(), m)
			var f *fault.Error
			if !errors.As(err, &f) || f.Kind != fault.Schema || !strings.Contains(err.Error(), "`v`") || !strings.Contains(err.Error(), c.source) || fault.HintOf(err) == "" {
				t.Errorf("%v (%s)", err, fault.HintOf(err))
			}
			if n := b.count(b.dst, name+".t"); n != 0 {
				t.Errorf("%d rows", n)
			}
			if c.dst == maria {
				b.exec(b.dst, "DROP TABLE "+name+".t", table+c.source)
				b.loadAlone()
				b.equal(name, "t")
			}
		})
	}
}

// TestNamesInRoutedRows: what a route writes into rows is text of ours, whatever
// character set the file names.
func TestNamesInRoutedRows(t *testing.T) {
	const name = "routedtext"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	b.exec(b.src, "CREATE DATABASE "+name+"_1", "CREATE TABLE "+name+"_1.`t_ü'` (id INT PRIMARY KEY)", "INSERT INTO "+name+"_1.`t_ü'` VALUES (1), (2)")
	b.exec(b.dst, "CREATE DATABASE "+name, "CREATE TABLE "+name+".t (id INT PRIMARY KEY, c_table VARCHAR(9) CHARACTER SET latin1, c_schema VARCHAR(9), c_source VARCHAR(9))")
	b.merge(name, true)
	b.loadOnly(written(t, map[string]string{"metadata": "", name + "_1-schema-create.sql": "CREATE DATABASE " + name + "_1;\n", name + "_1.t_ü'-schema.sql": "CREATE TABLE `t_ü'` (id int primary key);\n",
		name + "_1.t_ü'.sql": "/*!40101 SET NAMES binary*/;\nINSERT INTO `t_ü'` VALUES (1),(2);\n"}))
	b.loadAlone()
	if got := strings.Join(b.list("SELECT CONCAT_WS(' ', id, c_table, c_schema, c_source) FROM "+name+".t ORDER BY id"), "\n"); got != "1 ü' 1 src\n2 ü' 1 src" {
		t.Errorf("on the target:\n%s", got)
	}
}
