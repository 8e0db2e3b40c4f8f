package syncer

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

// withConditions reads an ALTER TABLE of a MariaDB that the SQL parser can read
// only without some of its IF EXISTS and IF NOT EXISTS, and puts them back.
func (d *ddlParser) withConditions(head *schema.Head) ([]ast.StmtNode, bool) {
	if head.Sure == "" {
		return nil, false
	}
	nodes, _, err := d.parser.Parse(head.Sure, "", "")
	if err != nil || len(nodes) != 1 {
		return nil, false
	}
	n, ok := nodes[0].(*ast.AlterTableStmt)
	if !ok || len(n.Specs) != len(head.Ifs) {
		return nil, false
	}
	for i, s := range n.Specs {
		s.IfExists, s.IfNotExists = head.Ifs[i] == schema.IfExists, head.Ifs[i] == schema.IfNotExists
	}
	return nodes, true
}

// sameConditions gives the clauses of an ALTER TABLE that was written and read
// again the conditions that writing has lost.
func sameConditions(to, from ast.StmtNode) {
	n, ok := to.(*ast.AlterTableStmt)
	old, was := from.(*ast.AlterTableStmt)
	if !ok || !was || len(n.Specs) != len(old.Specs) {
		return
	}
	for i, s := range n.Specs {
		s.IfExists, s.IfNotExists = old.Specs[i].IfExists, old.Specs[i].IfNotExists
	}
}

// nothing tells whether the source has done nothing by this statement, or nothing
// that is about tables. now is the target's table.
func (d *ddlRunner) nothing(ctx context.Context, one *ddl, now string) (bool, error) {
	if _, alters := one.node.(*ast.AlterDatabaseStmt); alters && now == "" {
		// A task that lists tables is asked about all schemas and has theirs alone. One
		// that it lacks is missed by the first statement about a table there.
		d.log.Warn("a schema is altered on the source; the target has none of that name", "statement", one.text)
		return true, nil
	}
	if is, err := d.ofView(ctx, one, now); err != nil || is {
		if err == nil {
			d.log.Info("a view is renamed on the source; the target has none", "statement", one.text)
		}
		return is, err
	}
	table, err := d.known(one, now)
	if err != nil {
		table = nil
	}
	before := one.text
	idle, err := one.decideConditions(table, now, d.db.Server)
	if idle {
		d.log.Info("a DDL had nothing to do on the source", "statement", before)
	}
	return idle, err
}

// decideConditions leaves out of an ALTER TABLE what the source has not done: its
// server looks whether a thing exists before the whole statement, ours is cut in
// pieces, and not each server knows these words. table is the source's structure
// before the statement, nil if nobody knows it, created what the target prints. It
// tells whether nothing is left.
func (one *ddl) decideConditions(table *schema.Table, created string, server dbconn.Server) (idle bool, err error) {
	n, ok := one.node.(*ast.AlterTableStmt)
	if !ok || one.own {
		return false, nil
	}
	knows := server.TiDB || server.Flavor == binlog.MariaDB
	alter, changed := *n, false
	alter.Specs = nil
	for _, s := range n.Specs {
		if !s.IfExists && !s.IfNotExists && (s.Constraint == nil || !s.Constraint.IfNotExists) {
			alter.Specs = append(alter.Specs, s)
			continue
		}
		if s = decided(s, table, created); s == nil {
			changed = true
			continue
		}
		if !knows && table != nil {
			s, changed = unconditional(s), true
		}
		alter.Specs = append(alter.Specs, s)
	}
	if !changed {
		return false, nil
	}
	if one.node = &alter; len(alter.Specs) == 0 {
		return true, nil
	}
	one.text, err = restore(&alter)
	return false, err
}

// decided gives the clause as far as its condition holds, nil if it does not.
func decided(s *ast.AlterTableSpec, table *schema.Table, created string) *ast.AlterTableSpec {
	if s.Tp == ast.AlterTableAddColumns {
		return lacking(s, table)
	}
	if exists, known := subject(s, table, created); known && exists != s.IfExists {
		return nil
	}
	return s
}

// subject tells whether what a clause with a condition is about exists, if that is
// known. CHECKs and foreign keys are looked for on the target, as the source's
// structure has none.
func subject(s *ast.AlterTableSpec, table *schema.Table, created string) (exists, known bool) {
	index := func(name string) (bool, bool) {
		return table != nil && table.HasIndex(name), table != nil && name != ""
	}
	column := func(name string) (bool, bool) { return table != nil && table.HasColumn(name), table != nil }
	switch s.Tp {
	case ast.AlterTableDropColumn, ast.AlterTableRenameColumn, ast.AlterTableChangeColumn:
		return column(s.OldColumnName.Name.O)
	case ast.AlterTableModifyColumn, ast.AlterTableAlterColumn:
		return column(s.NewColumns[0].Name.Name.O)
	case ast.AlterTableDropIndex:
		return index(s.Name)
	case ast.AlterTableRenameIndex:
		return index(s.FromKey.O)
	case ast.AlterTableDropForeignKey:
		return hasConstraint(created, s.Name), created != ""
	case ast.AlterTableDropCheck:
		is, _ := index(s.Constraint.Name)
		return is || hasConstraint(created, s.Constraint.Name), created != ""
	case ast.AlterTableAddConstraint:
		if s.Constraint.Tp == ast.ConstraintForeignKey || s.Constraint.Tp == ast.ConstraintCheck {
			return hasConstraint(created, s.Constraint.Name), created != "" && s.Constraint.Name != ""
		}
		return index(s.Constraint.Name)
	}
	return false, false
}

// hasConstraint looks for a CHECK or foreign key in what a server prints.
func hasConstraint(created, name string) bool {
	return strings.Contains(strings.ToLower(created), "constraint "+strings.ToLower(dbconn.Ident(name))+" ")
}

// lacking leaves out of ADD COLUMN IF NOT EXISTS the columns that there are.
func lacking(s *ast.AlterTableSpec, table *schema.Table) *ast.AlterTableSpec {
	if table == nil || !s.IfNotExists {
		return s
	}
	less := *s
	less.NewColumns = slices.DeleteFunc(slices.Clone(s.NewColumns), func(c *ast.ColumnDef) bool { return table.HasColumn(c.Name.Name.O) })
	if len(less.NewColumns)+len(less.NewConstraints) == 0 {
		return nil
	}
	return &less
}

// unconditional is the clause for a server that does not know IF.
func unconditional(s *ast.AlterTableSpec) *ast.AlterTableSpec {
	plain := *s
	plain.IfExists, plain.IfNotExists = false, false
	if s.Constraint != nil {
		con := *s.Constraint
		con.IfNotExists = false
		plain.Constraint = &con
	}
	return &plain
}

// ofView tells whether a RENAME is about a view, which no target has: then
// nothing of that name was ever copied, and the source has no table of the new
// name. Should it have been a table after all, its next row stops the task.
func (d *ddlRunner) ofView(ctx context.Context, one *ddl, now string) (bool, error) {
	if _, is := one.node.(*ast.RenameTableStmt); !is || now != "" || one.aside {
		return false, nil
	}
	if _, err := d.structures.tracker.Table(one.watch); err == nil {
		return false, nil
	}
	to, kind := one.tables[1], ""
	err := d.structures.source.QueryRowContext(ctx, "SELECT TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?",
		to.Schema, to.Table).Scan(&kind)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, dbconn.Error(fault.Upstream, "ask what "+dbconn.Ident(to.Schema, to.Table)+" is", err)
	}
	return kind != "BASE TABLE", nil
}
