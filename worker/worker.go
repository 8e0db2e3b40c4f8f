package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/metrics"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// Config is what a Worker needs.
type Config struct {
	Name string
	Log  *slog.Logger
	// Metrics receives the worker's and the units' series; it must not be nil.
	Metrics prometheus.Registerer
}

// Worker runs the subtasks of the source that it is bound to.
type Worker struct {
	cfg       Config
	metrics   *metrics.Families
	taskState *prometheus.GaugeVec
	assignC   chan fsm.Assignment // latest wins; capacity 1
	doneC     chan ended
	changedC  chan struct{} // capacity 1: a report is worth sending now
	wakeC     chan struct{} // capacity 1: something about a subtask has changed
	requests  requests

	mu sync.Mutex
	// Guarded by mu: written by Run's goroutine, read by Report.
	source   fsm.SourceID
	epoch    fsm.Epoch
	subtasks map[fsm.TaskName]*subtask
}

// subtask is one task's part on this machine.
type subtask struct {
	actual
	task    fsm.TaskName
	backoff backoff
	checker config.Checker
	attempt *attempt // the running or the last attempt
	cancel  context.CancelFunc
	// paused: the masters want it to rest.
	paused bool
	// claims are requests that are being carried out: no attempt begins meanwhile.
	claims int
}

// ended says that the attempt of a task returned.
type ended struct {
	task fsm.TaskName
	err  error
}

// New makes a worker that has nothing to do yet.
func New(cfg Config) *Worker {
	w := &Worker{
		cfg:      cfg,
		metrics:  metrics.New(cfg.Metrics),
		assignC:  make(chan fsm.Assignment, 1),
		doneC:    make(chan ended),
		changedC: make(chan struct{}, 1),
		wakeC:    make(chan struct{}, 1),
		subtasks: map[fsm.TaskName]*subtask{},
		taskState: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "dm", Subsystem: "worker", Name: "task_state",
			Help: "state of the subtask: 0 invalid, 1 New, 2 Running, 3 Paused, 4 Stopped, 5 Finished"},
			[]string{"task", "source_id", "worker"}),
	}
	w.taskState = metrics.Family(w.metrics, w.taskState)
	return w
}

// Assign tells the worker what the masters want of it, complete; a later call
// replaces an earlier one that was not looked at yet. It does not block and may
// be called from one goroutine at a time.
func (w *Worker) Assign(a fsm.Assignment) {
	select {
	case <-w.assignC:
	default:
	}
	w.assignC <- a
}

// Expire tells the worker that its lease has ended: it stops everything.
func (w *Worker) Expire() { w.Assign(fsm.Assignment{}) }

// Changed delivers whenever a stage has changed, so that a report should be
// sent at once.
func (w *Worker) Changed() <-chan struct{} { return w.changedC }

// Run works until ctx ends; then it cancels all attempts and waits for them.
func (w *Worker) Run(ctx context.Context) error {
	var current fsm.Assignment
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		next := w.step(ctx, current, time.Now())
		timer.Reset(next)
		select {
		case a := <-w.assignC:
			current = a
			w.mu.Lock()
			w.source, w.epoch = "", a.Epoch
			if a.Source != nil {
				w.source = a.Source.ID
			}
			w.mu.Unlock()
		case e := <-w.doneC:
			w.attemptEnded(e, time.Now())
		case <-timer.C:
		case <-w.wakeC:
		case <-ctx.Done():
			w.drain()
			return ctx.Err()
		}
	}
}

// step acts on every subtask once and answers when to look again at the latest.
func (w *Worker) step(ctx context.Context, a fsm.Assignment, now time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	want := wants(a)
	for task := range want {
		if w.subtasks[task] == nil {
			w.subtasks[task] = &subtask{task: task, actual: actual{id: want[task].id}}
		}
	}
	next := time.Hour
	for task, st := range w.subtasks {
		var wt *wanted
		if x, ok := want[task]; ok {
			wt = &x
		}
		if wt != nil && !st.running && st.id != wt.id {
			st = w.renew(st, *wt)
		}
		switch reconcile(wt, st.actual, now) {
		case actStart:
			if st.claims > 0 {
				break // release looks again
			}
			w.start(ctx, st, *wt, now)
		case actCancel:
			st.cancelling = true
			st.cancel()
		case actForget:
			delete(w.subtasks, task)
			w.metrics.Forget(prometheus.Labels{"task": string(task)})
			w.notify()
			continue
		}
		if wt != nil {
			st.paused = wt.stage == status.StagePaused
			// An attempt that goes on obeys a later command too, and so does rest.
			if st.running && !st.cancelling || !st.running && st.paused {
				st.revision = wt.revision
			}
		}
		if !st.running && !st.resumeAt.IsZero() && st.resumeAt.After(now) {
			next = min(next, st.resumeAt.Sub(now))
		}
		w.taskState.WithLabelValues(string(task), string(st.id.source), w.cfg.Name).Set(float64(st.stage()))
	}
	return next
}

// renew forgets what a resting subtask was under another identity: its errors,
// its numbers and its end say nothing about this one. Called with mu held.
func (w *Worker) renew(st *subtask, wt wanted) *subtask {
	if st.id.source != wt.id.source {
		w.metrics.Forget(prometheus.Labels{"task": string(st.task)})
	}
	out := &subtask{task: st.task, actual: actual{id: wt.id}}
	w.subtasks[st.task] = out
	w.notify()
	return out
}

// start begins an attempt. Called with mu held.
func (w *Worker) start(ctx context.Context, st *subtask, wt wanted, now time.Time) {
	st.actual = actual{id: wt.id, revision: wt.revision, running: true}
	st.backoff.started(now)
	st.attempt = &attempt{task: st.task, worker: w.cfg.Name, metrics: w.metrics,
		log: w.cfg.Log.With("task", string(st.task), "source", string(wt.id.source), "epoch", uint64(wt.id.epoch))}
	actx, cancel := context.WithCancel(ctx)
	st.cancel = cancel
	at, task, id := st.attempt, st.task, wt.id
	sub, err := resolve(task, id)
	st.checker = sub.Source.Checker
	w.notify()
	go func() { // drain waits for it through doneC
		defer cancel()
		if err == nil {
			err = at.run(actx, sub, id.epoch)
		}
		w.doneC <- ended{task: task, err: err}
	}()
}

// attemptEnded writes down how an attempt ended.
func (w *Worker) attemptEnded(e ended, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.notify()
	st := w.subtasks[e.task]
	st.running = false
	switch {
	case e.err == nil:
		st.finished = true
		st.attempt.log.Info("subtask is finished")
	case st.cancelling:
		if !fault.Is(e.err, fault.Cancelled) {
			st.attempt.log.Warn("subtask stopped with an error", "err", e.err)
		}
	default:
		st.err = e.err
		st.resumeAt = time.Time{}
		if resumable(e.err) && st.checker.Enable {
			st.resumeAt = now.Add(st.backoff.after(now, st.checker))
		}
		st.attempt.log.Error("subtask is paused by an error", "err", e.err, "hint", fault.HintOf(e.err))
	}
	st.cancelling = false
}

// drain cancels what runs and waits until nothing does.
func (w *Worker) drain() {
	w.mu.Lock()
	running := 0
	for _, st := range w.subtasks {
		if st.running {
			running++
			st.cancelling = true
			st.cancel()
		}
	}
	w.mu.Unlock()
	for ; running > 0; running-- {
		w.attemptEnded(<-w.doneC, time.Now())
	}
}

// notify asks for a report.
func (w *Worker) notify() {
	select {
	case w.changedC <- struct{}{}:
	default:
	}
}

// nextUnit is the unit to run when the data is in phase p: the first unit of
// the mode when nothing was done yet, none when the mode ends before p.
func nextUnit(m config.Mode, at checkpoint.Phase) status.Unit {
	p := at.Unit
	switch {
	case m == config.ModeFull && at.Finished:
		return status.UnitInvalid
	case m == config.ModeFull && p == status.UnitSync && at.Replay != nil:
		return p // to bring rows of several moments to one
	case m == config.ModeIncremental, m == config.ModeAll && p == status.UnitLoad && at.Finished: // by an earlier mode of the task
		return status.UnitSync
	case m == config.ModeLoad && p == status.UnitSync:
		return status.UnitInvalid
	case m == config.ModeLoad:
		return status.UnitLoad
	case p == status.UnitInvalid:
		return status.UnitDump
	case m == config.ModeFull && p == status.UnitSync, m == config.ModeDump && p != status.UnitDump:
		return status.UnitInvalid
	default:
		return p
	}
}
