package dump

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
)

// job is one chunk of one table.
type job struct {
	t *tableState
	dumpdir.Chunk
}

func (j job) keyRange() keyRange { return keyRange{from: j.From, to: j.To} }

// tableState collects what the chunks of one table have written, in this
// attempt and in earlier ones.
type tableState struct {
	*table
	warnWide sync.Once

	mu sync.Mutex

	// mu guards the following.
	state dumpdir.Progress
	left  int // chunks not finished
}

// newTableState begins where the table's prior attempts have ended, else at the
// snapshot of that number.
func newTableState(t *table, snapshot int) *tableState {
	s := &tableState{table: t, state: t.progress(snapshot)}
	if t.prior != nil {
		s.state.Chunks, s.state.Begun, s.state.Left = slices.Clone(t.prior.Chunks), t.prior.Begun, t.prior.Left
	}
	for _, c := range s.state.Chunks {
		if !c.Done {
			s.left++
		}
	}
	return s
}

// progress describes a table of which nothing has been read, and which begins at
// the snapshot of that number.
func (t *table) progress(snapshot int) dumpdir.Progress {
	p := dumpdir.Progress{Begun: snapshot, Schema: t.Schema, Name: t.Table, Create: t.create, Created: t.created, Keyed: t.keyed, Key: t.key.describe()}
	for _, piece := range t.plan {
		p.Pieces = append(p.Pieces, dumpdir.Piece{Range: dumpdir.Range{From: piece.from, To: piece.to}, Walk: piece.walk})
	}
	return p
}

// unfinished lists the chunks of a piece that are decided on and not read.
func (t *tableState) unfinished(piece int) []job {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []job
	for _, c := range t.state.Chunks {
		if c.Piece == piece && !c.Done {
			out = append(out, job{t: t, Chunk: c})
		}
	}
	return out
}

// rest gives what of a piece has not become chunks.
func (t *tableState) rest(piece int) (keyRange, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r, ok := t.state.Rest(piece)
	return keyRange{from: r.From, to: r.To}, ok
}

// chunk makes a chunk of a range and notes it, in the order of the numbers; last
// tells that it ends the piece.
func (t *tableState) chunk(piece int, r keyRange, last bool, note func(schema.Name, dumpdir.Chunk) error) (job, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := dumpdir.Chunk{No: len(t.state.Chunks), Range: dumpdir.Range{From: r.from, To: r.to}, Piece: piece, Last: last}
	if err := note(t.Name, c); err != nil {
		return job{}, err
	}
	t.state.Chunks = append(t.state.Chunks, c)
	t.left++
	return job{t: t, Chunk: c}, nil
}

// done notes a chunk that is complete. It tells whether the table is, too, and
// else about which part of it is.
func (t *tableState) done(c dumpdir.Chunk) (complete bool, part float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state.Chunks[c.No] = c
	t.left--
	if t.left == 0 && t.state.Complete() {
		return true, 1
	}
	return false, t.part()
}

// part tells which part of the table is complete. The caller holds mu.
func (t *tableState) part() float64 {
	all := max(float64(len(t.state.Chunks)), float64(t.rows)/float64(max(1, t.step)), float64(len(t.plan)))
	return float64(len(t.state.Chunks)-t.left) / (all + 1)
}

// chunkBytes is about how many bytes a chunk has, unknown where nothing is known.
func (t *table) chunkBytes(unknown int64) int64 {
	part := 1.0
	switch {
	case t.rows == 0 || t.bytes == 0:
		return unknown
	case t.key != nil: // else the table is one chunk
		part = min(1, float64(t.step)/float64(t.rows))
	}
	return max(1, int64(float64(t.bytes)*part))
}

// listed is the table's entry in the manifest.
func (t *tableState) listed(create dumpdir.File) dumpdir.Table {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := dumpdir.Table{Schema: t.Schema, Name: t.Table, File: create, Created: t.state.Created, Keyed: t.state.Keyed, Key: t.state.Key,
		Pieces: t.state.Pieces, Begun: t.state.Begun, Left: t.state.Left}
	for i, c := range t.state.Chunks {
		out.Data = append(out.Data, c.Files...)
		if i == 0 {
			out.Oldest = c.Snapshot
		}
		out.Oldest, out.Newest = min(out.Oldest, c.Snapshot), max(out.Newest, c.Snapshot)
		c.Files = nil // they are in Data
		out.Chunks = append(out.Chunks, c)
	}
	if l := t.state.Left; l != nil {
		out.Oldest = min(out.Oldest, *l)
	}
	return out
}

// walkers is how many ranges are walked at the same time, beside the rest.
const walkers = 2

// pieceAt is one piece of a table.
type pieceAt struct {
	t     *tableState
	piece int
}

// plan makes jobs of all tables. Walks go on beside what needs none.
func (r *readers) plan(ctx context.Context, tables []*tableState, walk bool, emit func(job) error) error {
	var plain, walks []pieceAt
	for _, t := range tables {
		for i, p := range t.plan {
			if p.walk && walk {
				walks = append(walks, pieceAt{t, i})
			} else {
				plain = append(plain, pieceAt{t, i})
			}
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(walkers + 1)
	g.Go(func() error {
		for _, p := range spread(plain, max(1, r.runs)) {
			if err := r.planPiece(ctx, p.t, p.piece, false, emit); err != nil {
				return err
			}
		}
		return nil
	})
	for _, p := range walks {
		g.Go(func() error { return r.planPiece(ctx, p.t, p.piece, true, emit) })
	}
	return g.Wait()
}

// spread orders pieces so that so many runs of neighbours are read beside each
// other, each from its beginning to its end: a source that reads one page after
// the other reads ahead. Tables of one piece, the first of which are the largest
// chunks, keep their place before all others.
func spread(list []pieceAt, runs int) []pieceAt {
	single := func(p pieceAt) bool { return len(p.t.plan) == 1 }
	first := slices.IndexFunc(list, func(p pieceAt) bool { return !single(p) })
	if first < 0 {
		return list
	}
	out := slices.Clone(list[:first])
	rest := list[first:]
	each := (len(rest) + runs - 1) / runs
	for i := range each {
		for from := i; from < len(rest); from += each {
			out = append(out, rest[from])
		}
	}
	return out
}

// planPiece makes jobs of one piece: of what an earlier attempt has left, and of
// what it had not come to.
func (r *readers) planPiece(ctx context.Context, t *tableState, piece int, walk bool, emit func(job) error) error {
	for _, j := range t.unfinished(piece) {
		if err := emit(j); err != nil {
			return err
		}
	}
	rest, ok := t.rest(piece)
	if !ok {
		return nil
	}
	next := func(kr keyRange, last bool) error {
		j, err := t.chunk(piece, kr, last, r.note)
		if err != nil {
			return err
		}
		return emit(j)
	}
	if !walk {
		return next(rest, true)
	}
	if err := (walker{db: r.db, t: t.table}).cut(ctx, rest, next); err != nil {
		return explain(t.table, r.outdated(ctx, t.table, err))
	}
	return nil
}
