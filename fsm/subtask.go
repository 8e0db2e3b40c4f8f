package fsm

// Bucket layout
//
//	subtasks  <source> 0x00 <task>  {"config":"…yaml…","stage":…,"rev":…}
//
// The source comes first because a worker asks for all subtasks of its source.

import (
	"bytes"
	"fmt"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
)

// PutSubtask expands a task for one of its sources: Running, with the
// configuration the task holds for the source. It changes nothing when the
// subtask exists. Value: bool, whether it was created.
type PutSubtask struct {
	Task   TaskName
	Source SourceID
}

// SetStage says what is wanted of subtasks: Running or Paused. It bumps their
// revision even when the stage is the same, because resuming a running subtask
// asks one that stopped on an error to try again. A source whose subtask is
// not expanded yet is expanded by it, else a pause right after a start would
// be lost. Value: []SourceID, those it was set for.
type SetStage struct {
	Task TaskName
	// Sources to set; empty means all of the task.
	Sources []SourceID
	Stage   status.Stage
}

type subtaskRecord struct {
	Config   string       `json:"config"`
	Stage    status.Stage `json:"stage"`
	Revision Index        `json:"rev"`
}

func (c PutSubtask) apply(t *txn) (any, error) {
	task, ok := t.Task(c.Task)
	if !ok {
		return nil, noTask(c.Task)
	}
	cfg, ok := task.Sources[c.Source]
	if !ok {
		return nil, refuse(fault.NotFound, codeNoSubtaskSource, fmt.Sprintf("task %s has no source %s", c.Task, c.Source), "")
	}
	if _, exists := t.Subtask(c.Task, c.Source); exists {
		return false, nil
	}
	return true, t.putSubtask(Subtask{Task: c.Task, Source: c.Source, Config: cfg, Stage: status.StageRunning})
}

func (c SetStage) apply(t *txn) (any, error) {
	if c.Stage != status.StageRunning && c.Stage != status.StagePaused {
		return nil, refuse(fault.Invalid, codeInvalidStage,
			fmt.Sprintf("task %s cannot be asked to become %s, only Running or Paused", c.Task, c.Stage), "")
	}
	task, picked, err := t.pick(c.Task, c.Sources)
	if err != nil {
		return nil, err
	}
	for _, s := range picked {
		st, ok := t.Subtask(c.Task, s)
		if !ok {
			st = Subtask{Task: c.Task, Source: s, Config: task.Sources[s]}
		}
		st.Stage = c.Stage
		if err := t.putSubtask(st); err != nil {
			return nil, err
		}
	}
	return picked, nil
}

// putSubtask always makes the command being applied the revision.
func (t *txn) putSubtask(s Subtask) error {
	t.changed(Touch{Noun: NounSubtask, Source: s.Source, Task: s.Task, Stage: s.Stage})
	rec := subtaskRecord{Config: s.Config, Stage: s.Stage, Revision: t.index}
	return t.putJSON(bucketSubtasks, subtaskKey(s.Task, s.Source), rec)
}

func (t *txn) delSubtask(task TaskName, source SourceID) error {
	if _, ok := t.Subtask(task, source); !ok {
		return nil
	}
	t.changed(Touch{Noun: NounSubtask, Source: source, Task: task, Deleted: true})
	return t.del(bucketSubtasks, subtaskKey(task, source))
}

func subtaskKey(task TaskName, source SourceID) []byte {
	return append(subtaskPrefix(source), task...)
}

func subtaskPrefix(source SourceID) []byte {
	return append([]byte(source), 0)
}

// Subtask gives one subtask.
func (v *View) Subtask(task TaskName, source SourceID) (Subtask, bool) {
	var r subtaskRecord
	if !v.getJSON(bucketSubtasks, subtaskKey(task, source), &r) {
		return Subtask{}, false
	}
	return Subtask{Task: task, Source: source, Config: r.Config, Stage: r.Stage, Revision: r.Revision}, true
}

// HasSubtask tells whether a subtask exists without reading it.
func (v *View) HasSubtask(task TaskName, source SourceID) bool {
	return v.get(bucketSubtasks, subtaskKey(task, source)) != nil
}

// Subtasks gives all subtasks, by source and task.
func (v *View) Subtasks() []Subtask { return v.subtasks(nil) }

// SubtasksOf gives the subtasks of a source, by task.
func (v *View) SubtasksOf(source SourceID) []Subtask { return v.subtasks(subtaskPrefix(source)) }

func (v *View) subtasks(prefix []byte) []Subtask {
	var out []Subtask
	for k, raw := range v.scan(bucketSubtasks, prefix) {
		source, task, _ := bytes.Cut(k, []byte{0})
		var r subtaskRecord
		if v.unmarshal(bucketSubtasks, k, raw, &r) {
			out = append(out, Subtask{Task: TaskName(task), Source: SourceID(source),
				Config: r.Config, Stage: r.Stage, Revision: r.Revision})
		}
	}
	return out
}
