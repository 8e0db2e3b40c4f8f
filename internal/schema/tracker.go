package schema

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/raftdm/raftdm/internal/fault"
)

// Tracker holds the structures of a source's tables at one moment of its binlog
// and moves on with each DDL. It is used by one goroutine; Clone is cheap, as
// tables are immutable.
type Tracker struct {
	sqlMode   string
	lowerCase bool
	textJSON  bool
	server    charsets
	// collations are those that a character set stands for, where it is not the usual one.
	collations map[string]string
	schemas    map[string]charsets // known schemas, with "" where they follow the server
	tables     map[Name]*Table
}

// NewTracker makes an empty tracker. CREATE statements handed to Put were
// printed under sqlMode; lowerCase is set where lower_case_table_names is not 0,
// and makes names of schemas and tables match whatever their case.
func NewTracker(sqlMode string, lowerCase bool) *Tracker {
	return &Tracker{
		sqlMode: sqlMode, lowerCase: lowerCase, server: fallbackCharset(),
		schemas: map[string]charsets{}, tables: map[Name]*Table{},
	}
}

// Clone gives an independent copy.
func (t *Tracker) Clone() *Tracker {
	c := *t
	c.schemas, c.tables = maps.Clone(t.schemas), maps.Clone(t.tables)
	return &c
}

// SetServerCharset tells what a schema gets that is created without a character set.
func (t *Tracker) SetServerCharset(charset, collate string) {
	t.server.charset, t.server.collate = charsets{strings.ToLower(charset), strings.ToLower(collate)}.resolve()
}

// SetTextJSON tells that the source is a MariaDB, where JSON is another word
// for LONGTEXT: a text with a character set, which DDL can change.
func (t *Tracker) SetTextJSON() { t.textJSON = true }

// ownJSON makes of a JSON column what the source makes of it.
func (t *Tracker) ownJSON(c *columnDef) {
	if t.textJSON && c.Type == "json" {
		c.Type, c.Charset, c.Collate = "longtext", "utf8mb4", "utf8mb4_bin"
		c.typeText = c.renderType(false)
	}
}

// PutSchema makes a schema known. createSQL is the text of SHOW CREATE DATABASE;
// "" stands for a schema with the server's character set.
func (t *Tracker) PutSchema(schema, createSQL string) error {
	tokens, err := lex(createSQL, t.sqlMode)
	if err != nil {
		return fault.Wrap("read the schema "+schema, err)
	}
	var cs charsets
	c := &cursor{tokens: tokens}
	for !c.done() {
		switch {
		case c.accept("CHARACTER", "SET"), c.accept("CHARSET"):
			c.accept("=")
			cs.charset = strings.ToLower(c.next().text)
		case c.accept("COLLATE"):
			c.accept("=")
			cs.collate = strings.ToLower(c.next().text)
		default:
			c.next()
		}
	}
	t.schemas[t.fold(schema)] = cs
	return nil
}

// HasSchema tells whether a schema is known.
func (t *Tracker) HasSchema(schema string) bool {
	_, known := t.schemas[t.fold(schema)]
	return known
}

// CreateSchema gives the statement that creates a schema as it is known, its
// character set spelled out, for PutSchema to read; "" when it is not known.
func (t *Tracker) CreateSchema(schema string) string {
	if !t.HasSchema(schema) {
		return ""
	}
	charset, collate := t.schemaCharset(schema).resolve()
	return fmt.Sprintf("CREATE DATABASE %s DEFAULT CHARACTER SET %s COLLATE %s", appendIdent(nil, schema), charset, collate)
}

// Put makes a table known, or replaces it, from the text of SHOW CREATE TABLE.
func (t *Tracker) Put(schema, createSQL string) (*Table, error) {
	d, named, err := parseCreate(createSQL, t.sqlMode, t.schemaCharset(schema))
	if err != nil {
		return nil, readError(createSQL, err)
	}
	table := d.table(cmp.Or(named, schema))
	t.PutTable(table)
	return table, nil
}

// PutAs makes a table known under the name that it has on the source, from the
// text of SHOW CREATE TABLE of a server that may call it something else. without
// lists columns that the source does not have, and with them go their parts of
// indexes.
func (t *Tracker) PutAs(n Name, createSQL string, without ...string) (*Table, error) {
	d, _, err := parseCreate(createSQL, t.sqlMode, t.schemaCharset(n.Schema))
	if err != nil {
		return nil, readError(createSQL, err)
	}
	d.name = n.Table
	d.drop(without)
	table := d.table(n.Schema)
	t.PutTable(table)
	return table, nil
}

// PutTable makes a table known, or replaces it.
func (t *Tracker) PutTable(table *Table) {
	if _, known := t.schemas[t.fold(table.Name.Schema)]; !known {
		t.schemas[t.fold(table.Name.Schema)] = charsets{}
	}
	t.tables[t.key(table.Name)] = table
}

// Table gives the structure of a table; an unknown one is fault.NotFound.
func (t *Tracker) Table(n Name) (*Table, error) {
	if table, ok := t.tables[t.key(n)]; ok {
		return table, nil
	}
	return nil, &fault.Error{
		Kind: fault.NotFound, Side: fault.Upstream,
		Msg:  fmt.Sprintf("the structure of table %s is not known", n.ident()),
		Hint: "the table may have been created before the task's start position: give the task its CREATE TABLE statement",
	}
}

// Drop forgets a table.
func (t *Tracker) Drop(n Name) { delete(t.tables, t.key(n)) }

// DropSchema forgets a schema and its tables, and gives their names.
func (t *Tracker) DropSchema(schema string) []Name {
	gone := t.Tables(schema)
	for _, n := range gone {
		t.Drop(n)
	}
	delete(t.schemas, t.fold(schema))
	return gone
}

// Schemas gives the known schemas, sorted.
func (t *Tracker) Schemas() []string { return slices.Sorted(maps.Keys(t.schemas)) }

// All gives all known tables, in no order.
func (t *Tracker) All() []Name {
	out := make([]Name, 0, len(t.tables))
	for _, table := range t.tables {
		out = append(out, table.Name)
	}
	return out
}

// Tables gives the known tables of a schema, sorted.
func (t *Tracker) Tables(schema string) []Name {
	var out []Name
	for _, table := range t.tables {
		if t.fold(table.Name.Schema) == t.fold(schema) {
			out = append(out, table.Name)
		}
	}
	slices.SortFunc(out, func(a, b Name) int { return strings.Compare(a.Table, b.Table) })
	return out
}

func (t *Tracker) schemaCharset(schema string) charsets {
	return t.schemas[t.fold(schema)].orElse(t.server)
}

func (t *Tracker) fold(name string) string {
	if t.lowerCase {
		return strings.ToLower(name)
	}
	return name
}

func (t *Tracker) key(n Name) Name { return Name{t.fold(n.Schema), t.fold(n.Table)} }

// ident gives `schema`.`table`.
func (n Name) ident() string {
	return string(appendIdent(append(appendIdent(nil, n.Schema), '.'), n.Table))
}
