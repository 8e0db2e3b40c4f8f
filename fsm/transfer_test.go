package fsm_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/status"
)

func TestTransferSource(t *testing.T) {
	m := newMachine(t, fsm.DefaultLimits())
	world(m)
	binding := func(s fsm.SourceID) (b fsm.Binding) {
		m.view(func(v *fsm.View) { b, _ = v.Binding(s) })
		return b
	}
	first := binding("s1")
	before := state(m)
	if res := m.do(fsm.TransferSource{Source: "s1", Worker: "w1"}); res.Value != first.Epoch {
		t.Errorf("already there: value %v, want the epoch %d", res.Value, first.Epoch)
	}
	if diff := cmp.Diff(before, state(m)); diff != "" {
		t.Errorf("already there, and yet:\n%s", diff)
	}
	m.do(fsm.SetStage{Task: "t", Sources: []fsm.SourceID{"s1"}, Stage: status.StagePaused})
	res := m.do(fsm.TransferSource{Source: "s1", Worker: "w2"})
	want := fsm.Binding{Source: "s1", Worker: "w2", Epoch: fsm.Epoch(m.index)}
	if diff := cmp.Diff(want, binding("s1")); diff != "" || res.Value != want.Epoch || want.Epoch <= first.Epoch {
		t.Errorf("value %v, after epoch %d\n%s", res.Value, first.Epoch, diff)
	}
	m.view(func(v *fsm.View) {
		if b, ok := v.BindingOf("w1"); ok {
			t.Errorf("the old worker keeps a claim: %+v", b)
		}
		if w, _ := v.Worker("w2"); w.LastSource != "s1" {
			t.Errorf("w2 served %q last", w.LastSource)
		}
	})
	// A source without worker is bound, however its tasks stand.
	res = m.do(fsm.TransferSource{Source: "s2", Worker: "w1"})
	if b := binding("s2"); b.Worker != "w1" || res.Value != b.Epoch {
		t.Errorf("got %+v, value %v", b, res.Value)
	}
}

// A task that is not expanded yet is about to run.
func TestTransferOfASourceWhoseTaskIsNotExpanded(t *testing.T) {
	m := newMachine(t, fsm.DefaultLimits())
	world(m)
	m.do(fsm.SetStage{Task: "t", Sources: []fsm.SourceID{"s1"}, Stage: status.StagePaused},
		fsm.StartTask{Name: "u", Sources: map[fsm.SourceID]string{"s1": "x"}})
	if res := m.request("", fsm.TransferSource{Source: "s1", Worker: "w2"}); res.Err == nil || res.Err.Code != 46019 {
		t.Errorf("got %+v", res)
	}
}

func TestUnbindIsLimitedToTheBindingThatWasMeant(t *testing.T) {
	m := newMachine(t, fsm.DefaultLimits())
	world(m)
	if res := m.do(fsm.UnbindSource{Source: "s1", Epoch: 3}); res.Value != false {
		t.Errorf("another binding was undone: %v", res.Value)
	}
	if res := m.do(fsm.UnbindSource{Source: "s1", Epoch: 9}); res.Value != true {
		t.Errorf("it was not undone: %v", res.Value)
	}
	m.do(fsm.BindSource{Source: "s1", Worker: "w1"})
	// As logs of version 1 have it.
	if res := m.raw([]byte(`{"kind":"UnbindSource","v":1,"meta":{},"payload":{"Source":"s1"}}`)); res.Err != nil || res.Value != true {
		t.Errorf("version 1: %+v", res)
	}
}

func TestLoadFiles(t *testing.T) {
	m := newMachine(t, fsm.DefaultLimits())
	world(m)
	held := func(want ...fsm.LoadFiles) {
		t.Helper()
		m.view(func(v *fsm.View) {
			if diff := cmp.Diff(want, v.LoadFiles()); diff != "" {
				t.Error(diff)
			}
		})
	}
	onW1 := fsm.LoadFiles{Task: "t", Source: "s1", Worker: "w1"}
	held(onW1)
	before := state(m)
	m.do(fsm.HoldLoadFiles(onW1), fsm.DropLoadFiles{Task: "t", Source: "s1", Worker: "w2"}, fsm.DropLoadFiles{Task: "u", Source: "s1", Worker: "w1"})
	if diff := cmp.Diff(before, state(m)); diff != "" {
		t.Errorf("held already, dropped by one who has none:\n%s", diff)
	}
	m.do(fsm.DropLoadFiles(onW1), fsm.DropLoadFiles(onW1))
	held()
	// They outlive the binding, so that the source can find its way back.
	m.do(fsm.HoldLoadFiles(onW1), fsm.UnbindSource{Source: "s1"})
	held(onW1)
	// Who dumps anew makes the files of another worthless.
	m.do(fsm.BindSource{Source: "s1", Worker: "w2"}, fsm.HoldLoadFiles{Task: "t", Source: "s1", Worker: "w2"})
	held(fsm.LoadFiles{Task: "t", Source: "s1", Worker: "w2"})
	m.view(func(v *fsm.View) {
		if got := v.LoadFilesOf("s2"); got != nil {
			t.Errorf("s2 has %v", got)
		}
	})
	m.do(fsm.StopTask{Name: "t", Sources: []fsm.SourceID{"s1"}})
	held()
}

func TestLoadFilesGoWithTheirWorker(t *testing.T) {
	m := newMachine(t, fsm.DefaultLimits())
	world(m)
	m.do(fsm.BindSource{Source: "s2", Worker: "w2"}, fsm.HoldLoadFiles{Task: "t", Source: "s2", Worker: "w2"},
		fsm.ExpireSession{Worker: "w1", Session: 4}, fsm.RemoveWorker{Name: "w1"})
	m.view(func(v *fsm.View) {
		if diff := cmp.Diff([]fsm.LoadFiles{{Task: "t", Source: "s2", Worker: "w2"}}, v.LoadFiles()); diff != "" {
			t.Error(diff)
		}
		if _, ok := v.Worker("w1"); ok {
			t.Error("w1 is still there")
		}
	})
}
