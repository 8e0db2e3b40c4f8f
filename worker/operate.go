package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/operation"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/worker/checkpoint"
	"github.com/raftdm/raftdm/worker/syncer"
)

// operateWithin bounds what a master asks for: two databases are asked.
const operateWithin = 25 * time.Second

// DM's numbers for requests that a worker cannot carry out.
const (
	codeNotPaused     = 40051
	codeNoSubtask     = 40054
	codeSyncOnly      = 40056
	codeSourceNoMatch = 40072
)

// HandleError sets, reverts or lists operators of a subtask. One that is set for a
// subtask which has stopped lets it go on.
func (w *Worker) HandleError(ctx context.Context, whom operation.Whom, req operation.Operator) (string, error) {
	return w.requests.once(ctx, whom.ID, func() (string, error) {
		c, err := w.claim(whom)
		if err != nil {
			return "", err
		}
		defer w.release(c)
		msg, err := c.inSync(ctx, func(ctx context.Context, meta *checkpoint.Meta) (string, error) {
			ops := syncer.Operators{Subtask: c.sub, Meta: meta, Stopped: c.stopped, Running: c.running, ID: whom.ID, Log: c.log}
			return ops.Do(ctx, req)
		})
		if err == nil && req.Kind != operation.List {
			w.retry(c)
		}
		return msg, fault.Wrap(fmt.Sprintf("binlog %s task=%s source=%s", req.Kind, whom.Task, whom.Source), err)
	})
}

// OperateSchema shows or changes the structure that rows of a table are read with.
// The subtask must rest, and does until that is done.
func (w *Worker) OperateSchema(ctx context.Context, whom operation.Whom, req operation.Structure) (string, error) {
	return w.requests.once(ctx, whom.ID, func() (string, error) {
		c, err := w.claim(whom)
		if err != nil {
			return "", err
		}
		defer w.release(c)
		if c.stage != status.StagePaused {
			return "", &fault.Error{Kind: fault.Conflict, Code: codeNotPaused, Msg: fmt.Sprintf("current stage is %s but not paused, invalid", c.stage),
				Hint: "pause-task first, and resume-task when the structure is right"}
		}
		msg, err := c.inSync(ctx, func(ctx context.Context, meta *checkpoint.Meta) (string, error) {
			tables := syncer.Structures{Subtask: c.sub, Meta: meta, Log: c.log}
			return tables.Do(ctx, req)
		})
		return msg, fault.Wrap(fmt.Sprintf("%s the structure of %s task=%s source=%s", req.Verb, dbconn.Ident(req.Table.Schema, req.Table.Table), whom.Task, whom.Source), err)
	})
}

// claim is a subtask while a request about it is carried out. No attempt begins
// meanwhile; one that runs goes on.
type claim struct {
	st      *subtask
	sub     config.Subtask
	epoch   fsm.Epoch
	stage   status.Stage
	running bool
	stopped error
	log     *slog.Logger
}

// claim finds the subtask that a master means and keeps it.
func (w *Worker) claim(whom operation.Whom) (*claim, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if whom.Source != string(w.source) || whom.Epoch != uint64(w.epoch) {
		return nil, &fault.Error{Kind: fault.Conflict, Code: codeSourceNoMatch, Hint: "try again: the masters tell the worker what it serves at this moment",
			Msg: fmt.Sprintf("source of request does not match with source in worker: it serves %q under epoch %d, not %q under epoch %d",
				w.source, w.epoch, whom.Source, whom.Epoch)}
	}
	st := w.subtasks[fsm.TaskName(whom.Task)]
	if st == nil || st.id.source != w.source || st.id.epoch != w.epoch {
		return nil, &fault.Error{Kind: fault.NotFound, Code: codeNoSubtask, Msg: fmt.Sprintf("sub task with name %s not found", whom.Task),
			Hint: "query-status shows the tasks of the source"}
	}
	c := &claim{st: st, epoch: st.id.epoch, stage: st.stage(), running: st.running,
		log: w.cfg.Log.With("task", whom.Task, "source", whom.Source, "epoch", whom.Epoch)}
	if !st.running {
		c.stopped = st.err
	}
	var err error
	if c.sub, err = resolve(st.task, st.id); err != nil {
		return nil, err
	}
	st.claims++
	return c, nil
}

// release lets attempts begin again.
func (w *Worker) release(c *claim) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.st.claims--
	w.wake()
}

// retry lets a subtask that has stopped on an error try again at once.
func (w *Worker) retry(c *claim) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !c.st.running && c.st.err != nil {
		c.st.resumeAt = time.Now()
	}
}

// wake makes Run look at the subtasks.
func (w *Worker) wake() {
	select {
	case w.wakeC <- struct{}{}:
	default:
	}
}

// inSync calls fn with the meta tables of a subtask, which must have come to
// replicating the binlog.
func (c *claim) inSync(ctx context.Context, fn func(context.Context, *checkpoint.Meta) (string, error)) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, operateWithin)
	defer cancel()
	db, meta, err := c.open(ctx)
	if err != nil {
		return "", err
	}
	defer db.Close()
	phase, err := meta.Phase(ctx)
	if err != nil {
		return "", err
	}
	if unit := nextUnit(c.sub.Mode, phase); unit != status.UnitSync {
		return "", &fault.Error{Kind: fault.Conflict, Code: codeSyncOnly, Hint: "wait until query-status shows the unit Sync",
			Msg: fmt.Sprintf("such operation is only available for syncer, but now syncer is not running. current unit is %s", unit)}
	}
	msg, err := fn(ctx, meta)
	if c.running && errors.Is(err, checkpoint.ErrFenced) {
		return "", &fault.Error{Kind: fault.Unavailable, Msg: "the subtask is just beginning on this worker", Hint: "try again", Err: err}
	}
	return msg, err
}

// open connects to the meta tables. Where no attempt runs it takes them over, as
// an attempt would: the rows may be of an earlier epoch.
func (c *claim) open(ctx context.Context) (*dbconn.DB, *checkpoint.Meta, error) {
	if !c.running {
		return openMeta(ctx, c.sub, c.epoch)
	}
	db, err := dbconn.Open(ctx, fault.Downstream, c.sub.Target, dbconn.Options{TimeZone: "+00:00", SQLMode: metaMode})
	if err != nil {
		return nil, nil, err
	}
	return db, checkpoint.Attach(db, c.sub, uint64(c.epoch)), nil
}
