package dump

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/create"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/worker/checkpoint"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
)

// attempt is one try at a dump, with its own snapshot. It takes up what earlier
// attempts have read.
type attempt struct {
	*Unit
	id      string
	started time.Time
	journal *dumpdir.Journal
	prior   *dumpdir.State // nil for nothing
	header  dumpdir.Header
	there   *there        // what the target had when the attempt began; nil for nothing
	live    *dumpdir.Live // for the load beside; nil before its tables are known
}

// run makes the dump, up to the closed manifest, and records it on the target.
// It ends when the load beside it does.
func (a *attempt) run(ctx context.Context, p checkpoint.Phase) error {
	unlock, err := dumpdir.Lock(a.cfg.Subtask.Load.Dir, a.cfg.Subtask.Task, a.cfg.Subtask.SourceID)
	if err != nil {
		return a.local("prepare the dump directory", err)
	}
	defer unlock()
	if a.cfg.Beside == nil {
		return a.whole(ctx, p, func() {})
	}
	g, gctx := errgroup.WithContext(ctx)
	begun, ended := make(chan struct{}), make(chan struct{})
	g.Go(func() error {
		defer close(ended)
		return a.whole(gctx, p, func() { close(begun) })
	})
	g.Go(func() error {
		select {
		case <-begun:
		case <-ended:
			return nil // there was nothing to do, or it failed before
		}
		if err := a.cfg.Beside(gctx, a.live); err != nil {
			return &besideError{err}
		}
		return nil
	})
	return g.Wait()
}

// besideError is an error of what runs beside the dump.
type besideError struct{ err error }

func (b *besideError) Error() string { return b.err.Error() }
func (b *besideError) Unwrap() error { return b.err }

// whole makes the dump and records it. begin is called when a.live is there.
func (a *attempt) whole(ctx context.Context, p checkpoint.Phase, begin func()) error {
	m, err := a.make(ctx, p, begin)
	if err != nil {
		return err
	}
	err = a.record(ctx, func(ctx context.Context, ex checkpoint.Execer) error {
		return a.cfg.Meta.SetPhase(ctx, ex, checkpoint.Phase{Unit: status.UnitLoad, DumpID: m.DumpID, Snapshot: m.Snapshot, Prepared: m.Prepared})
	})
	if err != nil {
		return err
	}
	a.log.Info("dump finished", "cost time", time.Since(a.started), "bytes", m.Bytes(), "position", m.Snapshot.String(),
		"snapshots", len(m.Snapshots))
	a.setRecorded()
	if a.live != nil {
		a.live.Close(m)
	}
	return nil
}

// make reads what there is to read, and lets go of the source.
func (a *attempt) make(ctx context.Context, p checkpoint.Phase, begin func()) (*dumpdir.Manifest, error) {
	sub := a.cfg.Subtask
	threads := max(1, sub.Dump.Threads)
	db, err := dbconn.Open(ctx, fault.Upstream, sub.Source.From, dbconn.Options{MaxConns: threads + 2, TimeZone: "+00:00", SQLMode: sessionMode})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	m, err := a.open(ctx, db, p)
	if m != nil || err != nil {
		return m, err
	}
	m, err = a.dump(ctx, db, threads, begin)
	return m, errors.Join(err, a.journal.Close())
}

// dump reads what there is to read and closes the directory.
func (a *attempt) dump(ctx context.Context, db *dbconn.DB, threads int, begin func()) (*dumpdir.Manifest, error) {
	sub := a.cfg.Subtask
	cat := &catalogue{filter: sub.DumpFilter, consistency: cmp.Or(sub.Dump.Consistency, config.ConsistencyAuto), anyIndex: sub.Dump.Rows > 0,
		threads: threads, nameCharsets: !a.cfg.Meta.DB.Server.TiDB, prior: a.prior}
	if cat.filter == nil {
		cat.filter = sub.Filter
	}
	if cat.consistency == config.ConsistencyNone && !a.cfg.Resume {
		return nil, &fault.Error{Kind: fault.Unsupported, Side: fault.Upstream, Code: codeRuntime, Msg: "not supported yet: --consistency none in mode dump, where nothing brings the rows to one moment",
			Hint: "stop-task, write --consistency lock, which needs no global lock, in extra-args of the task file, then start-task"}
	}
	snap, err := a.prepare(ctx, db, cat, threads)
	if err != nil {
		return nil, err
	}
	defer snap.close()
	tables, err := a.read(ctx, db, cat, snap, begin)
	if err != nil {
		return nil, err
	}
	m, err := a.manifest(db, cat, snap, tables)
	if err != nil {
		return nil, err
	}
	if err := a.close(m); err != nil {
		return nil, a.local("close the dump", err)
	}
	a.progress.done.Store(true)
	return m, nil
}

// prepare does what comes before the lock, all at once: each part of it waits for
// the source most of the time.
func (a *attempt) prepare(ctx context.Context, db *dbconn.DB, cat *catalogue, threads int) (snap *snapshot, err error) {
	var xa before
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		xa, err = lookBack(gctx, db, a.log)
		return err
	})
	g.Go(func() error { return cat.reportSkipped(gctx, db, a.log) })
	g.Go(func() error { return cat.read(gctx, db, a.cfg.Subtask.Dump) })
	g.Go(func() (err error) {
		snap, err = connect(ctx, db, a.cfg.Subtask.Source.From, threads)
		return err
	})
	if err := g.Wait(); err != nil {
		if snap != nil {
			snap.close()
		}
		return nil, err
	}
	snap.before = xa
	return snap, nil
}

// read takes the snapshot, reads the tables without row versions under the
// lock and all others after it.
func (a *attempt) read(ctx context.Context, db *dbconn.DB, cat *catalogue, snap *snapshot, begin func()) ([]*tableState, error) {
	sub := a.cfg.Subtask
	r := &readers{db: db, dir: sub.Load.Dir, where: sub.Dump.Where, log: a.log, metrics: a.metrics, note: a.note, runs: len(snap.conns),
		local: a.local, compression: sub.Dump.Compress, chunk: positive(sub.Dump.ChunkBytes, 64<<20), stmt: int(positive(sub.Dump.StatementSize, 1_000_000)), snapshot: a.number()}
	var all, later []*tableState
	rated, stop := context.WithCancel(ctx)
	var rate errgroup.Group
	defer rate.Wait() //nolint:errcheck // the goroutine has no error
	defer stop()
	arranged := false
	err := snap.take(ctx, db, cat, a.log, func(ctx context.Context) error {
		if err := a.noteSnapshot(snap); err != nil {
			return err
		}
		var now []*tableState
		for _, t := range snap.tables {
			s := newTableState(t, r.snapshot)
			all = append(all, s)
			if t.versioned() {
				later = append(later, s)
				continue
			}
			now = append(now, s)
			a.log.Warn("read while writers are stopped: its engine has no snapshots",
				"schema", t.Schema, "table", t.Table, "engine", t.engine)
		}
		r.progress = newProgress(all)
		a.setProgress(r.progress)
		a.metrics.reset(r.progress)
		rate.Go(func() error {
			r.progress.rate.Run(rated, r.progress.bytes.Load)
			return nil
		})
		if len(now) == 0 {
			return nil
		}
		arranged = true
		if err := a.arrange(snap.tables); err != nil {
			return err
		}
		if a.cfg.Beside != nil {
			r.live = a.follow(cat)
		}
		return r.read(ctx, snap.conns, now, false)
	})
	if err == nil && !arranged {
		err = a.arrange(snap.tables)
	}
	if err != nil {
		return nil, err
	}
	if r.bound = true; a.cfg.Beside != nil && r.live == nil {
		r.live = a.follow(cat)
	}
	if r.live != nil {
		begin()
	}
	r.pressure = newPressure(sub.Dump)
	r.progress.pressure.Store(r.pressure)
	return all, r.read(ctx, snap.conns, later, true)
}

// follow makes the dump live.
func (a *attempt) follow(cat *catalogue) *dumpdir.Live {
	load := a.cfg.Subtask.Load
	a.live = a.journal.Follow(load.Dir, cat.schemas, load.MaxDisk)
	return a.live
}

// noteSnapshot writes down which moment is read.
func (a *attempt) noteSnapshot(snap *snapshot) error {
	if a.prior != nil && len(a.prior.Snapshots) > 0 && !follows(snap.at, a.prior.Snapshots[len(a.prior.Snapshots)-1].At) {
		return errOutlived
	}
	return a.local("write the journal of the dump", a.journal.Snapshot(snap.describe()))
}

// note writes a chunk into the journal.
func (a *attempt) note(n schema.Name, c dumpdir.Chunk) error {
	if err := a.journal.Chunk(n, c); err != nil {
		return a.local("write the journal of the dump", err)
	}
	if a.noted != nil {
		return a.noted(n, c)
	}
	return nil
}

// manifest writes the schema files and lists everything.
func (a *attempt) manifest(db *dbconn.DB, cat *catalogue, snap *snapshot, tables []*tableState) (*dumpdir.Manifest, error) {
	const op = "write the schema files"
	sub := a.cfg.Subtask
	m := &dumpdir.Manifest{Version: dumpdir.Version, DumpID: a.id, Task: sub.Task, Source: sub.SourceID,
		Server: db.Server.Version, Identity: a.header.Identity, Settings: a.header.Settings, Started: a.started}
	if a.prior != nil {
		m.Snapshots = slices.Clone(a.prior.Snapshots)
	}
	m.Snapshots = append(m.Snapshots, snap.describe())
	for _, name := range slices.Sorted(maps.Keys(cat.schemas)) {
		text := create.IfMissing(cat.schemas[name])
		f, err := dumpdir.WriteFile(sub.Load.Dir, dumpdir.SchemaFile(name), []byte(text+";\n"))
		if err != nil {
			return nil, a.local(op, err)
		}
		m.Schemas = append(m.Schemas, dumpdir.Schema{Name: name, File: f})
	}
	for _, t := range tables {
		f, err := dumpdir.WriteFile(sub.Load.Dir, dumpdir.TableFile(t.Schema, t.Table), []byte(dumpdir.FileHead+t.create+";\n"))
		if err != nil {
			return nil, a.local(op, err)
		}
		m.Tables = append(m.Tables, t.listed(f))
	}
	m.Settle()
	return m, nil
}

// close makes the directory a dump.
func (a *attempt) close(m *dumpdir.Manifest) error {
	m.Finished = time.Now()
	dir := a.cfg.Subtask.Load.Dir
	if _, err := dumpdir.WriteFile(dir, dumpdir.MetadataName, dumpdir.Metadata(m)); err != nil {
		return err
	}
	return m.Write(dir)
}

// record does something on the target in one transaction, which is fenced by
// what do does first.
func (a *attempt) record(ctx context.Context, do func(context.Context, checkpoint.Execer) error) error {
	const op = "record the dump"
	tx, err := a.cfg.Meta.DB.BeginTx(ctx, nil)
	if err != nil {
		return dbconn.Error(fault.Downstream, op, err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing, before it the error is already known
	if err := do(ctx, tx); err != nil {
		return err
	}
	return dbconn.Error(fault.Downstream, op, tx.Commit())
}

// local is an error of this machine's disk or directories.
func (a *attempt) local(op string, err error) error {
	var known *fault.Error
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return fault.Wrap(op, err)
	}
	return &fault.Error{Op: op, Kind: fault.Unavailable, Code: codeRuntime, Err: err,
		Hint: fmt.Sprintf("check that the dump directory %s of this worker is writable and has room, then resume-task", a.cfg.Subtask.Load.Dir)}
}

// positive gives n, or def for a value that was left out.
func positive(n, def int64) int64 {
	if n > 0 {
		return n
	}
	return def
}
