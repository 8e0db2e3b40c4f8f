package dump

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/worker/checkpoint"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
)

// The pauses between attempts after a transient failure.
const (
	backoffMin = time.Second
	backoffMax = time.Minute
)

// Config is what a dump works on.
type Config struct {
	Subtask config.Subtask
	Meta    *checkpoint.Meta
	Log     *slog.Logger
	// Metrics may be nil.
	Metrics prometheus.Registerer
	// Resume lets a dump go on after an interruption: see DESIGN.md for what
	// the syncer has to do with it then. Without it each attempt begins anew.
	Resume bool
	// Beside, when not nil, runs beside each attempt from when its tables are
	// known: it loads what the attempt makes, and is done when all of it is loaded.
	// An error of it ends Run, which answers it as it is.
	Beside func(context.Context, *dumpdir.Live) error
}

// Unit dumps one source once.
type Unit struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	// noted is told of each chunk in the journal; its error ends the attempt.
	// Only tests set it.
	noted func(schema.Name, dumpdir.Chunk) error

	mu sync.Mutex

	// mu guards the following.
	progress *progress
	trouble  error // the failure that is being retried
	outlived bool  // what was read before is of no use
	recorded bool  // the dump is complete
}

// New makes a unit; nothing happens before Run.
func New(cfg Config) *Unit {
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Unit{cfg: cfg, log: log.With("task", cfg.Subtask.Task, "source", cfg.Subtask.SourceID, "unit", "dump"),
		metrics: newMetrics(cfg.Metrics, cfg.Subtask.Task, cfg.Subtask.SourceID)}
}

// Run dumps the source and records the load as the subtask's next phase. It
// answers nil at once when that has happened before.
func (u *Unit) Run(ctx context.Context) error {
	err := u.run(ctx)
	if err == nil || ctx.Err() != nil {
		return err
	}
	var beside *besideError
	if errors.As(err, &beside) {
		return beside.err
	}
	u.metrics.exits.Inc()
	u.metrics.exitsToo.Inc()
	return u.fail(err)
}

func (u *Unit) run(ctx context.Context) error {
	pause := backoffMin
	for {
		done, err := u.step(ctx)
		if done || ctx.Err() != nil {
			return errors.Join(ctx.Err(), err)
		}
		var beside *besideError
		if errors.As(err, &beside) {
			return err
		}
		u.metrics.errors.Inc()
		if !fault.Transient(err) && !errors.Is(err, errStructureChanged) && !errors.Is(err, errPrepared) && !errors.Is(err, errOutlived) {
			return err
		}
		u.setTrouble(u.fail(err))
		u.log.Warn("dump failed and is tried again", "error", err, "after", pause)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, backoffMax)
	}
}

// step makes one attempt, unless the dump is behind the subtask already.
func (u *Unit) step(ctx context.Context) (done bool, err error) {
	p, err := u.cfg.Meta.Phase(ctx)
	if err != nil {
		return false, err
	}
	if p.Unit != status.UnitInvalid && p.Unit != status.UnitDump {
		return true, nil
	}
	a := &attempt{Unit: u, started: time.Now()}
	err = a.run(ctx, p)
	u.setOutlived(errors.Is(err, errOutlived))
	return err == nil, err
}

func (u *Unit) setRecorded() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.recorded = true
}

// Recorded tells whether the dump is complete, though what runs beside it may
// not be.
func (u *Unit) Recorded() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.recorded
}

func (u *Unit) setOutlived(is bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.outlived = is
}

// anew tells whether an earlier attempt is not to be taken up.
func (u *Unit) anew() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.outlived
}

// Fill shows the present attempt.
func (u *Unit) Fill(s *status.Subtask) {
	u.mu.Lock()
	defer u.mu.Unlock()
	s.Unit = status.UnitDump
	s.Dump = &status.Dump{Progress: "0.00 %"}
	if u.progress != nil {
		s.Dump = u.progress.fill()
	}
	if u.trouble != nil {
		s.Err = u.trouble
	}
}

func (u *Unit) setProgress(p *progress) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.progress, u.trouble = p, nil
}

func (u *Unit) setTrouble(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.trouble = err
}

// fail gives an error its subject and, where it has none, DM's number.
func (u *Unit) fail(err error) error {
	op := fmt.Sprintf("dump task=%s source=%s", u.cfg.Subtask.Task, u.cfg.Subtask.SourceID)
	var known *fault.Error
	if errors.As(err, &known) {
		return fault.Wrap(op, err)
	}
	out := &fault.Error{Op: op, Kind: fault.KindOf(err), Code: codeRuntime, Err: err}
	if errors.Is(err, errStructureChanged) {
		out.Kind, out.Side = fault.Conflict, fault.Upstream
		out.Hint = "nothing to do: the dump begins anew; it succeeds when no DDL runs on the task's tables meanwhile"
	}
	return out
}
