package syncer

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/create"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

// unlike refuses to go on to an ALTER TABLE by which the target would make other
// values of those that it has than the source has made of them: a MariaDB cuts a
// fraction of a second off that a TiDB rounds, and the source's binlog has no rows
// for what its ALTER TABLE has changed. created is the target's table on. What keeps
// it from finding out is the second error.
func (d *ddlRunner) unlike(ctx context.Context, conn *sql.Conn, one *ddl, on schema.Name, created string) (refusal, err error) {
	source, target := d.structures.source.Server, d.db.Server
	n, ok := one.node.(*ast.AlterTableStmt)
	if !ok || created == "" || source.Flavor == target.Flavor && !target.TiDB {
		return nil, nil
	}
	maria := source.Flavor == binlog.MariaDB || target.Flavor == binlog.MariaDB
	for _, s := range n.Specs {
		if s.Tp != ast.AlterTableModifyColumn && s.Tp != ast.AlterTableChangeColumn || len(s.NewColumns) != 1 {
			continue
		}
		old := s.NewColumns[0].Name.Name.O
		if s.OldColumnName != nil {
			old = s.OldColumnName.Name.O
		}
		there, to, want := conversion(s.NewColumns[0], on, created, old)
		if there == nil || to == nil {
			continue
		}
		which := to.Unlike(there, dbconn.Ident(there.Name), maria)
		if which == "" {
			continue
		}
		table := dbconn.Ident(on.Schema, on.Table)
		some, err := d.some(ctx, conn, one, "SELECT 1 FROM "+table+" WHERE "+which+" LIMIT 1")
		if err != nil {
			return nil, err
		}
		if !some {
			continue
		}
		return &fault.Error{Kind: fault.Unsupported, Side: fault.Downstream, Code: codeUnsupportedStmt,
			Msg: fmt.Sprintf("the target may make other values than the source of those that are now in the column %s of its table %s, when it is changed to %s",
				create.ColumnLine(created, there.Name), table, want),
			Hint: fmt.Sprintf("see SELECT * FROM %s WHERE %s; give these rows values there that any server converts to what the source has now, "+
				"or change the column there by hand and correct the rows, then resume-task; or %s", table, which, wayAround)}, nil
	}
	return nil, nil
}

// conversion gives the target's column of the old name, and what a clause makes of
// it; nil for what cannot be told.
func conversion(def *ast.ColumnDef, on schema.Name, created, old string) (there, to *schema.Column, want string) {
	table, err := schema.Parse(created, "", on.Schema)
	if err != nil {
		return nil, nil, ""
	}
	if want, err = restore(def); err != nil {
		return nil, nil, ""
	}
	// A character set that the clause does not name is the table's.
	made, err := schema.Parse("CREATE TABLE t ("+want+") CHARSET = utf8mb4", "", on.Schema)
	if err != nil || len(made.Columns) != 1 {
		return nil, nil, ""
	}
	return table.Column(old), &made.Columns[0], want
}
