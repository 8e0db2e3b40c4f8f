package worker

import (
	"slices"
	"strings"

	"github.com/raftdm/raftdm/internal/status"
)

// Report says how the worker and its subtasks are doing now, ordered by task.
// It may be called from any goroutine.
func (w *Worker) Report() status.Report {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := status.Report{Source: string(w.source), Epoch: uint64(w.epoch)}
	for _, st := range w.subtasks {
		r.Subtasks = append(r.Subtasks, st.report())
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
	}
	return out
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
