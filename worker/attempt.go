package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/worker/checkpoint"
	"github.com/raftdm/raftdm/worker/dump"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
	"github.com/raftdm/raftdm/worker/load"
	"github.com/raftdm/raftdm/worker/syncer"
)

// metaMode makes the target refuse a record that it would otherwise cut.
const metaMode = "STRICT_ALL_TABLES"

// targetRetry is the pause between attempts to reach the target before the
// first unit exists.
const targetRetry = 2 * time.Second

// attempt is one run through the units of a subtask under one identity. Its
// status may be read at any time.
type attempt struct {
	task    fsm.TaskName
	worker  string // a label of DM's metrics
	log     *slog.Logger
	metrics prometheus.Registerer

	mu sync.Mutex
	// Guarded by mu: what runs now, and the failure being retried before it.
	unit    Unit
	kind    status.Unit
	waiting error
}

// resolve reads the configuration texts of an identity.
func resolve(task fsm.TaskName, id identity) (config.Subtask, error) {
	src, _, err := config.DecodeSource("source "+string(id.source), []byte(id.sourceConfig))
	if err != nil {
		return config.Subtask{}, err
	}
	t, _, err := config.DecodeTask("task "+string(task), []byte(id.config))
	if err != nil {
		return config.Subtask{}, err
	}
	return t.Subtask(src)
}

// run works until every unit is done, ctx ends or something needs an operator.
func (a *attempt) run(ctx context.Context, sub config.Subtask, epoch fsm.Epoch) error {
	db, meta, err := a.openTarget(ctx, sub, epoch)
	if err != nil {
		return err
	}
	defer db.Close()
	for {
		phase, err := meta.Phase(ctx)
		if err != nil {
			if a.retry(ctx, err) {
				continue
			}
			return err
		}
		kind := nextUnit(sub.Mode, phase)
		if kind == status.UnitInvalid {
			a.set(nil, lastUnit(sub.Mode))
			return nil
		}
		u := a.newUnit(kind, sub, meta)
		a.set(u, kind)
		a.log.Info("unit starts", "unit", kind.String())
		err = u.Run(ctx)
		if errors.Is(err, load.ErrDumpAgain) {
			a.log.Info("the dump is not on this worker, and goes on here", "unit", kind.String())
			continue
		}
		if err != nil {
			return fault.Wrap(fmt.Sprintf("%s task=%s source=%s", strings.ToLower(kind.String()), sub.Task, sub.SourceID), err)
		}
		a.log.Info("unit is done", "unit", kind.String())
		if kind == lastUnit(sub.Mode) && sub.Mode != config.ModeFull { // there the phase says whether it is
			return nil
		}
	}
}

// openTarget connects to the target and takes over the meta tables, waiting
// for a target that is away.
func (a *attempt) openTarget(ctx context.Context, sub config.Subtask, epoch fsm.Epoch) (*dbconn.DB, *checkpoint.Meta, error) {
	for {
		db, meta, err := openMeta(ctx, sub, epoch)
		if err == nil {
			return db, meta, nil
		}
		if !a.retry(ctx, err) {
			return nil, nil, err
		}
	}
}

// openMeta makes one try of openTarget.
func openMeta(ctx context.Context, sub config.Subtask, epoch fsm.Epoch) (*dbconn.DB, *checkpoint.Meta, error) {
	db, err := dbconn.Open(ctx, fault.Downstream, sub.Target, dbconn.Options{TimeZone: "+00:00", SQLMode: metaMode})
	if err != nil {
		return nil, nil, err
	}
	meta, err := checkpoint.Open(ctx, db, sub, uint64(epoch))
	if err != nil {
		db.Close()
		return nil, nil, err
	}
	return db, meta, nil
}

// retry shows a failure and waits a little; it answers false when the failure
// will not go away or ctx ended.
func (a *attempt) retry(ctx context.Context, err error) bool {
	if ctx.Err() != nil || !fault.Transient(err) {
		return false
	}
	a.mu.Lock()
	a.waiting = err
	a.mu.Unlock()
	t := time.NewTimer(targetRetry)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// set makes u the unit that is shown.
func (a *attempt) set(u Unit, kind status.Unit) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unit, a.kind, a.waiting = u, kind, nil
}

// fill shows what the attempt is doing.
func (a *attempt) fill(s *status.Subtask) {
	a.mu.Lock()
	u, kind, waiting := a.unit, a.kind, a.waiting
	a.mu.Unlock()
	s.Unit = kind
	if waiting != nil {
		s.Err = waiting
	}
	if u != nil {
		u.Fill(s)
	}
}

// newUnit builds the unit of a kind.
func (a *attempt) newUnit(kind status.Unit, sub config.Subtask, meta *checkpoint.Meta) Unit {
	log := a.log.With("unit", kind.String())
	switch kind {
	case status.UnitDump:
		cfg := dump.Config{Subtask: sub, Meta: meta, Log: log, Metrics: a.metrics, Resume: sub.Mode != config.ModeDump} // there the files are what is wanted
		if overlaps(sub) {
			return newOverlap(cfg, func(live *dumpdir.Live) *load.Unit {
				return load.New(load.Config{Subtask: sub, Meta: meta, Log: a.log.With("unit", status.UnitLoad.String()), Metrics: a.metrics,
					Worker: a.worker, Live: live})
			})
		}
		return dump.New(cfg)
	case status.UnitLoad:
		return load.New(load.Config{Subtask: sub, Meta: meta, Log: log, Metrics: a.metrics, Worker: a.worker})
	default:
		return syncer.New(syncer.Config{Subtask: sub, Meta: meta, Log: log, Metrics: a.metrics, Worker: a.worker,
			ReplayOnly: sub.Mode == config.ModeFull})
	}
}

// lastUnit is the unit after which a task of a mode is finished; the syncer
// never is, by itself.
func lastUnit(m config.Mode) status.Unit {
	switch m {
	case config.ModeDump:
		return status.UnitDump
	case config.ModeFull, config.ModeLoad:
		return status.UnitLoad
	default:
		return status.UnitSync
	}
}
