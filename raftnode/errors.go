package raftnode

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"github.com/raftdm/raftdm/internal/fault"
)

// Errors of a node; match with errors.Is.
var (
	// ErrNotLeader: nothing happened, another member has to be asked (Leader).
	ErrNotLeader = errors.New("this dm-master is not the leader")
	// ErrBusy: nothing happened, the node could not even take the request in time.
	ErrBusy = errors.New("this dm-master is too busy to take the request")
	// ErrUnknownOutcome: the request may have been carried out or may still
	// be. Repeat it with the same request id.
	ErrUnknownOutcome = errors.New("the outcome of the request is not known")
	// ErrClosed: the node was closed or has stopped.
	ErrClosed = errors.New("this dm-master is shutting down")
	// ErrDataDir: the data directory does not fit this member.
	ErrDataDir = errors.New("the data directory does not fit")
	// ErrDiskHangs: a write to the data directory does not come to an end.
	ErrDiskHangs = errors.New("the disk hangs")
	// ErrTransferStuck: raft refuses everything because of a transfer of
	// leadership that it lost track of.
	ErrTransferStuck = errors.New("a transfer of leadership does not end")
)

// outcome says what raft's error means to whoever proposed.
func outcome(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return notLeader()
	case errors.Is(err, raft.ErrEnqueueTimeout):
		return &fault.Error{Kind: fault.Unavailable, Err: ErrBusy}
	case diskFull(err):
		return &fault.Error{Kind: fault.Unavailable, Msg: "the disk of this dm-master is full", Err: errors.Join(ErrUnknownOutcome, err),
			Hint: "make room in its data-dir; until then another dm-master leads"}
	default:
		// Leadership lost, a failing disk, shutting down, a passed deadline:
		// the entry may be on other members already.
		return unknown(err)
	}
}

// harmless is outcome for requests that change nothing: not knowing what
// became of one is as good as its having failed.
func harmless(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipLost),
		errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return notLeader()
	case errors.Is(err, raft.ErrRaftShutdown), errors.Is(err, ErrClosed):
		return closed()
	case errors.Is(err, context.Canceled):
		return &fault.Error{Kind: fault.Cancelled, Err: err}
	default:
		return &fault.Error{Kind: fault.Unavailable, Err: err}
	}
}

func notLeader() error { return &fault.Error{Kind: fault.NotLeader, Err: ErrNotLeader} }

func closed() error { return &fault.Error{Kind: fault.Unavailable, Err: ErrClosed} }

func unknown(cause error) error {
	return &fault.Error{Kind: fault.Unavailable, Err: errors.Join(ErrUnknownOutcome, cause),
		Hint: "look at the present state before you repeat the command"}
}

func badDir(msg, hint string) error {
	return &fault.Error{Kind: fault.Conflict, Msg: msg, Hint: hint, Err: ErrDataDir}
}

func diskHangs(dir, what string, age time.Duration) error {
	return &fault.Error{Kind: fault.Unavailable, Err: ErrDiskHangs,
		Msg:  fmt.Sprintf("to %s has taken %s and is not done", what, age.Round(time.Millisecond)),
		Hint: "see what holds up the disk of " + dir + ", then start this dm-master again"}
}
