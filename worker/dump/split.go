package dump

import (
	"container/heap"
	"context"
	"database/sql"
	"fmt"
	"math/big"
	"slices"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
)

const (
	// minChunkBytes keeps small tables in one piece.
	minChunkBytes = 8 << 20
	// chunksPerThread is how many pieces the dump gives each thread at least, so
	// that all threads, and all lanes of the load, end at about the same time.
	// More would cost: the source reads the first pages of each piece one by one,
	// before it sees that it may read ahead.
	chunksPerThread = 4
	// maxDives bounds the questions to the optimizer about one table.
	maxDives = 4096
	// finer is how much finer than the chunks the ranges are that the optimizer
	// is asked about, so that chunks made of them differ by little.
	finer = 2
)

// piece is a range of a table that is decided on before the snapshot.
type piece struct {
	keyRange
	// walk tells that it is too large for one chunk and is cut further while it
	// is read, by counting along the index: nothing cheaper cuts it evenly.
	walk bool
}

// planPieces cuts a table. Integers are cut without reading the table: a range
// is halved for as long as the optimizer, which looks into the index for that,
// expects many rows in it, so the ranges follow the distribution of the keys.
// They are open at both ends and so cover any row whatever is inserted between
// planning and snapshot.
func planPieces(ctx context.Context, db *dbconn.DB, t *table) ([]piece, error) {
	if t.key == nil || t.rows <= t.step {
		return []piece{{}}, nil
	}
	if t.key.columns[0].form != keyInteger {
		return []piece{{walk: true}}, nil
	}
	col, name := dbconn.Ident(t.key.columns[0].name), dbconn.Ident(t.Schema, t.Table)
	var low, high sql.NullString
	err := db.QueryRowContext(ctx, fmt.Sprintf("SELECT MIN(%s), MAX(%s) FROM %s", col, col, name)).Scan(&low, &high)
	if err != nil {
		return nil, dbconn.Error(fault.Upstream, "read the key range of "+name, err)
	}
	first, ok1 := new(big.Int).SetString(low.String, 10)
	last, ok2 := new(big.Int).SetString(high.String, 10)
	if !ok1 || !ok2 { // no rows, or NULLs only
		return []piece{{}}, nil
	}
	d := &diver{db: db, t: t, left: maxDives}
	if err := d.divide(ctx, &span{low: first, high: last.Add(last, big.NewInt(1)), rows: t.rows}); err != nil {
		return nil, err
	}
	return pieces(d.spans, t.step, len(t.key.columns) > 1), nil
}

// span is a range of the first column, low inclusive and high exclusive, and
// how many rows the server expects in it.
type span struct {
	low, high *big.Int
	rows      int64
}

func (s *span) divisible() bool {
	return new(big.Int).Sub(s.high, s.low).Cmp(big.NewInt(1)) > 0
}

// largest orders spans for the heap: those that can be halved by their rows.
type largest []*span

func (l largest) Len() int           { return len(l) }
func (l largest) Less(i, j int) bool { return l[i].rows > l[j].rows }
func (l largest) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *largest) Push(x any)        { *l = append(*l, x.(*span)) }
func (l *largest) Pop() any {
	old := *l
	s := old[len(old)-1]
	*l = old[:len(old)-1]
	return s
}

// diver finds the ranges of one table.
type diver struct {
	db    *dbconn.DB
	t     *table
	left  int
	spans []*span // in the order of the keys
}

// divide halves the span with most rows until all are small or the questions
// are used up.
func (d *diver) divide(ctx context.Context, all *span) error {
	todo := &largest{all}
	for todo.Len() > 0 {
		s := heap.Pop(todo).(*span)
		if s.rows <= max(1, d.t.step/finer) || !s.divisible() || d.left <= 0 {
			d.spans = append(d.spans, s)
			continue
		}
		width := new(big.Int).Sub(s.high, s.low)
		middle := new(big.Int).Add(s.low, width.Rsh(width, 1))
		for _, half := range []*span{{low: s.low, high: middle}, {low: middle, high: s.high}} {
			var err error
			if half.rows, err = d.estimate(ctx, half); err != nil {
				return err
			}
			heap.Push(todo, half)
		}
	}
	slices.SortFunc(d.spans, func(a, b *span) int { return a.low.Cmp(b.low) })
	return nil
}

// estimate asks the optimizer how many rows are in a range. MySQL does not look
// into an index that it has no choice about, so none is forced.
func (d *diver) estimate(ctx context.Context, s *span) (int64, error) {
	d.left--
	name, col := dbconn.Ident(d.t.Schema, d.t.Table), dbconn.Ident(d.t.key.columns[0].name)
	rows, err := d.db.QueryContext(ctx, fmt.Sprintf("EXPLAIN FORMAT=TRADITIONAL SELECT 1 FROM %s USE INDEX (%s) WHERE %s >= %s AND %s < %s",
		name, dbconn.Ident(d.t.key.index), col, s.low, col, s.high))
	if err != nil {
		return 0, dbconn.Error(fault.Upstream, "estimate the rows of "+name, err)
	}
	defer rows.Close()
	if !rows.Next() {
		return 0, dbconn.Error(fault.Upstream, "estimate the rows of "+name, rows.Err())
	}
	row, err := dbconn.ScanNamed(rows)
	if err != nil {
		return 0, dbconn.Error(fault.Upstream, "estimate the rows of "+name, err)
	}
	return count(row["ROWS"]), nil // "impossible WHERE" has no number because there is no row
}

// pieces joins spans to pieces of about step rows. A value of the first column
// with more rows than that is a piece to walk, together with what is next to it
// and too little for a piece; more tells that the key has what to walk along.
func pieces(spans []*span, step int64, more bool) []piece {
	var out []piece
	begin, rows := 0, int64(0)
	flush := func(end int) {
		if begin < end {
			out = append(out, even(spans[begin:end], rows, step)...)
		}
		begin, rows = end, 0
	}
	for i, s := range spans {
		if !more || s.divisible() || s.rows <= step+step/2 {
			rows += s.rows
			continue
		}
		if rows > step/2 {
			flush(i)
		}
		out = append(out, piece{keyRange: rangeOf(spans[begin], s), walk: true})
		begin, rows = i+1, 0
	}
	if n := len(out); rows <= step/2 && n > 0 && begin < len(spans) && out[n-1].walk {
		out[n-1].to = []string{spans[len(spans)-1].high.String()}
	} else {
		flush(len(spans))
	}
	out[0].from, out[len(out)-1].to = nil, nil
	return out
}

// even cuts spans with so many rows together at the borders next to equal parts.
func even(spans []*span, rows, step int64) []piece {
	n := (rows + step/2) / max(1, step)
	if n <= 1 {
		return []piece{{keyRange: rangeOf(spans[0], spans[len(spans)-1])}}
	}
	var out []piece
	begin, sum := 0, int64(0)
	for i, s := range spans {
		goal := rows * int64(len(out)+1) / n
		if i > begin && sum+s.rows-goal > goal-sum && int64(len(out)) < n-1 {
			out = append(out, piece{keyRange: rangeOf(spans[begin], spans[i-1])})
			begin = i
		}
		sum += s.rows
	}
	return append(out, piece{keyRange: rangeOf(spans[begin], spans[len(spans)-1])})
}

func rangeOf(first, last *span) keyRange {
	return keyRange{from: []string{first.low.String()}, to: []string{last.high.String()}}
}

// rowsPerChunk turns the configuration into a number of rows for one table of a
// dump that has so many bytes in the server.
func rowsPerChunk(t *table, rows, chunkBytes, all int64, threads int) int64 {
	if rows > 0 {
		return rows
	}
	if t.rows == 0 || t.bytes == 0 {
		return 1 << 62
	}
	size := max(minChunkBytes, all/int64(max(1, threads)*chunksPerThread))
	size = min(size, max(chunkBytes, 1))
	return max(1, t.rows*size/t.bytes)
}
