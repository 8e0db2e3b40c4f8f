package worker

import (
	"context"
	"testing"

	"github.com/raftdm/raftdm/internal/status"
)

// slow is a unit whose last words were that it is held back.
type slow struct{}

func (slow) Run(context.Context) error { return nil }

func (slow) Fill(s *status.Subtask) {
	s.Dump = &status.Dump{ETALow: 10, ETAHigh: 20, Held: "a limit", FinishedRows: 7}
	s.Load = &status.Load{ETALow: 10, ETAHigh: 20, Held: "a limit", FinishedRows: 7}
}

// TestARestIsNotHeld: a paused subtask neither ends at some time nor is it slow.
func TestARestIsNotHeld(t *testing.T) {
	for _, running := range []bool{true, false} {
		w := left(&subtask{actual: actual{running: running}, paused: true})
		w.subtasks["t"].attempt.unit = slow{}
		w.source, w.epoch = "s1", 3
		got := w.Report().Subtasks[0]
		if said := got.Dump.Held != "" && got.Load.Held != ""; said != running {
			t.Errorf("running %t: held %q and %q", running, got.Dump.Held, got.Load.Held)
		}
		if said := got.Dump.ETAHigh+got.Load.ETAHigh > 0; said != running {
			t.Errorf("running %t: an end in %d and %d s", running, got.Dump.ETAHigh, got.Load.ETAHigh)
		}
		if got.Dump.FinishedRows != 7 || got.Load.FinishedRows != 7 {
			t.Errorf("running %t: what is done is not shown: %+v, %+v", running, got.Dump, got.Load)
		}
	}
}
