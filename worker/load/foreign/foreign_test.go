package foreign

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/fault"
)

const head = "/*!40101 SET NAMES binary*/;\n/*!40014 SET FOREIGN_KEY_CHECKS=0*/;\n\n/*!40103 SET TIME_ZONE='+00:00' */;\n"

// directory makes a dump of the given files; a name that ends with .gz is compressed.
func directory(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		var w io.WriteCloser = f
		if strings.HasSuffix(name, gzipped) {
			w = gzip.NewWriter(f)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	return dir
}

// names lists schemas, tables and files of a dump.
func names(d *Dump) []string {
	var out []string
	for _, s := range d.Schemas {
		out = append(out, s.Name)
	}
	for _, t := range d.Tables {
		line := t.Schema + " " + t.Name + ":"
		for _, f := range t.Data {
			line += " " + f.Name
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}

func TestDirectories(t *testing.T) {
	create := func(table string) string { return head + "CREATE TABLE `" + table + "` (\n  `a` int\n);\n" }
	rows := func(table string) string { return head + "INSERT INTO `" + table + "` VALUES\n(1);\n" }
	schema := func(name string) string {
		return "CREATE DATABASE `" + name + "` /*!40100 DEFAULT CHARACTER SET utf8mb4 */;\n"
	}
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []string
		left  []string
	}{
		{"mydumper, whole tables", map[string]string{"d-schema-create.sql": schema("d"), "d.t-schema.sql": create("t"), "d.t.sql": rows("t"),
			"d.empty-schema.sql": create("empty")}, []string{"d", "d empty:", "d t: d.t.sql"}, nil},
		{"mydumper, chunks and files", map[string]string{"d-schema-create.sql": schema("d"), "d.t-schema.sql": create("t"),
			"d.t.00000.sql": rows("t"), "d.t.00001.sql": rows("t"), "d.t.00001.00002.sql": rows("t")},
			[]string{"d", "d t: d.t.00000.sql d.t.00001.00002.sql d.t.00001.sql"}, nil},
		{"dumpling", map[string]string{"d-schema-create.sql": schema("d"), "d.t-schema.sql": create("t"), "d.t.000000000.sql": rows("t"), "d.t.0000000010000.sql": rows("t"),
			"a%2Eb.x%2Fy.000000000.sql": rows("x/y"), "a%2Eb.x%2Fy-schema.sql": create("x/y")},
			[]string{"a.b", "a.b x/y: a%2Eb.x%2Fy.000000000.sql", "d", "d t: d.t.000000000.sql d.t.0000000010000.sql"}, nil},
		{"compressed", map[string]string{"d-schema-create.sql.gz": schema("d"), "d.t-schema.sql.gz": create("t"), "d.t.sql.gz": rows("t")},
			[]string{"d", "d t: d.t.sql.gz"}, nil},
		{"names with dots and endings", map[string]string{"a.b-schema-create.sql": schema("a.b"), "a-schema-create.sql": schema("a"), "a.b.c-schema.sql": create("c"),
			"a.b.c.sql": rows("c"), "a.x-schema-schema.sql": create("x-schema"), "a.x-schema.sql": rows("x-schema"), "a.7-schema.sql": create("7"), "a.7.00003.sql": rows("7")},
			[]string{"a", "a 7: a.7.00003.sql", "a x-schema: a.x-schema.sql", "a.b", "a.b c: a.b.c.sql"}, nil},
		{"a dot in a table's name, and a schema that is called like its beginning", map[string]string{"a-schema-create.sql": schema("a"), "a.b-schema-create.sql": schema("a.b"),
			"a.b.c-schema.sql": create("b.c"), "a.b.c.sql": rows("b.c"), "a.b.x%2Ey-schema.sql": create("x.y")}, []string{"a", "a b.c: a.b.c.sql", "a.b", "a.b x.y:"}, nil},
		{"names with the endings of other things", map[string]string{"d-schema-create.sql": schema("d"), "d.t-schema.sql": create("t"), "d.t.sql": rows("t"),
			"d.t-schema-view-schema.sql": create("t-schema-view"), "d.t-schema-view.sql": rows("t-schema-view"),
			"d.x-schema-post-schema.sql.gz": create("x-schema-post"), "d.x-schema-post.sql.gz": rows("x-schema-post")},
			[]string{"d", "d t-schema-view: d.t-schema-view.sql", "d t: d.t.sql", "d x-schema-post: d.x-schema-post.sql.gz"}, nil},
		{"settings that the rows could not have", map[string]string{"d-schema-create.sql": "SET SQL_MODE='ANSI';\n" + schema("d"), "d.t-schema.sql": "/*!40101 SET SQL_MODE='NO_DIR_IN_CREATE,IGNORE_SPACE'*/;\n" + create("t"),
			"d.t.00000.sql": rows("t")}, []string{"d", "d t: d.t.00000.sql"}, nil},
		{"files of others", map[string]string{"d.t-schema.sql": create("t"), "d.t.sql": rows("t"), "notes.txt": "", "t.csv": "", "d.t-metadata": "1\n"},
			[]string{"d", "d t: d.t.sql"}, []string{"d.t-metadata", "notes.txt", "t.csv"}},
		{"without structures", map[string]string{"d.t.00001.sql": rows("t"), "d.u.sql": rows("u")}, []string{"d", "d t: d.t.00001.sql", "d u: d.u.sql"}, nil},
		{"views and more", map[string]string{"d-schema-create.sql": schema("d"), "d.v-schema.sql": create("v"), "d.v-schema-view.sql": "CREATE VIEW `v` AS SELECT 1;\n",
			"d-schema-post.sql": "CREATE EVENT e;\n", "d.t-schema-triggers.sql": "CREATE TRIGGER x;\n", "d.t-schema.sql": create("t"), "d.t-metadata": "1\n"},
			[]string{"d", "d t:"}, []string{"d-schema-post.sql", "d.t-metadata", "d.t-schema-triggers.sql", "d.v-schema-view.sql", "d.v-schema.sql"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.files[metadataName] = "Started dump at: 2024-01-02 03:04:05\n"
			d, err := Read(directory(t, c.files))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, names(d)); diff != "" {
				t.Error(diff)
			}
			slices.Sort(d.Left)
			if diff := cmp.Diff(c.left, d.Left); diff != "" {
				t.Error(diff)
			}
			for _, table := range d.Tables {
				for _, f := range table.Data {
					in, err := f.Open()
					if err != nil {
						t.Fatal(err)
					}
					if text, err := io.ReadAll(in); err != nil || int64(len(text)) != f.Bytes || string(text) != rows(table.Name) {
						t.Errorf("%s: %q, %v", f.Name, text, err)
					}
				}
			}
		})
	}
}

func TestMetadata(t *testing.T) {
	files := map[string]string{"d.t.sql": "INSERT INTO `t` (`a`) VALUES (1);\n",
		metadataName: "Started dump at: 2024-01-02 03:04:05\nSHOW MASTER STATUS:\n\tLog: bin.000007\n\tPos: 1234\n\tGTID:a-b:1-7,\nc-d:1\n\n" +
			"SHOW SLAVE STATUS:\n\tHost: x\n\tLog: other.000001\n\tPos: 4\n\tGTID:\n\nFinished dump at: 2024-01-02 03:04:06\n"}
	d, err := Read(directory(t, files))
	if err != nil || d.Log != "bin.000007" || d.Pos != "1234" || d.GTID != "a-b:1-7,c-d:1" {
		t.Fatalf("%+v, %v", d, err)
	}
	again, err := Read(directory(t, files))
	if err != nil || again.ID != d.ID {
		t.Errorf("the same files are dump %s and %s: %v", d.ID, again.ID, err)
	}
	files["d.t.sql"] += "INSERT INTO `t` (`a`) VALUES (2);\n"
	if other, err := Read(directory(t, files)); err != nil || other.ID == d.ID {
		t.Errorf("other files are the same dump: %v", err)
	}
}

func TestWhatIsNoDump(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"empty":             {},
		"only metadata":     {metadataName: ""},
		"not finished":      {metadataName + ".partial": "", "d.t.sql": "INSERT INTO t VALUES (1);"},
		"no schema to tell": {metadataName: "", "x-schema.sql": head + "CREATE TABLE `t` (`a` int);\n"},
		"no table to tell":  {metadataName: "", "a.b.c.sql": "INSERT INTO t VALUES (1);\n"},
	} {
		if _, err := Read(directory(t, files)); err == nil || fault.HintOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"d.t.000000000.csv", "d.t.csv.gz", "d.t.00001.dat", "d.t.000000000.sql.zst", "d.t.sql.snappy", "d.t.SQL", "d-schema-create.sql.zst"} {
		_, err := Read(directory(t, map[string]string{metadataName: "", "d.t-schema.sql": head + "CREATE TABLE `t` (`a` int);\n", name: "1\n"}))
		if !fault.Is(err, fault.Unsupported) || !strings.Contains(err.Error(), name) || fault.HintOf(err) == "" {
			t.Errorf("rows in %s: %v", name, err)
		}
	}
	if _, err := Read(filepath.Join(t.TempDir(), "gone")); !Missing(err) {
		t.Errorf("no directory: %v", err)
	}
	broken := directory(t, map[string]string{metadataName: "", "d.t.sql": ""})
	if err := os.Rename(filepath.Join(broken, "d.t.sql"), filepath.Join(broken, "d.t.sql.gz")); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(broken); !fault.Is(err, fault.Corrupt) || !strings.Contains(err.Error(), "d.t.sql.gz") {
		t.Errorf("a file that is not compressed: %v", err)
	}
	torn := directory(t, map[string]string{metadataName: "", "d.t.sql.gz": strings.Repeat("INSERT INTO t VALUES (1);\n", 1000)})
	if err := os.Truncate(filepath.Join(torn, "d.t.sql.gz"), 60); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(torn); !fault.Is(err, fault.Corrupt) || fault.Transient(err) {
		t.Errorf("a compressed file that was cut: %v", err)
	}
}

func TestNamesInFileNames(t *testing.T) {
	for _, name := range []string{"t", "a.b", "x/y%-schema", "-schema", "ü:*?\"<>|", "%2E", "50%"} {
		if got := unescape(escape(name)); got != name {
			t.Errorf("%q became %q", name, got)
		}
	}
}
