package dump

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"golang.org/x/sync/errgroup"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
)

// readers read chunks over the connections of one snapshot.
type readers struct {
	db          *dbconn.DB
	dir         string
	where       string
	chunk       int64 // size of a file, bytes
	stmt        int   // size of a statement, bytes
	compression string
	log         *slog.Logger
	progress    *progress
	metrics     *metrics
	// note writes the journal.
	note     func(schema.Name, dumpdir.Chunk) error
	pressure *pressure
	// live is the dump as the load sees it, nil when nobody loads meanwhile; bound
	// tells that the bound of the disk holds.
	live  *dumpdir.Live
	bound bool
	runs  int // how many ranges of neighbouring chunks are read beside each other
	// snapshot is the number of the one that is read.
	snapshot int
	local    func(op string, err error) error // names this machine's disk as the cause
}

// read reads all chunks of the tables, each connection one at a time, and
// returns when all are written or one has failed. With walk, large ranges are
// cut beside the reading; without, they are one chunk.
func (r *readers) read(ctx context.Context, conns []*wire, tables []*tableState, walk bool) error {
	jobs := make(chan job)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(jobs)
		return r.plan(ctx, tables, walk, func(j job) error {
			select {
			case jobs <- j:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	for _, w := range conns {
		g.Go(func() error {
			for {
				idle := time.Now()
				j, ok := <-jobs
				if !ok {
					return nil
				}
				r.metrics.receive.Observe(time.Since(idle).Seconds())
				if err := r.chunkOf(ctx, w, j); err != nil {
					return explain(j.t.table, err)
				}
			}
		})
	}
	return g.Wait()
}

// explain names the table.
func explain(t *table, err error) error {
	op := fmt.Sprintf("dump table %s.%s", t.Schema, t.Table)
	if errors.Is(err, errStructureChanged) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", op, err)
	}
	var known *fault.Error
	if errors.As(err, &known) {
		return fault.Wrap(op, err)
	}
	return dbconn.Error(fault.Upstream, op, err)
}

// chunkOf reads one chunk. The savepoint lets go of the table's metadata lock
// behind it, so that a DDL on the source does not wait for the whole dump.
func (r *readers) chunkOf(ctx context.Context, w *wire, j job) error {
	release := func() {}
	if r.live != nil && r.bound {
		var err error
		release, err = r.live.Reserve(ctx, j.t.chunkBytes(r.chunk), func(ctx context.Context) error {
			_, err := w.exec(ctx, "DO 0") // nothing on the way shall take the connection for dead
			return err
		})
		if err != nil {
			return err
		}
	}
	leave, err := r.pressure.enter(ctx, r.db)
	if err != nil {
		return err
	}
	defer leave()
	if _, err := w.exec(ctx, "SAVEPOINT raftdm"); err != nil {
		return err
	}
	files, err := r.copy(ctx, w, j)
	if err != nil {
		return r.outdated(ctx, j.t.table, err)
	}
	c := j.Chunk
	c.Done, c.Snapshot, c.Files = true, r.snapshot, files
	for _, f := range files {
		r.live.Written(f.Size())
	}
	if err := r.note(j.t.Name, c); err != nil {
		return err
	}
	release() // not before: until now nobody knows of its files. A failure ends the attempt, and live with it
	if complete, part := j.t.done(c); complete {
		// The metadata lock is still held, so this is the table just read.
		if err := unchanged(ctx, r.db, j.t.table); err != nil {
			return err
		}
		r.progress.finished(j.t.Name)
		r.metrics.tables.Inc()
	} else {
		r.progress.started(j.t.Name, part)
	}
	_, err = w.exec(ctx, "ROLLBACK TO SAVEPOINT raftdm")
	return err
}

// outdated tells a failure that a DDL behind the snapshot has caused from one
// with another cause, such as a column in the where filter that no table has.
func (r *readers) outdated(ctx context.Context, t *table, err error) error {
	var my *mysql.MySQLError
	if !errors.As(err, &my) {
		return err
	}
	switch my.Number {
	case erTableChanged:
		return fmt.Errorf("%w: %w", errStructureChanged, err)
	case 1146, 1054, 1049, 1176: // no such table, column, schema, index
		if uerr := unchanged(ctx, r.db, t); uerr != nil {
			return uerr
		}
	}
	if r.where != "" {
		return whereError(r.where, err)
	}
	return err
}

// copy streams the rows of a chunk into files.
func (r *readers) copy(ctx context.Context, w *wire, j job) ([]dumpdir.File, error) {
	out := &chunkWriter{dir: r.dir, limit: r.chunk, chunk: j.No, compression: r.compression,
		name: func(part int) string { return dumpdir.DataFile(j.t.Schema, j.t.Table, j.No, part) }}
	defer out.abort()
	enc := newEncoder(j.t.Table, j.t.columns, r.stmt)
	if w.out == nil {
		w.out = make([]byte, 0, flushBytes+2*r.stmt)
	}
	enc.buf = w.out[:0]
	defer func() { w.out = enc.buf[:0] }()
	rows := int64(0)
	flush := func() error {
		if err := r.pressure.take(ctx, rows, int64(len(enc.buf))); err != nil {
			return err
		}
		begin := time.Now()
		if err := out.write(enc.buf, rows); err != nil {
			return r.local("write the dump", err)
		}
		r.metrics.write.Observe(time.Since(begin).Seconds())
		r.progress.rows.Add(rows)
		r.progress.bytes.Add(int64(len(enc.buf)))
		r.metrics.rows.Add(float64(rows))
		r.metrics.size.Add(float64(len(enc.buf)))
		enc.buf, rows = enc.buf[:0], 0
		return nil
	}
	err := w.stream(ctx, j.t.query(j.keyRange(), r.where), enc.begin, func(p []byte) error {
		if err := enc.row(p); err != nil {
			return err
		}
		rows++
		if enc.rows <= 1 && int64(len(enc.buf)) >= min(flushBytes, r.chunk) { // a statement has just ended
			return r.flushWhole(enc, &rows, flush)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	enc.end()
	if rows > 0 {
		if err := flush(); err != nil {
			return nil, err
		}
	}
	if enc.wide {
		j.t.warnWide.Do(func() {
			r.log.Warn(fmt.Sprintf("Row bigger than statement_size for %s.%s", j.t.Schema, j.t.Table), "statement_size", r.stmt)
		})
	}
	if err := out.close(); err != nil {
		return nil, r.local("write the dump", err)
	}
	return out.files, nil
}

// flushWhole writes the whole statements in the buffer and keeps the open one.
func (r *readers) flushWhole(enc *encoder, rows *int64, flush func() error) error {
	if enc.rows == 0 {
		return flush()
	}
	open := append([]byte(nil), enc.buf[enc.start:]...)
	kept := int64(enc.rows)
	enc.buf = enc.buf[:enc.start]
	*rows -= kept
	if err := flush(); err != nil {
		return err
	}
	enc.buf, enc.start = append(enc.buf, open...), 0
	*rows = kept
	return nil
}

// query gives the SELECT of one chunk.
func (t *table) query(kr keyRange, where string) string {
	var b strings.Builder
	b.WriteString("SELECT /*!40001 SQL_NO_CACHE */ ")
	for i, c := range t.columns {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(c.expr)
	}
	b.WriteString(" FROM " + dbconn.Ident(t.Schema, t.Table))
	cond := ""
	if t.key != nil {
		cond = t.key.condition(kr)
	}
	if cond != "" {
		b.WriteString(" FORCE INDEX (" + dbconn.Ident(t.key.index) + ")")
	}
	switch {
	case cond != "" && where != "":
		b.WriteString(" WHERE (" + cond + ") AND (" + where + ")")
	case cond != "":
		b.WriteString(" WHERE " + cond)
	case where != "":
		b.WriteString(" WHERE " + where)
	}
	return b.String()
}
