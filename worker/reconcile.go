package worker

import (
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/status"
)

// identity is what an attempt obeys; a change of any part makes it another attempt.
type identity struct {
	source       fsm.SourceID
	sourceConfig string
	epoch        fsm.Epoch
	config       string
}

// actual is a subtask as it is on this machine.
type actual struct {
	id identity
	// revision is the last command that the subtask has obeyed.
	revision fsm.Index
	// running: an attempt has not returned yet. cancelling: it was told to.
	running    bool
	cancelling bool
	finished   bool
	// err is why the last attempt ended; nil when it was cancelled, finished
	// or never was.
	err error
	// resumeAt is when the failure may be tried again by itself; zero for never.
	resumeAt time.Time
}

// action is what to do about one subtask now.
type action uint8

const (
	actNone action = iota
	actStart
	actCancel
	actForget
)

// wanted is what the assignment says about one subtask.
type wanted struct {
	id       identity
	stage    status.Stage
	revision fsm.Index
}

// reconcile compares what is wanted of one subtask (nil: it should not be here)
// with what is, and says the one next thing to do. It is called again after
// every event, so it never plans two steps.
func reconcile(want *wanted, is actual, now time.Time) action {
	gone := want == nil
	outdated := !gone && is.id != want.id
	idle := !gone && want.stage != status.StageRunning
	switch {
	case is.running && !is.cancelling && (gone || outdated || idle):
		return actCancel
	case is.running:
		return actNone
	case gone:
		return actForget
	case idle:
		return actNone
	case outdated, want.revision > is.revision:
		return actStart
	case is.finished:
		return actNone
	case is.err == nil:
		return actStart
	case !is.resumeAt.IsZero() && !now.Before(is.resumeAt):
		return actStart
	}
	return actNone
}

// wants lists what an assignment wants of every task.
func wants(a fsm.Assignment) map[fsm.TaskName]wanted {
	out := make(map[fsm.TaskName]wanted, len(a.Subtasks))
	if a.Source == nil {
		return out
	}
	for _, st := range a.Subtasks {
		out[st.Task] = wanted{
			id:       identity{source: a.Source.ID, sourceConfig: a.Source.Config, epoch: a.Epoch, config: st.Config},
			stage:    st.Stage,
			revision: st.Revision,
		}
	}
	return out
}
