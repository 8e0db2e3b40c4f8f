package raftnode

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/raftdm/raftdm/fsm"
)

// A snapshot of a state that is older than the one here: members that look would
// see the past again. What raft then has applied again changes nothing.
func TestANewerStateIsKept(t *testing.T) {
	store, err := fsm.Open(filepath.Join(t.TempDir(), stateFile))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	apply := func(from, to fsm.Index) {
		t.Helper()
		for i := from; i <= to; i++ {
			id := fmt.Sprint("s", i)
			data, err := fsm.Encode(fsm.Meta{RequestID: fsm.RequestID(id)}, fsm.PutSource{ID: fsm.SourceID(id)})
			if err == nil {
				_, err = store.Apply([]fsm.Entry{{Index: i, Data: data}})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	take := func() []byte {
		t.Helper()
		s, err := store.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		var buf bytes.Buffer
		_, err = s.WriteTo(&buf)
		if err = errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
		return buf.Bytes()
	}
	b := &bridge{store: store, state: store, ops: newOperations(), log: newGuard(raft.NewInmemStore(), t.TempDir(), newOperations())}
	apply(1, 5)
	old := take()
	apply(6, 9)
	now := take()
	if err := b.Restore(io.NopCloser(bytes.NewReader(old))); err != nil {
		t.Fatal(err)
	}
	apply(6, 9)
	if got := take(); !bytes.Equal(got, now) {
		t.Errorf("the state is at %d, not what it was at 9", store.Applied())
	}
	if err := b.Restore(io.NopCloser(bytes.NewReader(now[:len(now)/2]))); err != nil || store.Applied() != 9 {
		t.Errorf("what is not needed was looked at: %v", err)
	}
	if err := store.Restore(bytes.NewReader(old)); err != nil {
		t.Fatal(err)
	}
	if err := b.Restore(io.NopCloser(bytes.NewReader(now[:len(now)/2]))); err == nil {
		t.Error("half a snapshot was restored")
	}
	if err := b.Restore(io.NopCloser(bytes.NewReader(now))); err != nil || store.Applied() != 9 {
		t.Errorf("a newer state was not taken: %v, at %d", err, store.Applied())
	}
}
