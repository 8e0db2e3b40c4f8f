package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/raftdm/raftdm/internal/fault"
)

// alteration applies one ALTER TABLE to a definition. Like the server, it does
// not work through the clauses in their order: columns are named as they were
// before the statement, added ones are placed after that, and indexes come last
// and may name columns that the same statement adds.
type alteration struct {
	c *change
	d *definition
	// before are the columns as they were; renamed maps their lower-case names to
	// the new ones, "" for a dropped column.
	before  []columnDef
	had     *definition // the indexes as they were
	renamed map[string]string
	// placed are columns that moved or are new, in statement order.
	placed []placement
	// keys are the indexes to add, in statement order.
	keys   []newKey
	rename *ast.TableName
	// converts is set by CONVERT TO CHARACTER SET; recoded counts the clauses
	// about the table's character set.
	converts bool
	recoded  int
	clause   int // the clause that is being worked on
}

// placement puts a column somewhere: behind the column after, first, or last.
type placement struct {
	col   columnDef
	first bool
	after string // "" is last
	// clause is the number of the clause in the statement: steps do not go
	// through the clauses in one run, but servers place columns in their order.
	clause int
}

// newKey is an index or foreign key to add.
type newKey struct {
	tokens      []token
	ifNotExists bool
	// own is set instead of tokens for an index declared with its column.
	own *indexDef
	// clause is as in placement: servers name indexes in statement order.
	clause int
}

func (c *change) alterTable(s *ast.AlterTableStmt) error {
	name := c.nameOf(s.Table)
	return c.alter(name, func(a *alteration) error {
		for _, step := range []func(*ast.AlterTableSpec) error{a.option, a.oldColumn, a.newColumn, a.oldIndex, a.newIndex, a.other} {
			for i, spec := range s.Specs {
				a.clause = i
				if err := step(spec); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// alter runs edit on the table's definition and puts the result in its place.
func (c *change) alter(name Name, edit func(*alteration) error) error {
	table, err := c.Table(name)
	if err != nil {
		return err
	}
	d, err := table.definition()
	if err != nil {
		return err
	}
	for i := range d.columns {
		d.columns[i].origin = i + 1
	}
	a := &alteration{c: c, d: d, renamed: map[string]string{}, before: slices.Clone(d.columns),
		had: &definition{indexes: slices.Clone(d.indexes)}}
	if err := edit(a); err != nil {
		return inTable(d.name, err)
	}
	if err := a.finish(); err != nil {
		return inTable(d.name, err)
	}
	c.PutTable(d.table(table.Name.Schema))
	c.touch(table.Name)
	if a.rename != nil {
		return c.rename(table.Name, c.nameOf(a.rename))
	}
	return nil
}

// finish places columns, then indexes.
func (a *alteration) finish() error {
	slices.SortStableFunc(a.placed, func(p, q placement) int { return p.clause - q.clause })
	for _, p := range a.placed {
		if p.col.origin > 0 {
			a.d.columns = slices.DeleteFunc(a.d.columns, func(c columnDef) bool { return c.origin == p.col.origin })
		}
		at := len(a.d.columns)
		switch {
		case p.first:
			at = 0
		case p.after != "":
			if at = a.d.column(p.after) + 1; at == 0 {
				return missingColumn(p.after)
			}
		}
		if a.d.column(p.col.Name) >= 0 {
			return fault.New(fault.Schema, fmt.Sprintf("column `%s` exists already", p.col.Name))
		}
		a.d.columns = slices.Insert(a.d.columns, at, p.col)
	}
	if len(a.d.columns) == 0 {
		return fault.New(fault.Schema, "the statement drops the last column")
	}
	if a.converts {
		a.convert()
	}
	a.followRenames()
	slices.SortStableFunc(a.keys, func(k, l newKey) int { return k.clause - l.clause })
	for _, k := range a.keys {
		if err := a.addKey(k); err != nil {
			return err
		}
	}
	return a.d.settleIndexes()
}

// followRenames takes renamed and dropped columns through indexes and the
// expressions of generated columns.
func (a *alteration) followRenames() {
	if len(a.renamed) == 0 {
		return
	}
	var kept []indexDef
	for _, x := range a.d.indexes {
		var parts []partDef
		for _, p := range x.parts {
			if to, ok := a.renamed[strings.ToLower(p.column)]; ok && p.column != "" {
				p.column = to
				if to == "" {
					continue
				}
			}
			parts = append(parts, p)
		}
		if len(parts) > 0 {
			x.parts = parts
			kept = append(kept, x)
		}
	}
	a.d.indexes = kept
	for i := range a.d.columns {
		for j, at := range a.d.columns[i].attrs {
			if at.key == "GENERATED" || at.key == "DEFAULT" {
				a.d.columns[i].attrs[j].tokens = a.renameTokens(at.tokens)
			}
		}
	}
}

func (a *alteration) renameTokens(tokens []token) []token {
	out := slices.Clone(tokens)
	for i, t := range out {
		if to := a.renamed[strings.ToLower(t.text)]; t.kind == quoted && to != "" {
			out[i].text = to
		}
	}
	return out
}

// addKey adds one index, or the index behind a foreign key.
func (a *alteration) addKey(k newKey) error {
	p := &bodyParser{d: &definition{columns: a.d.columns}}
	if k.own != nil {
		p.d.indexes = []indexDef{*k.own}
	} else if err := p.item(&cursor{tokens: k.tokens}); err != nil {
		return err
	}
	for _, fk := range p.foreign {
		a.d.addForeignIndex(fk)
	}
	for _, x := range p.d.indexes {
		name := x.name
		switch {
		case x.kind == primaryIndex:
			name = primaryName
		case name == "" && k.ifNotExists:
			name = x.parts[0].column // a server compares the name that it would like to give
		}
		if k.ifNotExists && a.had.index(name) >= 0 {
			continue // also when another clause drops that one
		}
		if name != "" && a.d.index(name) >= 0 {
			if k.ifNotExists {
				continue
			}
			return fault.New(fault.Exists, fmt.Sprintf("index `%s` exists already", name))
		}
		a.d.indexes = append(a.d.indexes, x)
		if err := a.d.settleIndexes(); err != nil {
			return err
		}
	}
	return nil
}

func missingColumn(name string) error {
	return fault.New(fault.Schema, fmt.Sprintf("column `%s` is not there", name))
}

// other knows the clauses without effect on the structure, and refuses those
// that no step has a rule for.
func (a *alteration) other(s *ast.AlterTableSpec) error {
	switch s.Tp {
	case ast.AlterTableOption, ast.AlterTableAddColumns, ast.AlterTableAddConstraint, ast.AlterTableDropColumn,
		ast.AlterTableDropPrimaryKey, ast.AlterTableDropIndex, ast.AlterTableModifyColumn, ast.AlterTableChangeColumn,
		ast.AlterTableRenameColumn, ast.AlterTableAlterColumn, ast.AlterTableRenameIndex, ast.AlterTableDropCheck:
		return nil // done by the other steps
	case ast.AlterTableRenameTable:
		a.rename = s.NewTable
		return nil
	case ast.AlterTableLock, ast.AlterTableAlgorithm, ast.AlterTableForce, ast.AlterTableEnableKeys, ast.AlterTableDisableKeys,
		ast.AlterTableWithValidation, ast.AlterTableWithoutValidation, ast.AlterTableOrderByColumns,
		ast.AlterTableSecondaryLoad, ast.AlterTableSecondaryUnload:
		return nil // how to do it
	case ast.AlterTableDropForeignKey, ast.AlterTableAlterCheck, ast.AlterTableIndexInvisible:
		return nil // not part of the structure
	case ast.AlterTablePartition, ast.AlterTableAddPartitions, ast.AlterTableDropPartition, ast.AlterTableTruncatePartition,
		ast.AlterTableCoalescePartitions, ast.AlterTableReorganizePartition, ast.AlterTableRemovePartitioning,
		ast.AlterTableRebuildPartition, ast.AlterTableExchangePartition, ast.AlterTableCheckPartitions,
		ast.AlterTableOptimizePartition, ast.AlterTableRepairPartition,
		ast.AlterTableImportPartitionTablespace, ast.AlterTableDiscardPartitionTablespace,
		ast.AlterTableImportTablespace, ast.AlterTableDiscardTablespace:
		return nil // where rows are, not what they look like
	}
	text, err := restore(s)
	if err != nil {
		return err
	}
	return unsupportedClause(fmt.Sprintf("clause %q", excerpt(text)))
}
