package fsm_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/fsm"
)

func TestMembers(t *testing.T) {
	m := newMachine(t, fsm.DefaultLimits())
	world(m)
	before := state(m)
	m.do(fsm.PutMember{Name: "m1", Peer: "h1:8291", Client: "h1:8261", Instance: "dir1"})
	if diff := cmp.Diff(before, state(m)); diff != "" {
		t.Errorf("the same record again changed something:\n%s", diff)
	}
	// Addresses move, and those that were left are free for others.
	m.do(fsm.PutMember{Name: "m1", Peer: "h1:9291", Client: "h1:9261", Instance: "dir1"},
		fsm.PutMember{Name: "m0", Peer: "h1:8291", Client: "h1:8261", Instance: "dir0"})
	// After its removal a name may come back with another directory.
	m.do(fsm.RemoveMember{Name: "m2"}, fsm.PutMember{Name: "m2", Peer: "h2:8291", Client: "h2:8261", Instance: "new"})
	m.view(func(v *fsm.View) {
		want := []fsm.Member{
			{Name: "m0", Peer: "h1:8291", Client: "h1:8261", Instance: "dir0"},
			{Name: "m1", Peer: "h1:9291", Client: "h1:9261", Instance: "dir1"},
			{Name: "m2", Peer: "h2:8291", Client: "h2:8261", Instance: "new"},
		}
		if diff := cmp.Diff(want, v.Members()); diff != "" {
			t.Error(diff)
		}
		if got, ok := v.Member("m1"); !ok || got != want[1] {
			t.Errorf("got %+v, %v", got, ok)
		}
	})
}
