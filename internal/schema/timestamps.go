package schema

import (
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/mysql"
)

// NameTimestamps writes into a statement of a session of the source without
// explicit_defaults_for_timestamp what its TIMESTAMP columns are there: NOT NULL if
// nothing else is said, with CURRENT_TIMESTAMP for the table's first one that has no
// default and zeros for others. It tells whether anything had to be written. A
// MySQL 5.7 and a MariaDB before 10.10 do so unless they are told not to, later ones and a
// TiDB take such a column for one that may be NULL and is so.
//
// Of a table that the tracker does not know, the columns of the statement count alone.
func (t *Tracker) NameTimestamps(defaultSchema string, stmt ast.StmtNode) bool {
	named := false
	switch s := stmt.(type) {
	case *ast.CreateTableStmt:
		first := slices.IndexFunc(s.Cols, isTimestamp)
		for i, def := range s.Cols {
			named = nameTimestamp(def, i == first) || named
		}
	case *ast.AlterTableStmt:
		var defs []*ast.ColumnDef
		for _, spec := range s.Specs {
			switch spec.Tp {
			case ast.AlterTableAddColumns, ast.AlterTableModifyColumn, ast.AlterTableChangeColumn:
				defs = append(defs, spec.NewColumns...)
			}
		}
		if !slices.ContainsFunc(defs, isTimestamp) {
			return false
		}
		first := t.firstTimestamp(defaultSchema, s, defs)
		for _, def := range defs {
			named = nameTimestamp(def, def.Name.Name.L == first) || named
		}
	}
	return named
}

// firstTimestamp is the table's first TIMESTAMP column behind a statement.
func (t *Tracker) firstTimestamp(defaultSchema string, s *ast.AlterTableStmt, defs []*ast.ColumnDef) string {
	work := t.Clone()
	if changed, err := work.Apply(defaultSchema, s); err == nil {
		for _, n := range changed {
			table, err := work.Table(n)
			if err != nil {
				continue // its name before
			}
			if first := firstTimestampOf(table); first != "" {
				return first
			}
		}
	}
	// The statement may have been executed there before; then the table tells, too.
	c := change{Tracker: t, defaultSchema: defaultSchema}
	if table, err := t.Table(c.nameOf(s.Table)); err == nil {
		if first := firstTimestampOf(table); first != "" {
			return first
		}
	}
	if i := slices.IndexFunc(defs, isTimestamp); i >= 0 {
		return defs[i].Name.Name.L
	}
	return ""
}

func firstTimestampOf(table *Table) string {
	i := slices.IndexFunc(table.Columns, func(c Column) bool { return c.Type == "timestamp" })
	if i < 0 {
		return ""
	}
	return strings.ToLower(table.Columns[i].Name)
}

func isTimestamp(def *ast.ColumnDef) bool {
	return def.Tp != nil && def.Tp.GetType() == mysql.TypeTimestamp
}

// nameTimestamp does so in one column; first tells that it is the table's first.
func nameTimestamp(def *ast.ColumnDef, first bool) bool {
	if !isTimestamp(def) {
		return false
	}
	has := map[ast.ColumnOptionType]bool{}
	for _, o := range def.Options {
		has[o.Tp] = true
	}
	if has[ast.ColumnOptionGenerated] || has[ast.ColumnOptionNull] {
		return false
	}
	named := false
	// A MariaDB passes over DEFAULT NULL, a MySQL refuses it.
	def.Options = slices.DeleteFunc(def.Options, func(o *ast.ColumnOption) bool {
		value, ok := o.Expr.(ast.ValueExpr)
		null := ok && o.Tp == ast.ColumnOptionDefaultValue && value.GetValue() == nil
		named = named || null
		return null
	})
	if named {
		has[ast.ColumnOptionDefaultValue] = false
	}
	var own []*ast.ColumnOption
	if !has[ast.ColumnOptionNotNull] {
		own = append(own, &ast.ColumnOption{Tp: ast.ColumnOptionNotNull})
	}
	if !has[ast.ColumnOptionDefaultValue] {
		digits := def.Tp.GetDecimal()
		if first && !has[ast.ColumnOptionOnUpdate] {
			own = append(own, &ast.ColumnOption{Tp: ast.ColumnOptionDefaultValue, Expr: currentTimestamp(digits)},
				&ast.ColumnOption{Tp: ast.ColumnOptionOnUpdate, Expr: currentTimestamp(digits)})
		} else {
			zero := "0000-00-00 00:00:00"
			if digits > 0 {
				zero += "." + strings.Repeat("0", digits)
			}
			own = append(own, &ast.ColumnOption{Tp: ast.ColumnOptionDefaultValue, Expr: ast.NewValueExpr(zero, "", "")})
		}
	}
	def.Options = append(own, def.Options...)
	return named || len(own) > 0
}

func currentTimestamp(digits int) ast.ExprNode {
	call := &ast.FuncCallExpr{FnName: ast.NewCIStr("CURRENT_TIMESTAMP")}
	if digits > 0 {
		call.Args = []ast.ExprNode{ast.NewValueExpr(digits, "", "")}
	}
	return call
}
