package route

import (
	"strings"
	"sync"
)

// Options are the surroundings of a Router.
type Options struct {
	// CaseSensitive compares names as written; otherwise case is ignored.
	CaseSensitive bool
	// Source is the id of the source, for extract-source.
	Source string
}

// Target is where the rows of a table go.
type Target struct {
	Schema, Table string
	// Columns are those that say where a row came from, with their values.
	Columns []Column
	// Rule is the name of the rule that says so, "" when none does.
	Rule string
	// Routed tells that some rule says so, even if the name stays as it is.
	Routed bool
}

// Column is a column of the target that has one value for all rows of a table.
type Column struct {
	Name, Value string
}

// Router tells for each name of the source what it is on the target. It is safe
// for concurrent use.
type Router struct {
	rules  []*rule
	source string

	mu    sync.RWMutex
	known map[[2]string]answer // guarded by mu; the table is "" for a schema
}

type answer struct {
	target *Target
	err    error
}

// mostKnown bounds what is remembered; what was asked longer ago is worked out again.
const mostKnown = 100_000

// New compiles rules; none of them give nil, which changes no name.
func New(rules []Rule, o Options) (*Router, error) {
	if len(rules) == 0 {
		return nil, nil //nolint:nilnil // the documented answer: nothing is routed
	}
	r := &Router{source: o.Source, known: map[[2]string]answer{}}
	seen := map[[2]string]*rule{}
	for _, one := range rules {
		c, err := compile(one, !o.CaseSensitive)
		if err != nil {
			return nil, err
		}
		key := [2]string{one.Schema, one.Table}
		if !o.CaseSensitive {
			key = [2]string{strings.ToLower(one.Schema), strings.ToLower(one.Table)}
		}
		if other := seen[key]; other != nil {
			return nil, bad(one.Name, "remove one of them", "it has the same schema-pattern and table-pattern as %s", other.describe())
		}
		seen[key] = c
		r.rules = append(r.rules, c)
	}
	return r, nil
}

// Empty tells that no name is changed.
func (r *Router) Empty() bool { return r == nil }

// Table says where a table goes.
func (r *Router) Table(schema, table string) (*Target, error) {
	if r == nil {
		return &Target{Schema: schema, Table: table}, nil
	}
	return r.ask(schema, table)
}

// Schema says what a schema is called on the target, as statements about the
// whole schema take it.
func (r *Router) Schema(schema string) (string, error) {
	if r == nil {
		return schema, nil
	}
	t, err := r.ask(schema, "")
	if err != nil {
		return "", err
	}
	return t.Schema, nil
}

func (r *Router) ask(schema, table string) (*Target, error) {
	key := [2]string{schema, table}
	r.mu.RLock()
	a, ok := r.known[key]
	r.mu.RUnlock()
	if ok {
		return a.target, a.err
	}
	a.target, a.err = r.decide(schema, table)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.known) >= mostKnown {
		clear(r.known)
	}
	r.known[key] = a
	return a.target, a.err
}

// decide applies the rules to a table, or to a schema, which has no table.
func (r *Router) decide(schema, table string) (*Target, error) {
	var first, second *rule // of the rank that counts
	for _, one := range r.rules {
		switch {
		case !one.schema.Match(schema):
		case one.table != nil && (table == "" || !one.table.Match(table)):
		case first == nil, one.table != nil && first.table == nil:
			first, second = one, nil
		case (one.table == nil) == (first.table == nil) && second == nil:
			second = one
		}
	}
	if first == nil {
		return &Target{Schema: schema, Table: table}, nil
	}
	if second != nil {
		return nil, ambiguous(schema, table, first, second)
	}
	out := &Target{Schema: first.TargetSchema, Table: table, Rule: first.Name, Routed: true}
	if table == "" {
		return out, nil
	}
	if first.TargetTable != "" {
		out.Table = first.TargetTable
	}
	out.Columns = first.columns(schema, table, r.source)
	return out, nil
}

func ambiguous(schema, table string, a, b *rule) error {
	what := "schema `" + schema + "`"
	if table != "" {
		what = "table `" + schema + "`.`" + table + "`"
	}
	return bad("", "change the patterns so that one rule matches it, or leave it out with the block-allow-list",
		"two routes match %s: %s and %s", what, a.describe(), b.describe())
}
