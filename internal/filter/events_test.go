package filter

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/internal/fault"
)

// eventCase is something that happens on the source; want is the rule that
// leaves it out, "" for none.
type eventCase struct {
	schema, table string
	event         Event
	text          string
	want          string
}

func checkEvents(t *testing.T, rules []EventRule, cases []eventCase) {
	t.Helper()
	e, err := NewEvents(rules, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		got, out := e.Statement(c.schema, c.table, c.event, c.text)
		if got != c.want || out != (c.want != "") {
			t.Errorf("%s of %s.%s %q: left out by %q, want %q", c.event, c.schema, c.table, c.text, got, c.want)
		}
		if !c.event.IsRows() {
			continue
		}
		insert, update, del := e.Rows(c.schema, c.table)
		if rows := map[Event]bool{InsertRows: insert, UpdateRows: update, DeleteRows: del}[c.event]; rows != out {
			t.Errorf("%s of %s.%s: Rows says %v, Statement %v", c.event, c.schema, c.table, rows, out)
		}
	}
}

// TestManualNoDeletes: the manual's "leave out all that deletes in shards".
func TestManualNoDeletes(t *testing.T) {
	checkEvents(t, []EventRule{
		{Name: "table", Schema: "test_*", Table: "t_*", Events: []string{"truncate table", "drop table", "delete"}, Action: "Ignore"},
		{Name: "schema", Schema: "test_*", Events: []string{"drop database"}, Action: "Ignore"},
	}, []eventCase{
		{"test_1", "t_1", DeleteRows, "", "table"},
		{"test_1", "t_1", InsertRows, "", ""},
		{"test_1", "t_1", UpdateRows, "", ""},
		{"test_1", "t_1", TruncateTable, "TRUNCATE t_1", "table"},
		{"test_1", "t_1", DropTable, "DROP TABLE t_1", "table"},
		{"test_1", "t_1", AlterTable, "ALTER TABLE t_1 ADD x INT", ""},
		{"test_1", "u", DropTable, "DROP TABLE u", ""},
		{"test_1", "", DropDatabase, "DROP DATABASE test_1", "schema"},
		{"test_1", "", CreateDatabase, "CREATE DATABASE test_1", ""},
		{"other", "", DropDatabase, "DROP DATABASE other", ""},
		{"TEST_1", "T_1", DeleteRows, "", "table"},
	})
}

// TestManualOnlyRows: the manual's "replicate the rows of shards only". The rule
// for schemas does not forbid the rows of tables that have a rule of their own.
func TestManualOnlyRows(t *testing.T) {
	checkEvents(t, []EventRule{
		{Name: "table", Schema: "test_*", Table: "t_*", Events: []string{"create table", "all dml"}, Action: "Do"},
		{Name: "schema", Schema: "test_*", Events: []string{"create database"}, Action: "Do"},
	}, []eventCase{
		{"test_1", "", CreateDatabase, "CREATE DATABASE test_1", ""},
		{"test_1", "", DropDatabase, "DROP DATABASE test_1", "schema"},
		{"test_1", "t_1", CreateTable, "CREATE TABLE t_1 (id INT)", ""},
		{"test_1", "t_1", InsertRows, "", ""},
		{"test_1", "t_1", UpdateRows, "", ""},
		{"test_1", "t_1", DeleteRows, "", ""},
		{"test_1", "t_1", DropTable, "DROP TABLE t_1", "table"},
		{"test_1", "t_1", AlterTable, "ALTER TABLE t_1 ADD x INT", "table"},
		{"test_1", "u", InsertRows, "", "schema"},
		{"other", "u", InsertRows, "", ""},
	})
}

// TestManualPatterns: the manual's rules for statements that the target, or
// nobody, can read.
func TestManualPatterns(t *testing.T) {
	checkEvents(t, []EventRule{
		{Name: "procedures", Schema: "test_*", Table: "t_*", SQL: []string{`^DROP\s+PROCEDURE`, `^CREATE\s+PROCEDURE`}, Action: "Ignore"},
		{Name: "partitions", Schema: "*", SQL: []string{`ALTER\s+TABLE[\s\S]*ADD\s+PARTITION`, `ALTER\s+TABLE[\s\S]*DROP\s+PARTITION`}, Action: "Ignore"},
	}, []eventCase{
		{"test_1", "t_1", Other, "drop procedure p", "procedures"},
		{"test_1", "t_1", Other, "DROP FUNCTION p", ""},
		{"a", "b", AlterTable, "ALTER TABLE `a`.`b`\nADD PARTITION (PARTITION p)", "partitions"},
		{"", "", Other, "alter table x drop  partition p", "partitions"},
		{"", "", Other, "DROP PROCEDURE p", ""},
		{"a", "b", InsertRows, "", ""},
	})
}

// TestDoAndIgnore: Ignore wins, whatever the order; all rules that match apply.
func TestDoAndIgnore(t *testing.T) {
	do := EventRule{Name: "do", Schema: "a", Table: "t", Events: []string{"insert", "delete", "alter table"}, SQL: []string{"add"}, Action: "Do"}
	ignore := EventRule{Name: "ignore", Schema: "a", Events: []string{"delete"}, SQL: []string{"drop column"}, Action: "Ignore"}
	cases := []eventCase{
		{"a", "t", InsertRows, "", ""},
		{"a", "t", UpdateRows, "", "do"},
		{"a", "t", DeleteRows, "", "ignore"},
		{"a", "t", AlterTable, "ALTER TABLE t ADD x INT", ""},
		{"a", "t", AlterTable, "ALTER TABLE t MODIFY x INT", "do"},
		{"a", "t", DropTable, "DROP TABLE t -- add", "do"},
		{"a", "u", AlterTable, "ALTER TABLE u DROP COLUMN x", "ignore"},
		{"a", "u", AlterTable, "ALTER TABLE u ADD x INT", ""},
	}
	checkEvents(t, []EventRule{do, ignore}, cases)
	checkEvents(t, []EventRule{ignore, do}, cases)
}

// TestEventLists: a list is read in order, up to the first name that is about the event.
func TestEventLists(t *testing.T) {
	for _, c := range []struct {
		list []string
		in   []Event
	}{
		{nil, nil},
		{[]string{"all"}, []Event{InsertRows, DeleteRows, CreateDatabase, AlterTable, DropView}},
		{[]string{"ALL DML"}, []Event{InsertRows, UpdateRows, DeleteRows}},
		{[]string{"all ddl"}, []Event{CreateDatabase, AlterDatabase, DropTable, CreateView}},
		{[]string{"none", "insert"}, nil},
		{[]string{"insert", "none"}, []Event{InsertRows}},
		{[]string{"none dml", "all"}, []Event{CreateTable, TruncateTable}},
		{[]string{"none ddl", "insert", "create table"}, []Event{InsertRows}},
		{[]string{"create schema", "drop schema", " Alter Schema", "add index"}, []Event{CreateDatabase, DropDatabase, AlterDatabase, CreateIndex}},
	} {
		set, unknown := readEvents(c.list)
		if unknown != "" {
			t.Errorf("%q: %q is unknown", c.list, unknown)
		}
		for _, e := range c.in {
			if !set.has(e) {
				t.Errorf("%q has no %s", c.list, e)
			}
		}
		for e := Other; e < events; e++ {
			if full := len(c.list) == 1 && strings.HasPrefix(strings.ToLower(c.list[0]), "all"); set.has(e) && !full && !slices.Contains(c.in, e) &&
				!slices.Contains(c.list, "all") {
				t.Errorf("%q has %s", c.list, e)
			}
		}
		if set.has(Other) {
			t.Errorf("%q has statements without a name", c.list)
		}
	}
}

// TestEveryEventName: each name that a file may have is understood, in any case.
func TestEveryEventName(t *testing.T) {
	for _, n := range EventNames() {
		if _, unknown := readEvents([]string{strings.ToUpper(n)}); unknown != "" {
			t.Errorf("%q is unknown", n)
		}
	}
	for e := InsertRows; e < events; e++ {
		if set, _ := readEvents([]string{e.String()}); set != 1<<e {
			t.Errorf("%s stands for %b", e, set)
		}
	}
}

func TestBadEventRules(t *testing.T) {
	good := EventRule{Name: "r", Schema: "a", Events: []string{"insert"}, Action: "Do"}
	for _, c := range []struct {
		change func(*EventRule)
		want   string
	}{
		{func(r *EventRule) { r.Schema = "" }, "r: schema-pattern is missing or empty"},
		{func(r *EventRule) { r.Schema = "a*b" }, `r: schema-pattern: "a*b" has a * that is not its last character`},
		{func(r *EventRule) { r.Table = "t[" }, `r: table-pattern: "t[": a [ has no ]`},
		{func(r *EventRule) { r.Events = []string{"insert", "upsert"} }, `r: events: "upsert" is not an event`},
		{func(r *EventRule) { r.Events = []string{"allx"} }, `r: events: "allx" is not an event`},
		{func(r *EventRule) { r.SQL = []string{"a", "(?!b)"} },
			"r: sql-pattern[1]: \"(?!b)\" is not a regular expression: error parsing regexp: invalid or unsupported Perl syntax: `(?!`"},
		{func(r *EventRule) { r.Action = "" }, "r: action is missing"},
		{func(r *EventRule) { r.Action = "ignore" }, `r: action: "ignore" is neither Do nor Ignore`},
	} {
		r := good
		c.change(&r)
		_, err := NewEvents([]EventRule{r}, false)
		var f *fault.Error
		if !errors.As(err, &f) || f.Msg != c.want || f.Code != codeEventFilter || f.Hint == "" || f.Kind != fault.Invalid {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	twice := good
	twice.Name, twice.Schema = "s", "A"
	if _, err := NewEvents([]EventRule{good, twice}, false); err == nil || !strings.Contains(err.Error(), `s: it has the same schema-pattern and table-pattern as "r"`) {
		t.Errorf("one pattern twice: %v", err)
	}
	if _, err := NewEvents([]EventRule{good, twice}, true); err != nil {
		t.Errorf("patterns that differ in case: %v", err)
	}
}

func TestNoEventRules(t *testing.T) {
	e, err := NewEvents(nil, false)
	if err != nil || !e.Empty() {
		t.Fatal(e, err)
	}
	if _, out := e.Statement("a", "b", DropTable, "x"); out {
		t.Error("a statement is left out")
	}
	if a, b, c := e.Rows("a", "b"); a || b || c {
		t.Error("rows are left out")
	}
}

// TestEventsAgainstTheManual compares with the manual's sentences, applied
// literally, on random rules: an Ignore rule leaves out what is in events or
// matches a pattern; a Do rule what is not in events or, if it has patterns,
// matches none.
func TestEventsAgainstTheManual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"insert", "update", "delete", "create table", "drop table", "alter table"}
		byName := map[string]Event{"insert": InsertRows, "update": UpdateRows, "delete": DeleteRows, "create table": CreateTable,
			"drop table": DropTable, "alter table": AlterTable}
		rules := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) EventRule {
			return EventRule{
				Schema: rapid.SampledFrom([]string{"a", "b", "*", "[ab]", "?"}).Draw(t, "schema"),
				Table:  rapid.SampledFrom([]string{"t", "u", "*", "t*"}).Draw(t, "table"),
				Events: rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID).Draw(t, "events"),
				SQL:    rapid.SliceOf(rapid.SampledFrom([]string{"x", "^y", "z$"})).Draw(t, "sql"),
				Action: rapid.SampledFrom([]string{"Do", "Ignore"}).Draw(t, "action"),
			}
		}), 0, 4).Draw(t, "rules")
		e, err := NewEvents(rules, false)
		if err != nil {
			t.Skip("one pattern twice")
		}
		schema, table := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "s"), rapid.SampledFrom([]string{"t", "u", "tt"}).Draw(t, "t")
		name := rapid.SampledFrom(names).Draw(t, "event")
		text := ""
		if !byName[name].IsRows() {
			text = rapid.SampledFrom([]string{"x", "X y", "yz", "zy"}).Draw(t, "text")
		}
		want := false
		for _, r := range rules {
			s, _ := CompilePattern(r.Schema, true)
			tt, _ := CompilePattern(r.Table, true)
			if !s.Match(schema) || !tt.Match(table) {
				continue
			}
			sql := slices.ContainsFunc(r.SQL, func(p string) bool { return matchesText(p, text) })
			if r.Action == "Ignore" {
				want = want || slices.Contains(r.Events, name) || text != "" && sql
			} else {
				want = want || !slices.Contains(r.Events, name) || text != "" && len(r.SQL) > 0 && !sql
			}
		}
		if _, got := e.Statement(schema, table, byName[name], text); got != want {
			t.Fatalf("%+v: %s of %s.%s %q is left out: %v, want %v", rules, name, schema, table, text, got, want)
		}
	})
}

// matchesText knows the three patterns of the test above.
func matchesText(pattern, text string) bool {
	text = strings.ToLower(text)
	switch pattern {
	case "^y":
		return strings.HasPrefix(text, "y")
	case "z$":
		return strings.HasSuffix(text, "z")
	}
	return strings.Contains(text, pattern)
}
