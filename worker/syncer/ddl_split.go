package syncer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

// create does CREATE TABLE. A model that the task does not replicate is not on
// the target, or not as it is on the source.
func (d *ddlParser) create(n *ast.CreateTableStmt) ([]ddl, error) {
	name := nameOf(n.Table)
	if n.ReferTable == nil {
		return d.tableDDL(n, name)
	}
	like := nameOf(n.ReferTable)
	if d.filter.MatchTable(name.Schema, name.Table) && !d.filter.MatchTable(like.Schema, like.Table) {
		text, err := restore(n)
		if err != nil {
			return nil, err
		}
		return nil, outside(text, "makes a table like one that the task does not replicate",
			"create the table on the target with the structure that it has on the source")
	}
	list, err := d.tableDDL(n, name)
	for i := range list {
		list[i].uses = []schema.Name{like}
	}
	return list, err
}

// outside is the refusal of a statement that crosses the border of the task.
func outside(text, what, remedy string) error {
	return &fault.Error{Kind: fault.Unsupported, Code: codeUnsupportedStmt,
		Msg:  fmt.Sprintf("not supported yet: %q %s", excerpt(text), what),
		Hint: "let the block-allow-list of the task match all its tables or none; or " + remedy}
}

// alter does ALTER TABLE.
func (d *ddlParser) alter(n *ast.AlterTableStmt) ([]ddl, error) {
	from := nameOf(n.Table)
	specs := n.Specs
	if d.tidb {
		if specs = slices.DeleteFunc(slices.Clone(specs), upkeep); len(specs) == 0 && len(n.Specs) > 0 {
			return nil, nil
		}
	}
	to, swaps := from, false
	for _, s := range specs {
		switch {
		case s.Tp == ast.AlterTableRenameTable && s.NewTable != nil:
			to = nameOf(s.NewTable)
		case s.Tp == ast.AlterTableExchangePartition:
			to, swaps = nameOf(s.NewTable), true
		}
	}
	in, out := d.filter.MatchTable(from.Schema, from.Table), d.filter.MatchTable(to.Schema, to.Table)
	if !in && !out {
		return nil, nil
	}
	if in != out {
		text, err := restore(n)
		if err != nil {
			return nil, err
		}
		if swaps {
			return nil, outside(text, "swaps rows with a table that the task does not replicate", "do to the rows on the target what it did on the source")
		}
		return nil, renamedOver(text)
	}
	return d.alterPieces(n, specs, from, to, swaps)
}

// alterPieces makes the statements of an ALTER TABLE: one, or, for a TiDB, which
// refuses many combinations of clauses, one for each clause. The last carries
// the whole statement for the tracker.
func (d *ddlParser) alterPieces(n *ast.AlterTableStmt, specs []*ast.AlterTableSpec, from, to schema.Name, swaps bool) ([]ddl, error) {
	groups := [][]*ast.AlterTableSpec{specs}
	if d.tidb && separable(specs) {
		groups = separate(notThere(specs))
	}
	var out []ddl
	for _, g := range groups {
		piece := *n
		piece.Specs = g
		text, err := restore(&piece)
		if err != nil {
			return nil, err
		}
		one := ddl{text: text, node: &piece, watch: from, tables: []schema.Name{from}, swaps: swaps}
		if to != from {
			one.tables = append(one.tables, to)
		}
		if swaps {
			one.watch = to
		}
		out = append(out, one)
	}
	out[len(out)-1].stmt = n
	return out, nil
}

// numbered says of which table of the source's statement about several the pieces are.
func numbered(pieces []ddl, table, of int) []ddl {
	for i := range pieces {
		pieces[i].nth, pieces[i].of = table, of
	}
	return pieces
}

// inOrder gives each statement a number of its own, which what filters leave out
// does not change.
func inOrder(list []ddl) []ddl {
	for i, next := 0, 0; i < len(list); i++ {
		list[i].nth = max(next, list[i].nth)
		next = list[i].nth + 1
	}
	return list
}

// from moves the numbers of statements to what stands from at on.
func from(list []ddl, at int) []ddl {
	for i := range list {
		list[i].nth += at
	}
	return list
}

// rename does one step of RENAME TABLE.
func (d *ddlParser) rename(n ast.StmtNode, from, to schema.Name) ([]ddl, error) {
	in, out := d.filter.MatchTable(from.Schema, from.Table), d.filter.MatchTable(to.Schema, to.Table)
	if !in && !out {
		return nil, nil
	}
	text, err := restore(n)
	if err != nil {
		return nil, err
	}
	if in != out {
		return nil, renamedOver(text)
	}
	return []ddl{{text: text, stmt: n, node: n, watch: from, tables: []schema.Name{from, to}}}, nil
}

// renamedOver refuses a rename over the border of the task: what comes in was
// never copied, and whether what goes out is still wanted only its owner knows.
func renamedOver(text string) error {
	return outside(text, "moves a table into or out of what the task replicates",
		"copy what comes in to the target, with the rows that it has there in the binlog, or rename or drop there what goes out")
}

// upkeep tells clauses that concern how a server stores a table, which TiDB refuses.
func upkeep(s *ast.AlterTableSpec) bool {
	switch s.Tp {
	case ast.AlterTableForce, ast.AlterTableOrderByColumns, ast.AlterTableEnableKeys, ast.AlterTableDisableKeys,
		ast.AlterTableRebuildPartition, ast.AlterTableOptimizePartition, ast.AlterTableRepairPartition, ast.AlterTableCheckPartitions,
		ast.AlterTableAlgorithm, ast.AlterTableLock, ast.AlterTableWithValidation, ast.AlterTableWithoutValidation,
		ast.AlterTableImportTablespace, ast.AlterTableDiscardTablespace,
		ast.AlterTableImportPartitionTablespace, ast.AlterTableDiscardPartitionTablespace:
		return true
	}
	return false
}

// phase orders clauses so that one after the other they do what they do at once:
// what goes comes first, and what needs the others last.
func phase(s *ast.AlterTableSpec) int {
	switch s.Tp {
	case ast.AlterTableOption:
		return 0
	case ast.AlterTableDropForeignKey, ast.AlterTableDropCheck, ast.AlterTableDropIndex, ast.AlterTableDropPrimaryKey, ast.AlterTableRenameIndex:
		return 1
	case ast.AlterTableDropColumn:
		return 2
	case ast.AlterTableAddConstraint:
		return 5
	case ast.AlterTableRenameTable:
		return 7
	case ast.AlterTableRenameColumn:
		return 3
	case ast.AlterTableChangeColumn, ast.AlterTableModifyColumn:
		if s.Position == nil || s.Position.Tp == ast.ColumnPositionNone {
			return 3
		}
		return 4
	case ast.AlterTableAddColumns, ast.AlterTableAlterColumn:
		return 4
	}
	return 6 // partitions, and what is rare
}

// separable tells whether clauses can be executed one after the other: no name
// of a column is both given up and given.
func separable(specs []*ast.AlterTableSpec) bool {
	old := map[string]bool{}
	for _, s := range specs {
		if (s.Tp == ast.AlterTableRenameColumn || s.Tp == ast.AlterTableChangeColumn) && s.OldColumnName != nil {
			old[s.OldColumnName.Name.L] = true
		}
	}
	for _, s := range specs {
		to := ""
		switch s.Tp {
		case ast.AlterTableRenameColumn:
			to = s.NewColumnName.Name.L
		case ast.AlterTableChangeColumn:
			to = s.NewColumns[0].Name.Name.L
		}
		if to != "" && old[to] && to != s.OldColumnName.Name.L {
			return false
		}
	}
	return true
}

// notThere leaves out the clauses that add something IF NOT EXISTS that another
// clause drops or renames: to the source, which looks before it begins, it was there.
func notThere(specs []*ast.AlterTableSpec) []*ast.AlterTableSpec {
	columns, keys := map[string]bool{}, map[string]bool{}
	for _, s := range specs {
		switch {
		case s.IfExists: // nobody knows whether it is there
		case s.Tp == ast.AlterTableDropColumn, s.Tp == ast.AlterTableRenameColumn, s.Tp == ast.AlterTableChangeColumn:
			columns[s.OldColumnName.Name.L] = true
		case s.Tp == ast.AlterTableDropIndex:
			keys[strings.ToLower(s.Name)] = true
		case s.Tp == ast.AlterTableRenameIndex:
			keys[s.FromKey.L] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(specs), func(s *ast.AlterTableSpec) bool {
		switch s.Tp {
		case ast.AlterTableAddColumns:
			return s.IfNotExists && len(s.NewColumns) == 1 && columns[s.NewColumns[0].Name.Name.L]
		case ast.AlterTableAddConstraint:
			return (s.IfNotExists || s.Constraint.IfNotExists) && keys[strings.ToLower(s.Constraint.Name)]
		}
		return false
	})
}

// separate gives each clause, and each column of ADD (a, b), a statement.
func separate(specs []*ast.AlterTableSpec) [][]*ast.AlterTableSpec {
	var flat []*ast.AlterTableSpec
	for _, s := range specs {
		if s.Tp != ast.AlterTableAddColumns || len(s.NewColumns)+len(s.NewConstraints) < 2 {
			flat = append(flat, s)
			continue
		}
		for _, c := range s.NewColumns {
			one := *s
			one.NewColumns, one.NewConstraints = []*ast.ColumnDef{c}, nil
			if one.Position == nil {
				one.Position = &ast.ColumnPosition{}
			}
			flat = append(flat, &one)
		}
		for _, c := range s.NewConstraints {
			flat = append(flat, &ast.AlterTableSpec{Tp: ast.AlterTableAddConstraint, Constraint: c})
		}
	}
	slices.SortStableFunc(flat, func(a, b *ast.AlterTableSpec) int { return phase(a) - phase(b) })
	out := make([][]*ast.AlterTableSpec, len(flat))
	for i, s := range flat {
		out[i] = []*ast.AlterTableSpec{s}
	}
	return out
}
