package checkpoint

import (
	"context"
	"database/sql"
	"errors"

	"github.com/raftdm/raftdm/internal/binlog"
)

// Global is the global row of DM's checkpoint table {task}_syncer_checkpoint:
// the one with empty cp_schema and cp_table.
type Global struct {
	Location binlog.Location
	// SafeUntil ends the window in which rows may be on the target already
	// (exit_safe_*); zero when there is none.
	SafeUntil binlog.Location
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
		" (id, cp_schema, cp_table, binlog_name, binlog_pos, binlog_gtid, exit_safe_binlog_name, exit_safe_binlog_pos, exit_safe_binlog_gtid, is_global)"+
		" VALUES (?, '', '', ?, ?, ?, ?, ?, ?, 1) ON DUPLICATE KEY UPDATE binlog_name = VALUES(binlog_name), binlog_pos = VALUES(binlog_pos),"+
		" binlog_gtid = VALUES(binlog_gtid), exit_safe_binlog_name = VALUES(exit_safe_binlog_name),"+
		" exit_safe_binlog_pos = VALUES(exit_safe_binlog_pos), exit_safe_binlog_gtid = VALUES(exit_safe_binlog_gtid), is_global = 1",
		m.Source, at.Position.Name, at.Position.Pos, at.GTID.String(), safe.Position.Name, safe.Position.Pos, safe.GTID.String())
	return m.wrap("record DM's checkpoint", err)
}
