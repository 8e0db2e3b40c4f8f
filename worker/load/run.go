package load

import (
	"context"
	"errors"
	"fmt"
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
	db       *dbconn.DB
	phase    checkpoint.Phase
	manifest *dumpdir.Manifest
	chunks   map[string]checkpoint.Chunk // as they were when the pass began
}

// openTarget opens the pool of the lanes.
func openTarget(ctx context.Context, sub config.Subtask) (*dbconn.DB, error) {
	cfg := sub.Target
	cfg.Session = map[string]string{"foreign_key_checks": "0"}
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
	if err := r.openDump(ctx); err != nil {
		return err
	}
	var err error
	if r.db, err = openTarget(ctx, r.cfg.Subtask); err != nil {
		return err
	}
	defer r.db.Close()
	if err := r.createAll(ctx); err != nil {
		return err
	}
	var names []string
	for _, it := range r.items() {
		names = append(names, it.file.Name)
	}
	if err := r.cfg.Meta.AddChunks(ctx, r.manifest.DumpID, names); err != nil {
		return err
	}
	if r.chunks, err = r.cfg.Meta.Chunks(ctx); err != nil {
		return err
	}
	r.setProgress(r.manifest, r.chunks)
	if err := r.loadAll(ctx); err != nil {
		return err
	}
	return r.finish(ctx)
}

// openDump reads the manifest and compares it with what the target says was
// loaded so far.
func (r *run) openDump(ctx context.Context) error {
	var err error
	if r.chunks, err = r.cfg.Meta.Chunks(ctx); err != nil {
		return err
	}
	dir := r.cfg.Subtask.Load.Dir
	r.manifest, err = dumpdir.ReadManifest(dir)
	if err == nil && r.manifest.DumpID != r.phase.DumpID {
		err = fmt.Errorf("%s: %w: it is dump %s, while the task is at dump %s", dir, dumpdir.ErrMissing, r.manifest.DumpID, r.phase.DumpID)
	}
	if err == nil {
		return nil
	}
	for _, c := range r.chunks {
		if c.Offset > 0 {
			return r.lost(err)
		}
	}
	return r.dumpAgain(ctx, err)
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
	return &fault.Error{Op: "open the dump", Kind: fault.Unavailable, Code: codeDirNotFound, Err: cause,
		Msg:  "the dump is not on this worker and nothing of it was loaded yet, so it will be taken again",
		Hint: "resume-task begins the dump anew; auto-resume does so by itself"}
}

// items lists the data files, tables side by side, so that the lanes do not
// all write to the same end of the same table.
func (r *run) items() []item {
	var out []item
	for i, more := 0, true; more; i++ {
		more = false
		for _, t := range r.manifest.Tables {
			if i < len(t.Data) {
				out = append(out, item{table: t, file: t.Data[i]})
				more = true
			}
		}
	}
	return out
}

// loadAll runs the lanes over all files that are not complete.
func (r *run) loadAll(ctx context.Context) error {
	queue := make(chan item)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(queue)
		for _, it := range r.items() {
			if c := r.chunks[it.file.Name]; c.Offset >= it.file.Bytes {
				continue
			}
			select {
			case queue <- it:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for range max(1, r.cfg.Subtask.Load.PoolSize) {
		g.Go(func() error {
			l := &lane{run: r}
			defer l.drop()
			for it := range queue {
				if err := l.load(ctx, it); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
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
	next := checkpoint.Phase{Unit: status.UnitSync, DumpID: r.phase.DumpID, Snapshot: r.manifest.Snapshot, Prepared: r.manifest.Prepared}
	if sub.Mode == config.ModeFull {
		next.Unit, next.Finished = status.UnitLoad, true
	}
	if err := meta.SetPhase(ctx, tx, next); err != nil {
		return err
	}
	for _, t := range r.manifest.Tables {
		text, err := t.Create(sub.Load.Dir)
		if err != nil {
			return err
		}
		if err := meta.SaveStructure(ctx, tx, nameOf(t), text); err != nil {
			return err
		}
	}
	if err := meta.ForgetChunks(ctx, tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return dbconn.Error(fault.Downstream, op, err)
	}
	r.log.Info("all data files have been finished", "cost time", time.Since(r.began), "bytes", r.manifest.Bytes())
	r.clean()
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
	if sub.Mode == config.ModeFull {
		remove = dumpdir.Remove
	}
	if err := remove(sub.Load.Dir); err != nil {
		r.log.Warn("dump files could not be removed", "dir", sub.Load.Dir, "error", err)
	}
}
