package syncer

import (
	"context"
	"fmt"
	"slices"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

// Answers of a server that may mean that a statement is done already. Those that
// spec/architecture.md §8.2-6 lists have names.
const (
	schemaExists  = 1007
	schemaUnknown = 1008
	tableExists   = 1050
	tableUnknown  = 1051
	columnExists  = 1060
	keyExists     = 1061
	cannotDrop    = 1091 // there is no such column or key
	noSuchTable   = 1146
	indexExists   = 1831
)

// done tells whether a refusal means that what one does is on the target
// already. byHand is set when an operator has changed the table since an earlier
// refusal: then the answer is about what they did. Otherwise it must leave
// nothing of the statement undone: of several changes in one statement the
// refusal speaks of one, and the others did not run.
func (one *ddl) done(number uint16, byHand bool) bool {
	if one.ifExists && (number == noSuchTable || number == tableUnknown) {
		return true
	}
	var plain []uint16
	switch n := one.node.(type) {
	case *ast.CreateDatabaseStmt:
		return number == schemaExists
	case *ast.DropDatabaseStmt:
		return number == schemaUnknown
	case *ast.CreateTableStmt:
		return number == tableExists
	case *ast.DropTableStmt:
		return number == tableUnknown
	case *ast.RenameTableStmt:
		return byHand && slices.Contains(renamed(), number)
	case *ast.AlterTableStmt:
		if plain = doneClause(n.Specs); byHand && movesTable(n.Specs) {
			plain = append(plain, renamed()...)
		}
	case *ast.CreateIndexStmt:
		plain = []uint16{keyExists, indexExists}
	case *ast.DropIndexStmt:
		plain = []uint16{cannotDrop}
	case nil:
		if one.creates {
			return number == tableExists
		}
	default:
		return false
	}
	return slices.Contains(plain, number) || byHand && slices.Contains(altered(), number)
}

// renamed are the answers to a rename that somebody has done.
func renamed() []uint16 { return []uint16{tableExists, tableUnknown, noSuchTable} }

// altered are the answers to changes of a table that somebody has done.
func altered() []uint16 {
	return []uint16{
		columnExists, keyExists, cannotDrop, indexExists,
		1054,       // unknown column: it has its new name
		1068,       // a second primary key
		1176,       // no such key: it has its new name
		1505, 1507, // no partitions, no such partition
		1517,             // a partition of that name exists
		1826, 3821, 3822, // a foreign key of that name, no such CHECK, a CHECK of that name
		3940, // no such constraint
	}
}

// doneClause gives the answers that mean that an ALTER TABLE is done: those to
// its only clause, if that makes only one change.
func doneClause(specs []*ast.AlterTableSpec) []uint16 {
	if len(specs) != 1 {
		return nil
	}
	switch s := specs[0]; s.Tp {
	case ast.AlterTableAddColumns:
		if len(s.NewColumns)+len(s.NewConstraints) == 1 {
			return []uint16{columnExists}
		}
	case ast.AlterTableAddConstraint:
		return []uint16{keyExists, indexExists}
	case ast.AlterTableDropColumn, ast.AlterTableDropIndex, ast.AlterTableDropPrimaryKey, ast.AlterTableDropForeignKey, ast.AlterTableDropCheck:
		return []uint16{cannotDrop}
	}
	return nil
}

func movesTable(specs []*ast.AlterTableSpec) bool {
	return slices.ContainsFunc(specs, func(s *ast.AlterTableSpec) bool { return s.Tp == ast.AlterTableRenameTable })
}

// complete refuses to take a statement for done by hand while the target lacks a
// column that the source's table has behind it.
func (s *structures) complete(ctx context.Context, one *ddl) error {
	if one.stmt == nil {
		return nil
	}
	behind := s.tracker.Clone()
	if _, err := behind.Apply("", one.stmt); err != nil {
		return nil //nolint:nilerr // the structure is read from the target, then
	}
	for _, n := range one.tables {
		want, err := behind.Table(n)
		if err != nil {
			continue // renamed or dropped
		}
		on := one.onTarget(n)
		text, err := s.target.CreateTable(ctx, on)
		if err != nil {
			return err
		}
		got, err := schema.Parse(text, "", n.Schema)
		if err != nil {
			continue // a kind of table whose rows stop the task anyhow
		}
		there := columnNames(got)
		for _, c := range columnNames(want) {
			if !slices.Contains(there, c) {
				return &fault.Error{Kind: fault.Schema, Side: fault.Downstream, Code: codeHandleDDL,
					Msg: fmt.Sprintf("the target's table %s has no column %s, which the statement gives it", dbconn.Ident(on.Schema, on.Table), dbconn.Ident(c))}
			}
		}
	}
	return nil
}
