package scheduler

import "github.com/raftdm/raftdm/fsm"

// plan gives the commands that bring the view closer to what it asks for, in
// the order in which they should be proposed; none when nothing can be done.
// Subtasks come first, so that a worker finds them when it gets the source.
func plan(v *fsm.View) []fsm.Command {
	return append(expand(v), bind(v)...)
}
