package load

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/worker/checkpoint"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
	"github.com/raftdm/raftdm/worker/dump/meter"
)

// DM's numbers for what can go wrong here.
const (
	codeExec     = 10006
	codeReadFile = 34008 // a data file cannot be read
	// What is wrong in one: it ends inside a statement, an INSERT's rows are none, a
	// statement is nothing that a dump has, an INSERT is none of this table's rows.
	codeFileEnding, codeParseValues, codeParseStatement, codeInvalidInsert = 34002, 34003, 34006, 34009
	codeDirNotFound                                                        = 34014 // no dump directory
	codeSameTable                                                          = 26001 // two tables have one name on the target
	codeDumpMissing                                                        = 34018 // progress and files do not fit together
)

// The pauses between attempts after a transient failure.
const (
	backoffMin = time.Second
	backoffMax = time.Minute
)

// Config is what a load works on.
type Config struct {
	Subtask config.Subtask
	Meta    *checkpoint.Meta
	Log     *slog.Logger
	// Metrics may be nil.
	Metrics prometheus.Registerer
	// Worker is this worker's name, a label of some metrics.
	Worker string
	// Live is the dump that is being written, to be loaded meanwhile; nil for one
	// that is complete.
	Live *dumpdir.Live
}

// Unit loads one dump.
type Unit struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	began   time.Time // when Run began

	bytes, rows atomic.Int64 // on the target
	disk        atomic.Int64 // bytes of data files there, of a dump that is complete
	conflicts   atomic.Int64 // rows that were there already, since the unit began
	rate        meter.Rate

	mu sync.Mutex

	// mu guards the following.
	content      *content
	pass         *run            // the present one
	trouble      map[*lane]error // the failures that are being retried; of the pass itself under nil
	lastConflict string
}

// New makes a unit; nothing happens before Run.
func New(cfg Config) *Unit {
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Unit{cfg: cfg, log: log.With("task", cfg.Subtask.Task, "source", cfg.Subtask.SourceID, "unit", "load"),
		metrics: newMetrics(cfg.Metrics, cfg.Subtask.Task, cfg.Subtask.SourceID), trouble: map[*lane]error{}}
}

// Run loads what the subtask's phase says was dumped and records the next
// phase. It answers nil at once when that has happened before.
func (u *Unit) Run(ctx context.Context) error {
	u.began = time.Now()
	rated, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	wg.Go(func() { u.rate.Run(rated, u.bytes.Load) })
	wg.Go(func() { u.export(rated) })
	err := u.run(ctx)
	if err == nil || ctx.Err() != nil {
		return err
	}
	u.metrics.exits.Inc()
	return u.fail(err)
}

// run repeats the pass while the failure is one that passes by itself. Lanes
// retry on their own; this is for what comes before and after them.
func (u *Unit) run(ctx context.Context) error {
	pause := backoffMin
	for {
		err := u.step(ctx)
		if err == nil || ctx.Err() != nil {
			return errors.Join(ctx.Err(), err)
		}
		if !fault.Transient(err) {
			return err
		}
		u.metrics.failed.Inc()
		u.setTrouble(nil, u.fail(err))
		u.log.Warn("load failed and is tried again", "error", err, "after", pause)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, backoffMax)
	}
}

func (u *Unit) step(ctx context.Context) error {
	p, err := u.cfg.Meta.Phase(ctx)
	if err != nil {
		return err
	}
	r := &run{Unit: u, phase: p}
	if p.Unit == status.UnitSync || p.Unit == status.UnitLoad && p.Finished {
		r.clean() // in case the end was recorded and we never heard of it
		return nil
	}
	if live := u.cfg.Live; live != nil {
		if p.DumpID != live.ID() || p.Unit != status.UnitDump && p.Unit != status.UnitLoad {
			return &fault.Error{Kind: fault.Conflict, Code: codeDirNotFound, Msg: "the task is at another dump than the one that is being written",
				Hint: "resume-task: the subtask begins with what the target says"}
		}
		return r.do(ctx)
	}
	if p.Unit != status.UnitLoad && (p.Unit != status.UnitInvalid || u.cfg.Subtask.Mode != config.ModeLoad) {
		return &fault.Error{Kind: fault.Conflict, Code: codeDirNotFound, Msg: "there is no complete dump to load",
			Hint: "resume-task: the subtask begins with the dump"}
	}
	return r.do(ctx)
}

// Fill shows how much of the dump is on the target.
func (u *Unit) Fill(s *status.Subtask) {
	s.Unit = status.UnitLoad
	l := &status.Load{FinishedBytes: u.bytes.Load(), FinishedRows: u.rows.Load(),
		BytesPerSecond: u.rate.PerSecond(), Progress: "0.00 %"}
	u.mu.Lock()
	defer u.mu.Unlock()
	l.Used = u.disk.Load()
	if c := u.seen(); c != nil {
		if c.live != nil {
			l.Used, l.Most, _ = c.live.Disk()
		}
		l.TotalBytes = c.total
		l.MetaBinlog, l.MetaBinlogGTID = c.metaBinlog, c.metaGTID
		l.Progress = "100.00 %"
		if l.FinishedBytes < l.TotalBytes {
			l.Progress = fmt.Sprintf("%.2f %%", min(99.99, 100*float64(l.FinishedBytes)/float64(l.TotalBytes)))
		}
	}
	l.Conflicts, l.LastConflict = u.conflicts.Load(), u.lastConflict
	if u.pass != nil {
		l.Held = u.pass.held(time.Now())
		l.ETALow, l.ETAHigh = u.rate.Remaining(l.TotalBytes - l.FinishedBytes)
	}
	s.Load = l
	for _, err := range u.trouble {
		s.Err = err
	}
}

// seen is the dump as it is known now, nil before it is opened. The caller holds mu.
func (u *Unit) seen() *content {
	c := u.content
	if c != nil && !c.closed() {
		if m := c.live.Manifest(); m != nil {
			c.complete(m)
		}
	}
	return c
}

// setProgress begins to count from what the target holds.
func (r *run) setProgress() {
	var bytes, rows, disk int64
	for _, t := range r.content.tables {
		t.loaded.Store(0)
		for _, f := range t.files {
			t.loaded.Add(r.chunks[f.name].Offset)
			bytes += r.chunks[f.name].Offset
			rows += r.chunks[f.name].Rows
			if r.content.own && f.own.There(f.dir) {
				disk += f.own.Size()
			}
		}
	}
	r.disk.Store(disk)
	r.bytes.Store(bytes)
	r.rows.Store(rows)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Unit.content, r.pass, r.trouble = r.content, r, map[*lane]error{}
}

func (u *Unit) count(t *table, bytes, rows int64) {
	t.loaded.Add(bytes)
	u.bytes.Add(bytes)
	u.rows.Add(rows)
}

// setTrouble shows what a lane is retrying; nil when it goes on.
func (u *Unit) setTrouble(l *lane, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err == nil {
		delete(u.trouble, l)
		return
	}
	u.trouble[l] = err
}

// damagedHint is what to do about files that are not what was written.
const damagedHint = "bring the files back from a copy and resume-task; or stop-task, remove the task's tables from the target and" +
	" begin anew with start-task --remove-meta"

// fail gives an error its subject and, where it has none, DM's number.
func (u *Unit) fail(err error) error {
	op := fmt.Sprintf("load task=%s source=%s", u.cfg.Subtask.Task, u.cfg.Subtask.SourceID)
	var known *fault.Error
	if errors.As(err, &known) {
		return fault.Wrap(op, err)
	}
	out := &fault.Error{Op: op, Kind: fault.KindOf(err), Code: codeReadFile, Err: err}
	if errors.Is(err, dumpdir.ErrDamaged) || errors.Is(err, dumpdir.ErrMissing) {
		out.Kind = fault.Corrupt
		out.Hint = damagedHint
	}
	return out
}
