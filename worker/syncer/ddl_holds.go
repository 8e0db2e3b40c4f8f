package syncer

import (
	"errors"
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/raftdm/raftdm/internal/create"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

// holds refuses to go on to a statement that makes a table or a column which the
// target has already, with a type that does not hold the source's values: the server
// would say that it is there, and then round or cut what comes for it without a word.
// created is the target's table on.
func (d *ddlRunner) holds(one *ddl, on schema.Name, created string) error {
	if created == "" {
		return nil
	}
	n, ok := one.node.(*ast.AlterTableStmt)
	if !ok {
		return d.holdsTable(one, on, created)
	}
	source, err := d.known(one, created)
	if err != nil {
		source = nil
	}
	var there *schema.Table
	for _, s := range n.Specs {
		for _, c := range s.NewColumns {
			if s.Tp != ast.AlterTableAddColumns || leaves(n.Specs, c.Name.Name.L) {
				continue
			}
			if s.IfNotExists && (source == nil || columnNamed(source, c.Name.Name.O) != nil) {
				continue // the source may have had one, too, and keeps it
			}
			if there == nil {
				if there, err = schema.Parse(created, "", on.Schema); err != nil {
					return nil //nolint:nilerr // a kind of table whose rows stop the task anyhow
				}
			}
			if found := columnNamed(there, c.Name.Name.O); found != nil {
				if err := holdsColumn(on, found, c, created); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// holdsTable is holds for a statement that makes a whole table. There a column may
// be of another type as long as the target stores a value as it is or refuses it.
func (d *ddlRunner) holdsTable(one *ddl, on schema.Name, created string) error {
	source := d.made(one)
	if source == nil {
		return nil
	}
	err := create.Alters(source, on, created)
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		f.Hint += "; or " + wayAround
	}
	return err
}

// made gives the table that a statement makes on the source, or that was there
// already; nil for statements that make none, and where nobody can tell.
func (d *ddlRunner) made(one *ddl) *schema.Table {
	tracker := d.structures.tracker.Clone()
	switch _, ok := one.node.(*ast.CreateTableStmt); {
	case ok && one.stmt != nil:
		if _, err := tracker.Apply("", one.stmt); err != nil {
			return nil
		}
	case one.creates && !one.replaces:
		if _, err := tracker.Table(one.watch); err == nil {
			break // IF NOT EXISTS
		}
		if _, err := tracker.Put(one.watch.Schema, one.plain); err != nil {
			return nil
		}
	default:
		return nil
	}
	t, err := tracker.Table(one.watch)
	if err != nil {
		return nil
	}
	return t
}

// columnNamed finds a column, nil when there is none.
func columnNamed(t *schema.Table, name string) *schema.Column {
	i := slices.IndexFunc(t.Columns, func(o schema.Column) bool { return strings.EqualFold(o.Name, name) })
	if i < 0 {
		return nil
	}
	return &t.Columns[i]
}

// leaves tells whether one of the clauses drops or renames the column of that name.
func leaves(specs []*ast.AlterTableSpec, name string) bool {
	return slices.ContainsFunc(specs, func(s *ast.AlterTableSpec) bool { return s.OldColumnName != nil && s.OldColumnName.Name.L == name })
}

func holdsColumn(on schema.Name, there *schema.Column, added *ast.ColumnDef, created string) error {
	want, err := restore(added)
	if err != nil {
		return err
	}
	t, err := schema.Parse("CREATE TABLE t ("+want+")", "", on.Schema)
	if err != nil || len(t.Columns) != 1 || there.Holds(&t.Columns[0]) {
		return nil //nolint:nilerr // what we cannot read the target may
	}
	narrow := create.NarrowColumn(on, there, created, want)
	narrow.Hint += "; or " + wayAround
	return narrow
}
