package checkpoint

import (
	"context"
	"database/sql"
	"errors"
	"strings"
)

// Chunk is how far one data file of a dump is loaded.
type Chunk struct {
	File   string
	DumpID string
	// Offset is the byte behind the last loaded statement of the file.
	Offset int64
	// Rows is how many rows of the file are on the target.
	Rows int64
	// Attempt counts the writes of this row; see the package documentation.
	Attempt uint64
}

// chunkInsertRows is how many chunk rows one INSERT adds: some 30 KB of SQL.
const chunkInsertRows = 200

// Chunks reads the progress of all files of the source, by file name, of
// whichever dump they are.
func (m *Meta) Chunks(ctx context.Context) (map[string]Chunk, error) {
	return m.chunks(ctx, m.DB)
}

func (m *Meta) chunks(ctx context.Context, on queryer) (map[string]Chunk, error) {
	const op = "read the load progress"
	rows, err := on.QueryContext(ctx, "SELECT file, dump_id, byte_offset, rows_done, attempt FROM "+m.table(suffixChunk)+" WHERE source = ?", m.Source)
	if err != nil {
		return nil, m.wrap(op, err)
	}
	defer rows.Close()
	out := map[string]Chunk{}
	for rows.Next() {
		var c Chunk
		if err := rows.Scan(&c.File, &c.DumpID, &c.Offset, &c.Rows, &c.Attempt); err != nil {
			return nil, m.wrap(op, err)
		}
		out[c.File] = c
	}
	return out, m.wrap(op, rows.Err())
}

// SettleChunks is Chunks, final: it raises the attempts, so no earlier
// transaction can still be committed.
func (m *Meta) SettleChunks(ctx context.Context) (out map[string]Chunk, err error) {
	const op = "read the load progress"
	err = m.held(ctx, op, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE "+m.table(suffixChunk)+" SET attempt = attempt + 1 WHERE source = ?"+fence+"?", m.Source, m.Epoch); err != nil {
			return m.wrap(op, err)
		}
		out, err = m.chunks(ctx, tx)
		return err
	})
	return out, err
}

// AddChunks adds a row at offset 0 for each file that has none, in one fenced
// transaction with more of the record of the dump, nil for nothing.
func (m *Meta) AddChunks(ctx context.Context, dumpID string, files []string, more []byte) error {
	const op = "record the files to load"
	return m.held(ctx, op, func(tx *sql.Tx) error {
		if err := m.addDump(ctx, tx, more); err != nil {
			return err
		}
		for len(files) > 0 {
			n := min(len(files), chunkInsertRows)
			q := "INSERT IGNORE INTO " + m.table(suffixChunk) + " (source, file, dump_id, epoch) VALUES " +
				strings.TrimSuffix(strings.Repeat("(?, ?, ?, ?), ", n), ", ")
			args := make([]any, 0, 4*n)
			for _, f := range files[:n] {
				args = append(args, m.Source, f, dumpID, m.Epoch)
			}
			if _, err := tx.ExecContext(ctx, q, args...); err != nil {
				return m.wrap(op, err)
			}
			files = files[n:]
		}
		return nil
	})
}

// ForgetChunks removes the progress of all files of the source, in the
// caller's fenced transaction: when the load is complete or has not begun.
func (m *Meta) ForgetChunks(ctx context.Context, ex Execer) error {
	_, err := ex.ExecContext(ctx, "DELETE FROM "+m.table(suffixChunk)+" WHERE source = ?", m.Source)
	return m.wrap("remove the load progress", err)
}

// RestartChunks sets files back to their beginning, fenced: what was loaded of
// them is not on the target any more.
func (m *Meta) RestartChunks(ctx context.Context, files []string) error {
	const op = "begin files anew"
	return m.held(ctx, op, func(tx *sql.Tx) error {
		for _, f := range files {
			_, err := tx.ExecContext(ctx, "UPDATE "+m.table(suffixChunk)+
				" SET byte_offset = 0, rows_done = 0, attempt = attempt + 1 WHERE source = ? AND file = ?"+fence+"?", m.Source, f, m.Epoch)
			if err != nil {
				return m.wrap(op, err)
			}
		}
		return nil
	})
}

// ErrChunkMoved means that the chunk row is not at the attempt we knew: an
// earlier transaction of ours, thought lost, has been committed or the row was
// read back since. Roll back, ReadChunk, and go on from there.
var ErrChunkMoved = errors.New("the chunk row was written by another transaction")

// AdvanceChunk records that the file is loaded up to c.Offset and c.Rows, from
// the state in which c.Attempt was read. It must be the first statement of the
// transaction that inserts the rows, which then holds the row's lock to its
// end. The caller counts c.Attempt up after the commit.
func (m *Meta) AdvanceChunk(ctx context.Context, ex Execer, c Chunk) error {
	const op = "record the load progress"
	res, err := ex.ExecContext(ctx, "UPDATE "+m.table(suffixChunk)+
		" SET byte_offset = ?, rows_done = ?, attempt = attempt + 1 WHERE source = ? AND file = ? AND dump_id = ? AND attempt = ?"+fence+"?",
		c.Offset, c.Rows, m.Source, c.File, c.DumpID, c.Attempt, m.Epoch)
	if err != nil {
		return m.wrap(op, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return m.wrap(op, err)
	}
	if n == 0 {
		return ErrChunkMoved // ReadChunk tells whether it is ErrFenced
	}
	return nil
}

// ReadChunk reads one row back under its lock and raises its attempt, so that
// what it answers is final: no earlier transaction can still be committed.
func (m *Meta) ReadChunk(ctx context.Context, file string) (Chunk, error) {
	op := "read the load progress of " + file + " back"
	tx, err := m.DB.BeginTx(ctx, nil)
	if err != nil {
		return Chunk{}, m.wrap(op, err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing, before it the error is already known
	res, err := tx.ExecContext(ctx, "UPDATE "+m.table(suffixChunk)+" SET attempt = attempt + 1 WHERE source = ? AND file = ?"+fence+"?",
		m.Source, file, m.Epoch)
	if err := m.matched(op, res, err); err != nil {
		return Chunk{}, err
	}
	c := Chunk{File: file}
	q := "SELECT dump_id, byte_offset, rows_done, attempt FROM " + m.table(suffixChunk) + " WHERE source = ? AND file = ?"
	if err := tx.QueryRowContext(ctx, q, m.Source, file).Scan(&c.DumpID, &c.Offset, &c.Rows, &c.Attempt); err != nil {
		return Chunk{}, m.wrap(op, err)
	}
	return c, m.wrap(op, tx.Commit())
}
