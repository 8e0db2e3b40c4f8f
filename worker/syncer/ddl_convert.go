package syncer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

// unlike refuses an ALTER TABLE that makes a SET or ENUM of numbers: a number
// stands for elements to MySQL and MariaDB, while TiDB takes its digits for an
// element's name and stores what is empty. table is the source's structure before
// the statement, created what the target prints of its table; where the target's
// column is of the new kind already, an operator has converted it.
func unlike(node ast.StmtNode, table *schema.Table, created string) error {
	n, ok := node.(*ast.AlterTableStmt)
	if !ok || table == nil {
		return nil
	}
	for _, s := range n.Specs {
		if s.Tp != ast.AlterTableModifyColumn && s.Tp != ast.AlterTableChangeColumn || len(s.NewColumns) != 1 {
			continue
		}
		old := s.NewColumns[0].Name.Name.O
		if s.OldColumnName != nil {
			old = s.OldColumnName.Name.O
		}
		kind := s.NewColumns[0].Tp.String()
		if !elements(kind) || !numbers(columnType(table, old)) {
			continue
		}
		if there, err := schema.Parse(created, "", table.Name.Schema); err == nil &&
			(elements(columnType(there, old)) || elements(columnType(there, s.NewColumns[0].Name.Name.O))) {
			continue
		}
		return &fault.Error{Kind: fault.Unsupported, Side: fault.Downstream, Code: codeUnsupportedStmt,
			Msg: fmt.Sprintf("not supported yet: the statement makes %s of the numbers in column %s, and TiDB would convert them to other values than the source",
				strings.ToUpper(kind[:strings.IndexByte(kind, '(')]), dbconn.Ident(old)),
			Hint: "convert the column on the target by hand so that it has the source's values; then resume-task"}
	}
	return nil
}

func columnType(t *schema.Table, name string) string {
	i := slices.IndexFunc(t.Columns, func(c schema.Column) bool { return strings.EqualFold(c.Name, name) })
	if i < 0 {
		return ""
	}
	return t.Columns[i].Type
}

// elements tells of a type, in any form, that its values are elements.
func elements(typ string) bool {
	return strings.HasPrefix(typ, "set") || strings.HasPrefix(typ, "enum")
}

// numbers tells of a column's type that its values are numbers.
func numbers(typ string) bool {
	switch typ {
	case "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double", "year", "bit":
		return true
	}
	return false
}
