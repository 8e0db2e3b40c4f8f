package raftnode

import (
	"context"
	"time"

	"github.com/hashicorp/raft"

	"github.com/raftdm/raftdm/internal/fault"
)

// evictRetry is how long an evicted leader waits between attempts to hand over.
const evictRetry = 100 * time.Millisecond

// Evict keeps this node from leading until CancelEvict: it hands leadership
// over if it has it, now and whenever it is elected again, and never says that
// it leads. When nobody takes over within the bound it answers so and leads on,
// not evicted.
func (n *Node) Evict(ctx context.Context) error {
	op := "evict dm-master " + n.cfg.Name
	if len(n.otherVoters()) == 0 {
		return &fault.Error{Op: op, Kind: fault.Conflict, Msg: "it is the only voting member: nobody could lead in its place",
			Hint: "let another dm-master join first"}
	}
	n.mu.Lock()
	n.evicted = true
	n.gen++ // what was about to publish that it leads must not
	n.publish(Leadership{})
	n.mu.Unlock()
	if n.raft.State() != raft.Leader {
		return nil
	}
	err := n.TransferLeadership(ctx, "")
	if err == nil || n.raft.State() != raft.Leader {
		return nil
	}
	n.CancelEvict()
	return fault.Wrap(op, err)
}

// CancelEvict lets the node lead again.
func (n *Node) CancelEvict() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.evicted || n.stopped {
		n.evicted = false
		return
	}
	n.evicted = false
	if n.raft.State() != raft.Leader {
		return
	}
	n.gen++
	gen, term := n.gen, n.raft.CurrentTerm()
	n.wg.Go(func() { n.become(context.Background(), gen, term) })
}

// Evicted tells whether the node is kept from leading.
func (n *Node) Evicted() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.evicted
}

// yield hands over what an evicted node was elected to, until it has or may
// lead again. Others that could lead may be down; nobody leads then.
func (n *Node) yield(ctx context.Context, gen uint64) {
	for n.current(gen) {
		if err := n.TransferLeadership(ctx, ""); err == nil {
			return
		}
		select {
		case <-time.After(evictRetry):
		case <-n.done:
			return
		}
	}
}

// current tells whether nothing happened to leadership since gen.
func (n *Node) current(gen uint64) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.gen == gen && !n.stopped
}
