package schema

import (
	"fmt"
	"slices"
	"strings"
)

// definition is a CREATE TABLE statement taken apart so that DDL can be applied
// to it: what Table says plus the texts that are needed to write it again.
// Foreign keys, CHECK constraints, partitions and the AUTO_INCREMENT counter
// are not kept: they do not change what a row looks like or how it is found.
type definition struct {
	name    string
	columns []columnDef
	indexes []indexDef
	charset string
	collate string
	options []option
}

// columnDef is a column with its attributes in the order they were written.
type columnDef struct {
	Column
	// typeText is the canonical text of the type without character set.
	typeText string
	attrs    []attr
	// origin is the column's place, from 1, when an ALTER TABLE began; 0 is new.
	origin int
	// redefined is set when that ALTER TABLE gives the column's definition.
	redefined bool
	// size is n of a TEXT(n), 0 without one.
	size int
}

// attr is one attribute of a column: key "DEFAULT", text "DEFAULT 'a'".
type attr struct {
	key    string
	tokens []token
}

func (a attr) text() string { return sqlText(a.tokens) }

// indexKind is the sort of an index.
type indexKind string

const (
	primaryIndex  indexKind = "PRIMARY KEY"
	uniqueIndex   indexKind = "UNIQUE KEY"
	plainIndex    indexKind = "KEY"
	fulltextIndex indexKind = "FULLTEXT KEY"
	spatialIndex  indexKind = "SPATIAL KEY"
	vectorIndex   indexKind = "VECTOR KEY"
)

// primaryName is how a primary key is named wherever an index has a name.
const primaryName = "PRIMARY"

// indexDef is any index of the table.
type indexDef struct {
	kind  indexKind
	name  string
	parts []partDef
	tail  string // options: USING BTREE, COMMENT ...
}

// partDef is one column or expression of an index.
type partDef struct {
	column string // "" for an expression
	prefix int
	expr   string // with its brackets
	desc   bool
}

// option is one table option: name "ENGINE", value "InnoDB".
type option struct{ name, value string }

// column finds a column by name, as MySQL does: whatever the case. -1: none.
func (d *definition) column(name string) int {
	return slices.IndexFunc(d.columns, func(c columnDef) bool { return strings.EqualFold(c.Name, name) })
}

// index finds an index by name. -1: none.
func (d *definition) index(name string) int {
	return slices.IndexFunc(d.indexes, func(x indexDef) bool { return strings.EqualFold(x.name, name) })
}

// setAttr replaces or adds an attribute; no tokens removes it.
func (c *columnDef) setAttr(key string, tokens []token) {
	attrs := slices.DeleteFunc(slices.Clone(c.attrs), func(a attr) bool { return a.key == key })
	if len(tokens) > 0 {
		attrs = append(attrs, attr{key, tokens})
	}
	c.attrs = attrs
}

// forbidNull makes the column NOT NULL.
func (c *columnDef) forbidNull() {
	if !c.NotNull {
		c.NotNull = true
		c.setAttr("NULL", nil)
		c.attrs = slices.Insert(c.attrs, 0, keyword("NULL", "NOT", "NULL"))
	}
}

// render writes the canonical CREATE TABLE statement: one line per column and
// index, character sets always given, for the empty sql_mode.
func (d *definition) render() string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE %s (\n", appendIdent(nil, d.name))
	lines := make([]string, 0, len(d.columns)+len(d.indexes))
	for i := range d.columns {
		lines = append(lines, d.columns[i].render())
	}
	for i := range d.indexes {
		lines = append(lines, d.indexes[i].render())
	}
	b.WriteString("  " + strings.Join(lines, ",\n  ") + "\n)")
	for _, o := range d.options {
		b.WriteString(" " + o.name + "=" + o.value)
	}
	fmt.Fprintf(&b, " DEFAULT CHARSET=%s COLLATE=%s", d.charset, d.collate)
	return b.String()
}

func (c *columnDef) render() string {
	b := appendIdent(nil, c.Name)
	b = append(b, ' ')
	b = append(b, c.typeText...)
	if c.hasCharset() {
		b = fmt.Appendf(b, " CHARACTER SET %s COLLATE %s", c.Charset, c.Collate)
	}
	for _, a := range c.attrs {
		b = append(b, ' ')
		b = append(b, a.text()...)
	}
	return string(b)
}

// hasCharset tells whether the column holds characters of a chosen set.
func (c *Column) hasCharset() bool {
	switch c.Type {
	case "char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set":
		return true
	}
	return false
}

func (x *indexDef) render() string {
	b := []byte(x.kind)
	if x.kind != primaryIndex {
		b = append(b, ' ')
		b = appendIdent(b, x.name)
	}
	b = append(b, " ("...)
	for i, p := range x.parts {
		if i > 0 {
			b = append(b, ',')
		}
		if p.column == "" {
			b = append(b, p.expr...)
		} else {
			b = appendIdent(b, p.column)
		}
		if p.prefix > 0 {
			b = fmt.Appendf(b, "(%d)", p.prefix)
		}
		if p.desc {
			b = append(b, " DESC"...)
		}
	}
	b = append(b, ')')
	if x.tail != "" {
		b = append(b, ' ')
		b = append(b, x.tail...)
	}
	return string(b)
}

// drop takes columns out, and indexes that have nothing left.
func (d *definition) drop(columns []string) {
	if len(columns) == 0 {
		return
	}
	gone := func(name string) bool {
		return slices.ContainsFunc(columns, func(c string) bool { return strings.EqualFold(c, name) })
	}
	d.columns = slices.DeleteFunc(d.columns, func(c columnDef) bool { return gone(c.Name) })
	for i := range d.indexes {
		d.indexes[i].parts = slices.DeleteFunc(d.indexes[i].parts, func(p partDef) bool { return gone(p.column) })
	}
	d.indexes = slices.DeleteFunc(d.indexes, func(x indexDef) bool { return len(x.parts) == 0 })
}

// table makes the public form.
func (d *definition) table(schema string) *Table {
	t := &Table{
		Name:    Name{Schema: schema, Table: d.name},
		Columns: make([]Column, len(d.columns)),
		Charset: d.charset, Collate: d.collate,
		CreateSQL: d.render(),
	}
	for i := range d.columns {
		t.Columns[i] = d.columns[i].Column
		t.Columns[i].Elems = slices.Clone(d.columns[i].Elems)
	}
	for i := range d.indexes {
		x := &d.indexes[i]
		if x.kind != primaryIndex && x.kind != uniqueIndex {
			continue
		}
		ix := Index{Name: x.name, Primary: x.kind == primaryIndex}
		for _, p := range x.parts {
			ix.Parts = append(ix.Parts, IndexPart{Column: d.column(p.column), Prefix: p.prefix})
		}
		if ix.Primary {
			t.Indexes = slices.Insert(t.Indexes, 0, ix)
		} else {
			t.Indexes = append(t.Indexes, ix)
		}
	}
	return t
}
