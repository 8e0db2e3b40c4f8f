package fsmtest

import (
	"errors"
	"fmt"

	"github.com/raftdm/raftdm/fsm"
)

// Checker checks the invariants of fsm's package documentation on successive
// views of one history; it remembers what may only grow.
type Checker struct {
	index    fsm.Index
	epochs   map[fsm.SourceID]fsm.Epoch
	sessions map[fsm.WorkerName]fsm.SessionID
}

// NewChecker starts a history.
func NewChecker() *Checker {
	return &Checker{epochs: map[fsm.SourceID]fsm.Epoch{}, sessions: map[fsm.WorkerName]fsm.SessionID{}}
}

// Check names every invariant that the view breaks.
func (c *Checker) Check(v *fsm.View) error {
	var bad []error
	claim := func(ok bool, format string, args ...any) {
		if !ok {
			bad = append(bad, fmt.Errorf(format, args...))
		}
	}
	claim(v.Index() >= c.index, "the index went back from %d to %d", c.index, v.Index())
	c.index = v.Index()
	c.bindings(v, claim)
	c.workers(v, claim)
	c.tasks(v, claim)
	c.loadFiles(v, claim)
	c.members(v, claim)
	return errors.Join(append(bad, v.Err())...)
}

func (c *Checker) bindings(v *fsm.View, claim func(bool, string, ...any)) {
	serves := map[fsm.WorkerName]fsm.SourceID{}
	for _, b := range v.Bindings() {
		other, twice := serves[b.Worker]
		claim(!twice, "worker %s serves %s and %s", b.Worker, other, b.Source)
		serves[b.Worker] = b.Source
		_, exists := v.Source(b.Source)
		claim(exists, "source %s is bound and does not exist", b.Source)
		w, exists := v.Worker(b.Worker)
		claim(exists && w.Session != 0, "source %s is bound to worker %s, which is not online", b.Source, b.Worker)
		claim(fsm.SessionID(b.Epoch) >= w.Session, "the epoch %d of %s is older than the session %d of its worker", b.Epoch, b.Source, w.Session)
		claim(b.Epoch >= c.epochs[b.Source], "the epoch of %s went back from %d to %d", b.Source, c.epochs[b.Source], b.Epoch)
		c.epochs[b.Source] = b.Epoch
		back, ok := v.BindingOf(b.Worker)
		claim(ok && back == b, "seen from %s the binding of %s is %+v", b.Worker, b.Source, back)
		a := v.Assignment(b.Worker)
		claim(a.Source != nil && a.Source.ID == b.Source && a.Epoch == b.Epoch, "the assignment of %s is not its binding", b.Worker)
	}
	for _, w := range v.Workers() {
		_, bound := serves[w.Name]
		_, says := v.BindingOf(w.Name)
		claim(bound == says, "worker %s serves: %v, and says: %v", w.Name, bound, says)
	}
}

func (c *Checker) workers(v *fsm.View, claim func(bool, string, ...any)) {
	for _, w := range v.Workers() {
		if w.Session != 0 {
			claim(w.Session >= c.sessions[w.Name], "the session of %s went back from %d to %d", w.Name, c.sessions[w.Name], w.Session)
			claim(w.TTLSeconds > 0, "worker %s is online without a lease", w.Name)
			c.sessions[w.Name] = w.Session
		}
		claim(w.Session <= fsm.SessionID(v.Index()), "the session of %s is from the future", w.Name)
	}
}

func (c *Checker) tasks(v *fsm.View, claim func(bool, string, ...any)) {
	for _, t := range v.Tasks() {
		claim(len(t.Sources) > 0, "task %s has no source", t.Name)
		for s := range t.Sources {
			_, exists := v.Source(s)
			claim(exists, "task %s has source %s, which does not exist", t.Name, s)
		}
	}
	for _, st := range v.Subtasks() {
		t, exists := v.Task(st.Task)
		cfg, has := t.Sources[st.Source]
		claim(exists && has, "subtask %s/%s has no task", st.Task, st.Source)
		claim(v.HasSubtask(st.Task, st.Source), "subtask %s/%s is there and is not", st.Task, st.Source)
		claim(cfg == st.Config, "subtask %s/%s has another configuration than its task", st.Task, st.Source)
		claim(st.Revision > 0 && st.Revision <= v.Index(), "subtask %s/%s has revision %d at index %d", st.Task, st.Source, st.Revision, v.Index())
	}
}

func (c *Checker) loadFiles(v *fsm.View, claim func(bool, string, ...any)) {
	found := 0
	for _, f := range v.LoadFiles() {
		t, exists := v.Task(f.Task)
		_, has := t.Sources[f.Source]
		claim(exists && has, "load files of %s/%s, which is no subtask", f.Task, f.Source)
		_, exists = v.Worker(f.Worker)
		claim(exists, "load files of %s/%s are on worker %s, which does not exist", f.Task, f.Source, f.Worker)
	}
	for _, s := range v.Sources() {
		found += len(v.LoadFilesOf(s.ID))
	}
	claim(found == len(v.LoadFiles()), "%d load files by source, %d in all", found, len(v.LoadFiles()))
}

func (c *Checker) members(v *fsm.View, claim func(bool, string, ...any)) {
	owner := map[string]fsm.MasterName{}
	for _, m := range v.Members() {
		claim(m.Name != "" && m.Peer != "" && m.Client != "" && m.Instance != "", "member %+v lacks something", m)
		for _, addr := range []string{m.Peer, m.Client} {
			other, taken := owner[addr]
			claim(!taken || other == m.Name, "members %s and %s have the address %s", other, m.Name, addr)
			owner[addr] = m.Name
		}
	}
}
