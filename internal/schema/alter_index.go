package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/raftdm/raftdm/internal/fault"
)

// oldIndex drops and renames indexes.
func (a *alteration) oldIndex(s *ast.AlterTableSpec) error {
	switch s.Tp {
	case ast.AlterTableDropIndex:
		return a.dropIndex(s.Name, s.IfExists)
	case ast.AlterTableDropPrimaryKey:
		return a.dropIndex(primaryName, s.IfExists)
	case ast.AlterTableDropCheck:
		// DROP CONSTRAINT: of a unique key, or of something that is not tracked.
		if at := a.d.index(s.Constraint.Name); at >= 0 && (a.d.indexes[at].kind == uniqueIndex || a.d.indexes[at].kind == primaryIndex) {
			return a.dropIndex(s.Constraint.Name, false)
		}
	case ast.AlterTableRenameIndex:
		at := a.d.index(s.FromKey.O)
		if at < 0 && s.IfExists {
			return nil
		}
		if at < 0 {
			return missingIndex(s.FromKey.O)
		}
		a.d.indexes[at].name = s.ToKey.O
	}
	return nil
}

func missingIndex(name string) error {
	return fault.New(fault.Schema, fmt.Sprintf("index `%s` is not there", name))
}

func (a *alteration) dropIndex(name string, ifExists bool) error {
	at := a.d.index(name)
	if at < 0 {
		if ifExists {
			return nil
		}
		return missingIndex(name)
	}
	a.d.indexes = slices.Delete(a.d.indexes, at, at+1)
	return nil
}

// newIndex adds indexes and other constraints.
func (a *alteration) newIndex(s *ast.AlterTableSpec) error {
	if s.Tp != ast.AlterTableAddConstraint {
		return nil
	}
	return a.addConstraints([]*ast.Constraint{s.Constraint}, s.IfNotExists)
}

func (a *alteration) addConstraints(list []*ast.Constraint, ifNotExists bool) error {
	for _, con := range list {
		tokens, err := restoreTokens(con)
		if err != nil {
			return err
		}
		a.keys = append(a.keys, newKey{clause: a.clause, tokens: tokens, ifNotExists: ifNotExists || con.IfNotExists})
	}
	return nil
}

// option does table options, character sets first of all.
func (a *alteration) option(s *ast.AlterTableSpec) error {
	if s.Tp != ast.AlterTableOption {
		return nil
	}
	var cs charsets
	convert := false
	for _, o := range s.Options {
		switch o.Tp {
		case ast.TableOptionCharset:
			if o.UintValue == ast.TableOptionCharsetWithConvertTo {
				convert = true
			}
			cs.charset = strings.ToLower(o.StrValue)
			if o.Default {
				cs.charset, _ = a.c.schemaCharset(a.c.defaultSchema).resolve()
			}
		case ast.TableOptionCollate:
			cs.collate = strings.ToLower(o.StrValue)
		default:
			if err := a.plainOption(o); err != nil {
				return err
			}
		}
	}
	if cs == (charsets{}) {
		return nil
	}
	if a.recoded++; a.recoded > 1 {
		return unsupportedClause("a second character set in one ALTER TABLE")
	}
	a.d.charset, a.d.collate = cs.orElse(charsets{a.d.charset, a.d.collate}).resolve()
	a.converts = a.converts || convert
	return nil
}

// plainOption sets one option, as CREATE TABLE would read it.
func (a *alteration) plainOption(o *ast.TableOption) error {
	tokens, err := restoreTokens(o)
	if err != nil {
		return err
	}
	read := &definition{}
	if _, err := parseOptions(&cursor{tokens: tokens}, read); err != nil {
		return err
	}
	for _, set := range read.options {
		at := slices.IndexFunc(a.d.options, func(x option) bool { return x.name == set.name })
		if at < 0 {
			a.d.options = append(a.d.options, set)
			continue
		}
		a.d.options[at] = set
	}
	return nil
}

// convert does CONVERT TO CHARACTER SET: all columns with characters change,
// those that the same statement adds included, and texts that were there grow
// where the same number of characters needs more bytes.
func (a *alteration) convert() {
	for i := range a.d.columns {
		c := &a.d.columns[i]
		if !c.hasCharset() || c.Charset == "binary" && c.Type != "enum" && c.Type != "set" {
			continue
		}
		grows := !c.redefined && maxBytes(a.d.charset) > maxBytes(c.Charset)
		c.Charset, c.Collate = a.d.charset, a.d.collate
		if c.redefined && c.size > 0 {
			c.Type, c.Length = "text", c.size
			c.sizeText()
		}
		if a.d.charset == "binary" {
			c.toBinary()
		} else if larger, ok := largerText(c.Type); ok && grows {
			c.Type = larger
		}
		c.typeText = c.renderType(false)
	}
}

func largerText(t string) (string, bool) {
	switch t {
	case "tinytext":
		return "text", true
	case "text":
		return "mediumtext", true
	case "mediumtext":
		return "longtext", true
	}
	return t, false
}

// maxBytes is how many bytes a character may take.
func maxBytes(charset string) int {
	switch charset {
	case "utf8mb4", "utf16", "utf16le", "utf32", "gb18030":
		return 4
	case "utf8", "ujis", "eucjpms":
		return 3
	case "ucs2", "gbk", "gb2312", "big5", "sjis", "cp932", "euckr":
		return 2
	}
	return 1
}

// createIndex does CREATE INDEX.
func (c *change) createIndex(s *ast.CreateIndexStmt) error {
	con := &ast.Constraint{Name: s.IndexName, Keys: s.IndexPartSpecifications, Option: s.IndexOption, Tp: ast.ConstraintIndex}
	switch s.KeyType {
	case ast.IndexKeyTypeNone:
	case ast.IndexKeyTypeUnique:
		con.Tp = ast.ConstraintUniq
	case ast.IndexKeyTypeFulltext:
		con.Tp = ast.ConstraintFulltext
	case ast.IndexKeyTypeSpatial:
		// The parser has no such constraint; only the columns matter to a plain index.
	default:
		return unsupportedClause("this kind of CREATE INDEX")
	}
	return c.alter(c.nameOf(s.Table), func(a *alteration) error {
		return a.addConstraints([]*ast.Constraint{con}, s.IfNotExists)
	})
}

// dropIndex does DROP INDEX.
func (c *change) dropIndex(s *ast.DropIndexStmt) error {
	return c.alter(c.nameOf(s.Table), func(a *alteration) error { return a.dropIndex(s.IndexName, s.IfExists) })
}

// HasColumn tells whether the table has a column of that name.
func (t *Table) HasColumn(name string) bool {
	return slices.ContainsFunc(t.Columns, func(c Column) bool { return strings.EqualFold(c.Name, name) })
}

// HasIndex tells whether the table has an index of that name, unique or not;
// PRIMARY is the name of a primary key.
func (t *Table) HasIndex(name string) bool {
	d, err := t.definition()
	return err == nil && d.index(name) >= 0
}
