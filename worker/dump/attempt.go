package dump

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/worker/checkpoint"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
)

// attempt is one try at a whole dump, with its own snapshot.
type attempt struct {
	*Unit
	id      string
	started time.Time
}

// run makes the dump from an empty directory to the closed manifest, and
// records it on the target.
func (a *attempt) run(ctx context.Context) error {
	sub := a.cfg.Subtask
	if err := a.record(ctx, checkpoint.Phase{Unit: status.UnitDump}); err != nil {
		return err
	}
	if err := dumpdir.Prepare(sub.Load.Dir, sub.Task, sub.SourceID, a.id); err != nil {
		return a.local("prepare the dump directory", err)
	}
	threads := max(1, sub.Dump.Threads)
	db, err := dbconn.Open(ctx, fault.Upstream, sub.Source.From, dbconn.Options{MaxConns: threads + 2, TimeZone: "+00:00", SQLMode: sessionMode})
	if err != nil {
		return err
	}
	defer db.Close()
	cat := &catalogue{filter: sub.Filter, anyIndex: sub.Dump.Rows > 0, threads: threads, nameCharsets: !a.cfg.Meta.DB.Server.TiDB}
	if err := cat.reportSkipped(ctx, db, a.log); err != nil {
		return err
	}
	if err := cat.read(ctx, db, sub.Dump); err != nil {
		return err
	}
	snap, err := connect(ctx, db, sub.Source.From, threads)
	if err != nil {
		return err
	}
	defer snap.close()
	m, err := a.copyAll(ctx, db, cat, snap)
	if err != nil {
		return err
	}
	if err := a.close(m); err != nil {
		return a.local("close the dump", err)
	}
	if err := a.record(ctx, checkpoint.Phase{Unit: status.UnitLoad, DumpID: a.id, Snapshot: snap.at, Prepared: snap.prepared}); err != nil {
		return err
	}
	a.progress.done.Store(true)
	a.log.Info("dump finished", "cost time", time.Since(a.started), "rows", a.progress.rows.Load(),
		"bytes", a.progress.bytes.Load(), "position", snap.at.String())
	return nil
}

// copyAll takes the snapshot and reads it. Finished files are synced to the
// disk beside the reading.
func (a *attempt) copyAll(ctx context.Context, db *dbconn.DB, cat *catalogue, snap *snapshot) (*dumpdir.Manifest, error) {
	files := make(chan *os.File, syncQueue)
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.local("write the dump to the disk", syncFiles(files)) })
	var tables []*tableState
	g.Go(func() error {
		defer close(files)
		var err error
		tables, err = a.read(gctx, db, cat, snap, func(f *os.File) error {
			select {
			case files <- f:
				return nil
			case <-gctx.Done():
				return errors.Join(gctx.Err(), f.Close())
			}
		})
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return a.manifest(db, cat, snap, tables)
}

// read takes the snapshot, reads the tables without row versions under the
// lock and all others after it.
func (a *attempt) read(ctx context.Context, db *dbconn.DB, cat *catalogue, snap *snapshot, sync func(*os.File) error) ([]*tableState, error) {
	sub := a.cfg.Subtask
	r := &readers{db: db, dir: sub.Load.Dir, where: sub.Dump.Where, log: a.log, metrics: a.metrics, sync: sync, local: a.local,
		chunk: positive(sub.Dump.ChunkBytes, 64<<20), stmt: int(positive(sub.Dump.StatementSize, 1_000_000))}
	var all, later []*tableState
	rated, stop := context.WithCancel(ctx)
	var rate errgroup.Group
	defer rate.Wait() //nolint:errcheck // the goroutine has no error
	defer stop()
	err := snap.take(ctx, db, cat, a.log, func(ctx context.Context) error {
		r.progress = newProgress(snap.tables)
		a.setProgress(r.progress)
		a.metrics.reset(r.progress.estimate)
		rate.Go(func() error {
			r.progress.rate.Run(rated, r.progress.bytes.Load)
			return nil
		})
		var now []*tableState
		for _, t := range snap.tables {
			s := newTableState(t)
			all = append(all, s)
			if t.versioned() {
				later = append(later, s)
				continue
			}
			now = append(now, s)
			a.log.Warn("read while writers are stopped: its engine has no snapshots",
				"schema", t.Schema, "table", t.Table, "engine", t.engine)
		}
		return r.read(ctx, snap.conns, now, false)
	})
	if err != nil {
		return nil, err
	}
	return all, r.read(ctx, snap.conns, later, true)
}

// syncQueue is how many complete files may wait for the disk before readers do.
const syncQueue = 64

// syncFiles syncs and closes each file. After a failure it closes the rest.
func syncFiles(files <-chan *os.File) error {
	var first error
	for f := range files {
		if first == nil {
			first = f.Sync()
		}
		if err := f.Close(); first == nil {
			first = err
		}
	}
	return first
}

// manifest writes the schema files and lists everything.
func (a *attempt) manifest(db *dbconn.DB, cat *catalogue, snap *snapshot, tables []*tableState) (*dumpdir.Manifest, error) {
	const op = "write the schema files"
	sub := a.cfg.Subtask
	m := &dumpdir.Manifest{Version: dumpdir.Version, DumpID: a.id, Task: sub.Task, Source: sub.SourceID,
		Server: db.Server.Version, Started: a.started, Snapshot: snap.at, Prepared: snap.prepared}
	for _, name := range slices.Sorted(maps.Keys(cat.schemas)) {
		text := strings.Replace(cat.schemas[name], "CREATE DATABASE ", "CREATE DATABASE /*!32312 IF NOT EXISTS*/ ", 1)
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
		m.Tables = append(m.Tables, dumpdir.Table{Schema: t.Schema, Name: t.Table, File: f, Data: t.data()})
	}
	return m, nil
}

// close makes the directory a dump.
func (a *attempt) close(m *dumpdir.Manifest) error {
	m.Finished = time.Now()
	dir := a.cfg.Subtask.Load.Dir
	if _, err := dumpdir.WriteFile(dir, dumpdir.MetadataName, dumpdir.Metadata(m.Started, m.Finished, m.Snapshot)); err != nil {
		return err
	}
	return m.Write(dir)
}

// record sets the subtask's phase and forgets the load progress of an earlier dump.
func (a *attempt) record(ctx context.Context, p checkpoint.Phase) error {
	meta := a.cfg.Meta
	tx, err := meta.DB.BeginTx(ctx, nil)
	if err != nil {
		return dbconn.Error(fault.Downstream, "record the dump", err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing, before it the error is already known
	if err := meta.SetPhase(ctx, tx, p); err != nil {
		return err
	}
	if err := meta.ForgetChunks(ctx, tx); err != nil {
		return err
	}
	return dbconn.Error(fault.Downstream, "record the dump", tx.Commit())
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
