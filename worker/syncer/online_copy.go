package syncer

import (
	"fmt"
	"slices"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
)

// copied looks at what the statements of an online DDL make of columns that the
// tool has filled by copying rows. The target fills them by executing the
// statements, which is not the same for all.
type copied struct {
	gone []string // columns that went, or got another name
	// own are columns that get a value of the moment, or of their turn.
	own []string
}

// statement takes one of the statements. A tool copies columns by their names: one
// that went and came again has kept its values on the source, and would lose
// them on the target.
func (c *copied) statement(n ast.StmtNode) error {
	alter, ok := n.(*ast.AlterTableStmt)
	if !ok {
		return nil
	}
	var came []string
	for _, s := range alter.Specs {
		switch s.Tp {
		case ast.AlterTableDropColumn:
			c.gone = append(c.gone, s.OldColumnName.Name.L)
		case ast.AlterTableRenameColumn:
			came = append(came, s.NewColumnName.Name.L)
			c.gone = append(c.gone, s.OldColumnName.Name.L)
		case ast.AlterTableChangeColumn:
			if to := s.NewColumns[0].Name.Name.L; to != s.OldColumnName.Name.L {
				came = append(came, to)
				c.gone = append(c.gone, s.OldColumnName.Name.L)
			}
		case ast.AlterTableAddColumns:
			for _, col := range s.NewColumns {
				came = append(came, col.Name.Name.L)
				if fillsItself(col) {
					c.own = append(c.own, col.Name.Name.O)
				}
			}
		}
	}
	for _, name := range came {
		if slices.Contains(c.gone, name) {
			text, _ := restore(n)
			return &fault.Error{Kind: fault.Unsupported, Code: codeUnsupportedStmt,
				Msg: fmt.Sprintf("not supported yet: %q takes column %s away and makes a column of that name, which an online DDL tool fills with what it copies by names",
					excerpt(text), dbconn.Ident(name))}
		}
	}
	return nil
}

// fillsItself tells whether the rows that are there get different values in a new
// column, or those of the moment.
func fillsItself(c *ast.ColumnDef) bool {
	for _, o := range c.Options {
		switch o.Tp {
		case ast.ColumnOptionAutoIncrement:
			return true
		case ast.ColumnOptionDefaultValue:
			if _, call := o.Expr.(*ast.FuncCallExpr); call {
				return true
			}
		}
	}
	return false
}
