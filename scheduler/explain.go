package scheduler

import (
	"fmt"
	"slices"
	"strings"

	"github.com/raftdm/raftdm/fsm"
)

// namedWorkers is how many workers a sentence names before it counts the rest.
const namedWorkers = 5

// WhyUnbound says in one sentence why no worker serves a source; it is empty
// when one does. Operators see it in query-status and list-member.
func WhyUnbound(v *fsm.View, s fsm.SourceID) string {
	if _, ok := v.Source(s); !ok {
		return fmt.Sprintf("source %s does not exist", s)
	}
	if _, bound := v.Binding(s); bound {
		return ""
	}
	workers := v.Workers()
	if len(workers) == 0 {
		return "no worker is registered"
	}
	has := map[fsm.WorkerName]string{}
	for _, f := range v.LoadFilesOf(s) {
		has[f.Worker] = fmt.Sprintf(" and has load files of task %s", f.Task)
	}
	var reasons []string
	for _, w := range workers {
		b, serves := v.BindingOf(w.Name)
		switch {
		case serves:
			reasons = append(reasons, fmt.Sprintf("%s serves %s%s", w.Name, b.Source, has[w.Name]))
		case w.Session == 0:
			reasons = append(reasons, fmt.Sprintf("%s is offline%s", w.Name, has[w.Name]))
		default:
			// A free worker is bound within moments, unless the leader is away.
			return fmt.Sprintf("worker %s is free and about to be bound", w.Name)
		}
	}
	// Who has files is who an operator should look after.
	slices.SortStableFunc(reasons, func(a, b string) int { return strings.Count(b, " has load ") - strings.Count(a, " has load ") })
	if more := len(reasons) - namedWorkers; more > 0 {
		reasons = append(reasons[:namedWorkers], fmt.Sprintf("and %d more", more))
	}
	return "no free worker: " + strings.Join(reasons, ", ")
}

// describe gives a command of the scheduler in words, for the log and for
// golden files.
func describe(c fsm.Command) string {
	switch c := c.(type) {
	case fsm.PutSubtask:
		return fmt.Sprintf("expand task %s for source %s", c.Task, c.Source)
	case fsm.BindSource:
		return fmt.Sprintf("bind source %s to worker %s", c.Source, c.Worker)
	case fsm.UnbindSource:
		return fmt.Sprintf("take source %s from its worker", c.Source)
	case fsm.ExpireSession:
		return fmt.Sprintf("end session %d of worker %s", c.Session, c.Worker)
	default:
		return fmt.Sprintf("%T", c)
	}
}
