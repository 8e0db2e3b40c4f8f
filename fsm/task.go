package fsm

// Bucket layout
//
//	tasks     <task>  {"created":…,"sources":{"<source>":"…yaml…"}}
//
// A task exists exactly while it has a source.

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/raftdm/raftdm/internal/fault"
)

// StartTask creates a task, or adds sources to one. Sources the task has
// already are left as they are; when it has all of them the command is refused
// (46014). The subtasks follow: the scheduler proposes a PutSubtask each.
// Value: Started.
type StartTask struct {
	Name TaskName
	// Sources holds the task file's text per source.
	Sources map[SourceID]string
}

// Started says which sources a StartTask added, and which the task had.
type Started struct {
	Added   []SourceID `json:"added"`
	Existed []SourceID `json:"existed,omitempty"`
}

// StopTask removes sources from a task, with their subtasks and load files; the
// task goes with its last source. Value: []SourceID, those removed.
type StopTask struct {
	Name TaskName
	// Sources to remove; empty means all of them.
	Sources []SourceID
}

type taskRecord struct {
	Created Index               `json:"created"`
	Sources map[SourceID]string `json:"sources"`
}

func (c StartTask) apply(t *txn) (any, error) {
	if err := checkName("task name", string(c.Name)); err != nil {
		return nil, err
	}
	if len(c.Sources) == 0 {
		return nil, fault.New(fault.Invalid, fmt.Sprintf("task %s names no source", c.Name))
	}
	wanted := slices.Sorted(maps.Keys(c.Sources))
	if missing := t.unknownSources(wanted); len(missing) > 0 {
		return nil, refuse(fault.NotFound, codeNoSource,
			fmt.Sprintf("task %s names sources that do not exist: [%s]", c.Name, join(missing)),
			"create them with operate-source create, or correct mysql-instances in the task file")
	}
	task, ok := t.Task(c.Name)
	if !ok {
		task = Task{Name: c.Name, Created: t.index, Sources: map[SourceID]string{}}
	}
	var out Started
	for _, s := range wanted {
		if _, has := task.Sources[s]; has {
			out.Existed = append(out.Existed, s)
			continue
		}
		task.Sources[s] = c.Sources[s]
		out.Added = append(out.Added, s)
	}
	if len(out.Added) == 0 {
		return nil, refuse(fault.Exists, codeTaskExists,
			fmt.Sprintf("task %s exists already for the sources [%s]", c.Name, join(out.Existed)),
			"stop-task it first to start it with another file")
	}
	return out, t.putTask(task)
}

func (t *txn) unknownSources(ids []SourceID) []SourceID {
	var missing []SourceID
	for _, s := range ids {
		if _, ok := t.Source(s); !ok {
			missing = append(missing, s)
		}
	}
	return missing
}

func (c StopTask) apply(t *txn) (any, error) {
	task, picked, err := t.pick(c.Name, c.Sources)
	if err != nil {
		return nil, err
	}
	for _, s := range picked {
		delete(task.Sources, s)
		if err := t.delSubtask(c.Name, s); err != nil {
			return nil, err
		}
		if f, ok := t.loadFiles(c.Name, s); ok {
			if err := t.delLoadFiles(f); err != nil {
				return nil, err
			}
		}
	}
	if len(task.Sources) > 0 {
		return picked, t.putTask(task)
	}
	t.changed(Touch{Noun: NounTask, Task: c.Name, Deleted: true})
	return picked, t.del(bucketTasks, []byte(c.Name))
}

// pick gives a task and the sources of it that a command is about, sorted and
// without repetition: those named, or all when none is named.
func (t *txn) pick(name TaskName, named []SourceID) (Task, []SourceID, error) {
	task, ok := t.Task(name)
	if !ok {
		return Task{}, nil, noTask(name)
	}
	if len(named) == 0 {
		return task, slices.Sorted(maps.Keys(task.Sources)), nil
	}
	picked := slices.Compact(slices.Sorted(slices.Values(named)))
	var missing []SourceID
	for _, s := range picked {
		if _, has := task.Sources[s]; !has {
			missing = append(missing, s)
		}
	}
	switch {
	case len(missing) == len(picked):
		return Task{}, nil, noTask(name)
	case len(missing) > 0:
		return Task{}, nil, refuse(fault.NotFound, codeNoSubtaskSource,
			fmt.Sprintf("task %s has no sources [%s]", name, join(missing)), "query-status shows the sources of a task")
	}
	return task, picked, nil
}

func (t *txn) putTask(task Task) error {
	t.changed(Touch{Noun: NounTask, Task: task.Name})
	return t.putJSON(bucketTasks, []byte(task.Name), taskRecord{Created: task.Created, Sources: task.Sources})
}

func (r taskRecord) task(name TaskName) Task {
	return Task{Name: name, Created: r.Created, Sources: r.Sources}
}

// Task gives one task.
func (v *View) Task(name TaskName) (Task, bool) {
	var r taskRecord
	if !v.getJSON(bucketTasks, []byte(name), &r) {
		return Task{}, false
	}
	return r.task(name), true
}

// Tasks gives all tasks, by name.
func (v *View) Tasks() []Task {
	var out []Task
	for k, raw := range v.scan(bucketTasks, nil) {
		var r taskRecord
		if v.unmarshal(bucketTasks, k, raw, &r) {
			out = append(out, r.task(TaskName(k)))
		}
	}
	return out
}

func noTask(name TaskName) error {
	return refuse(fault.NotFound, codeNoTask,
		fmt.Sprintf("task %s has no source or not exist, please check the task name and status", name), "")
}

func join(ids []SourceID) string {
	words := make([]string, len(ids))
	for i, s := range ids {
		words[i] = string(s)
	}
	return strings.Join(words, " ")
}
