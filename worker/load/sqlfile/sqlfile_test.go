package sqlfile

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestStatementsOfRandomFiles: whatever stands in strings, names and comments, a
// file is cut where its statements end, and a statement where its rows do.
func TestStatementsOfRandomFiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nasty := rapid.StringOf(rapid.SampledFrom([]rune(";\n'\"`\\(),-#/*! xé")))
		quote := func(s string) string {
			q := rapid.SampledFrom([]string{"'", `"`}).Draw(t, "quote")
			s = strings.ReplaceAll(s, `\`, `\\`)
			if rapid.Bool().Draw(t, "double") {
				return q + strings.ReplaceAll(s, q, q+q) + q
			}
			return q + strings.ReplaceAll(s, q, `\`+q) + q
		}
		var file strings.Builder
		var want [][]string
		for range rapid.IntRange(0, 4).Draw(t, "statements") {
			switch rapid.IntRange(0, 3).Draw(t, "before") {
			case 1:
				file.WriteString("/* " + strings.ReplaceAll(nasty.Draw(t, "comment"), "*/", "") + " */ ")
			case 2:
				file.WriteString("-- " + strings.ReplaceAll(nasty.Draw(t, "comment"), "\n", "") + "\n")
			}
			name := nasty.Draw(t, "column")
			file.WriteString("INSERT INTO `t` (`" + strings.ReplaceAll(name, "`", "``") + "`,`b`) VALUES\n")
			rows := rapid.IntRange(1, 4).Draw(t, "rows")
			var values []string
			for i := range rows {
				v := quote(nasty.Draw(t, "value"))
				values = append(values, v)
				file.WriteString("(" + v + ", CONVERT(" + v + " USING x))")
				if i < rows-1 {
					file.WriteString(rapid.SampledFrom([]string{",", ",\n", " , "}).Draw(t, "comma"))
				}
			}
			file.WriteString(rapid.SampledFrom([]string{";", ";\n", " ;\n\n"}).Draw(t, "end"))
			want = append(want, append([]string{name}, values...))
		}
		var in io.Reader = strings.NewReader(file.String())
		if rapid.Bool().Draw(t, "slowly") {
			in = iotest.OneByteReader(in)
		}
		r := NewReader(in, 0, false)
		var got [][]string
		for {
			all, err := r.Batch(rapid.IntRange(1, 300).Draw(t, "limit"))
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, st := range all {
				if string(st.Text) != file.String()[st.From:st.From+int64(len(st.Text))] {
					t.Fatalf("statement at %d is %q", st.From, st.Text)
				}
				ins, err := ParseInsert(st.Text, nil)
				if err != nil {
					t.Fatal(err)
				}
				one := []string{ins.Columns[0]}
				for _, row := range ins.Rows {
					v := Values(row.Of(st.Text))
					if len(v) != 2 {
						t.Fatalf("%d values in %q", len(v), row.Of(st.Text))
					}
					one = append(one, string(v[0]))
				}
				got = append(got, one)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("%s\n%s", file.String(), d)
		}
		if r.At() != int64(file.Len()) {
			t.Fatalf("the end is at %d of %d", r.At(), file.Len())
		}
	})
}

func TestWhatIsNoInsertOfRows(t *testing.T) {
	for _, text := range []string{
		"INSERT INTO t SELECT 1;", "INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = 1;", "INSERT INTO t SET a = 1;", "UPDATE t SET a = 1;",
		"INSERT INTO t VALUES (1;", "INSERT INTO t VALUES;", "INSERT INTO `t VALUES (1);", "INSERT INTO t (a VALUES (1);", "LOAD DATA INFILE 'x' INTO TABLE t;", "",
	} {
		if _, err := ParseInsert([]byte(text), nil); !errors.Is(err, ErrNotRows) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSettings(t *testing.T) {
	for text, want := range map[string]Settings{
		"/*!40101 SET NAMES binary*/;":               {Names: "binary"},
		"set names 'utf8mb4';":                       {Names: "utf8mb4"},
		"/*!40103 SET TIME_ZONE='+00:00' */;":        {TimeZone: "+00:00"},
		"SET SESSION time_zone = 'Asia/Shanghai';":   {TimeZone: "Asia/Shanghai"},
		"/*!40014 SET FOREIGN_KEY_CHECKS=0*/;":       {},
		"/*!40014 SET @@SESSION.UNIQUE_CHECKS = 0*/": {},
		"/*!40101 SET SQL_MODE='NO_AUTO_VALUE_ON_ZERO,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION'*/;": {},
		"SET sql_mode = '';": {},
	} {
		if got, ok := Setting(text); !ok || got != want {
			t.Errorf("%s: %+v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"SET sql_mode = 'ANSI';", "SET sql_mode = 'NO_ENGINE_SUBSTITUTION,NO_BACKSLASH_ESCAPES';", "SET sql_mode = @old;", "SET NAMES a b;", "SET NAMES utf8 COLLATE utf8_bin;", "DROP TABLE t;", "SET time_zone = 'x';DROP TABLE y'", "SET x;"} {
		if got, ok := Setting(text); ok {
			t.Errorf("%s was taken for %+v", text, got)
		}
	}
}

// TestByteOrderMark: what some editors put before the first statement is none of it.
func TestByteOrderMark(t *testing.T) {
	const mark = "\ufeff"
	r := NewReader(iotest.OneByteReader(strings.NewReader(mark+"SET NAMES binary;\nINSERT INTO t VALUES ('"+mark+"');\n")), 0, false)
	for i, want := range []string{"SET NAMES binary;", "INSERT INTO t VALUES ('" + mark + "');"} {
		st, err := r.Next()
		if err != nil || string(st.Text) != want || i == 0 && st.From != int64(len(mark)) {
			t.Errorf("%q from %d, %v, want %q", st.Text, st.From, err, want)
		}
	}
	if _, err := NewReader(strings.NewReader(mark), 0, false).Next(); !errors.Is(err, io.EOF) {
		t.Errorf("nothing but the mark: %v", err)
	}
}

func TestCreated(t *testing.T) {
	for text, want := range map[string]string{
		"CREATE TABLE `x.y` (a int)": "x.y", "create table if not exists a.b (c int)": "b", "CREATE TABLE `v`(\n`id` int)": "v",
	} {
		if got, ok := Created(text, "TABLE"); !ok || got != want {
			t.Errorf("%s: %q, %v", text, got, ok)
		}
	}
	if got, ok := Created("CREATE DATABASE /*!32312 IF NOT EXISTS*/ `a``b` /*!40100 DEFAULT CHARACTER SET latin1 */", "DATABASE"); !ok || got != "a`b" {
		t.Errorf("%q, %v", got, ok)
	}
	if _, ok := Created("INSERT INTO `x` VALUES (1)", "TABLE"); ok {
		t.Error("an INSERT creates nothing")
	}
}

func BenchmarkReader(b *testing.B) {
	row := "(1,'" + strings.Repeat("abcdefghij-", 16) + "'),\n"
	text := "INSERT INTO `t` VALUES\n" + strings.Repeat(row, 5000) + "(1,'x');\n"
	for _, own := range []bool{true, false} {
		b.Run(map[bool]string{true: "own", false: "foreign"}[own], func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				r := NewReader(strings.NewReader(text), 0, own)
				st, err := r.Next()
				if err == nil && !own {
					_, err = ParseInsert(st.Text, nil)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
