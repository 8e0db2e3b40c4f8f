package worker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
)

// Report says how the worker and its subtasks are doing now, ordered by task.
// It may be called from any goroutine.
func (w *Worker) Report() status.Report {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := status.Report{Source: string(w.source), Epoch: uint64(w.epoch)}
	for _, st := range w.subtasks {
		row := st.report()
		if st.running && (st.id.source != w.source || st.id.epoch != w.epoch) {
			row = st.leaving()
		}
		r.Subtasks = append(r.Subtasks, row)
	}
	slices.SortFunc(r.Subtasks, func(a, b status.Subtask) int { return strings.Compare(a.Task, b.Task) })
	return r
}

// report derives the subtask's stage from what runs and adds its unit's part.
func (st *subtask) report() status.Subtask {
	out := status.Subtask{Task: string(st.task), Stage: st.stage(), Revision: uint64(st.revision)}
	if st.attempt != nil {
		st.attempt.fill(&out)
	}
	if !st.running {
		out.Err = st.err
		rests(&out)
	}
	return out
}

// rests takes from the status of a unit that has ended what is said of one that
// works: when it will end, and what keeps it from being faster.
func rests(s *status.Subtask) {
	if s.Dump != nil {
		s.Dump.ETALow, s.Dump.ETAHigh, s.Dump.Held = 0, 0, ""
	}
	if s.Load != nil {
		s.Load.ETALow, s.Load.ETAHigh, s.Load.Held = 0, 0, ""
	}
	if s.Sync != nil {
		s.Sync.Held = ""
	}
}

// leaving is what is shown of an attempt of a former binding that has not ended
// yet. Its unit and its revision are about another source or another epoch: the
// masters must not take them for this one's.
func (st *subtask) leaving() status.Subtask {
	return status.Subtask{Task: string(st.task), Stage: status.StageNew, Err: &fault.Error{Kind: fault.Unavailable,
		Msg: fmt.Sprintf("what the worker ran of the task under its former binding (source %s, epoch %d) has not ended yet",
			st.id.source, st.id.epoch),
		Hint: "the subtask begins as soon as it has; if it stays so, restart the dm-worker"}}
}

// stage tells the stage as DM names it.
func (st *subtask) stage() status.Stage {
	switch {
	case st.running:
		return status.StageRunning
	case st.finished:
		return status.StageFinished
	case st.attempt == nil && !st.paused:
		return status.StageNew
	default:
		return status.StagePaused
	}
}
