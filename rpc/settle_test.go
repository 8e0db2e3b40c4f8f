package rpc

import (
	"errors"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/status"
)

func TestVerdicts(t *testing.T) {
	wantedAt := func(rev fsm.Index) *fsm.Subtask { return &fsm.Subtask{Revision: rev} }
	is := func(stage status.Stage, rev uint64, err error) *status.Subtask {
		return &status.Subtask{Stage: stage, Revision: rev, Err: err}
	}
	failure := errors.New("it failed")
	for _, c := range []struct {
		name                  string
		seen                  seen
		runs, pauses, isntAny verdict
	}{
		{"no worker", seen{wanted: wantedAt(5)}, pending, done, done},
		{"the worker has said nothing", seen{wanted: wantedAt(5), worker: "w"}, pending, pending, pending},
		{"the worker has not begun", seen{wanted: wantedAt(5), worker: "w", heard: true, fresh: true}, pending, pending, done},
		{"it had not begun a term ago", seen{wanted: wantedAt(5), worker: "w", heard: true}, pending, pending, pending},
		{"running, from before the command", seen{wantedAt(5), "w", "", true, true, is(status.StageRunning, 4, nil)}, pending, pending, pending},
		{"failed, from before the command", seen{wantedAt(5), "w", "", true, true, is(status.StagePaused, 4, failure)}, pending, pending, pending},
		{"not expanded yet, with a row of an earlier task of the name", seen{nil, "w", "", true, true, is(status.StageRunning, 4, nil)}, pending, pending, pending},
		{"running", seen{wantedAt(5), "w", "", true, true, is(status.StageRunning, 5, nil)}, done, pending, pending},
		{"retrying", seen{wantedAt(5), "w", "", true, true, is(status.StageRunning, 5, failure)}, failed, pending, pending},
		{"finished", seen{wantedAt(5), "w", "", true, true, is(status.StageFinished, 5, nil)}, done, failed, pending},
		{"paused by an error", seen{wantedAt(5), "w", "", true, true, is(status.StagePaused, 5, failure)}, failed, done, pending},
		{"paused", seen{wantedAt(5), "w", "", true, true, is(status.StagePaused, 6, nil)}, pending, done, pending},
		{"new", seen{wantedAt(5), "w", "", true, true, is(status.StageNew, 5, nil)}, pending, pending, pending},
	} {
		for what, x := range map[string]struct {
			judge wanted
			want  verdict
		}{"becomesRunning": {becomesRunning, c.runs}, "becomesPaused": {becomesPaused, c.pauses}, "becomesGone": {becomesGone, c.isntAny}} {
			got, err := x.judge(c.seen)
			if got != x.want {
				t.Errorf("%s: %s gives %d, want %d", c.name, what, got, x.want)
			}
			if (err != nil) != (got == failed) {
				t.Errorf("%s: %s gives %d with the error %v", c.name, what, got, err)
			}
		}
	}
}

// TestUnsettledSaysWhatIsKnown: what a worker said before an operation is no
// answer to it.
func TestUnsettledSaysWhatIsKnown(t *testing.T) {
	is, wanted := &status.Subtask{Stage: status.StageRunning, Revision: 4}, &fsm.Subtask{Revision: 5}
	for _, c := range []struct {
		name         string
		seen         seen
		says, silent bool // that the subtask is Running; that the worker is silent
	}{
		{"it goes on", seen{wanted, "w", "", true, true, is}, true, false},
		{"not heard of since", seen{wanted, "w", "", true, false, is}, false, true},
		{"not heard of since it was stopped", seen{nil, "w", "", true, false, is}, false, true},
		{"not begun, and not heard of since", seen{wanted, "w", "", true, false, nil}, false, true},
	} {
		text := unsettled(c.seen).Error()
		if strings.Contains(text, "Running") != c.says || strings.Contains(text, "silent") != c.silent {
			t.Errorf("%s: %s", c.name, text)
		}
	}
}
