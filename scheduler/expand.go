package scheduler

import (
	"maps"
	"slices"

	"github.com/raftdm/raftdm/fsm"
)

// expand gives each task a subtask for each of its sources.
func expand(v *fsm.View) []fsm.Command {
	var out []fsm.Command
	for _, t := range v.Tasks() {
		for _, s := range slices.Sorted(maps.Keys(t.Sources)) {
			if !v.HasSubtask(t.Name, s) {
				out = append(out, fsm.PutSubtask{Task: t.Name, Source: s})
			}
		}
	}
	return out
}
