package checkpoint

import (
	"context"
	"database/sql"

	"github.com/raftdm/raftdm/internal/schema"
)

// SaveStructure records the CREATE TABLE of a source table as it is at the
// position that the same transaction records; "" records that it was dropped.
// It is not fenced by itself: ex must be a transaction that also calls SetPhase
// or another fenced write.
func (m *Meta) SaveStructure(ctx context.Context, ex Execer, n schema.Name, createSQL string) error {
	const op = "record the structure of "
	t := m.table(suffixStructure)
	if createSQL == "" {
		_, err := ex.ExecContext(ctx, "DELETE FROM "+t+" WHERE source = ? AND db = ? AND tbl = ?", m.Source, n.Schema, n.Table)
		return m.wrap(op+n.Schema+"."+n.Table, err)
	}
	_, err := ex.ExecContext(ctx, "INSERT INTO "+t+" (source, db, tbl, create_sql) VALUES (?, ?, ?, ?)"+
		" ON DUPLICATE KEY UPDATE create_sql = VALUES(create_sql)", m.Source, n.Schema, n.Table, createSQL)
	return m.wrap(op+n.Schema+"."+n.Table, err)
}

// PutStructure is SaveStructure in a fenced transaction of its own.
func (m *Meta) PutStructure(ctx context.Context, n schema.Name, createSQL string) error {
	const op = "record the structure of a table"
	return m.held(ctx, op, func(tx *sql.Tx) error {
		return m.SaveStructure(ctx, tx, n, createSQL)
	})
}

// Structures reads all recorded structures of the source.
func (m *Meta) Structures(ctx context.Context) (map[schema.Name]string, error) {
	const op = "read the recorded table structures"
	rows, err := m.DB.QueryContext(ctx, "SELECT db, tbl, create_sql FROM "+m.table(suffixStructure)+" WHERE source = ?", m.Source)
	if err != nil {
		return nil, m.wrap(op, err)
	}
	defer rows.Close()
	out := map[schema.Name]string{}
	for rows.Next() {
		var (
			n   schema.Name
			sql string
		)
		if err := rows.Scan(&n.Schema, &n.Table, &sql); err != nil {
			return nil, m.wrap(op, err)
		}
		out[n] = sql
	}
	return out, m.wrap(op, rows.Err())
}
