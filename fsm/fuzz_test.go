package fsm_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/fsm/fsmtest"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
)

// Whatever stands in the log, it is carried out or refused: Apply must not
// fail, the index must move and the invariants must hold. Only what a later
// version wrote makes it fail, and then nothing moves.
func FuzzEntry(f *testing.F) {
	for _, c := range []fsm.Command{
		fsm.SetClusterID{ID: "c"}, fsm.RegisterWorker{Name: "w9", Addr: "a:1"}, fsm.OpenSession{Worker: "w1", TTLSeconds: -1},
		fsm.StartTask{Name: "t", Sources: map[fsm.SourceID]string{"": "x", "s1": "y"}}, fsm.StopTask{Name: "t", Sources: []fsm.SourceID{""}},
		fsm.TransferSource{Source: "s2", Worker: "w2"}, fsm.HoldLoadFiles{Task: "t", Source: "s1", Worker: "w1"},
		fsm.DropLoadFiles{Task: "t", Source: "s1", Worker: "w1"}, fsm.PutMember{Name: "m1", Peer: "h9:1", Client: "h9:1", Instance: "dir1"},
		fsm.RemoveMember{Name: "m2"}, fsm.UnbindSource{Source: "s1", Epoch: 9},
		fsm.SetStage{Task: "t", Stage: status.Stage(200)}, fsm.BindSource{}, fsm.RemoveSource{ID: "s3"},
	} {
		data, err := fsm.Encode(fsm.Meta{RequestID: "r"}, c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"kind":"PutSource","v":1,"meta":{"request":"\u0000"},"payload":{"ID":"x"}}`))
	f.Add([]byte(`{"kind":"PutSource","v":1,"meta":{"request":7},"payload":{"ID":"x"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := newMachine(t, fsm.DefaultLimits())
		world(m)
		checker := fsmtest.NewChecker()
		m.view(func(v *fsm.View) {
			if err := checker.Check(v); err != nil {
				t.Fatal(err)
			}
		})
		_, err := m.store.Apply([]fsm.Entry{{Index: m.index + 1, Data: data}})
		switch {
		case err == nil:
			m.index++
		case !fault.Is(err, fault.Unsupported):
			t.Fatal(err)
		}
		if m.store.Applied() != m.index {
			t.Errorf("applied %d, want %d", m.store.Applied(), m.index)
		}
		if err := m.store.View(checker.Check); err != nil {
			t.Error(err)
		}
	})
}

// Restore takes only what a store wrote.
func FuzzRestore(f *testing.F) {
	s, err := fsm.Open(filepath.Join(f.TempDir(), "state.db"))
	if err != nil {
		f.Fatal(err)
	}
	snap, err := s.Snapshot()
	if err != nil {
		f.Fatal(err)
	}
	var good bytes.Buffer
	if _, err := snap.WriteTo(&good); err != nil {
		f.Fatal(err)
	}
	if err := snap.Close(); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.Error(err)
		}
	})
	f.Add(good.Bytes())
	f.Add(good.Bytes()[:40])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		err := s.Restore(bytes.NewReader(data))
		if (err == nil) != bytes.Equal(data, good.Bytes()) {
			t.Errorf("%v for %d bytes", err, len(data))
		}
	})
}
