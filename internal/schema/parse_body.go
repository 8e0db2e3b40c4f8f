package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/raftdm/raftdm/internal/fault"
)

// bodyParser reads the items between the brackets of a CREATE TABLE.
type bodyParser struct {
	d       *definition
	foreign []foreignKey
}

// foreignKey is kept only until finish: a server makes an index for it when
// none of the table's own serves.
type foreignKey struct {
	name    string
	columns []string
}

// item reads one column, index or constraint.
func (p *bodyParser) item(c *cursor) error {
	constraint := ""
	named := false
	if c.peek(0).is("CONSTRAINT") {
		c.next()
		named = true
		if !startsConstraint(c) {
			name, err := c.name()
			if err != nil {
				return err
			}
			constraint = name
		}
	}
	switch {
	case c.accept("PRIMARY", "KEY"):
		return p.index(c, primaryIndex, constraint)
	case c.accept("UNIQUE"):
		c.acceptAny("KEY", "INDEX")
		return p.index(c, uniqueIndex, constraint)
	case c.accept("FOREIGN", "KEY"):
		return p.foreignKey(c, constraint)
	case c.accept("CHECK"):
		_, err := c.group()
		return err
	case named:
		return c.unexpected("a constraint")
	case c.accept("KEY"), c.accept("INDEX"):
		return p.index(c, plainIndex, "")
	case c.accept("FULLTEXT"):
		c.acceptAny("KEY", "INDEX")
		return p.index(c, fulltextIndex, "")
	case c.accept("SPATIAL"):
		c.acceptAny("KEY", "INDEX")
		return p.index(c, spatialIndex, "")
	case c.accept("VECTOR", "KEY"), c.accept("VECTOR", "INDEX"):
		return p.index(c, vectorIndex, "")
	case c.peek(0).is("PERIOD") && c.peek(1).is("FOR"):
		return fault.New(fault.Unsupported, fmt.Sprintf("%q is not supported yet", sqlText(c.tokens)))
	}
	col, own, err := parseColumn(c, charsets{p.d.charset, p.d.collate})
	if err != nil {
		return err
	}
	if p.d.column(col.Name) >= 0 {
		return fault.New(fault.Schema, fmt.Sprintf("column `%s` is given twice", col.Name))
	}
	p.d.columns = append(p.d.columns, col)
	if own != "" {
		p.d.indexes = append(p.d.indexes, indexDef{kind: own, parts: []partDef{{column: col.Name}}})
	}
	return nil
}

func startsConstraint(c *cursor) bool {
	for _, w := range []string{"PRIMARY", "UNIQUE", "FOREIGN", "CHECK"} {
		if c.peek(0).is(w) {
			return true
		}
	}
	return false
}

func (p *bodyParser) index(c *cursor, kind indexKind, name string) error {
	x, err := parseIndex(c, kind, name)
	if err != nil {
		return err
	}
	p.d.indexes = append(p.d.indexes, x)
	return nil
}

// parseIndex reads an index from behind its keywords.
func parseIndex(c *cursor, kind indexKind, name string) (indexDef, error) {
	x := indexDef{kind: kind, name: name}
	c.accept("IF", "NOT", "EXISTS")
	if !c.peek(0).is("(") && !c.peek(0).is("USING") {
		given, err := c.name()
		if err != nil {
			return x, err
		}
		x.name = given
	}
	start := c.pos
	if c.accept("USING") {
		c.next()
	}
	using := sqlText(c.tokens[start:c.pos])
	parts, err := c.group()
	if err != nil {
		return x, err
	}
	for _, part := range splitCommas(parts) {
		p, err := parsePart(&cursor{tokens: part})
		if err != nil {
			return x, err
		}
		x.parts = append(x.parts, p)
	}
	x.tail = strings.TrimSpace(using + " " + sqlText(slices.DeleteFunc(slices.Clone(c.tokens[c.pos:]), isVisibility)))
	c.pos = len(c.tokens)
	return x, nil
}

// isVisibility tells words that say only whether queries may use an index.
func isVisibility(t token) bool {
	return t.is("VISIBLE") || t.is("INVISIBLE") || t.is("IGNORED") || t.is("NOT")
}

func parsePart(c *cursor) (partDef, error) {
	var p partDef
	if c.peek(0).is("(") {
		inner, err := c.group()
		if err != nil {
			return p, err
		}
		p.expr = "(" + sqlText(inner) + ")"
	} else {
		name, err := c.name()
		if err != nil {
			return p, err
		}
		p.column = name
		if c.peek(0).is("(") {
			length, err := c.group()
			if err != nil {
				return p, err
			}
			if p.prefix, err = (&cursor{tokens: length}).number(); err != nil {
				return p, err
			}
		}
	}
	if !c.accept("ASC") {
		p.desc = c.accept("DESC")
	}
	if !c.done() {
		return p, c.unexpected("the end of the index column")
	}
	return p, nil
}

func (p *bodyParser) foreignKey(c *cursor, constraint string) error {
	fk := foreignKey{name: constraint}
	if !c.peek(0).is("(") {
		name, err := c.name()
		if err != nil {
			return err
		}
		if fk.name == "" {
			fk.name = name
		}
	}
	cols, err := c.group()
	if err != nil {
		return err
	}
	for _, col := range splitCommas(cols) {
		name, err := (&cursor{tokens: col}).name()
		if err != nil {
			return err
		}
		fk.columns = append(fk.columns, name)
	}
	p.foreign = append(p.foreign, fk)
	return nil
}

// finish checks and completes the definition when all items were read.
func (p *bodyParser) finish() error {
	if len(p.d.columns) == 0 {
		return fault.New(fault.Schema, "the table has no columns")
	}
	for _, fk := range p.foreign {
		p.d.addForeignIndex(fk)
	}
	return p.d.settleIndexes()
}

// addForeignIndex adds the index a server makes for a foreign key, unless an
// index begins with its columns.
func (d *definition) addForeignIndex(fk foreignKey) {
	for i := range d.indexes {
		if d.indexes[i].startsWith(fk.columns) {
			return
		}
	}
	x := indexDef{kind: plainIndex, name: fk.name}
	for _, col := range fk.columns {
		x.parts = append(x.parts, partDef{column: col})
	}
	d.indexes = append(d.indexes, x)
}

func (x *indexDef) startsWith(columns []string) bool {
	if x.kind == fulltextIndex || len(x.parts) < len(columns) {
		return false
	}
	for i, col := range columns {
		if !strings.EqualFold(x.parts[i].column, col) {
			return false
		}
	}
	return true
}

// settleIndexes checks that every index names known columns, spells them as the
// columns do, and gives unnamed indexes the name a server would choose. Columns
// of a primary key become NOT NULL, and stay so when the key goes.
func (d *definition) settleIndexes() error {
	for i := range d.indexes {
		x := &d.indexes[i]
		for j := range x.parts {
			p := &x.parts[j]
			if p.column == "" {
				continue
			}
			at := d.column(p.column)
			if at < 0 {
				return fault.New(fault.Schema, fmt.Sprintf("index `%s` names column `%s`, which is not there", x.name, p.column))
			}
			p.column = d.columns[at].Name
			if !d.columns[at].takesPrefix(p.prefix) {
				p.prefix = 0
			}
			if x.kind == primaryIndex {
				d.columns[at].forbidNull()
			}
		}
		switch {
		case x.kind == primaryIndex:
			x.name = primaryName
		case x.name == "":
			x.name = d.freeIndexName(x.parts[0].column)
		}
	}
	return nil
}

// takesPrefix tells whether an index on a prefix of n is one on less than the
// whole column. A server makes a whole one of others when the column changes.
func (c *columnDef) takesPrefix(n int) bool {
	switch c.Type {
	case "char", "varchar", "binary", "varbinary":
		return n < c.Length
	case "enum", "set", "bit":
		return false
	}
	return c.hasCharset() || strings.HasSuffix(c.Type, "blob") || spatial(c.Type)
}

// freeIndexName is the rule of MySQL: the first column's name, then with _2,
// _3 ...; an index on an expression is called functional_index.
func (d *definition) freeIndexName(column string) string {
	base := column
	if base == "" {
		base = "functional_index"
	}
	name := base
	for n := 2; d.index(name) >= 0 || strings.EqualFold(name, primaryName); n++ {
		name = fmt.Sprintf("%s_%d", base, n)
	}
	return name
}
