package syncer

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

// implicitStamps tells whether a session of the source that does not tell how it takes
// a TIMESTAMP column takes it as NOT NULL.
func implicitStamps(ctx context.Context, up *dbconn.DB) (bool, error) {
	const variable = "explicit_defaults_for_timestamp"
	if up.Server.Flavor == binlog.MariaDB {
		// Sessions tell it since they may choose, and then by a bit that is not set for OFF.
		var told bool
		err := up.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.SYSTEM_VARIABLES WHERE VARIABLE_NAME = '"+variable+"' AND VARIABLE_SCOPE = 'SESSION'").Scan(&told)
		if err != nil || told {
			return told, dbconn.Error(fault.Upstream, "ask whether sessions choose "+variable, err)
		}
	}
	value, err := up.Variable(ctx, variable)
	if fault.Is(err, fault.NotFound) {
		return true, nil // a server from before it
	}
	return value == "OFF", err
}

// takeStamps lets the target's session take the TIMESTAMP columns of a statement as the
// source's has, where it may say too little about them: one that the SQL parser cannot
// read, or for a server whose sessions make more of it. A TiDB takes all as they are.
func (d *ddlRunner) takeStamps(ctx context.Context, conn *sql.Conn, one *ddl, st *Statement) error {
	if d.db.Server.TiDB || !strings.Contains(strings.ToUpper(one.text), "TIMESTAMP") {
		return nil
	}
	explicit := !st.vars.stamps.implicit(d.implicit)
	var now bool
	var answer *mysql.MySQLError
	err := conn.QueryRowContext(ctx, "SELECT @@SESSION.explicit_defaults_for_timestamp").Scan(&now)
	if err == nil && now != explicit {
		_, err = conn.ExecContext(ctx, "SET SESSION explicit_defaults_for_timestamp = "+strconv.FormatBool(explicit))
	}
	if errors.As(err, &answer) && !fault.Transient(err) {
		d.log.Warn("the target does not let a DDL take TIMESTAMP columns as the source has", "answer", answer.Message, "statement", one.text)
		return nil
	}
	return err
}

// stamp is schema.Tracker.NameTimestamps. Of a table that is not known yet the target
// tells which of its columns is the first. It is not made known by that: a statement
// that is being repeated may have changed it already.
func (s *structures) stamp(ctx context.Context, home string, stmt ast.StmtNode) (bool, error) {
	tracker := s.tracker
	if alter, ok := stmt.(*ast.AlterTableStmt); ok {
		n := schema.Name{Schema: alter.Table.Schema.O, Table: alter.Table.Name.O}
		if n.Schema == "" {
			n.Schema = home
		}
		if _, err := tracker.Table(n); err != nil {
			text, saved := s.saved[n]
			if !saved {
				if text, err = s.unrecorded(ctx, n, anyColumns); err != nil && retryable(err) {
					return false, err
				}
			}
			tracker = tracker.Clone()
			_, _ = tracker.PutAs(n, text) // what cannot be read stays unknown
		}
	}
	return tracker.NameTimestamps(home, stmt), nil
}
