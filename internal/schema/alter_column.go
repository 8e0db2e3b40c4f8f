package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
)

// oldColumn does what concerns columns that exist: drop, change, rename, default.
func (a *alteration) oldColumn(s *ast.AlterTableSpec) error {
	switch s.Tp {
	case ast.AlterTableDropColumn:
		name := s.OldColumnName.Name.O
		at, err := a.find(name, s.IfExists)
		if err != nil || at < 0 {
			return err
		}
		a.d.columns = slices.Delete(a.d.columns, at, at+1)
		a.renamed[strings.ToLower(name)] = ""
		return nil
	case ast.AlterTableRenameColumn:
		from, to := s.OldColumnName.Name.O, s.NewColumnName.Name.O
		return a.replace(from, to, s, func(old columnDef) (columnDef, error) {
			old.Name = to
			return old, nil
		})
	case ast.AlterTableModifyColumn, ast.AlterTableChangeColumn:
		to := s.NewColumns[0].Name.Name.O
		from := to
		if s.Tp == ast.AlterTableChangeColumn {
			from = s.OldColumnName.Name.O
		}
		return a.replace(from, to, s, func(columnDef) (columnDef, error) { return a.define(s.NewColumns[0]) })
	case ast.AlterTableAlterColumn:
		return a.setDefault(s)
	}
	return nil
}

// find gives the present place of a column by its name before the statement:
// clauses that follow a rename still use the old name.
func (a *alteration) find(name string, ifExists bool) (int, error) {
	at := slices.IndexFunc(a.before, func(c columnDef) bool { return strings.EqualFold(c.Name, name) })
	if at < 0 {
		if ifExists {
			return -1, nil
		}
		return -1, missingColumn(name)
	}
	for i := range a.d.columns {
		if a.d.columns[i].origin == at+1 {
			return i, nil
		}
	}
	if ifExists { // another clause has dropped it
		return -1, nil
	}
	return -1, missingColumn(name)
}

// replace gives a column a new definition, in its place or in the one asked for.
func (a *alteration) replace(from, to string, s *ast.AlterTableSpec, define func(columnDef) (columnDef, error)) error {
	at, err := a.find(from, s.IfExists)
	if err != nil || at < 0 {
		return err
	}
	col, err := define(a.d.columns[at])
	if err != nil {
		return err
	}
	col.origin = a.d.columns[at].origin
	if !strings.EqualFold(from, to) {
		a.renamed[strings.ToLower(from)] = to
	}
	a.d.columns[at] = col // for clauses before this one, also if it moves
	if s.Position != nil && s.Position.Tp != ast.ColumnPositionNone {
		a.place(col, s.Position)
	}
	return nil
}

// newColumn does ADD COLUMN.
func (a *alteration) newColumn(s *ast.AlterTableSpec) error {
	if s.Tp != ast.AlterTableAddColumns {
		return nil
	}
	for _, def := range s.NewColumns {
		at := len(a.keys)
		col, err := a.define(def) // also of a column that exists: the server adds its key all the same
		if err != nil {
			return err
		}
		for i := at; i < len(a.keys); i++ {
			a.keys[i].ifNotExists = s.IfNotExists
		}
		if s.IfNotExists && a.has(col.Name) {
			continue
		}
		a.place(col, s.Position)
	}
	return a.addConstraints(s.NewConstraints, false)
}

// has tells whether a column is or was there, as IF NOT EXISTS sees it.
func (a *alteration) has(name string) bool {
	same := func(c columnDef) bool { return strings.EqualFold(c.Name, name) }
	return slices.ContainsFunc(a.before, same) || slices.ContainsFunc(a.placed, func(p placement) bool { return same(p.col) })
}

func (a *alteration) place(col columnDef, pos *ast.ColumnPosition) {
	p := placement{col: col, clause: a.clause}
	if pos != nil {
		switch pos.Tp {
		case ast.ColumnPositionFirst:
			p.first = true
		case ast.ColumnPositionAfter:
			p.after = pos.RelativeColumn.Name.O
		}
	}
	a.placed = append(a.placed, p)
}

// define reads a column of the statement; a key declared with it is added later.
func (a *alteration) define(def *ast.ColumnDef) (columnDef, error) {
	tokens, err := restoreTokens(def)
	if err != nil {
		return columnDef{}, err
	}
	c := &cursor{tokens: tokens}
	col, own, err := parseColumn(c, charsets{a.d.charset, a.d.collate})
	if err != nil {
		return columnDef{}, err
	}
	col.elementCharset(def)
	a.c.ownJSON(&col)
	col.redefined = true
	if own != "" {
		a.keys = append(a.keys, newKey{clause: a.clause, own: &indexDef{kind: own, parts: []partDef{{column: col.Name}}}})
	}
	return col, nil
}

// elementCharset takes the character set of an ENUM or SET from the parser's
// node, which leaves it out when written as text.
func (c *columnDef) elementCharset(def *ast.ColumnDef) {
	if c.Type != "enum" && c.Type != "set" || def.Tp.GetCharset() == "" {
		return
	}
	cs := charsets{strings.ToLower(def.Tp.GetCharset()), strings.ToLower(def.Tp.GetCollate())}
	for _, o := range def.Options {
		if o.Tp == ast.ColumnOptionCollate {
			cs.collate = strings.ToLower(o.StrValue)
		}
	}
	c.Charset, c.Collate = cs.resolve()
}

// moved finds a column that another clause of the statement moves.
func (a *alteration) moved(name string) *columnDef {
	for i := range a.placed {
		if p := &a.placed[i]; p.col.origin > 0 && strings.EqualFold(a.before[p.col.origin-1].Name, name) {
			return &p.col
		}
	}
	return nil
}

// setDefault does ALTER COLUMN ... SET DEFAULT and DROP DEFAULT.
func (a *alteration) setDefault(s *ast.AlterTableSpec) error {
	def := s.NewColumns[0]
	col := a.moved(def.Name.Name.O)
	if col == nil {
		at, err := a.find(def.Name.Name.O, s.IfExists)
		if err != nil || at < 0 {
			return err
		}
		col = &a.d.columns[at]
	}
	var tokens []token
	for _, o := range def.Options {
		if o.Expr == nil {
			return unsupportedClause(fmt.Sprintf("ALTER COLUMN with option %d", o.Tp))
		}
		value, err := restoreTokens(o.Expr)
		if err != nil {
			return err
		}
		value[0].spaced = true
		tokens = append([]token{{kind: word, text: "DEFAULT"}}, value...)
	}
	col.setAttr("DEFAULT", tokens)
	return nil
}
