package onlineddl

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/raftdm/raftdm/internal/fault"
)

// Kind is what a table is to an online DDL tool.
type Kind uint8

// The kinds of tables.
const (
	Real Kind = iota
	Shadow
	Trash
)

// String names the kind for people.
func (k Kind) String() string { return [...]string{"real", "shadow", "trash"}[k] }

const codeRule = 20048

// DefaultShadow and DefaultTrash are the rules of a task that gives none.
func DefaultShadow() []string { return []string{`^_(.+)_(?:new|gho)$`} }

// DefaultTrash are the rules for trash tables of a task that gives none.
func DefaultTrash() []string { return []string{`^_(.+)_(?:ghc|del|old)$`} }

// Rules tell the tables of the tools by their names. A nil *Rules, that of a task
// without online-ddl, finds all tables real.
type Rules struct {
	shadow, trash []*regexp.Regexp
}

// New compiles rules; the defaults stand for an empty list. Each is a regular
// expression for the whole name, with one group: the name of the real table.
func New(shadow, trash []string) (*Rules, error) {
	if len(shadow) == 0 {
		shadow = DefaultShadow()
	}
	if len(trash) == 0 {
		trash = DefaultTrash()
	}
	r := &Rules{}
	for _, list := range []struct {
		rules []string
		into  *[]*regexp.Regexp
	}{{shadow, &r.shadow}, {trash, &r.trash}} {
		for _, rule := range list.rules {
			re, err := Compile(rule)
			if err != nil {
				return nil, err
			}
			*list.into = append(*list.into, re)
		}
	}
	return r, nil
}

// Compile reads one rule. A ^ and $ that are missing are added.
func Compile(rule string) (*regexp.Regexp, error) {
	whole := rule
	if !strings.HasPrefix(whole, "^") {
		whole = "^" + whole
	}
	if !strings.HasSuffix(whole, "$") {
		whole += "$"
	}
	re, err := regexp.Compile(whole)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Invalid, Code: codeRule, Msg: fmt.Sprintf("%q is not a regular expression", rule),
			Hint: "write a regular expression in RE2 syntax"}
	}
	if n := re.NumSubexp(); n != 1 {
		return nil, &fault.Error{Kind: fault.Invalid, Code: codeRule, Msg: fmt.Sprintf("%q has %d groups instead of one", rule, n),
			Hint: "put the part that is the real table's name, and only that, in parentheses"}
	}
	return re, nil
}

// Kind tells what a table is. One that both lists match is a shadow table.
func (r *Rules) Kind(table string) Kind {
	k, _ := r.find(table)
	return k
}

func (r *Rules) find(table string) (k Kind, name string) {
	if r == nil {
		return Real, table
	}
	for _, re := range r.shadow {
		if m := re.FindStringSubmatch(table); m != nil {
			return Shadow, m[1]
		}
	}
	for _, re := range r.trash {
		if m := re.FindStringSubmatch(table); m != nil {
			return Trash, m[1]
		}
	}
	return Real, table
}

// Names lists the real tables that a table of a tool may belong to: the rule's
// group, and this without the underscores that pt-online-schema-change puts
// before a name that is taken. The most likely comes first. A real table is its own.
func (r *Rules) Names(table string) []string {
	kind, name := r.find(table)
	out := []string{name}
	for kind != Real && len(name) > 1 && name[0] == '_' {
		name = name[1:]
		out = append(out, name)
	}
	return out
}

// Tables is a filter of tables, as config.TableFilter.
type Tables interface {
	// MatchSchema is the decision for statements about a whole schema.
	MatchSchema(schema string) bool
	// MatchTable is the decision for a table and its rows.
	MatchTable(schema, table string) bool
}

// Only makes of a filter one that leaves out the tools' own tables.
func (r *Rules) Only(of Tables) Tables {
	if r == nil {
		return of
	}
	return &realOnly{Tables: of, rules: r}
}

type realOnly struct {
	Tables
	rules *Rules
}

// MatchTable finds real tables only.
func (f *realOnly) MatchTable(schema, table string) bool {
	return f.Tables.MatchTable(schema, table) && f.rules.Kind(table) == Real
}

// Explain is MatchTable with the reason, where the filter below knows one.
func (f *realOnly) Explain(schema, table string) (bool, string) {
	if kind := f.rules.Kind(table); kind != Real {
		return false, fmt.Sprintf("online-ddl: its name is that of a %s table", kind)
	}
	if e, ok := f.Tables.(interface {
		Explain(schema, table string) (bool, string)
	}); ok {
		return e.Explain(schema, table)
	}
	return f.Tables.MatchTable(schema, table), ""
}

// Tools makes of a filter one for the tools' tables of the tables that it matches.
func (r *Rules) Tools(of Tables) Tables { return &toolsOnly{Tables: of, rules: r} }

type toolsOnly struct {
	Tables
	rules *Rules
}

// MatchTable finds tables of tools only.
func (f *toolsOnly) MatchTable(schema, table string) bool {
	return f.rules.Kind(table) != Real && f.rules.Follows(f.Tables, schema, table)
}

// Follows tells whether a tool's table belongs, by its name, to a table that a
// filter matches.
func (r *Rules) Follows(of Tables, schema, table string) bool {
	for _, name := range r.Names(table) {
		if of.MatchTable(schema, name) {
			return true
		}
	}
	return false
}
