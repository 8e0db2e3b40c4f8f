package raftnode

import (
	"context"
	"time"

	"github.com/hashicorp/raft"

	"github.com/raftdm/raftdm/fsm"
)

// Barrier returns once a View of the store shows everything that was
// acknowledged, by any leader, before Barrier was called.
func (n *Node) Barrier(ctx context.Context) error {
	l, _ := n.Leadership()
	if !l.Leading {
		return notLeader()
	}
	// As the leader has committed an entry of its own term, its commit index
	// covers all that was acknowledged; that it still led is verified after.
	begin := time.Now()
	commit := n.raft.CommitIndex()
	if err := n.verify(ctx, l.Term, begin); err != nil {
		return err
	}
	want := n.lastForStore(commit)
	for {
		n.mu.Lock()
		applied, moved := n.applied, n.moved
		n.mu.Unlock()
		if applied >= want {
			break
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return harmless(ctx.Err())
		case <-n.done:
			return closed()
		}
	}
	if !n.leads(l.Term) {
		return notLeader()
	}
	return nil
}

// verifyAgain is the pause after a verification that proved nothing.
const verifyAgain = time.Millisecond

// verify makes sure that this node led at some time since begin. raft's own
// verification has the others asked, but is content with the answers of members
// without a vote, and with answers to what was asked before it began: those may
// have waited for this process while it was stopped and others elected.
func (n *Node) verify(ctx context.Context, term uint64, begin time.Time) error {
	for {
		if err := n.await(ctx, func() raft.Future { return n.raft.VerifyLeader() }); err != nil {
			return harmless(err)
		}
		others := n.otherVoters()
		if 1+n.wire.followed(others, term, begin) > (1+len(others))/2 {
			return nil
		}
		if !n.leads(term) {
			return notLeader()
		}
		select {
		case <-time.After(verifyAgain):
		case <-ctx.Done():
			return harmless(ctx.Err())
		case <-n.done:
			return closed()
		}
	}
}

// lastForStore gives the last entry up to index that raft hands to the store;
// raft's own entries never arrive there.
func (n *Node) lastForStore(index uint64) fsm.Index {
	for ; index > 0; index-- {
		var l raft.Log
		if err := n.disk.log.read(index, &l); err != nil {
			// Compacted away, which only happens to applied entries.
			return 0
		}
		if l.Type == raft.LogCommand || l.Type == raft.LogConfiguration {
			return fsm.Index(index)
		}
	}
	return 0
}
