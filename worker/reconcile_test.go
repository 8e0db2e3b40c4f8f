package worker

import (
	"testing"
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

func TestReconcile(t *testing.T) {
	now := time.Unix(1000, 0)
	one := identity{source: "s1", epoch: 7, config: "a"}
	two := identity{source: "s1", epoch: 8, config: "a"}
	run := func(id identity, rev fsm.Index) *wanted {
		return &wanted{id: id, stage: status.StageRunning, revision: rev}
	}
	rest := func(id identity, rev fsm.Index) *wanted {
		return &wanted{id: id, stage: status.StagePaused, revision: rev}
	}
	failed := fault.New(fault.Unavailable, "x")
	for _, c := range []struct {
		name string
		want *wanted
		is   actual
		act  action
	}{
		{"new and wanted", run(one, 1), actual{id: one}, actStart},
		{"new and paused", rest(one, 1), actual{id: one}, actNone},
		{"running as wanted", run(one, 1), actual{id: one, revision: 1, running: true}, actNone},
		{"resumed while running", run(one, 2), actual{id: one, revision: 1, running: true}, actNone},
		{"to be paused", rest(one, 2), actual{id: one, revision: 1, running: true}, actCancel},
		{"being paused", rest(one, 2), actual{id: one, revision: 1, running: true, cancelling: true}, actNone},
		{"resumed while it is being paused", run(one, 3), actual{id: one, revision: 1, running: true, cancelling: true}, actNone},
		{"paused", rest(one, 2), actual{id: one, revision: 1}, actNone},
		{"resumed", run(one, 3), actual{id: one, revision: 1}, actStart},
		{"cancelled by a lost lease and wanted again", run(one, 1), actual{id: one, revision: 1}, actStart},
		{"new epoch while running", run(two, 1), actual{id: one, revision: 1, running: true}, actCancel},
		{"new epoch at rest", run(two, 1), actual{id: one, revision: 1}, actStart},
		{"new epoch after it finished", run(two, 1), actual{id: one, revision: 1, finished: true}, actStart},
		{"finished", run(one, 1), actual{id: one, revision: 1, finished: true}, actNone},
		{"failed, no resume of its own", run(one, 1), actual{id: one, revision: 1, err: failed}, actNone},
		{"failed, resume not due", run(one, 1), actual{id: one, revision: 1, err: failed, resumeAt: now.Add(1)}, actNone},
		{"failed, resume due", run(one, 1), actual{id: one, revision: 1, err: failed, resumeAt: now}, actStart},
		{"failed, resumed by the operator", run(one, 2), actual{id: one, revision: 1, err: failed}, actStart},
		{"failed and paused by the operator", rest(one, 2), actual{id: one, revision: 1, err: failed, resumeAt: now}, actNone},
		{"stopped while running", nil, actual{id: one, running: true}, actCancel},
		{"stopped while being cancelled", nil, actual{id: one, running: true, cancelling: true}, actNone},
		{"stopped", nil, actual{id: one}, actForget},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := reconcile(c.want, c.is, now); got != c.act {
				t.Errorf("got action %d, want %d", got, c.act)
			}
		})
	}
}

func TestNextUnit(t *testing.T) {
	for _, c := range []struct {
		mode config.Mode
		at   status.Unit
		want status.Unit
	}{
		{config.ModeAll, status.UnitInvalid, status.UnitDump},
		{config.ModeAll, status.UnitDump, status.UnitDump},
		{config.ModeAll, status.UnitLoad, status.UnitLoad},
		{config.ModeAll, status.UnitSync, status.UnitSync},
		{config.ModeFull, status.UnitInvalid, status.UnitDump},
		{config.ModeFull, status.UnitLoad, status.UnitLoad},
		{config.ModeFull, status.UnitSync, status.UnitInvalid},
		{config.ModeIncremental, status.UnitInvalid, status.UnitSync},
		{config.ModeDump, status.UnitInvalid, status.UnitDump},
		{config.ModeDump, status.UnitDump, status.UnitDump},
		{config.ModeDump, status.UnitLoad, status.UnitInvalid},
		{config.ModeDump, status.UnitSync, status.UnitInvalid},
		{config.ModeLoad, status.UnitInvalid, status.UnitLoad},
		{config.ModeLoad, status.UnitDump, status.UnitLoad},
		{config.ModeLoad, status.UnitLoad, status.UnitLoad},
		{config.ModeLoad, status.UnitSync, status.UnitInvalid},
	} {
		if got := nextUnit(c.mode, checkpoint.Phase{Unit: c.at}); got != c.want {
			t.Errorf("nextUnit(%s, %s) = %s, want %s", c.mode, c.at, got, c.want)
		}
	}
	if got := nextUnit(config.ModeFull, checkpoint.Phase{Unit: status.UnitLoad, Finished: true}); got != status.UnitInvalid {
		t.Errorf("behind a load that is finished comes %s", got)
	}
	if got := nextUnit(config.ModeAll, checkpoint.Phase{Unit: status.UnitLoad, Finished: true}); got != status.UnitSync {
		t.Errorf("behind the end of a task in mode full, which is in mode all now, comes %s", got)
	}
	if got := nextUnit(config.ModeFull, checkpoint.Phase{Unit: status.UnitSync, Replay: &checkpoint.Replay{}}); got != status.UnitSync {
		t.Errorf("behind the load of a dump of several moments comes %s", got)
	}
}

func TestBackoffDoublesToItsCeilingAndFallsAfterHealth(t *testing.T) {
	c := config.Checker{Enable: true, BackoffMax: 5 * time.Second, BackoffRollback: time.Minute}
	var b backoff
	now := time.Unix(0, 0)
	for i, want := range []time.Duration{1, 2, 4, 5, 5} {
		b.started(now)
		if got := b.after(now, c); got != want*time.Second {
			t.Fatalf("pause %d: got %s, want %ds", i, got, want)
		}
	}
	b.started(now)
	if got := b.after(now.Add(2*time.Minute), c); got != 2500*time.Millisecond {
		t.Errorf("after a healthy run: got %s, want 2.5s", got)
	}
}

func TestOnlyFailuresThatCanPassAreResumed(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{fault.New(fault.Unavailable, "target is away"), true},
		{fault.New(fault.Internal, "surprise"), true},
		{fault.New(fault.Data, "duplicate entry"), false},
		{fault.New(fault.Schema, "unknown column"), false},
		{fault.New(fault.Unsupported, "type"), false},
		{fault.Wrap("sync", checkpoint.ErrFenced), false},
	} {
		if got := resumable(c.err); got != c.want {
			t.Errorf("resumable(%v) = %v, want %v", c.err, got, c.want)
		}
	}
}
