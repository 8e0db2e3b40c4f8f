package syncer

import (
	"testing"

	"github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/raftdm/raftdm/internal/route"
)

// TestRoutedConditions: a statement whose names a route changes is written and
// read again, and still knows what its clauses depend on.
func TestRoutedConditions(t *testing.T) {
	routes, err := route.New([]route.Rule{{Schema: "d", TargetSchema: "e"}}, route.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := &ddlParser{parser: parser.New(), filter: notOther{}, routes: routes}
	list, err := d.parse(&Statement{Schema: "d", Text: "ALTER TABLE a DROP CONSTRAINT IF EXISTS c, ADD x INT"})
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	if want := "ALTER TABLE `e`.`a` DROP CHECK `c`, ADD COLUMN `x` INT"; list[0].text != want {
		t.Errorf("%s, want %s", list[0].text, want)
	}
	for _, n := range []ast.StmtNode{list[0].node, list[0].stmt} {
		if specs := n.(*ast.AlterTableStmt).Specs; !specs[0].IfExists || specs[1].IfExists {
			t.Errorf("%+v", specs)
		}
	}
}
