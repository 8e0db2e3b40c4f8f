package checkpoint

import "context"

// A record of the dump that is being loaded lies in rows of this size.
const dumpPart = 1 << 20

const dumpColumns = `
  source VARCHAR(64) NOT NULL,
  part INT NOT NULL,
  body LONGBLOB NOT NULL,` + timeColumns + `,
  PRIMARY KEY (source, part)`

// Dump reads what SaveDump has recorded; nil when there is nothing.
func (m *Meta) Dump(ctx context.Context) ([]byte, error) {
	const op = "read the record of the dump"
	rows, err := m.DB.QueryContext(ctx, "SELECT body FROM "+m.table(suffixDump)+" WHERE source = ? ORDER BY part", m.Source)
	if err != nil {
		return nil, m.wrap(op, err)
	}
	defer rows.Close()
	var out []byte
	for rows.Next() {
		var part []byte
		if err := rows.Scan(&part); err != nil {
			return nil, m.wrap(op, err)
		}
		out = append(out, part...)
	}
	return out, m.wrap(op, rows.Err())
}

// SaveDump records what the dump consists of, in place of what was recorded
// before, in the caller's fenced transaction. Nothing is recorded for nil.
func (m *Meta) SaveDump(ctx context.Context, ex Execer, text []byte) error {
	const op = "record the dump"
	if _, err := ex.ExecContext(ctx, "DELETE FROM "+m.table(suffixDump)+" WHERE source = ?", m.Source); err != nil {
		return m.wrap(op, err)
	}
	return m.addDump(ctx, ex, text)
}

// addDump records more of what the dump consists of.
func (m *Meta) addDump(ctx context.Context, ex Execer, text []byte) error {
	t := m.table(suffixDump)
	for len(text) > 0 {
		n := min(len(text), dumpPart)
		q := "INSERT INTO " + t + " (source, part, body) SELECT ?, COALESCE(MAX(part) + 1, 0), ? FROM " + t + " WHERE source = ?"
		if _, err := ex.ExecContext(ctx, q, m.Source, text[:n], m.Source); err != nil {
			return m.wrap("record the dump", err)
		}
		text = text[n:]
	}
	return nil
}

// ForgetFiles removes the load progress of some files, in the caller's fenced
// transaction.
func (m *Meta) ForgetFiles(ctx context.Context, ex Execer, files []string) error {
	for _, f := range files {
		if _, err := ex.ExecContext(ctx, "DELETE FROM "+m.table(suffixChunk)+" WHERE source = ? AND file = ?", m.Source, f); err != nil {
			return m.wrap("remove the load progress of "+f, err)
		}
	}
	return nil
}
