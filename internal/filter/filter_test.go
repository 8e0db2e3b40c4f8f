package filter

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/internal/fault"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

// TestGolden reads cases of the form
//
//	# title
//	do-dbs a b            (and ignore-dbs, do-tables s.t, ignore-tables, case-sensitive, internal)
//	----
//	schema.table  -> migrate
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, c := range strings.Split(strings.TrimSpace(string(data)), "\n\n") {
			head, body, ok := strings.Cut(c, "\n----\n")
			if !ok {
				t.Fatalf("%s: a case has no ----:\n%s", path, c)
			}
			f := build(t, head)
			lines := []string{head, "----"}
			for _, line := range strings.Split(body, "\n") {
				name := strings.Fields(line)[0]
				lines = append(lines, fmt.Sprintf("%-32s -> %s", name, verdict(f, name)))
			}
			out = append(out, strings.Join(lines, "\n"))
		}
		got := strings.Join(out, "\n\n") + "\n"
		if *rewrite {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if diff := cmp.Diff(string(data), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

func verdict(f *Filter, name string) string {
	schema, table, ok := strings.Cut(name, ".")
	if ok && f.MatchTable(schema, table) || !ok && f.MatchSchema(schema) {
		return "migrate"
	}
	return "filter"
}

func build(t *testing.T, head string) *Filter {
	t.Helper()
	var r Rules
	var o Options
	for _, line := range strings.Split(head, "\n") {
		words := strings.Fields(line)
		switch rest := words[1:]; words[0] {
		case "#":
		case "do-dbs":
			r.DoDBs = rest
		case "ignore-dbs":
			r.IgnoreDBs = rest
		case "do-tables":
			r.DoTables = patterns(rest)
		case "ignore-tables":
			r.IgnoreTables = patterns(rest)
		case "case-sensitive":
			o.CaseSensitive = true
		case "internal":
			o.Internal = rest
		default:
			t.Fatalf("unknown line %q", line)
		}
	}
	f, err := New(r, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// patterns reads schema|table pairs: patterns themselves may hold dots.
func patterns(words []string) []TablePattern {
	var out []TablePattern
	for _, w := range words {
		s, t, _ := strings.Cut(w, "|")
		out = append(out, TablePattern{Schema: s, Table: t})
	}
	return out
}

func TestMalformedPatterns(t *testing.T) {
	for _, c := range []struct{ pattern, want string }{
		{"", "do-dbs[0]: the name is empty"},
		{"a*b", `do-dbs[0]: "a*b" has a * that is not its last character`},
		{"**", `do-dbs[0]: "**" has a * that is not its last character`},
		{"a[", `do-dbs[0]: "a[": a [ has no ]`},
		{"a[!", `do-dbs[0]: "a[!": a [ has no ]`},
		{"a[]", `do-dbs[0]: "a[]": the brackets are empty`},
		{"a[z-a]", `do-dbs[0]: "a[z-a]": the range z-a is backwards`},
		{"~(?!x)", "do-dbs[0]: \"(?!x)\" is not a regular expression: error parsing regexp: invalid or unsupported Perl syntax: `(?!`"},
	} {
		_, err := New(Rules{DoDBs: []string{c.pattern}}, Options{})
		var f *fault.Error
		if !errors.As(err, &f) || f.Msg != c.want || f.Code != 20044 || f.Hint == "" {
			t.Errorf("%q: got %v, want %s", c.pattern, err, c.want)
		}
	}
	for _, r := range []Rules{
		{IgnoreDBs: []string{"*a"}},
		{DoTables: []TablePattern{{"a", "*a"}}},
		{IgnoreTables: []TablePattern{{"*a", "a"}}},
	} {
		if _, err := New(r, Options{}); err == nil {
			t.Errorf("%+v was accepted", r)
		}
	}
}

func TestExact(t *testing.T) {
	r := Rules{DoTables: []TablePattern{{"a", "b"}, {"a", "b*"}, {"~a", "b"}, {"a", "[b]"}, {"c", "D"}}}
	if diff := cmp.Diff([]TablePattern{{"a", "b"}, {"c", "D"}}, r.Exact()); diff != "" {
		t.Error(diff)
	}
}

// System schemas stay out whatever the rules and the spelling are.
func TestSystemSchemasNeverMatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"mysql", "sys", "information_schema", "performance_schema",
			"metrics_schema", "inspection_schema", "dm_heartbeat", "dm_meta"}).Draw(t, "schema")
		spelt := []byte(name)
		for i := range spelt {
			if rapid.Bool().Draw(t, "upper") {
				spelt[i] = strings.ToUpper(name[i : i+1])[0]
			}
		}
		f, err := New(Rules{DoDBs: []string{"*", name}, DoTables: []TablePattern{{"*", "*"}}},
			Options{CaseSensitive: rapid.Bool().Draw(t, "sensitive"), Internal: []string{"dm_meta"}})
		if err != nil {
			t.Fatal(err)
		}
		if f.MatchSchema(string(spelt)) || f.MatchTable(string(spelt), "t") {
			t.Fatalf("%s matched", spelt)
		}
	})
}

// TestExplain names the entry that decides, of the manual's example.
func TestExplain(t *testing.T) {
	f, err := New(Rules{DoDBs: []string{"forum_backup_2018", "forum"}, IgnoreDBs: []string{"~^forum_backup_"},
		DoTables:     []TablePattern{{"logs", "~_2018$"}, {"~^forum.*", "messages"}},
		IgnoreTables: []TablePattern{{"~.*", "^messages.*"}}}, Options{Internal: []string{"dm_meta"}})
	if err != nil {
		t.Fatal(err)
	}
	ignoring, err := New(Rules{IgnoreDBs: []string{"Log*"}, IgnoreTables: []TablePattern{{"a", "t_?"}}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		f                   *Filter
		schema, table, want string
		selected            bool
	}{
		{f, "logs", "messages_2018", "its schema is not in do-dbs", false},
		{f, "forum", "users", "it is not in do-tables", false},
		{f, "forum", "messages", "do-tables[1] ~^forum.*.messages", true},
		{f, "mysql", "user", "a schema of the server itself", false},
		{f, "DM_meta", "t", "the schema of the task's meta tables", false},
		{ignoring, "logs", "t", "ignore-dbs[0] Log*", false},
		{ignoring, "a", "t_1", "ignore-tables[0] a.t_?", false},
		{ignoring, "a", "u", "nothing leaves it out", true},
	} {
		selected, why := c.f.Explain(c.schema, c.table)
		if selected != c.selected || why != c.want || selected != c.f.MatchTable(c.schema, c.table) {
			t.Errorf("%s.%s: %v, %s", c.schema, c.table, selected, why)
		}
	}
}

// TestCopiesSchema: a schema without tables is copied unless there is a list of
// tables that does not name it.
func TestCopiesSchema(t *testing.T) {
	tables := []TablePattern{{"shop", "t*"}, {"~^old", "x"}}
	for _, c := range []struct {
		rules Rules
		want  string
	}{
		{Rules{}, "shop old1 other"},
		{Rules{DoTables: tables}, "shop old1"},
		{Rules{DoTables: tables, IgnoreDBs: []string{"old1"}}, "shop"},
		{Rules{DoTables: tables, DoDBs: []string{"shop", "other"}}, "shop other"},
		{Rules{IgnoreTables: tables}, "shop old1 other"},
	} {
		f, err := New(c.rules, Options{Internal: []string{"dm_meta"}})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range []string{"shop", "old1", "other", "dm_meta", "mysql"} {
			if f.CopiesSchema(s) {
				got = append(got, s)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%+v: %v, want %s", c.rules, got, c.want)
		}
	}
}
