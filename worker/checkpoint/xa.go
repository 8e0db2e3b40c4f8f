package checkpoint

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/raftdm/raftdm/internal/binlog"
)

// An XA transaction that is prepared is neither done nor undone until somebody
// says so, maybe days later, so its rows wait here. They are kept as the binlog
// has them. A transaction that changes no row of the task has one record with
// no data: its COMMIT shall find that it was seen.
//
// What is stored and removed here stands in the target transaction with the
// lane row that says so, and is fenced by it.

// MaxXAData bounds the data of one record: written as SQL it is less than the
// smallest max_allowed_packet in use.
const MaxXAData = 384 << 10

// Names of XA transactions have up to two times 64 bytes, which are written in
// hexadecimal digits.
const xaColumns = `
  source VARCHAR(64) NOT NULL,
  xid VARCHAR(300) NOT NULL,
  part BIGINT NOT NULL,
  chunk INT NOT NULL,
  binlog_name VARCHAR(128) NOT NULL DEFAULT '',
  binlog_pos INT UNSIGNED NOT NULL DEFAULT 0,
  data MEDIUMBLOB NOT NULL,` + timeColumns + `,
  PRIMARY KEY (source, xid, part, chunk)`

// XAPart is a part of a prepared XA transaction: as many of its rows as one
// target transaction takes. Its number is how many rows the parts before it have.
type XAPart struct {
	Part int64
	// Begin is where the transaction begins in the binlog.
	Begin binlog.Position
	// Chunks is of how many records it consists.
	Chunks int64
}

// AppendXAChunk appends the statement that stores chunk number n of a part.
func (m *Meta) AppendXAChunk(dst []byte, xid string, p XAPart, n int, data []byte) []byte {
	dst = fmt.Appendf(dst, "INSERT INTO %s (source, xid, part, chunk, binlog_name, binlog_pos, data) VALUES (%s, %s, %d, %d, %s, %d, ",
		m.table(suffixXA), quote(m.Source), quote(xid), p.Part, n, quote(p.Begin.Name), p.Begin.Pos)
	if len(data) == 0 {
		return append(dst, "'')"...)
	}
	return append(hex.AppendEncode(append(dst, "x'"...), data), "')"...)
}

// AppendXARemoval appends the statement that removes all that is stored of a
// transaction, or one of its parts if one is given.
func (m *Meta) AppendXARemoval(dst []byte, xid string, part *XAPart) []byte {
	dst = fmt.Appendf(dst, "DELETE FROM %s WHERE source = %s AND xid = %s", m.table(suffixXA), quote(m.Source), quote(xid))
	if part != nil {
		dst = strconv.AppendInt(append(dst, " AND part = "...), part.Part, 10)
	}
	return dst
}

// XASeen is the statement by which a person says that the rows of a transaction
// are on the target already.
func (m *Meta) XASeen(xid string) string {
	return string(m.AppendXAChunk(nil, xid, XAPart{}, 0, nil))
}

// XAParts lists what is stored of a transaction, in order; nothing when it is
// not known.
func (m *Meta) XAParts(ctx context.Context, xid string) ([]XAPart, error) {
	const op = "look for the rows of a prepared XA transaction"
	rows, err := m.DB.QueryContext(ctx, "SELECT part, COUNT(*), MIN(binlog_name), MIN(binlog_pos) FROM "+m.table(suffixXA)+
		" WHERE source = ? AND xid = ? GROUP BY part ORDER BY part", m.Source, xid)
	if err != nil {
		return nil, m.wrap(op, err)
	}
	defer rows.Close()
	var out []XAPart
	for rows.Next() {
		var p XAPart
		if err := rows.Scan(&p.Part, &p.Chunks, &p.Begin.Name, &p.Begin.Pos); err != nil {
			return nil, m.wrap(op, err)
		}
		out = append(out, p)
	}
	return out, m.wrap(op, rows.Err())
}

// XAData reads a part.
func (m *Meta) XAData(ctx context.Context, xid string, part XAPart) ([]byte, error) {
	const op = "read the rows of a prepared XA transaction"
	rows, err := m.DB.QueryContext(ctx, "SELECT chunk, data FROM "+m.table(suffixXA)+
		" WHERE source = ? AND xid = ? AND part = ? ORDER BY chunk", m.Source, xid, part.Part)
	if err != nil {
		return nil, m.wrap(op, err)
	}
	defer rows.Close()
	var (
		out   []byte
		chunk sql.RawBytes
		n     int64 // its number
		read  int64
	)
	for ; rows.Next(); read++ {
		if err := rows.Scan(&n, &chunk); err != nil {
			return nil, m.wrap(op, err)
		}
		if n != read {
			break
		}
		out = append(out, chunk...)
	}
	if err := rows.Err(); err != nil {
		return nil, m.wrap(op, err)
	}
	if read != part.Chunks {
		return nil, m.corrupt(op, fmt.Errorf("%d of the %d records of part %d of %s were found", read, part.Chunks, part.Part, xid))
	}
	return out, nil
}
