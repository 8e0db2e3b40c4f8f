package checkpoint

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/schema"
)

// Global is what DM's checkpoint table {task}_syncer_checkpoint says: its global
// row, the one with empty cp_schema and cp_table, and rows of tables.
type Global struct {
	Location binlog.Location
	// SafeUntil ends the window in which rows may be on the target already
	// (exit_safe_*); zero when there is none.
	SafeUntil binlog.Location
	// Tables are rows of tables to write with it.
	Tables []TablePoint
}

// TablePoint is the row of one table in DM's checkpoint table: all its changes up
// to Location are on the target.
type TablePoint struct {
	Table    schema.Name
	Location binlog.Location
}

// Global reads the row; ok is false when there is none. flavor is how the GTID
// texts are to be read.
func (m *Meta) Global(ctx context.Context, flavor string) (g Global, ok bool, err error) {
	const op = "read DM's checkpoint"
	var (
		name, safeName sql.NullString
		pos, safePos   sql.NullInt64
		gtid, safeGTID sql.NullString
	)
	q := "SELECT binlog_name, binlog_pos, binlog_gtid, exit_safe_binlog_name, exit_safe_binlog_pos, exit_safe_binlog_gtid FROM " +
		m.table(suffixSyncer) + " WHERE id = ? AND cp_schema = '' AND cp_table = ''"
	err = m.DB.QueryRowContext(ctx, q, m.Source).Scan(&name, &pos, &gtid, &safeName, &safePos, &safeGTID)
	if errors.Is(err, sql.ErrNoRows) {
		return Global{}, false, nil
	}
	if err != nil {
		return Global{}, false, m.wrap(op, err)
	}
	if g.Location, err = location(flavor, name.String, pos.Int64, gtid.String); err != nil {
		return Global{}, false, m.corrupt(op, err)
	}
	if g.SafeUntil, err = location(flavor, safeName.String, safePos.Int64, safeGTID.String); err != nil {
		return Global{}, false, m.corrupt(op, err)
	}
	return g, true, nil
}

func location(flavor, name string, pos int64, gtid string) (binlog.Location, error) {
	l := binlog.Location{Position: binlog.Position{Name: name, Pos: uint32(pos)}}
	if name == "" {
		l.Position.Pos = 0 // DM writes 0 or 4 beside an empty name
	}
	if gtid == "" {
		return l, nil
	}
	set, err := binlog.ParseGTIDSet(flavor, gtid)
	l.GTID = set
	return l, err
}

// SaveGlobal records g, in a transaction that also calls SaveLane.
func (m *Meta) SaveGlobal(ctx context.Context, ex Execer, g Global) error {
	at, safe := g.Location, g.SafeUntil
	_, err := ex.ExecContext(ctx, "INSERT INTO "+m.table(suffixSyncer)+
		" (id, cp_schema, cp_table, binlog_name, binlog_pos, binlog_gtid, exit_safe_binlog_name, exit_safe_binlog_pos, exit_safe_binlog_gtid, table_info, is_global)"+
		" VALUES (?, '', '', ?, ?, ?, ?, ?, ?, 'null', 1) ON DUPLICATE KEY UPDATE binlog_name = VALUES(binlog_name), binlog_pos = VALUES(binlog_pos),"+
		" binlog_gtid = VALUES(binlog_gtid), exit_safe_binlog_name = VALUES(exit_safe_binlog_name),"+
		" exit_safe_binlog_pos = VALUES(exit_safe_binlog_pos), exit_safe_binlog_gtid = VALUES(exit_safe_binlog_gtid), is_global = 1",
		m.Source, at.Position.Name, at.Position.Pos, at.GTID.String(), safe.Position.Name, safe.Position.Pos, safe.GTID.String())
	if err != nil {
		return m.wrap("record DM's checkpoint", err)
	}
	const most = 100 // rows of one statement
	for rest := range slices.Chunk(g.Tables, most) {
		if err := m.saveTables(ctx, ex, rest); err != nil {
			return m.wrap("record DM's checkpoint of tables", err)
		}
	}
	return nil
}

// saveTables writes rows of tables. Of table_info DM has a form of its own; null
// is what it writes itself where it knows none.
func (m *Meta) saveTables(ctx context.Context, ex Execer, points []TablePoint) error {
	rows := make([]string, len(points))
	var args []any
	for i, p := range points {
		rows[i] = "(?, ?, ?, ?, ?, ?, 'null', 0)"
		args = append(args, m.Source, p.Table.Schema, p.Table.Table, p.Location.Position.Name, p.Location.Position.Pos, p.Location.GTID.String())
	}
	_, err := ex.ExecContext(ctx, "INSERT INTO "+m.table(suffixSyncer)+" (id, cp_schema, cp_table, binlog_name, binlog_pos, binlog_gtid, table_info, is_global) VALUES "+
		strings.Join(rows, ", ")+" ON DUPLICATE KEY UPDATE binlog_name = VALUES(binlog_name), binlog_pos = VALUES(binlog_pos),"+
		" binlog_gtid = VALUES(binlog_gtid), table_info = VALUES(table_info), is_global = 0", args...)
	return err
}

// ForgetTable removes the row of a table that is gone, or those of all tables of a
// schema, in a transaction that also calls SaveLane.
func (m *Meta) ForgetTable(ctx context.Context, ex Execer, n schema.Name) error {
	q, args := "DELETE FROM "+m.table(suffixSyncer)+" WHERE id = ? AND cp_schema = ? AND cp_table <> ''", []any{m.Source, n.Schema}
	if n.Table != "" {
		q, args = q+" AND cp_table = ?", append(args, n.Table)
	}
	_, err := ex.ExecContext(ctx, q, args...)
	return m.wrap("remove DM's checkpoint of "+n.Schema+"."+n.Table, err)
}
