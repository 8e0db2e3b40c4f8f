package filter

import (
	"fmt"
	"slices"
	"strings"

	"github.com/raftdm/raftdm/internal/fault"
)

// Rules is one entry of block-allow-list. The zero value selects every
// non-system table.
type Rules struct {
	DoDBs        []string
	IgnoreDBs    []string
	DoTables     []TablePattern
	IgnoreTables []TablePattern
}

// TablePattern names tables by a pattern for the schema and one for the table.
type TablePattern struct {
	Schema string
	Table  string
}

// Options are the surroundings of a Filter.
type Options struct {
	// CaseSensitive compares names as written; otherwise case is ignored.
	CaseSensitive bool
	// Internal names schemas that never match, in any spelling.
	Internal []string
}

// Filter is a compiled block-allow list.
type Filter struct {
	fold         bool
	internal     map[string]bool // lower case
	doDBs        []Pattern
	ignoreDBs    []Pattern
	doTables     []tablePattern
	ignoreTables []tablePattern
}

type tablePattern struct{ schema, table Pattern }

// New compiles rules.
func New(r Rules, o Options) (*Filter, error) {
	f := &Filter{fold: !o.CaseSensitive, internal: map[string]bool{}}
	for _, s := range o.Internal {
		f.internal[strings.ToLower(s)] = true
	}
	var err error
	if f.doDBs, err = f.names("do-dbs", r.DoDBs); err != nil {
		return nil, err
	}
	if f.ignoreDBs, err = f.names("ignore-dbs", r.IgnoreDBs); err != nil {
		return nil, err
	}
	if f.doTables, err = f.tables("do-tables", r.DoTables); err != nil {
		return nil, err
	}
	if f.ignoreTables, err = f.tables("ignore-tables", r.IgnoreTables); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *Filter) names(key string, entries []string) ([]Pattern, error) {
	var out []Pattern
	for i, e := range entries {
		p, err := CompilePattern(e, f.fold)
		if err != nil {
			return nil, invalid(fmt.Sprintf("%s[%d]", key, i), err)
		}
		out = append(out, p)
	}
	return out, nil
}

func (f *Filter) tables(key string, entries []TablePattern) ([]tablePattern, error) {
	var out []tablePattern
	for i, e := range entries {
		s, err := CompilePattern(e.Schema, f.fold)
		if err != nil {
			return nil, invalid(fmt.Sprintf("%s[%d].db-name", key, i), err)
		}
		t, err := CompilePattern(e.Table, f.fold)
		if err != nil {
			return nil, invalid(fmt.Sprintf("%s[%d].tbl-name", key, i), err)
		}
		out = append(out, tablePattern{schema: s, table: t})
	}
	return out, nil
}

// invalid says which entry is malformed.
func invalid(key string, err error) error {
	return &fault.Error{Kind: fault.Invalid, Code: 20044, Msg: key + ": " + err.Error(),
		Hint: "wildcards are * (only at the end), ? and [a-z]; an entry that begins with ~ is a regular expression in RE2 syntax"}
}

// MatchSchema tells whether statements about a whole schema belong to the task.
func (f *Filter) MatchSchema(schema string) bool { return f.schema(schema).selected }

// CopiesSchema tells whether a schema is to be made on the target though none of its
// tables is there: as MatchSchema, but a list of tables alone means no schema that
// it does not name.
func (f *Filter) CopiesSchema(schema string) bool {
	named := func(t tablePattern) bool { return t.schema.Match(schema) }
	return f.MatchSchema(schema) && (len(f.doDBs) > 0 || len(f.doTables) == 0 || slices.ContainsFunc(f.doTables, named))
}

// MatchTable tells whether a table and its rows belong to the task.
func (f *Filter) MatchTable(schema, table string) bool { return f.table(schema, table).selected }

// Explain is MatchTable, and says which entry decides: `do-tables[1]`, or why none
// has to.
func (f *Filter) Explain(schema, table string) (selected bool, why string) {
	v := f.table(schema, table)
	return v.selected, v.String()
}

// decision is an answer and the entry that it comes from.
type decision struct {
	selected bool
	key      string // of the list, or a sentence when entry is none
	entry    int
	pattern  string
}

// none is the entry of a decision that no single entry has made.
const none = -1

func (v decision) String() string {
	if v.entry == none {
		return v.key
	}
	return fmt.Sprintf("%s[%d] %s", v.key, v.entry, v.pattern)
}

// schema decides about a schema.
func (f *Filter) schema(name string) decision {
	switch {
	case IsSystemSchema(name):
		return decision{key: "a schema of the server itself", entry: none}
	case f.internal[strings.ToLower(name)]:
		return decision{key: "the schema of the task's meta tables", entry: none}
	}
	if at := indexName(f.doDBs, name); at >= 0 {
		return decision{true, "do-dbs", at, f.doDBs[at].text}
	}
	if len(f.doDBs) > 0 {
		return decision{key: "its schema is not in do-dbs", entry: none}
	}
	if at := indexName(f.ignoreDBs, name); at >= 0 {
		return decision{false, "ignore-dbs", at, f.ignoreDBs[at].text}
	}
	return decision{selected: true, key: "nothing leaves it out", entry: none}
}

// table decides about a table.
func (f *Filter) table(schema, table string) decision {
	v := f.schema(schema)
	if !v.selected {
		return v
	}
	if at := indexTable(f.doTables, schema, table); at >= 0 {
		return decision{true, "do-tables", at, f.doTables[at].String()}
	}
	if at := indexTable(f.ignoreTables, schema, table); at >= 0 {
		return decision{false, "ignore-tables", at, f.ignoreTables[at].String()}
	}
	if len(f.doTables) > 0 {
		return decision{key: "it is not in do-tables", entry: none}
	}
	return v
}

func indexName(list []Pattern, name string) int {
	for i := range list {
		if list[i].Match(name) {
			return i
		}
	}
	return none
}

func indexTable(list []tablePattern, schema, table string) int {
	for i := range list {
		if list[i].schema.Match(schema) && list[i].table.Match(table) {
			return i
		}
	}
	return none
}

func (p tablePattern) String() string { return p.schema.text + "." + p.table.text }

// Exact lists the do-tables that are written without any pattern: the operator
// expects each of them to exist.
func (r Rules) Exact() []TablePattern {
	var out []TablePattern
	for _, t := range r.DoTables {
		if !isPattern(t.Schema) && !isPattern(t.Table) {
			out = append(out, t)
		}
	}
	return out
}

// IsSystemSchema tells whether a schema is a server's own, in any spelling. Such
// schemas never migrate.
func IsSystemSchema(schema string) bool {
	switch strings.ToLower(schema) {
	case "mysql", "sys", "information_schema", "performance_schema", "metrics_schema", "inspection_schema", "dm_heartbeat":
		return true
	}
	return false
}
