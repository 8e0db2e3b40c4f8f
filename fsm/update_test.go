package fsm_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/status"
)

// What rests gets its new configuration, and what asks for it finds it in the
// task, in the subtask and in the assignment; the rest stays as it was.
func TestUpdatesOfWhatRests(t *testing.T) {
	m := newMachine(t, fsm.DefaultLimits())
	world(m)
	m.do(fsm.SetStage{Task: "t", Sources: []fsm.SourceID{"s1"}, Stage: status.StagePaused})
	res := m.do(fsm.UpdateTask{Name: "t", Sources: map[fsm.SourceID]string{"s1": "new"}})
	if diff := cmp.Diff([]fsm.SourceID{"s1"}, res.Value); diff != "" {
		t.Error(diff)
	}
	updated := m.index
	var before fsm.Source
	m.view(func(v *fsm.View) { before, _ = v.Source("s1") })
	if res = m.request("u", fsm.UpdateSource{ID: "s1", Config: "moved"}); !cmp.Equal(res.Value, []fsm.TaskName{"t"}) {
		t.Errorf("%v, %v", res.Value, res.Err)
	}
	if again := m.request("u", fsm.UpdateSource{ID: "s1", Config: "moved"}); !cmp.Equal(again, res) {
		t.Errorf("repeated: %+v", again)
	}
	m.view(func(v *fsm.View) {
		task, _ := v.Task("t")
		if diff := cmp.Diff(map[fsm.SourceID]string{"s1": "new", "s2": "cfg2"}, task.Sources); diff != "" {
			t.Error(diff)
		}
		a := v.Assignment("w1")
		want := []fsm.Subtask{{Task: "t", Source: "s1", Config: "new", Stage: status.StagePaused, Revision: updated}}
		if diff := cmp.Diff(want, a.Subtasks); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(fsm.Source{ID: "s1", Config: "moved", Created: before.Created}, *a.Source); diff != "" {
			t.Error(diff)
		}
		if b, _ := v.Binding("s1"); b.Worker != "w1" {
			t.Errorf("an update took the source from its worker: %+v", b)
		}
	})
}

// A note is a change that touches nothing, and survives being read back.
func TestNotesAreChanges(t *testing.T) {
	m := newMachine(t, fsm.DefaultLimits())
	world(m)
	note := fsm.Note{Action: "start-task", Task: "u", Sources: []fsm.SourceID{"s1"}, Refused: true, Msg: "no"}
	m.do(note, fsm.PutSource{ID: "s4"})
	m.view(func(v *fsm.View) {
		var kinds []string
		v.ChangesBack(func(c fsm.Change) bool {
			kinds = append(kinds, c.Kind)
			if c.Kind != "Note" {
				return true
			}
			want := fsm.Change{Index: m.index - 1, Kind: "Note", Meta: fsm.Meta{Actor: "test", Addr: "127.0.0.1:1", UnixMilli: 42}, Note: &note}
			if diff := cmp.Diff(want, c); diff != "" {
				t.Error(diff)
			}
			return false
		})
		if diff := cmp.Diff([]string{"PutSource", "Note"}, kinds); diff != "" {
			t.Errorf("the newest first: %s", diff)
		}
		if _, _, err := v.ChangesAfter(m.index, 1); err != nil && !errors.Is(err, fsm.ErrCompacted) {
			t.Error(err)
		}
	})
}
