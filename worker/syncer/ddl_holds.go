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

// holds refuses to go on to a statement that adds a column which the target has
// already, with a type that does not hold the source's values: the server would
// say that the column is there, and then round or cut what comes for it without
// a word. created is the target's table on.
func (d *ddlRunner) holds(one *ddl, on schema.Name, created string) error {
	n, ok := one.node.(*ast.AlterTableStmt)
	if !ok || created == "" {
		return nil
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
	table := dbconn.Ident(on.Schema, on.Table)
	return &fault.Error{Kind: fault.Schema, Side: fault.Downstream,
		Msg:  fmt.Sprintf("the target's table %s has the column %s already, which does not hold the values of the source's %s", table, columnLine(created, there.Name), want),
		Hint: fmt.Sprintf("give the column the source's type, ALTER TABLE %s MODIFY COLUMN %s, then resume-task; or %s", table, want, wayAround)}
}

// columnLine is a column's definition as SHOW CREATE TABLE has it.
func columnLine(created, name string) string {
	for line := range strings.Lines(created) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, dbconn.Ident(name)+" ") {
			return strings.TrimSuffix(line, ",")
		}
	}
	return dbconn.Ident(name)
}
