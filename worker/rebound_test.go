package worker

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
)

// stubborn is a unit that goes on for a while after it was cancelled.
type stubborn struct{}

func (stubborn) Run(context.Context) error { return nil }

func (stubborn) Fill(s *status.Subtask) {
	s.Unit, s.Sync = status.UnitSync, &status.Sync{}
}

// left gives a worker that has a subtask of s1 under epoch 3.
func left(st *subtask) *Worker {
	w := New(Config{Name: "w1", Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	st.task, st.id = "t", identity{source: "s1", sourceConfig: sourceText, epoch: 3, config: "c"}
	st.attempt = &attempt{unit: stubborn{}, kind: status.UnitSync}
	st.cancel = func() {}
	w.subtasks["t"] = st
	return w
}

// TestAFormerBindingIsNotReportedAsThePresentOne: masters read from a report
// where load files are and whether a command was obeyed. A row of another source
// or epoch would answer for the wrong one.
func TestAFormerBindingIsNotReportedAsThePresentOne(t *testing.T) {
	other := func(stage status.Stage) fsm.Assignment {
		return fsm.Assignment{Index: 20, Epoch: 9, Source: &fsm.Source{ID: "s2", Config: sourceText},
			Subtasks: []fsm.Subtask{{Task: "t", Source: "s2", Config: "c", Stage: stage, Revision: 5}}}
	}
	for _, c := range []struct {
		name string
		was  actual
		now  status.Stage
		want status.Subtask
	}{
		{"an attempt that does not end", actual{running: true, revision: 15}, status.StageRunning,
			status.Subtask{Task: "t", Stage: status.StageNew}},
		{"a failure at rest", actual{revision: 15, err: fault.New(fault.Data, "a row of s1")}, status.StagePaused,
			status.Subtask{Task: "t", Stage: status.StagePaused, Revision: 5}},
		{"what was finished", actual{revision: 15, finished: true}, status.StagePaused,
			status.Subtask{Task: "t", Stage: status.StagePaused, Revision: 5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := left(&subtask{actual: c.was})
			w.source, w.epoch = "s2", 9
			w.step(t.Context(), other(c.now), time.Now())
			r := w.Report()
			if len(r.Subtasks) != 1 {
				t.Fatalf("the report is %+v", r)
			}
			got := r.Subtasks[0]
			if (got.Err != nil) != c.was.running || got.Stage != c.want.Stage || got.Revision != c.want.Revision ||
				got.Unit != status.UnitInvalid || got.Sync != nil {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}
