package fsm

import (
	"fmt"
	"maps"
	"slices"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
)

// UpdateTask replaces the configuration of a task for some of its sources. It
// is refused (46019) unless all of them are paused: what runs under one
// configuration must not find another one half-way. Value: []SourceID, those
// whose configuration it replaced.
type UpdateTask struct {
	Name TaskName
	// Sources holds the task file's text per source.
	Sources map[SourceID]string
}

// UpdateSource replaces the configuration of a source. It is refused (46019)
// unless every subtask of the source is paused. Value: []TaskName, those.
type UpdateSource struct {
	ID     SourceID
	Config string
}

func (c UpdateTask) apply(t *txn) (any, error) {
	if len(c.Sources) == 0 {
		return nil, fault.New(fault.Invalid, fmt.Sprintf("the update of task %s names no source", c.Name))
	}
	task, picked, err := t.pick(c.Name, slices.Collect(maps.Keys(c.Sources)))
	if err != nil {
		return nil, err
	}
	var running []SourceID
	subtasks := map[SourceID]Subtask{}
	for _, s := range picked {
		st, ok := t.Subtask(c.Name, s)
		if !ok || st.Stage != status.StagePaused {
			running = append(running, s)
		}
		subtasks[s] = st
	}
	if len(running) > 0 {
		return nil, refuse(fault.Conflict, codeStillRunning,
			fmt.Sprintf("task %s is not paused for the sources [%s]", c.Name, join(running)), "pause-task it first")
	}
	for _, s := range picked {
		task.Sources[s] = c.Sources[s]
		st := subtasks[s]
		st.Config = c.Sources[s]
		if err := t.putSubtask(st); err != nil {
			return nil, err
		}
	}
	return picked, t.putTask(task)
}

func (c UpdateSource) apply(t *txn) (any, error) {
	src, ok := t.Source(c.ID)
	if !ok {
		return nil, noSource(c.ID)
	}
	tasks := []TaskName{}
	for _, task := range t.Tasks() {
		if _, has := task.Sources[c.ID]; !has {
			continue
		}
		if st, ok := t.Subtask(task.Name, c.ID); !ok || st.Stage != status.StagePaused {
			return nil, refuse(fault.Conflict, codeStillRunning,
				fmt.Sprintf("task %s is not paused for source %s", task.Name, c.ID), fmt.Sprintf("pause-task -s %s first", c.ID))
		}
		tasks = append(tasks, task.Name)
	}
	t.changed(Touch{Noun: NounSource, Source: c.ID})
	return tasks, t.putJSON(bucketSources, []byte(c.ID), sourceRecord{Config: c.Config, Created: src.Created})
}
