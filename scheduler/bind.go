package scheduler

import (
	"slices"

	"github.com/raftdm/raftdm/fsm"
)

// bind gives sources without a worker to free workers. Affinity is settled
// for all sources before any takes a worker by name alone: else an early
// source could take the worker that a later one served last.
func bind(v *fsm.View) []fsm.Command {
	var sources []fsm.SourceID
	for _, s := range v.Sources() {
		if _, bound := v.Binding(s.ID); !bound {
			sources = append(sources, s.ID)
		}
	}
	var workers []fsm.Worker
	for _, w := range v.Workers() {
		if w.Session != 0 && isFree(v, w.Name) {
			workers = append(workers, w)
		}
	}
	var out []fsm.Command
	take := func(s fsm.SourceID, fits func(fsm.Worker) bool) bool {
		i := slices.IndexFunc(workers, fits)
		if i < 0 {
			return false
		}
		out = append(out, fsm.BindSource{Source: s, Worker: workers[i].Name})
		workers = slices.Delete(workers, i, i+1)
		return true
	}
	sources = slices.DeleteFunc(sources, func(s fsm.SourceID) bool {
		return take(s, func(w fsm.Worker) bool { return w.LastSource == s })
	})
	for _, s := range sources {
		take(s, func(fsm.Worker) bool { return true })
	}
	return out
}

func isFree(v *fsm.View, w fsm.WorkerName) bool {
	_, serves := v.BindingOf(w)
	return !serves
}
