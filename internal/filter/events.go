package filter

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/raftdm/raftdm/internal/fault"
)

// codeEventFilter is DM's number for a filter that cannot be read.
const codeEventFilter = 20037

// EventRule is one entry of filters, as a file has it.
type EventRule struct {
	// Name is for messages.
	Name string
	// Schema and Table are patterns; an empty Table is a rule about the schema and
	// all its tables.
	Schema, Table string
	Events        []string
	// SQL are regular expressions for the text of statements.
	SQL []string
	// Action is "Do" or "Ignore".
	Action string
}

// Events decides which events of the tables that a task replicates are left
// out. It is immutable and safe for concurrent use. A nil *Events leaves out nothing.
type Events struct {
	rules []eventRule
}

type eventRule struct {
	name   string
	says   string // action, events and patterns, as the file has them
	schema Pattern
	table  *Pattern // nil for a rule about a schema
	events eventSet
	sql    *regexp.Regexp // nil without
	do     bool           // else Ignore
}

// NewEvents compiles rules; none of them give nil.
func NewEvents(rules []EventRule, caseSensitive bool) (*Events, error) {
	if len(rules) == 0 {
		return nil, nil //nolint:nilnil // the documented answer: nothing is left out
	}
	e := &Events{}
	seen := map[[2]string]string{}
	for _, r := range rules {
		one, err := compileEventRule(r, !caseSensitive)
		if err != nil {
			return nil, err
		}
		key := [2]string{r.Schema, r.Table}
		if !caseSensitive {
			key = [2]string{strings.ToLower(r.Schema), strings.ToLower(r.Table)}
		}
		if other, twice := seen[key]; twice {
			return nil, badRule(r.Name, "remove one of them, or put their events into one rule",
				"it has the same schema-pattern and table-pattern as %s", other)
		}
		seen[key] = quotedName(r.Name)
		e.rules = append(e.rules, one)
	}
	return e, nil
}

// Both applies the rules of two filters, of which either may be nil.
func Both(a, b *Events) *Events {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	return &Events{rules: slices.Concat(a.rules, b.rules)}
}

func quotedName(name string) string {
	if name == "" {
		return "another rule"
	}
	return fmt.Sprintf("%q", name)
}

func badRule(name, hint, format string, args ...any) error {
	msg := fmt.Sprintf(format, args...)
	if name != "" {
		msg = name + ": " + msg
	}
	return &fault.Error{Kind: fault.Invalid, Code: codeEventFilter, Msg: msg, Hint: hint}
}

func compileEventRule(r EventRule, fold bool) (eventRule, error) {
	const wildcardHint = "wildcards are * (only at the end), ? and [a-z]; a pattern that begins with ~ is a regular expression in RE2 syntax"
	out := eventRule{name: r.Name}
	var err error
	if r.Schema == "" {
		return out, badRule(r.Name, "write a pattern for the schemas; a * alone stands for all of them", "schema-pattern is missing or empty")
	}
	if out.schema, err = CompilePattern(r.Schema, fold); err != nil {
		return out, badRule(r.Name, wildcardHint, "schema-pattern: %v", err)
	}
	if r.Table != "" {
		table, err := CompilePattern(r.Table, fold)
		if err != nil {
			return out, badRule(r.Name, wildcardHint, "table-pattern: %v", err)
		}
		out.table = &table
	}
	events, unknown := readEvents(r.Events)
	if unknown != "" {
		return out, badRule(r.Name, "the events are: "+strings.Join(EventNames(), ", "), "events: %q is not an event", unknown)
	}
	out.events = events
	for i, p := range r.SQL {
		if _, err := regexp.Compile(p); err != nil {
			return out, badRule(r.Name, "write a regular expression in RE2 syntax", "sql-pattern[%d]: %q is not a regular expression: %v", i, p, err)
		}
	}
	if len(r.SQL) > 0 {
		out.sql = regexp.MustCompile("(?i)(?:" + strings.Join(r.SQL, ")|(?:") + ")")
	}
	switch r.Action {
	case "Do":
		out.do = true
	case "Ignore":
	case "":
		return out, badRule(r.Name, "write action: Ignore, or action: Do", "action is missing")
	default:
		return out, badRule(r.Name, "write Ignore or Do, with this first letter", "action: %q is neither Do nor Ignore", r.Action)
	}
	out.says = r.Action + " " + strings.Join(r.Events, ", ")
	for _, p := range r.SQL {
		out.says += fmt.Sprintf(" %q", p)
	}
	return out, nil
}

// Empty tells that nothing is left out.
func (e *Events) Empty() bool { return e == nil }

// Rows tells which changes of a table's rows are left out.
func (e *Events) Rows(schema, table string) (insert, update, del bool) {
	if e == nil {
		return false, false, false
	}
	rules := e.matching(schema, table)
	out := func(ev Event) bool {
		return slices.ContainsFunc(rules, func(r *eventRule) bool { return r.leavesOut(ev, nil) })
	}
	return out(InsertRows), out(UpdateRows), out(DeleteRows)
}

// Statement tells whether a statement about a table, or about a schema, which
// has no table, is left out, and by which rule. texts are the ways in which it
// is written; a pattern that matches one of them matches. For one that nobody
// can read schema and table are "" and the event is Other.
func (e *Events) Statement(schema, table string, ev Event, texts ...string) (rule string, out bool) {
	if e == nil {
		return "", false
	}
	for _, r := range e.matching(schema, table) {
		if r.leavesOut(ev, texts) {
			return r.name, true
		}
	}
	return "", false
}

// Named is a rule and what it says.
type Named struct {
	Name, Says string
}

// Rules lists the rules that are asked about a table, in the order of the file.
func (e *Events) Rules(schema, table string) []Named {
	if e == nil {
		return nil
	}
	var out []Named
	for _, r := range e.matching(schema, table) {
		out = append(out, Named{r.name, r.says})
	}
	return out
}

// matching gives the rules for a table. A Do rule that lists nothing but events
// of schemas does not speak about a table that has a Do rule of its own: that
// pair is how a file asks for the rows of some tables and the schemas they are in.
func (e *Events) matching(schema, table string) []*eventRule {
	var out []*eventRule
	own := false
	for i := range e.rules {
		r := &e.rules[i]
		if !r.schema.Match(schema) || r.table != nil && !r.table.Match(table) {
			continue
		}
		own = own || r.table != nil && r.do
		out = append(out, r)
	}
	if table != "" && own {
		out = slices.DeleteFunc(out, func(r *eventRule) bool { return r.table == nil && r.onlySchemas() })
	}
	return out
}

func (r *eventRule) onlySchemas() bool {
	if !r.do || r.events == 0 || r.sql != nil {
		return false
	}
	for ev := InsertRows; ev < events; ev++ {
		if r.events.has(ev) && !ev.aboutSchema() {
			return false
		}
	}
	return true
}

// leavesOut applies one rule.
func (r *eventRule) leavesOut(ev Event, texts []string) bool {
	if ev != Other && r.events.has(ev) != r.do {
		return true
	}
	if ev.IsRows() || r.sql == nil {
		return false
	}
	return slices.ContainsFunc(texts, r.sql.MatchString) != r.do
}
