package checkpoint

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/rowevent"
)

// Lane is one row of the lane table: what one lane of the syncer has applied.
type Lane struct {
	Lane int
	// Watermark is the point up to which all lanes had applied everything when
	// this row was written.
	Watermark binlog.Location
	// Applied holds what this lane has applied above Watermark.
	Applied Applied
	// Partial is set on lane 0 while a transaction that is applied in pieces is
	// under way.
	Partial Partial
}

// Partial is how far a transaction that is applied in pieces has come.
type Partial struct {
	Txn  string `json:"txn,omitempty"` // the id of its beginning
	Rows int64  `json:"rows,omitempty"`
	// Of counts Rows by table: filters that have changed leave out others.
	Of []TableRows `json:"of,omitempty"`
}

// TableRows counts rows of a table of the source by their kind.
type TableRows struct {
	Schema string                `json:"s"`
	Table  string                `json:"t"`
	Rows   [rowevent.Kinds]int64 `json:"n"`
}

// Same tells whether p and o are the same progress.
func (p Partial) Same(o Partial) bool { return p.Txn == o.Txn && p.Rows == o.Rows }

// Lanes reads all lane rows of the source, by lane number; none before the
// syncer ran for the first time.
func (m *Meta) Lanes(ctx context.Context) ([]Lane, error) { return m.lanes(ctx, m.DB, "") }

type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func (m *Meta) lanes(ctx context.Context, on queryer, lock string) ([]Lane, error) {
	const op = "read the lane rows"
	rows, err := on.QueryContext(ctx, "SELECT "+laneFields+" FROM "+m.table(suffixLane)+" WHERE source = ? ORDER BY lane"+lock, m.Source)
	if err != nil {
		return nil, m.wrap(op, err)
	}
	defer rows.Close()
	var out []Lane
	for rows.Next() {
		l, err := m.scanLane(op, rows)
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, m.wrap(op, rows.Err())
}

const laneFields = "lane, watermark, applied, partial"

func (m *Meta) scanLane(op string, row interface{ Scan(...any) error }) (Lane, error) {
	var (
		l       Lane
		w, a, p []byte
	)
	if err := row.Scan(&l.Lane, &w, &a, &p); err != nil {
		return Lane{}, m.wrap(op, err)
	}
	for _, part := range []struct {
		text []byte
		into any
	}{{w, &l.Watermark}, {a, &l.Applied}, {p, &l.Partial}} {
		if len(part.text) == 0 {
			continue
		}
		if err := json.Unmarshal(part.text, part.into); err != nil {
			return Lane{}, m.corrupt(op, fmt.Errorf("lane %d: %q: %w", l.Lane, part.text, err))
		}
	}
	return l, nil
}

// OpenLanes makes exactly n lane rows, in one fenced transaction: lane 0 takes
// what combine makes of all rows there are, the others begin empty. Each row is
// locked and written, so a transaction of an earlier run whose COMMIT is still
// on its way is either in what combine sees, or fails.
func (m *Meta) OpenLanes(ctx context.Context, n int, combine func([]Lane) (Lane, error)) (first Lane, err error) {
	const op = "open the lane rows"
	err = m.held(ctx, op, func(tx *sql.Tx) error {
		old, err := m.lanes(ctx, tx, " FOR UPDATE")
		if err != nil {
			return err
		}
		if first, err = combine(old); err != nil {
			return err
		}
		first.Lane = 0
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+m.table(suffixLane)+" WHERE source = ? AND lane >= ?", m.Source, n); err != nil {
			return m.wrap(op, err)
		}
		for i := range n {
			l := Lane{Lane: i, Watermark: first.Watermark}
			if i == 0 {
				l = first
			}
			if err := m.putLane(ctx, tx, l); err != nil {
				return m.wrap(op, err)
			}
		}
		return nil
	})
	return first, err
}

func (m *Meta) putLane(ctx context.Context, ex Execer, l Lane) error {
	v, err := l.values()
	if err != nil {
		return err
	}
	_, err = ex.ExecContext(ctx, "INSERT INTO "+m.table(suffixLane)+" (source, lane, epoch, watermark, applied, partial) VALUES (?, ?, ?, ?, ?, ?)"+
		" ON DUPLICATE KEY UPDATE attempt = attempt + 1, epoch = VALUES(epoch), watermark = VALUES(watermark), applied = VALUES(applied), partial = VALUES(partial)",
		m.Source, l.Lane, m.Epoch, v[0], v[1], v[2])
	return err
}

// values gives the JSON texts of watermark, applied and partial.
func (l *Lane) values() ([3]string, error) {
	var out [3]string
	for i, v := range []any{l.Watermark, &l.Applied, l.Partial} {
		text, err := json.Marshal(v)
		if err != nil {
			return out, err
		}
		out[i] = string(text)
	}
	return out, nil
}

// LaneUpdate gives the text of the fenced UPDATE that records l. It belongs
// into the transaction that carries the rows; the caller must see exactly one
// matched row, or roll back: none means ErrFenced (Fenced makes the error).
func (m *Meta) LaneUpdate(l Lane) (string, error) {
	watermark, err := l.Watermark.MarshalJSON()
	if err != nil {
		return "", m.wrap("record lane progress", err)
	}
	partial := []byte("{}")
	if l.Partial.Txn != "" {
		if partial, err = json.Marshal(l.Partial); err != nil {
			return "", m.wrap("record lane progress", err)
		}
	}
	// This is written with each target transaction, so without reflection.
	const usual = 400
	b := append(make([]byte, 0, usual+len(watermark)), "UPDATE "...)
	b = append(append(b, m.table(suffixLane)...), " SET attempt = attempt + 1, watermark = "...)
	b = append(appendQuoted(b, watermark), ", applied = "...)
	b = append(appendQuoted(b, l.Applied.appendJSON(nil)), ", partial = "...)
	b = append(appendQuoted(b, partial), " WHERE source = "...)
	b = append(appendQuoted(b, []byte(m.Source)), " AND lane = "...)
	b = append(strconv.AppendInt(b, int64(l.Lane), 10), fence...)
	return string(strconv.AppendUint(b, m.Epoch, 10)), nil
}

// Fenced is the error for a LaneUpdate that matched no row.
func (m *Meta) Fenced() error { return m.wrap("record lane progress", ErrFenced) }

// SaveLane executes LaneUpdate in the caller's transaction and checks that it
// matched.
func (m *Meta) SaveLane(ctx context.Context, ex Execer, l Lane) error {
	text, err := m.LaneUpdate(l)
	if err != nil {
		return err
	}
	res, err := ex.ExecContext(ctx, text)
	return m.matched("record lane progress", res, err)
}

// ReadLane reads one lane row back under its lock and raises its attempt, so
// that what it answers is final: a transaction of ours whose COMMIT is still
// on its way can only have been committed before, or conflict with this.
func (m *Meta) ReadLane(ctx context.Context, lane int) (Lane, error) {
	op := fmt.Sprintf("read the row of lane %d back", lane)
	tx, err := m.DB.BeginTx(ctx, nil)
	if err != nil {
		return Lane{}, m.wrap(op, err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing, before it the error is already known
	res, err := tx.ExecContext(ctx, "UPDATE "+m.table(suffixLane)+" SET attempt = attempt + 1 WHERE source = ? AND lane = ?"+fence+"?",
		m.Source, lane, m.Epoch)
	if err := m.matched(op, res, err); err != nil {
		return Lane{}, err
	}
	l, err := m.scanLane(op, tx.QueryRowContext(ctx, "SELECT "+laneFields+" FROM "+m.table(suffixLane)+
		" WHERE source = ? AND lane = ? FOR UPDATE", m.Source, lane))
	if err != nil {
		return Lane{}, err
	}
	return l, m.wrap(op, tx.Commit())
}

// quote writes s as a string literal for a session without NO_BACKSLASH_ESCAPES
// and without ANSI_QUOTES trouble: single quotes only.
func quote(s string) string { return string(appendQuoted(nil, []byte(s))) }

func appendQuoted(dst, s []byte) []byte {
	dst = append(dst, '\'')
	for _, c := range s {
		switch c {
		case '\\', '\'':
			dst = append(dst, '\\', c)
		case 0:
			dst = append(dst, '\\', '0')
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '\'')
}
