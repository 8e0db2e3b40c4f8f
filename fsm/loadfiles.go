package fsm

// Bucket layout
//
//	load_files  <source> 0x00 <task>  {"worker":…}
//
// A full migration writes files to the disk of the worker that dumps, and only
// that worker can load them. One worker at most per task and source: who dumps
// anew makes the files of another worthless.

import (
	"bytes"
	"fmt"

	"github.com/raftdm/raftdm/internal/fault"
)

// HoldLoadFiles notes that a worker's disk has unfinished load files of a task.
// It is refused unless the worker serves the source: a worker that was deposed
// must not claim what its successor does. Value: none.
type HoldLoadFiles struct {
	Task   TaskName
	Source SourceID
	Worker WorkerName
}

// DropLoadFiles notes that they are loaded or gone. It changes nothing when
// the worker holds none. Value: none.
type DropLoadFiles struct {
	Task   TaskName
	Source SourceID
	Worker WorkerName
}

type loadFilesRecord struct {
	Worker WorkerName `json:"worker"`
}

func (c HoldLoadFiles) apply(t *txn) (any, error) {
	task, ok := t.Task(c.Task)
	if !ok {
		return nil, noTask(c.Task)
	}
	if _, has := task.Sources[c.Source]; !has {
		return nil, refuse(fault.NotFound, codeNoSubtaskSource, fmt.Sprintf("task %s has no source %s", c.Task, c.Source), "")
	}
	if _, ok := t.Worker(c.Worker); !ok {
		return nil, noWorker(c.Worker)
	}
	if b, bound := t.Binding(c.Source); !bound || b.Worker != c.Worker {
		return nil, fault.New(fault.Conflict, fmt.Sprintf("worker %s does not serve source %s", c.Worker, c.Source))
	}
	if have, ok := t.loadFiles(c.Task, c.Source); ok && have.Worker == c.Worker {
		return nil, nil
	}
	t.changed(Touch{Noun: NounLoadFiles, Source: c.Source, Task: c.Task, Worker: c.Worker})
	return nil, t.putJSON(bucketLoadFiles, subtaskKey(c.Task, c.Source), loadFilesRecord{Worker: c.Worker})
}

func (c DropLoadFiles) apply(t *txn) (any, error) {
	if have, ok := t.loadFiles(c.Task, c.Source); ok && have.Worker == c.Worker {
		return nil, t.delLoadFiles(have)
	}
	return nil, nil
}

func (t *txn) delLoadFiles(f LoadFiles) error {
	t.changed(Touch{Noun: NounLoadFiles, Source: f.Source, Task: f.Task, Worker: f.Worker, Deleted: true})
	return t.del(bucketLoadFiles, subtaskKey(f.Task, f.Source))
}

func (v *View) loadFiles(task TaskName, source SourceID) (LoadFiles, bool) {
	var r loadFilesRecord
	if !v.getJSON(bucketLoadFiles, subtaskKey(task, source), &r) {
		return LoadFiles{}, false
	}
	return LoadFiles{Task: task, Source: source, Worker: r.Worker}, true
}

// LoadFiles gives all unfinished load files, by source and task.
func (v *View) LoadFiles() []LoadFiles { return v.scanLoadFiles(nil) }

// LoadFilesOf gives the unfinished load files of a source, by task.
func (v *View) LoadFilesOf(source SourceID) []LoadFiles {
	return v.scanLoadFiles(subtaskPrefix(source))
}

func (v *View) scanLoadFiles(prefix []byte) []LoadFiles {
	var out []LoadFiles
	for k, raw := range v.scan(bucketLoadFiles, prefix) {
		source, task, _ := bytes.Cut(k, []byte{0})
		var r loadFilesRecord
		if v.unmarshal(bucketLoadFiles, k, raw, &r) {
			out = append(out, LoadFiles{Task: TaskName(task), Source: SourceID(source), Worker: r.Worker})
		}
	}
	return out
}
