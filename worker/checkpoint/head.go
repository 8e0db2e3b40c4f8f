package checkpoint

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
)

// Head is the beginning of the binlog file that the syncer read last: who wrote
// the file and when it was begun. A source that has thrown its binlog away and
// begun anew is known by it.
type Head struct {
	File    string `json:"file"`
	Server  uint32 `json:"server"`  // the server-id in the event
	Created uint32 `json:"created"` // seconds, by the source's clock
}

const headColumns = `
  source VARCHAR(64) NOT NULL,
  epoch BIGINT UNSIGNED NOT NULL,
  head TEXT,` + timeColumns + `,
  PRIMARY KEY (source)`

// Head reads the record; the zero Head when there is none.
func (m *Meta) Head(ctx context.Context) (Head, error) {
	const op = "read which binlog file was read last"
	var (
		h    Head
		text []byte
	)
	err := m.DB.QueryRowContext(ctx, "SELECT head FROM "+m.table(suffixHead)+" WHERE source = ?", m.Source).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return h, nil
	}
	if err != nil {
		return h, m.wrap(op, err)
	}
	if err := json.Unmarshal(text, &h); err != nil {
		return h, m.corrupt(op, fmt.Errorf("%q: %w", text, err))
	}
	return h, nil
}

// SaveHead records h, fenced.
func (m *Meta) SaveHead(ctx context.Context, h Head) error {
	const op = "record which binlog file was read last"
	text, err := json.Marshal(h)
	if err != nil {
		return m.wrap(op, err)
	}
	return m.held(ctx, op, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO "+m.table(suffixHead)+" (source, epoch, head) VALUES (?, ?, ?)"+
			" ON DUPLICATE KEY UPDATE epoch = VALUES(epoch), head = VALUES(head)", m.Source, m.Epoch, string(text))
		return m.wrap(op, err)
	})
}
