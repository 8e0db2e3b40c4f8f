package dump

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/big"
	"strconv"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
)

const (
	// minChunkBytes keeps small tables in one piece.
	minChunkBytes = 8 << 20
	// chunksPerThread is how many pieces a large table gives each thread at
	// least, so that all threads, and all lanes of the load, end at about the
	// same time.
	chunksPerThread = 4
	// maxDives bounds the questions to the optimizer about one table.
	maxDives = 4096
)

// span is a range of the split column, low inclusive and high exclusive, and
// how many rows the server expects in it.
type span struct {
	low, high *big.Int
	rows      int64
}

// planChunks cuts a table into conditions, "" for the whole table. The ranges
// follow the distribution of the keys: a range is halved for as long as the
// optimizer, which looks into the index for that, expects too many rows in it.
// They are open at both ends and so cover any row whatever is inserted
// between planning and snapshot.
func planChunks(ctx context.Context, db *dbconn.DB, t *table, rowsPerChunk int64) ([]string, error) {
	whole := []string{""}
	if t.split == "" || t.rows <= rowsPerChunk {
		return whole, nil
	}
	col, name := dbconn.Ident(t.split), dbconn.Ident(t.Schema, t.Table)
	var low, high sql.NullString
	err := db.QueryRowContext(ctx, fmt.Sprintf("SELECT MIN(%s), MAX(%s) FROM %s", col, col, name)).Scan(&low, &high)
	if err != nil {
		return nil, dbconn.Error(fault.Upstream, "read the key range of "+name, err)
	}
	first, ok1 := new(big.Int).SetString(low.String, 10)
	last, ok2 := new(big.Int).SetString(high.String, 10)
	if !ok1 || !ok2 { // no rows, or NULLs only
		return whole, nil
	}
	d := diver{db: db, t: t, goal: rowsPerChunk, left: maxDives}
	if err := d.halve(ctx, span{low: first, high: last.Add(last, big.NewInt(1)), rows: t.rows}); err != nil {
		return nil, err
	}
	return conditions(col, d.bounds()), nil
}

// diver finds the ranges of one table.
type diver struct {
	db   *dbconn.DB
	t    *table
	goal int64
	left int
	out  []span
}

// halve adds s to the result, cut as small as needed.
func (d *diver) halve(ctx context.Context, s span) error {
	width := new(big.Int).Sub(s.high, s.low)
	if s.rows <= d.goal || width.Cmp(big.NewInt(1)) <= 0 || d.left <= 0 {
		d.out = append(d.out, s)
		return nil
	}
	middle := new(big.Int).Add(s.low, width.Rsh(width, 1))
	for _, half := range []span{{low: s.low, high: middle}, {low: middle, high: s.high}} {
		var err error
		if half.rows, err = d.estimate(ctx, half); err != nil {
			return err
		}
		if err := d.halve(ctx, half); err != nil {
			return err
		}
	}
	return nil
}

// bounds joins neighbours that are small together and gives the inner borders.
func (d *diver) bounds() []*big.Int {
	var out []*big.Int
	sum := int64(0)
	for i, s := range d.out {
		if i > 0 && sum+s.rows > d.goal && sum > 0 {
			out = append(out, s.low)
			sum = 0
		}
		sum += s.rows
	}
	return out
}

// estimate asks the optimizer how many rows are in a range.
func (d *diver) estimate(ctx context.Context, s span) (int64, error) {
	d.left--
	name := dbconn.Ident(d.t.Schema, d.t.Table)
	q := fmt.Sprintf("EXPLAIN SELECT 1 FROM %s FORCE INDEX (%s) WHERE %s >= %s AND %s < %s", name, dbconn.Ident(d.t.index),
		dbconn.Ident(d.t.split), s.low, dbconn.Ident(d.t.split), s.high)
	rows, err := d.db.QueryContext(ctx, q)
	if err != nil {
		return 0, dbconn.Error(fault.Upstream, "estimate the rows of "+name, err)
	}
	defer rows.Close()
	text, err := columnOf(rows, "rows")
	if err != nil {
		return 0, dbconn.Error(fault.Upstream, "estimate the rows of "+name, err)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, nil // "impossible WHERE": the plan has no number because there is no row
	}
	return n, nil
}

// columnOf gives the named column of the first row.
func columnOf(rows *sql.Rows, name string) (string, error) {
	names, err := rows.Columns()
	if err != nil {
		return "", err
	}
	if !rows.Next() {
		return "", errors.Join(rows.Err(), sql.ErrNoRows)
	}
	values := make([]sql.NullString, len(names))
	targets := make([]any, len(names))
	for i := range values {
		targets[i] = &values[i]
	}
	if err := rows.Scan(targets...); err != nil {
		return "", err
	}
	for i, n := range names {
		if n == name {
			return values[i].String, nil
		}
	}
	return "", sql.ErrNoRows
}

// conditions gives one WHERE condition per range between the borders. Rows
// whose split column is NULL are in the first.
func conditions(col string, borders []*big.Int) []string {
	if len(borders) == 0 {
		return []string{""}
	}
	out := []string{fmt.Sprintf("(%s < %s OR %s IS NULL)", col, borders[0], col)}
	for i, b := range borders[1:] {
		out = append(out, fmt.Sprintf("%s >= %s AND %s < %s", col, borders[i], col, b))
	}
	return append(out, fmt.Sprintf("%s >= %s", col, borders[len(borders)-1]))
}

// rowsPerChunk turns the configuration into a number of rows for one table.
func rowsPerChunk(t *table, rows, chunkBytes int64, threads int) int64 {
	if rows > 0 {
		return rows
	}
	if t.rows == 0 || t.bytes == 0 {
		return 1 << 62
	}
	size := max(minChunkBytes, t.bytes/int64(threads*chunksPerThread))
	size = min(size, max(chunkBytes, 1))
	return max(1, t.rows*size/t.bytes)
}
