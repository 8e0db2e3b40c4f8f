package route

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/filter"
)

// codeRoute is DM's number for routes that cannot be used.
const codeRoute = 20045

// longestName is how many characters servers allow in the name of a schema, table or column.
const longestName = 64

// Rule is one entry of routes, as a file has it.
type Rule struct {
	// Name is for messages.
	Name string
	// Schema and Table are patterns; an empty Table is a rule about the schema and
	// all its tables.
	Schema, Table string
	// TargetTable may be "": tables keep their names.
	TargetSchema, TargetTable string
	// The columns of the target that are filled from the names of the table, the
	// schema and the source; nil for none.
	ExtractTable, ExtractSchema, ExtractSource *Extract
}

// Extract says which part of a name goes into which column: all groups of the
// expression, one behind the other, and "" when it does not match.
type Extract struct {
	Column, Regexp string
}

// rule is a compiled Rule.
type rule struct {
	Rule
	schema  filter.Pattern
	table   *filter.Pattern // nil for a rule about a schema
	extract [3]*regexp.Regexp
}

// the places in rule.extract, in the order of the columns.
const (
	fromTable = iota
	fromSchema
	fromSource
)

func (r *Rule) extracts() [3]*Extract {
	return [3]*Extract{fromTable: r.ExtractTable, fromSchema: r.ExtractSchema, fromSource: r.ExtractSource}
}

func bad(name, hint, format string, args ...any) error {
	msg := fmt.Sprintf(format, args...)
	if name != "" {
		msg = name + ": " + msg
	}
	return &fault.Error{Kind: fault.Invalid, Code: codeRoute, Msg: msg, Hint: hint}
}

const patternHint = "wildcards are * (only at the end), ? and [a-z]; a pattern that begins with ~ is a regular expression in RE2 syntax"

func compile(r Rule, fold bool) (*rule, error) {
	out := &rule{Rule: r}
	var err error
	if r.Schema == "" {
		return nil, bad(r.Name, "write a pattern for the schemas; a * alone stands for all of them", "schema-pattern is missing or empty")
	}
	if out.schema, err = filter.CompilePattern(r.Schema, fold); err != nil {
		return nil, bad(r.Name, patternHint, "schema-pattern: %v", err)
	}
	if r.Table != "" {
		table, err := filter.CompilePattern(r.Table, fold)
		if err != nil {
			return nil, bad(r.Name, patternHint, "table-pattern: %v", err)
		}
		out.table = &table
	}
	if r.TargetSchema == "" {
		return nil, bad(r.Name, "name the schema on the target; it may have the name that it has on the source", "target-schema is missing or empty")
	}
	for key, name := range map[string]string{"target-schema": r.TargetSchema, "target-table": r.TargetTable} {
		if utf8.RuneCountInString(name) > longestName {
			return nil, bad(r.Name, "choose a shorter name", "%s: %q has more than %d characters", key, name, longestName)
		}
	}
	return out, out.compileExtracts()
}

func (r *rule) compileExtracts() error {
	seen := map[string]bool{}
	for i, e := range r.extracts() {
		if e == nil {
			continue
		}
		key := [...]string{"extract-table", "extract-schema", "extract-source"}[i]
		switch folded := strings.ToLower(e.Column); {
		case e.Column == "":
			return bad(r.Name, "name the column of the target table that takes the value", "%s.target-column is missing or empty", key)
		case utf8.RuneCountInString(e.Column) > longestName:
			return bad(r.Name, "choose a shorter name", "%s.target-column: %q has more than %d characters", key, e.Column, longestName)
		case seen[folded]:
			return bad(r.Name, "give each value a column of its own", "%s.target-column: %q is filled twice", key, e.Column)
		default:
			seen[folded] = true
		}
		re, err := regexp.Compile(e.Regexp)
		if err != nil {
			return bad(r.Name, "write a regular expression in RE2 syntax", "%s: %q is not a regular expression: %v", key, e.Regexp, err)
		}
		if re.NumSubexp() == 0 {
			return bad(r.Name, `put the part that goes into the column in parentheses; "(.*)" is all of the name`,
				"%s: %q has no group, so the column would always be empty", key, e.Regexp)
		}
		r.extract[i] = re
	}
	return nil
}

// columns are what the rule's columns hold for a table.
func (r *rule) columns(schema, table, source string) []Column {
	var out []Column
	for i, e := range r.extracts() {
		if e == nil {
			continue
		}
		from := [3]string{fromTable: table, fromSchema: schema, fromSource: source}[i]
		c := Column{Name: e.Column}
		if groups := r.extract[i].FindStringSubmatch(from); groups != nil {
			c.Value = strings.Join(groups[1:], "")
		}
		out = append(out, c)
	}
	return out
}

// describe names a rule in a message about several.
func (r *rule) describe() string {
	what := fmt.Sprintf("schema-pattern %q", r.Schema)
	if r.table != nil {
		what += fmt.Sprintf(", table-pattern %q", r.Table)
	}
	if r.Name == "" {
		return what
	}
	return fmt.Sprintf("%q (%s)", r.Name, what)
}
