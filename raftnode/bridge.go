package raftnode

import (
	"bufio"
	"io"
	"time"

	"github.com/hashicorp/raft"

	"github.com/raftdm/raftdm/fsm"
)

// applying is the write that only raft's second goroutine waits for.
const applying = "apply to the state"

// bridge is the store as raft sees it. raft calls it from one goroutine and
// leaves a state machine no way to fail, so failed stands in: from the first
// failure on nothing is applied and no snapshot is taken.
type bridge struct {
	store *fsm.Store
	state State // where entries are applied
	ops   *operations
	log   *guard
	fail  func(error) // told once
	full  func(bool)  // whether the disk has no room
	done  <-chan struct{}
	// failed is written and read by raft's goroutine only.
	failed error
}

// Apply applies one entry.
func (b *bridge) Apply(l *raft.Log) any { return b.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch applies entries in one transaction; each answer is an fsm.Result
// or, if the store failed, an error.
func (b *bridge) ApplyBatch(logs []*raft.Log) []any {
	answers := make([]any, len(logs))
	var results []fsm.Result
	if b.failed == nil {
		entries := make([]fsm.Entry, len(logs))
		for i, l := range logs {
			entries[i].Index = fsm.Index(l.Index)
			if l.Type == raft.LogCommand {
				entries[i].Data = l.Data
			}
		}
		if results, b.failed = b.apply(entries); b.failed != nil {
			b.fail(b.failed)
		}
	}
	for i := range answers {
		if b.failed != nil {
			answers[i] = b.failed
		} else {
			answers[i] = results[i]
		}
	}
	return answers
}

// apply waits while the disk is full: the store applies a batch in one
// transaction, so that one which failed has left nothing behind.
func (b *bridge) apply(entries []fsm.Entry) (results []fsm.Result, err error) {
	once := func() error {
		defer b.ops.begin(applying)()
		return unharmed(stateFile, func() error { results, err = b.state.Apply(entries); return err })
	}
	waited := false
	for {
		err := once()
		if !diskFull(err) {
			if waited {
				b.full(false)
			}
			return results, err
		}
		b.full(true)
		waited = true
		select {
		case <-time.After(spaceWait):
		case <-b.done:
			return nil, err
		}
	}
}

// Snapshot takes the state for raft to keep.
func (b *bridge) Snapshot() (raft.FSMSnapshot, error) {
	if b.failed != nil {
		return nil, b.failed
	}
	s, err := b.store.Snapshot()
	if err != nil {
		return nil, err
	}
	return snapshot{s}, nil
}

// Restore replaces the state by the leader's, and what the log has besides. A
// state that is as new stays: it skips what raft has it apply again.
func (b *bridge) Restore(r io.ReadCloser) error {
	defer b.ops.begin("restore the state")()
	in := bufio.NewReader(r)
	// Whatever is wrong with the beginning, the store finds it.
	head, _ := in.Peek(fsm.SnapshotHead)
	if index, ok := fsm.SnapshotIndex(head); !ok || index > b.store.Applied() {
		if err := b.store.Restore(in); err != nil {
			return err
		}
	}
	return b.log.restored()
}

type snapshot struct{ s *fsm.Snapshot }

// Persist writes the snapshot; raft closes or cancels the sink's failures.
func (s snapshot) Persist(sink raft.SnapshotSink) error {
	_, err := s.s.WriteTo(sink)
	return err
}

// Release lets the state go.
func (s snapshot) Release() { _ = s.s.Close() } // a read transaction: nothing to lose
