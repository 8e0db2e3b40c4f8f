package load_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/filter"
)

// copies is a block-allow-list as a task's DumpFilter has it.
type copies struct{ *filter.Filter }

func (c copies) MatchSchema(s string) bool { return c.CopiesSchema(s) }

// choosing gives the task a block-allow-list.
func (b *bed) choosing(rules filter.Rules) {
	b.t.Helper()
	f, err := filter.New(rules, filter.Options{})
	if err != nil {
		b.t.Fatal(err)
	}
	b.sub.Filter, b.sub.DumpFilter = f, copies{f}
}

// schemas lists the schemas and tables of the target whose schema begins with name.
func (b *bed) schemas(name string) string {
	b.t.Helper()
	return strings.Join(b.list("SELECT CONCAT_WS('.', SCHEMA_NAME, TABLE_NAME) FROM information_schema.SCHEMATA LEFT JOIN information_schema.TABLES"+
		" ON TABLE_SCHEMA = SCHEMA_NAME WHERE SCHEMA_NAME LIKE '"+name+"%' ORDER BY 1"), " ")
}

// written is a directory with files.
func written(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for file, text := range files {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestALoadAloneTakesWhatIsListed: of a dump with more than the task's list the
// load makes what a dump of the task would have had, whoever wrote the files.
func TestALoadAloneTakesWhatIsListed(t *testing.T) {
	src, dst := servers.MariaDB(t), mariaTarget(t)
	rules := func(name string) filter.Rules {
		return filter.Rules{DoTables: []filter.TablePattern{{Schema: name + "_a", Table: "t"}, {Schema: name + "_b*", Table: "none"}}}
	}
	want := func(name string) string { return name + "_a.t " + name + "_b" }
	t.Run("foreign", func(t *testing.T) {
		const name = "listforeign"
		b := newBed(t, name, src, dst)
		files := map[string]string{"metadata": ""}
		for _, s := range []string{"_a", "_b", "_c"} {
			files[name+s+"-schema-create.sql"] = "CREATE DATABASE `" + name + s + "`;\n"
			for _, tbl := range []string{"t", "u"} {
				files[name+s+"."+tbl+"-schema.sql"] = "CREATE TABLE `" + tbl + "` (`a` int PRIMARY KEY);\n"
				files[name+s+"."+tbl+".sql"] = "INSERT INTO `" + tbl + "` VALUES (1);\n"
			}
		}
		b.loadOnly(written(t, files))
		b.choosing(rules(name))
		if s := b.loadAlone(); s.Load.FinishedBytes != s.Load.TotalBytes {
			t.Errorf("status at the end: %+v", *s.Load)
		}
		if got := b.schemas(name); got != want(name) {
			t.Errorf("on the target: %s", got)
		}
	})
	t.Run("own", func(t *testing.T) {
		const name = "listown"
		b := newBed(t, name, src, dst)
		for _, s := range []string{"_a", "_b", "_c"} {
			for _, q := range []string{"CREATE DATABASE " + name + s, "CREATE TABLE " + name + s + ".t (a INT PRIMARY KEY)", "CREATE TABLE " + name + s + ".u (a INT PRIMARY KEY)",
				"INSERT INTO " + name + s + ".t VALUES (1)", "INSERT INTO " + name + s + ".u VALUES (1)"} {
				b.exec(src, q)
			}
		}
		dir := b.dumpAlone()
		b.sub.Task = name + "_load"
		b.loadOnly(dir)
		b.choosing(rules(name))
		if s := b.loadAlone(); s.Load.FinishedBytes != s.Load.TotalBytes {
			t.Errorf("status at the end: %+v", *s.Load)
		}
		if got := b.schemas(name); got != want(name) {
			t.Errorf("on the target: %s", got)
		}
	})
}
