package syncer

import (
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/schema"
)

// dropConstraints writes one anew if it drops constraints: DROP CONSTRAINT is said
// of a CHECK, a foreign key and a unique key alike, and the SQL parser takes it for
// the first. created is the target's table as it prints it, which knows better.
// A target of the source's kind reads the source's words. maria tells that the
// target is a MariaDB.
func (one *ddl) dropConstraints(created string, maria bool) error {
	n, ok := one.node.(*ast.AlterTableStmt)
	if !ok || one.own {
		return nil
	}
	alter, changed := *n, false
	alter.Specs = nil
	for _, s := range n.Specs {
		if s.Tp == ast.AlterTableDropCheck {
			if known := constraintOf(s, created); known != nil {
				s, changed = known, true
			}
		}
		alter.Specs = append(alter.Specs, s)
	}
	if !changed {
		return nil
	}
	text, err := restore(&alter)
	if err != nil {
		return err
	}
	if one.text = text; maria {
		one.text = schema.ForMariaDB(text)
	}
	return nil
}

// constraintOf gives the clause that drops what has the name of s, nil when that
// is a CHECK or unknown.
func constraintOf(s *ast.AlterTableSpec, created string) *ast.AlterTableSpec {
	name := s.Constraint.Name
	if strings.Contains(strings.ToLower(created), "constraint "+strings.ToLower(dbconn.Ident(name))+" foreign key") {
		return &ast.AlterTableSpec{Tp: ast.AlterTableDropForeignKey, Name: name}
	}
	table, err := schema.Parse(created, "", "")
	if err != nil {
		return nil
	}
	for _, ix := range table.Indexes {
		if strings.EqualFold(ix.Name, name) {
			if ix.Primary {
				return &ast.AlterTableSpec{Tp: ast.AlterTableDropPrimaryKey}
			}
			return &ast.AlterTableSpec{Tp: ast.AlterTableDropIndex, Name: name}
		}
	}
	return nil
}
