package route

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/filter"
)

func router(t testing.TB, o Options, rules ...Rule) *Router {
	t.Helper()
	r, err := New(rules, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// where writes an answer as schema.table, or the error.
func where(r *Router, name string) string {
	schema, table, ok := strings.Cut(name, ".")
	if !ok {
		got, err := r.Schema(schema)
		if err != nil {
			return err.Error()
		}
		return got
	}
	got, err := r.Table(schema, table)
	if err != nil {
		return err.Error()
	}
	return got.Schema + "." + got.Table
}

func check(t *testing.T, r *Router, want map[string]string) {
	t.Helper()
	for name, target := range want {
		for range 2 { // the second answer is remembered
			if got := where(r, name); got != target {
				t.Errorf("%s goes to %s, want %s", name, got, target)
			}
		}
	}
}

// shards are the manual's rules to merge tables and schemas.
func shards() []Rule {
	return []Rule{
		{Name: "rule-1", Schema: "test_*", Table: "t_*", TargetSchema: "test", TargetTable: "t"},
		{Name: "rule-2", Schema: "test_*", TargetSchema: "test"},
	}
}

func TestManualMergeTables(t *testing.T) {
	check(t, router(t, Options{}, shards()...), map[string]string{
		"test_1.t_1": "test.t", "test_2.t_25": "test.t", "TEST_1.T_1": "test.t",
		"test_1.u": "test.u", "test_1": "test", "test_2": "test", "other.t_1": "other.t_1", "other": "other", "test.t_1": "test.t_1",
	})
	check(t, router(t, Options{}, shards()[0]), map[string]string{"test_1.t_1": "test.t", "test_1.u": "test_1.u", "test_1": "test_1"})
}

func TestManualMergeSchemas(t *testing.T) {
	check(t, router(t, Options{}, shards()[1]), map[string]string{"test_1.t_1": "test.t_1", "test_3.T": "test.T", "test_3": "test"})
}

// TestManualConflict: the manual's wrong routes.
func TestManualConflict(t *testing.T) {
	r := router(t, Options{}, shards()[1], shards()[0],
		Rule{Name: "rule-3", Schema: "test_1_bak", Table: "t_1_bak", TargetSchema: "test", TargetTable: "t_bak"})
	_, err := r.Table("test_1_bak", "t_1_bak")
	var f *fault.Error
	want := "two routes match table `test_1_bak`.`t_1_bak`: \"rule-1\" (schema-pattern \"test_*\", table-pattern \"t_*\")" +
		" and \"rule-3\" (schema-pattern \"test_1_bak\", table-pattern \"t_1_bak\")"
	if !errors.As(err, &f) || f.Msg != want || f.Code != codeRoute || f.Hint == "" || f.Kind != fault.Invalid {
		t.Errorf("got %v", err)
	}
	check(t, r, map[string]string{"test_1_bak.u": "test.u", "test_1_bak": "test", "test_1.t_1_bak": "test.t"})
}

func TestConflictOfSchemas(t *testing.T) {
	r := router(t, Options{}, shards()[1], Rule{Name: "b", Schema: "~_1$", TargetSchema: "x"})
	for _, name := range []string{"test_1", "test_1.t"} {
		if got := where(r, name); !strings.Contains(got, `two routes match`) || !strings.Contains(got, `"b"`) {
			t.Errorf("%s goes to %s", name, got)
		}
	}
	check(t, r, map[string]string{"test_2": "test", "a_1.t": "x.t"})
}

func TestOtherForms(t *testing.T) {
	r := router(t, Options{},
		Rule{Schema: "~^order_[0-9]+$", Table: "~^item", TargetSchema: "shop", TargetTable: "item"},
		Rule{Schema: "~^order_[0-9]+$", TargetSchema: "shop"},
		Rule{Schema: "log", TargetSchema: "archive", TargetTable: "all"},
		Rule{Schema: "[!a-z]?", Table: "?", TargetSchema: "one"})
	check(t, r, map[string]string{
		"order_7.items": "shop.item", "order_7.bill": "shop.bill", "order_x.items": "order_x.items", "order_7": "shop",
		"log.a": "archive.all", "log.b": "archive.all", "log": "archive", "1x.t": "one.t", "1x.tt": "1x.tt", "1x": "1x",
	})
}

func TestCaseSensitive(t *testing.T) {
	check(t, router(t, Options{CaseSensitive: true}, Rule{Schema: "A", TargetSchema: "x"}, Rule{Schema: "a", TargetSchema: "y"}),
		map[string]string{"A.T": "x.T", "a.t": "y.t"})
}

// TestColumns: the values of the columns that say where a row came from.
func TestColumns(t *testing.T) {
	r := router(t, Options{Source: "mysql-01"},
		Rule{Schema: "test_*", Table: "t_*", TargetSchema: "test", TargetTable: "t",
			ExtractTable: &Extract{"c_table", "t_(.*)"}, ExtractSchema: &Extract{"c_schema", "test_(.*)"}, ExtractSource: &Extract{"c_source", "(my)sql-([0-9]+)"}},
		Rule{Schema: "test_*", TargetSchema: "test", ExtractSchema: &Extract{"c_schema", "x(.*)"}})
	for name, want := range map[string][]Column{
		"test_1.t_9": {{"c_table", "9"}, {"c_schema", "1"}, {"c_source", "my01"}},
		"test_a.u":   {{"c_schema", ""}},
		"other.t_1":  nil,
	} {
		schema, table, _ := strings.Cut(name, ".")
		got, err := r.Table(schema, table)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.Columns); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestBadRules(t *testing.T) {
	good := Rule{Name: "r", Schema: "a", Table: "b", TargetSchema: "c"}
	long := strings.Repeat("x", 65)
	for _, c := range []struct {
		change func(*Rule)
		want   string
	}{
		{func(r *Rule) { r.Schema = "" }, "r: schema-pattern is missing or empty"},
		{func(r *Rule) { r.Schema = "*a" }, `r: schema-pattern: "*a" has a * that is not its last character`},
		{func(r *Rule) { r.Table = "~(" }, "r: table-pattern: \"(\" is not a regular expression: error parsing regexp: missing closing ): `(?i)(`"},
		{func(r *Rule) { r.TargetSchema = "" }, "r: target-schema is missing or empty"},
		{func(r *Rule) { r.TargetSchema = long }, fmt.Sprintf("r: target-schema: %q has more than 64 characters", long)},
		{func(r *Rule) { r.TargetTable = long }, fmt.Sprintf("r: target-table: %q has more than 64 characters", long)},
		{func(r *Rule) { r.ExtractTable = &Extract{"", "(x)"} }, "r: extract-table.target-column is missing or empty"},
		{func(r *Rule) { r.ExtractSchema = &Extract{"c", "("} }, "r: extract-schema: \"(\" is not a regular expression: error parsing regexp: missing closing ): `(`"},
		{func(r *Rule) { r.ExtractSource = &Extract{"c", "x.*"} }, `r: extract-source: "x.*" has no group, so the column would always be empty`},
		{func(r *Rule) { r.ExtractTable, r.ExtractSource = &Extract{"c", "(x)"}, &Extract{"C", "(x)"} }, `r: extract-source.target-column: "C" is filled twice`},
	} {
		r := good
		c.change(&r)
		_, err := New([]Rule{r}, Options{})
		var f *fault.Error
		if !errors.As(err, &f) || f.Msg != c.want || f.Code != codeRoute || f.Hint == "" {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	twice := good
	twice.Name, twice.Schema = "s", "A"
	if _, err := New([]Rule{good, twice}, Options{}); err == nil || !strings.Contains(err.Error(), `s: it has the same schema-pattern and table-pattern as "r"`) {
		t.Errorf("one pattern twice: %v", err)
	}
}

func TestNoRules(t *testing.T) {
	r := router(t, Options{})
	if !r.Empty() {
		t.Error("no rules make a router")
	}
	check(t, r, map[string]string{"a.b": "a.b", "a": "a"})
}

// TestRandomRules compares with the algorithm in words: table rules before schema
// rules, one of the rank that counts, missing target tables keep the name.
func TestRandomRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Rule {
			return Rule{
				Schema:       rapid.SampledFrom([]string{"a", "a*", "b?", "*", "[ab]1", "~1$"}).Draw(t, "schema"),
				Table:        rapid.SampledFrom([]string{"", "", "t", "t*", "?", "~."}).Draw(t, "table"),
				TargetSchema: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "ts"), TargetTable: rapid.SampledFrom([]string{"", "z"}).Draw(t, "tt"),
			}
		}), 1, 5).Draw(t, "rules")
		r, err := New(rules, Options{})
		if err != nil {
			t.Skip("one pattern twice")
		}
		schema, table := rapid.SampledFrom([]string{"a", "a1", "b1", "c"}).Draw(t, "s"), rapid.SampledFrom([]string{"", "t", "tt", "u"}).Draw(t, "t")
		var ranks [2][]Rule
		for _, one := range rules {
			s, _ := filter.CompilePattern(one.Schema, true)
			if !s.Match(schema) {
				continue
			}
			if one.Table == "" {
				ranks[1] = append(ranks[1], one)
			} else if p, _ := filter.CompilePattern(one.Table, true); table != "" && p.Match(table) {
				ranks[0] = append(ranks[0], one)
			}
		}
		rank := ranks[0]
		if len(rank) == 0 {
			rank = ranks[1]
		}
		got, err := r.ask(schema, table)
		switch {
		case len(rank) > 1:
			if err == nil {
				t.Fatalf("%d rules match and one wins: %+v", len(rank), got)
			}
		case err != nil:
			t.Fatal(err)
		case len(rank) == 0:
			if got.Schema != schema || got.Table != table || got.Routed {
				t.Fatalf("no rule matches: %+v", got)
			}
		default:
			want := table
			if table != "" && rank[0].TargetTable != "" {
				want = rank[0].TargetTable
			}
			if got.Schema != rank[0].TargetSchema || got.Table != want {
				t.Fatalf("got %+v by %+v", got, rank[0])
			}
		}
	})
}

// BenchmarkRoute asks for 10,000 tables in turn under 50 rules.
func BenchmarkRoute(b *testing.B) {
	var rules []Rule
	for i := range 50 {
		rules = append(rules, Rule{Schema: fmt.Sprintf("shop_%d_*", i), Table: fmt.Sprintf("order_%d_*", i), TargetSchema: "shop", TargetTable: fmt.Sprint("order_", i)})
	}
	r := router(b, Options{}, rules...)
	names := make([][2]string, 10_000)
	for i := range names {
		names[i] = [2]string{fmt.Sprintf("shop_%d_%d", i%50, i), fmt.Sprintf("order_%d_%d", i%50, i)}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		n := &names[i%len(names)]
		if _, err := r.Table(n[0], n[1]); err != nil {
			b.Fatal(err)
		}
	}
}
