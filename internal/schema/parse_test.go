package schema

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/fault"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

// TestParseGolden reads what servers print and shows what was understood.
func TestParseGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/create/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Parse(string(text), "", "db")
			if err != nil {
				t.Fatal(err)
			}
			checkGolden(t, strings.TrimSuffix(file, ".sql")+".golden", describe(got))
			again, err := Parse(got.CreateSQL, "", got.Name.Schema)
			if err != nil {
				t.Fatalf("the canonical text cannot be read: %v\n%s", err, got.CreateSQL)
			}
			if diff := cmp.Diff(got, again); diff != "" {
				t.Errorf("reading the canonical text again gives another table (-first +again):\n%s", diff)
			}
		})
	}
}

func checkGolden(t *testing.T, file, got string) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-want +got (rewrite with -rewrite):\n%s", diff)
	}
}

// describe writes a table so that a person can check it.
func describe(t *Table) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s.%s charset=%s collate=%s\n", t.Name.Schema, t.Name.Table, t.Charset, t.Collate)
	for _, c := range t.Columns {
		fmt.Fprintf(&b, "  %s %s", c.Name, c.Type)
		if c.Length >= 0 || c.Decimals >= 0 {
			fmt.Fprintf(&b, " (%d,%d)", c.Length, c.Decimals)
		}
		if c.Charset != "" {
			fmt.Fprintf(&b, " %s/%s", c.Charset, c.Collate)
		}
		if c.Unsigned {
			b.WriteString(" unsigned")
		}
		if c.NotNull {
			b.WriteString(" notnull")
		}
		if c.Generated {
			b.WriteString(" generated")
		}
		if c.Invisible {
			b.WriteString(" invisible")
		}
		if c.Elems != nil {
			fmt.Fprintf(&b, " %q", c.Elems)
		}
		b.WriteString("\n")
	}
	for _, x := range t.Indexes {
		fmt.Fprintf(&b, "  index %s %v\n", x.Name, x.Parts)
	}
	return b.String() + "\n" + t.CreateSQL + "\n"
}

// TestParseRefuses checks that what is not understood is named, with the table.
func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		name, sql string
		kind      fault.Kind
		says      []string
	}{
		{"system versioning", "CREATE TABLE `v` (a int) ENGINE=InnoDB WITH SYSTEM VERSIONING", fault.Unsupported, []string{"`v`", "SYSTEM VERSIONING"}},
		{"row start", "CREATE TABLE `v` (`s` timestamp(6) GENERATED ALWAYS AS ROW START)", fault.Unsupported, []string{"`v`", "`s`", "system versioning"}},
		{"unversioned column", "CREATE TABLE `v` (`x` int WITHOUT SYSTEM VERSIONING)", fault.Unsupported, []string{"`v`", "`x`", "WITHOUT"}},
		{"period", "CREATE TABLE `v` (s date, e date, PERIOD FOR `p` (`s`, `e`))", fault.Unsupported, []string{"`v`", "PERIOD FOR"}},
		{"sequence", "CREATE TABLE `sq` (`next_not_cached_value` bigint(21) NOT NULL) ENGINE=InnoDB SEQUENCE=1", fault.Unsupported, []string{"`sq`", "SEQUENCE"}},
		{"unknown type", "CREATE TABLE t (a xmltype)", fault.Schema, []string{"`t`", "`a`", "xmltype"}},
		{"unknown attribute", "CREATE TABLE t (a int FROBNICATED)", fault.Schema, []string{"`a`", "FROBNICATED"}},
		{"view", "CREATE ALGORITHM=UNDEFINED VIEW v AS SELECT 1", fault.Schema, []string{"VIEW"}},
		{"no columns", "CREATE TABLE t (PRIMARY KEY (a))", fault.Schema, []string{"`t`", "no columns"}},
		{"unknown index column", "CREATE TABLE t (b int, PRIMARY KEY (a))", fault.Schema, []string{"`a`"}},
		{"open string", "CREATE TABLE t (b int comment 'x)", fault.Schema, []string{"not closed"}},
		{"open bracket", "CREATE TABLE t (b int", fault.Schema, []string{"`t`", ")"}},
		{"column twice", "CREATE TABLE t (b int, B int)", fault.Schema, []string{"`B`", "twice"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(c.sql, "", "db")
			if !fault.Is(err, c.kind) {
				t.Fatalf("kind %v of %v, want %v", fault.KindOf(err), err, c.kind)
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q does not say %q", err, s)
				}
			}
		})
	}
}

// TestParseSQLMode reads one statement under different modes.
func TestParseSQLMode(t *testing.T) {
	got, err := Parse(`CREATE TABLE "t""x" ("a" enum('c:\d','e''f'), b varchar(3) comment '\')`, "ANSI_QUOTES,NO_BACKSLASH_ESCAPES", "db")
	if err != nil {
		t.Fatal(err)
	}
	if want := (Name{"db", `t"x`}); got.Name != want {
		t.Errorf("name %v, want %v", got.Name, want)
	}
	if diff := cmp.Diff([]string{`c:\d`, "e'f"}, got.Columns[0].Elems); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(got.CreateSQL, `comment '\\'`) {
		t.Errorf("canonical text must escape backslashes:\n%s", got.CreateSQL)
	}
}
