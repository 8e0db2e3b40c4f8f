package load

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/worker/checkpoint"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
)

// targetMode is strict about values and lenient about dates that a source may
// hold: no NO_ZERO_DATE and no NO_ZERO_IN_DATE.
const targetMode = "STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO"

// lenientMode is targetMode without what makes a server strict.
const lenientMode = "ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO"

// run is one pass over the dump: it ends with the load complete or with an error.
type run struct {
	*Unit
	db      *dbconn.DB
	phase   checkpoint.Phase
	content *content
	chunks  map[string]checkpoint.Chunk // as they were when the pass began
	// foreignZone is the time zone of files that name none.
	foreignZone string
	localInfile bool // the target takes LOAD DATA LOCAL INFILE of our own files

	pressure          *pressure
	maxRows, maxBytes pace
}

// openTarget opens the pool of the lanes.
func openTarget(ctx context.Context, sub config.Subtask) (*dbconn.DB, error) {
	cfg := sub.Target
	// Warnings tell of altered rows, and the server may keep fewer of them, or none.
	cfg.Session = map[string]string{"foreign_key_checks": "0", "max_error_count": "65535"}
	for k, v := range sub.Target.Session {
		if _, ours := cfg.Session[k]; !ours {
			cfg.Session[k] = v
		}
	}
	return dbconn.Open(ctx, fault.Downstream, cfg, dbconn.Options{
		MaxConns: max(1, sub.Load.PoolSize) + 2, SQLMode: targetMode, TimeZone: "+00:00", TxnMode: "optimistic"})
}

// do makes the pass.
func (r *run) do(ctx context.Context) error {
	sub := r.cfg.Subtask
	if r.cfg.Live == nil && sub.Mode != config.ModeLoad { // the dump has locked it, or it is the operator's
		unlock, err := dumpdir.Lock(sub.Load.Dir, sub.Task, sub.SourceID)
		if err != nil {
			return err
		}
		defer unlock()
	}
	if err := r.openDump(ctx); err != nil {
		return err
	}
	var err error
	if r.db, err = openTarget(ctx, sub); err != nil {
		return err
	}
	defer r.db.Close()
	if err := r.setUp(ctx); err != nil {
		return err
	}
	if err := r.settle(ctx); err != nil {
		return err
	}
	if err := r.createAll(ctx); err != nil {
		return err
	}
	if r.chunks, err = r.cfg.Meta.Chunks(ctx); err != nil { // some may begin anew
		return err
	}
	r.setProgress()
	if err := r.loadAll(ctx); err != nil {
		return err
	}
	r.complete()
	return r.finish(ctx)
}

// setUp prepares what the lanes share.
func (r *run) setUp(ctx context.Context) error {
	cfg := r.cfg.Subtask.Load
	r.pressure = newPressure(max(1, cfg.PoolSize))
	r.maxRows.perSecond, r.maxRows.unit = float64(cfg.MaxRows), "rows/s"
	r.maxBytes.perSecond, r.maxBytes.unit = float64(cfg.MaxMB)*1e6, "bytes/s"
	if r.content.own {
		return r.askInfile(ctx)
	}
	if len(r.content.left) > 0 {
		r.log.Warn("files of the dump are not loaded: views, triggers, routines, events and what is no SQL", "files", r.content.left)
	}
	if r.foreignZone = r.cfg.Subtask.Timezone; r.foreignZone != "" {
		return nil
	}
	// As the tools that read such files do.
	err := r.db.QueryRowContext(ctx, "SELECT @@GLOBAL.time_zone").Scan(&r.foreignZone)
	return dbconn.Error(fault.Downstream, "ask for the time zone of the target", err)
}

// openDump opens the dump and compares it with what the target says was loaded
// so far.
func (r *run) openDump(ctx context.Context) error {
	var err error
	if r.chunks, err = r.cfg.Meta.SettleChunks(ctx); err != nil {
		return err
	}
	sub := r.cfg.Subtask
	if r.cfg.Live != nil {
		r.content = openLive(r.cfg.Live)
		return r.content.files.(*liveFeed).hold(ctx, r)
	}
	r.content, err = openContent(sub, r.loaded)
	adopt := sub.Mode == config.ModeLoad && r.phase.Unit == status.UnitInvalid
	if err == nil && r.content.id != r.phase.DumpID && !adopt {
		err = fmt.Errorf("%s: %w: it is dump %s, while the task is at dump %s", r.content.dir, dumpdir.ErrMissing, r.content.id, r.phase.DumpID)
	}
	if err == nil {
		if err := r.content.fits(sub); err != nil {
			return err
		}
		r.content.choose(sub)
		if adopt {
			return r.adopt(ctx)
		}
		return nil
	}
	for _, c := range r.chunks {
		if c.Offset > 0 {
			return r.handBack(ctx, err)
		}
	}
	if sub.Mode == config.ModeLoad {
		if r.content == nil { // else it is another dump
			return noDump(sub, err)
		}
		if err := r.content.fits(sub); err != nil {
			return err
		}
		r.content.choose(sub)
		return r.adopt(ctx) // nothing was loaded of the one that it was before
	}
	return r.dumpAgain(ctx, err)
}

// loaded tells how much of a file is on the target.
func (r *run) loaded(file string) int64 { return r.chunks[file].Offset }

// adopt makes the dump that is there the task's, in mode load.
func (r *run) adopt(ctx context.Context) error {
	meta := r.cfg.Meta
	r.phase = checkpoint.Phase{Unit: status.UnitLoad, DumpID: r.content.id, Snapshot: r.content.snapshot, Prepared: r.content.prepared}
	tx, err := meta.DB.BeginTx(ctx, nil)
	if err != nil {
		return dbconn.Error(fault.Downstream, "begin the load", err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing, before it the error is already known
	if err := meta.SetPhase(ctx, tx, r.phase); err != nil {
		return err
	}
	if err := meta.ForgetChunks(ctx, tx); err != nil {
		return err
	}
	return dbconn.Error(fault.Downstream, "begin the load", tx.Commit())
}

// lost is the end of a load whose dump is gone while it was half loaded.
func (r *run) lost(err error) error {
	return &fault.Error{Op: "open the dump", Kind: fault.Conflict, Code: codeDumpMissing, Err: err,
		Msg: "a part of the dump is loaded, and the rest is not on this worker",
		Hint: "bring the files of the dump directory back and resume-task; or stop-task, remove the task's tables from the target and" +
			" begin anew with start-task --remove-meta"}
}

// dumpAgain hands a load that has not begun back to the dump.
func (r *run) dumpAgain(ctx context.Context, cause error) error {
	if !errors.Is(cause, dumpdir.ErrMissing) && !errors.Is(cause, dumpdir.ErrDamaged) {
		return cause
	}
	meta := r.cfg.Meta
	tx, err := meta.DB.BeginTx(ctx, nil)
	if err != nil {
		return dbconn.Error(fault.Downstream, "go back to the dump", err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing, before it the error is already known
	if err := meta.SetPhase(ctx, tx, checkpoint.Phase{Unit: status.UnitDump}); err != nil {
		return err
	}
	if err := meta.ForgetChunks(ctx, tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return dbconn.Error(fault.Downstream, "go back to the dump", err)
	}
	return &fault.Error{Op: "open the dump", Kind: fault.Unavailable, Code: codeDirNotFound, Err: fmt.Errorf("%w: %w", ErrDumpAgain, cause),
		Msg:  "the dump is not on this worker and nothing of it was loaded yet, so it will be taken again",
		Hint: "resume-task begins the dump anew; auto-resume does so by itself"}
}

// work is a file for a lane, and how far it is.
type work struct {
	item
	chunk checkpoint.Chunk
}

// loadAll runs the lanes over all files that are not complete.
func (r *run) loadAll(ctx context.Context) error {
	lanes := max(1, r.cfg.Subtask.Load.PoolSize)
	found, queue := make(chan []work), make(chan work)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(found)
		return r.find(ctx, found)
	})
	g.Go(func() error {
		defer close(queue)
		return newOrder(tablesAtOnce(lanes, r.db.Server.TiDB)).hand(ctx, 2*lanes, found, queue)
	})
	for range lanes {
		g.Go(func() error {
			l := &lane{run: r}
			defer l.drop()
			for w := range queue {
				if err := l.load(ctx, w.item, w.chunk); err != nil {
					return err
				}
				if err := r.dispose(w.file); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// find gives the files that are to be loaded as the dump hands them out; each has
// its chunk row before.
func (r *run) find(ctx context.Context, found chan<- []work) error {
	for {
		items, more, err := r.content.files.next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var names []string
		for _, it := range items {
			if _, known := r.chunks[it.file.name]; !known {
				names = append(names, it.file.name)
			}
		}
		if err := r.cfg.Meta.AddChunks(ctx, r.content.id, names, more); err != nil {
			return err
		}
		var list []work
		for _, it := range items {
			c, known := r.chunks[it.file.name]
			if !known {
				c = checkpoint.Chunk{File: it.file.name, DumpID: r.content.id}
			}
			if c.Offset < it.file.bytes {
				list = append(list, work{it, c})
			} else if err := r.dispose(it.file); err != nil {
				return err
			}
		}
		select {
		case found <- list:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// finish records in one transaction what the syncer begins with.
func (r *run) finish(ctx context.Context) error {
	const op = "record the end of the load"
	sub, meta := r.cfg.Subtask, r.cfg.Meta
	tx, err := meta.DB.BeginTx(ctx, nil)
	if err != nil {
		return dbconn.Error(fault.Downstream, op, err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing, before it the error is already known
	next := checkpoint.Phase{Unit: status.UnitSync, DumpID: r.phase.DumpID, Snapshot: r.content.snapshot, Prepared: r.content.prepared,
		Replay: r.content.replay}
	if sub.Mode == config.ModeFull && next.Replay == nil || sub.Mode == config.ModeLoad {
		next.Unit, next.Finished = status.UnitLoad, true
	}
	if err := meta.SetPhase(ctx, tx, next); err != nil {
		return err
	}
	if err := r.saveStructures(ctx, tx); err != nil {
		return err
	}
	if err := meta.ForgetChunks(ctx, tx); err != nil {
		return err
	}
	if err := meta.SaveDump(ctx, tx, nil); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return dbconn.Error(fault.Downstream, op, err)
	}
	r.log.Info("all data files have been finished", "cost time", time.Since(r.began), "bytes", r.content.total, "rows", r.rows.Load(),
		"rows that were there", r.conflicts.Load())
	r.clean()
	return nil
}

// saveStructures records the structures of the snapshot. A foreign dump has no
// syncer behind it.
func (r *run) saveStructures(ctx context.Context, tx *sql.Tx) error {
	if !r.content.own {
		return nil
	}
	for _, t := range r.content.tables {
		text, err := t.text()
		if err != nil {
			return err
		}
		if err := r.cfg.Meta.SaveStructure(ctx, tx, t.Name, text); err != nil {
			return err
		}
	}
	return nil
}

// clean honours clean-dump-file. The load is complete: a file that stays
// behind costs room and nothing else, so it is only logged.
func (r *run) clean() {
	sub := r.cfg.Subtask
	if !sub.CleanDumpFile {
		return
	}
	remove := dumpdir.RemoveData
	switch {
	case sub.Mode == config.ModeLoad && !dumpdir.OwnedBy(sub.Load.Dir, sub.Task, sub.SourceID):
		return // somebody else's files are not ours to remove
	case sub.Mode == config.ModeFull, sub.Mode == config.ModeLoad:
		remove = dumpdir.Remove
	}
	if err := remove(sub.Load.Dir); err != nil {
		r.log.Warn("dump files could not be removed", "dir", sub.Load.Dir, "error", err)
	}
}
