package fsm_test

import (
	"testing"

	"github.com/raftdm/raftdm/fsm"
)

// TestEpochsBeginAboveTheFounding: a cluster that is set up anew counts its log
// from one again, and its epochs are newer than those of the one it replaces.
func TestEpochsBeginAboveTheFounding(t *testing.T) {
	epochs := func(first func(m *machine)) (bound, again fsm.Epoch) {
		m := newMachine(t, fsm.DefaultLimits())
		first(m)
		world(m)
		m.view(func(v *fsm.View) { b, _ := v.Binding("s1"); bound = b.Epoch })
		m.do(fsm.OpenSession{Worker: "w1", TTLSeconds: 9})
		m.view(func(v *fsm.View) {
			b, _ := v.Binding("s1")
			again = b.Epoch
			if a := v.Assignment("w1"); a.Epoch != again {
				t.Errorf("the assignment says epoch %d, the binding %d", a.Epoch, again)
			}
		})
		m.do(fsm.UnbindSource{Source: "s1"})
		if res := m.do(fsm.BindSource{Source: "s1", Worker: "w1"}); res.Value.(fsm.Epoch) <= again {
			t.Errorf("the epoch went from %d to %v", again, res.Value)
		}
		return bound, again
	}
	_, old := epochs(func(m *machine) { m.do(fsm.SetClusterID{ID: "c1", Epochs: 1_000_000}) })
	bound, again := epochs(func(m *machine) { m.do(fsm.SetClusterID{ID: "c2", Epochs: 1_060_000}) })
	if bound <= old || again <= bound || again > 1_061_000 {
		t.Errorf("a minute later a new cluster minted %d and %d, after %d of the old one", bound, again, old)
	}
	// Clusters from before there was a beginning count from zero as ever.
	bound, _ = epochs(func(m *machine) {
		if res := m.raw([]byte(`{"kind":"SetClusterID","v":1,"meta":{},"payload":{"ID":"c0"}}`)); res.Err != nil {
			t.Fatal(res.Err)
		}
	})
	if bound == 0 || bound > 100 {
		t.Errorf("a cluster founded by version 1 minted %d", bound)
	}
}
