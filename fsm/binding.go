package fsm

// Bucket layout
//
//	bindings  <source>  {"worker":…,"epoch":…}
//	serving   <worker>  <source>                 the same seen from the worker
//
// Both are written and deleted together, so that "at most one worker per
// source, at most one source per worker" is the uniqueness of keys.

import (
	"fmt"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
)

// BindSource gives a source without a worker to a worker that is online and
// free, and mints the epoch. Binding what is bound so already changes nothing.
// Value: Epoch.
type BindSource struct {
	Source SourceID
	Worker WorkerName
}

// UnbindSource takes a source from its worker. Value: bool, whether it did.
type UnbindSource struct {
	Source SourceID
	// Epoch limits it to the binding that was meant; 0 means any.
	Epoch Epoch `json:",omitempty"`
}

// TransferSource is an operator's wish that another worker serve a source. It
// is refused unless that worker is online and free (46006), and while the
// present worker has a subtask of it that is wanted Running (46019). The source
// is there already: nothing changes. Value: Epoch.
type TransferSource struct {
	Source SourceID
	Worker WorkerName
}

type bindingRecord struct {
	Worker WorkerName `json:"worker"`
	Epoch  Epoch      `json:"epoch"`
}

func (c BindSource) apply(t *txn) (any, error) {
	if _, ok := t.Source(c.Source); !ok {
		return nil, noSource(c.Source)
	}
	w, ok := t.Worker(c.Worker)
	if !ok {
		return nil, noWorker(c.Worker)
	}
	if b, bound := t.Binding(c.Source); bound {
		if b.Worker == c.Worker {
			return b.Epoch, nil
		}
		return nil, refuse(fault.Conflict, codeInvalidTransition,
			fmt.Sprintf("source %s is bound to worker %s", c.Source, b.Worker), "")
	}
	if err := t.mayServe(w, c.Source); err != nil {
		return nil, err
	}
	return t.bind(w, c.Source)
}

func (c TransferSource) apply(t *txn) (any, error) {
	if _, ok := t.Source(c.Source); !ok {
		return nil, noSource(c.Source)
	}
	w, ok := t.Worker(c.Worker)
	if !ok {
		return nil, noWorker(c.Worker)
	}
	old, bound := t.Binding(c.Source)
	if bound && old.Worker == c.Worker {
		return old.Epoch, nil
	}
	if err := t.mayServe(w, c.Source); err != nil {
		return nil, err
	}
	if !bound {
		return t.bind(w, c.Source)
	}
	if running := t.wantedRunning(c.Source); len(running) > 0 {
		return nil, refuse(fault.Conflict, codeStillRunning,
			fmt.Sprintf("source %s cannot leave worker %s while its tasks %v are running", c.Source, old.Worker, running),
			"pause-task them first")
	}
	if err := t.delBinding(old); err != nil {
		return nil, err
	}
	return t.bind(w, c.Source)
}

// wantedRunning gives the tasks of a source that are to run. One that is not
// expanded yet will be.
func (v *View) wantedRunning(s SourceID) []TaskName {
	var out []TaskName
	for _, task := range v.Tasks() {
		if _, has := task.Sources[s]; !has {
			continue
		}
		if st, expanded := v.Subtask(task.Name, s); !expanded || st.Stage == status.StageRunning {
			out = append(out, task.Name)
		}
	}
	return out
}

// mayServe refuses a worker that cannot take a source now.
func (v *View) mayServe(w Worker, s SourceID) error {
	if w.Session == 0 {
		return refuse(fault.Conflict, codeInvalidTransition,
			fmt.Sprintf("worker %s is offline and cannot serve source %s", w.Name, s), "start the dm-worker process")
	}
	if b, busy := v.BindingOf(w.Name); busy {
		return refuse(fault.Conflict, codeInvalidTransition,
			fmt.Sprintf("worker %s serves source %s and cannot serve source %s", w.Name, b.Source, s), "add a worker")
	}
	return nil
}

// bind gives a source without worker to a free one, and its epoch.
func (t *txn) bind(w Worker, s SourceID) (any, error) {
	w.LastSource = s
	if err := t.putWorker(w); err != nil {
		return nil, err
	}
	if err := t.putBinding(s, w.Name); err != nil {
		return nil, err
	}
	return t.mint(), nil
}

func (c UnbindSource) apply(t *txn) (any, error) {
	if _, ok := t.Source(c.Source); !ok {
		return nil, noSource(c.Source)
	}
	b, bound := t.Binding(c.Source)
	if !bound || (c.Epoch != 0 && c.Epoch != b.Epoch) {
		return false, nil
	}
	return true, t.delBinding(b)
}

// putBinding mints the epoch.
func (t *txn) putBinding(s SourceID, w WorkerName) error {
	epoch := t.mint()
	t.changed(Touch{Noun: NounBinding, Source: s, Worker: w, Epoch: epoch})
	if err := t.putJSON(bucketBindings, []byte(s), bindingRecord{Worker: w, Epoch: epoch}); err != nil {
		return err
	}
	return t.put(bucketServing, []byte(w), []byte(s))
}

func (t *txn) delBinding(b Binding) error {
	t.changed(Touch{Noun: NounBinding, Source: b.Source, Worker: b.Worker, Deleted: true})
	if err := t.del(bucketBindings, []byte(b.Source)); err != nil {
		return err
	}
	return t.del(bucketServing, []byte(b.Worker))
}

// Binding gives the binding of a source; false when no worker serves it.
func (v *View) Binding(s SourceID) (Binding, bool) {
	var r bindingRecord
	if !v.getJSON(bucketBindings, []byte(s), &r) {
		return Binding{}, false
	}
	return Binding{Source: s, Worker: r.Worker, Epoch: r.Epoch}, true
}

// BindingOf gives the binding of a worker; false when it serves no source.
func (v *View) BindingOf(w WorkerName) (Binding, bool) {
	s := v.get(bucketServing, []byte(w))
	if s == nil {
		return Binding{}, false
	}
	b, ok := v.Binding(SourceID(s))
	if (!ok || b.Worker != w) && v.err == nil {
		v.err = fault.New(fault.Corrupt, fmt.Sprintf("worker %s is recorded as serving %s, which has no such binding", w, s))
	}
	return b, ok && b.Worker == w
}

// Bindings gives all bindings, by source.
func (v *View) Bindings() []Binding {
	var out []Binding
	for k, raw := range v.scan(bucketBindings, nil) {
		var r bindingRecord
		if v.unmarshal(bucketBindings, k, raw, &r) {
			out = append(out, Binding{Source: SourceID(k), Worker: r.Worker, Epoch: r.Epoch})
		}
	}
	return out
}

// Assignment is everything a worker has to make true, as of Index.
type Assignment struct {
	Index Index
	// Source is what the worker serves; nil when it is free.
	Source *Source
	// Epoch is the binding's epoch, 0 when the worker is free.
	Epoch Epoch
	// Subtasks are those of the source, by task.
	Subtasks []Subtask
}

// Assignment gives a worker's complete orders.
func (v *View) Assignment(w WorkerName) Assignment {
	a := Assignment{Index: v.Index()}
	b, ok := v.BindingOf(w)
	if !ok {
		return a
	}
	if s, ok := v.Source(b.Source); ok {
		a.Source, a.Epoch, a.Subtasks = &s, b.Epoch, v.SubtasksOf(b.Source)
	}
	return a
}
