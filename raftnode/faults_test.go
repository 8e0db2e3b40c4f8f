package raftnode_test

import (
	"sync"
	"syscall"

	"github.com/hashicorp/raft"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/raftnode"
)

// diskFaults is a disk that a test can make hang or full.
type diskFaults struct {
	mu      sync.Mutex
	hang    chan struct{} // closed when it goes on, nil while it does not hang
	state   bool          // the state hangs too
	full    bool
	some    bool             // only the state finds it full
	appends bool             // only appending to the log does
	logs    raftnode.Storage // the log of the node that runs
}

func (d *diskFaults) install(cfg *raftnode.Config) {
	cfg.Seams.Storage = func(s raftnode.Storage) raftnode.Storage {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.logs = s
		return faultyStorage{s, d}
	}
	cfg.Seams.State = func(s raftnode.State) raftnode.State { return faultyState{s, d} }
}

// stall makes writes hang until resume: those of the log, or of the state only.
func (d *diskFaults) stall(state bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hang, d.state = make(chan struct{}), state
}

func (d *diskFaults) resume() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.hang != nil {
		close(d.hang)
		d.hang = nil
	}
}

func (d *diskFaults) fill(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = full
}

func (d *diskFaults) fillState(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.some = full
}

func (d *diskFaults) fillAppends(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.appends = full
}

func (d *diskFaults) write(state bool) error {
	d.mu.Lock()
	hang, full := d.hang, d.full || (d.some && state)
	if d.state != state {
		hang = nil
	}
	d.mu.Unlock()
	if hang != nil {
		<-hang
	}
	if full {
		return &syscallError{"write", syscall.ENOSPC}
	}
	return nil
}

// syscallError is what os.File gives, with less to it.
type syscallError struct {
	op  string
	err error
}

func (e *syscallError) Error() string { return e.op + ": " + e.err.Error() }
func (e *syscallError) Unwrap() error { return e.err }

// bounds gives the first and last entry of the log.
func (d *diskFaults) bounds() (first, last uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	first, _ = d.logs.FirstIndex()
	last, _ = d.logs.LastIndex()
	return first, last
}

type faultyStorage struct {
	raftnode.Storage
	d *diskFaults
}

func (s faultyStorage) StoreLogs(l []*raft.Log) error {
	if err := s.d.write(false); err != nil {
		return err
	}
	s.d.mu.Lock()
	full := s.d.appends
	s.d.mu.Unlock()
	if full {
		return &syscallError{"write", syscall.ENOSPC}
	}
	return s.Storage.StoreLogs(l)
}

func (s faultyStorage) Set(k, v []byte) error {
	if err := s.d.write(false); err != nil {
		return err
	}
	return s.Storage.Set(k, v)
}

func (s faultyStorage) SetUint64(k []byte, v uint64) error {
	if err := s.d.write(false); err != nil {
		return err
	}
	return s.Storage.SetUint64(k, v)
}

type faultyState struct {
	raftnode.State
	d *diskFaults
}

func (s faultyState) Apply(e []fsm.Entry) ([]fsm.Result, error) {
	if err := s.d.write(true); err != nil {
		return nil, err
	}
	return s.State.Apply(e)
}
