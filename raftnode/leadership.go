package raftnode

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"

	"github.com/hashicorp/raft"

	"github.com/raftdm/raftdm/fsm"
)

// Leadership says whether this node leads, and in which term. Two values that
// both lead but differ in the term have a gap between them.
type Leadership struct {
	Leading bool
	// Term is the term in which it leads, 0 when it does not.
	Term uint64
}

// Leadership gives the present leadership and a channel that closes when it changes.
func (n *Node) Leadership() (Leadership, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.lead, n.leadMoved
}

// IsLeader tells whether this node leads and has applied everything of earlier terms.
func (n *Node) IsLeader() bool {
	l, _ := n.Leadership()
	return l.Leading
}

// WhileLeading calls fn each time this node begins to lead and cancels its
// context when that term is over; it never runs two at once. It returns when
// ctx ends or the node stops, or with fn's error should fn fail while leading.
func (n *Node) WhileLeading(ctx context.Context, fn func(ctx context.Context, term uint64) error) error {
	for {
		l, moved := n.Leadership()
		if l.Leading {
			if err := n.leadTerm(ctx, l.Term, moved, fn); err != nil {
				return err
			}
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		case <-n.done:
			return closed()
		}
	}
}

// leadTerm runs fn for one term.
func (n *Node) leadTerm(ctx context.Context, term uint64, moved <-chan struct{}, fn func(context.Context, uint64) error) error {
	termCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- fn(termCtx, term) }() // waited for below, on every path
	select {
	case err := <-ended:
		return err
	case <-moved:
	case <-ctx.Done():
	case <-n.done:
	}
	cancel()
	err := <-ended
	if errors.Is(err, context.Canceled) || !n.leads(term) {
		return ctx.Err()
	}
	return err
}

func (n *Node) leads(term uint64) bool {
	l, _ := n.Leadership()
	return l.Leading && l.Term == term
}

// watch follows raft's news of leadership until the node closes. raft waits
// for each to be taken, so nothing here may wait for raft.
func (n *Node) watch(ctx context.Context) {
	for {
		select {
		case leading := <-n.notify:
			if leading {
				gen := n.step(Leadership{})
				term := n.raft.CurrentTerm()
				if n.Evicted() {
					n.wg.Go(func() { n.yield(ctx, gen) })
				} else {
					n.wg.Go(func() { n.become(ctx, gen, term) })
				}
			} else {
				n.step(Leadership{})
			}
		case <-n.done:
			n.step(Leadership{})
			n.shutdown() // after a failure nobody else does; Close waits for it
			return
		}
	}
}

// step publishes and starts a new generation, in which what an older one still
// has under way has no say.
func (n *Node) step(l Leadership) (gen uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.gen++
	n.publish(l)
	return n.gen
}

// publish needs n.mu.
func (n *Node) publish(l Leadership) {
	if n.lead != l {
		n.lead = l
		close(n.leadMoved)
		n.leadMoved = make(chan struct{})
	}
}

// become says that this node leads, once it has applied everything that was
// acknowledged in earlier terms and the cluster has its id.
func (n *Node) become(ctx context.Context, gen, term uint64) {
	for {
		err := n.await(ctx, func() raft.Future { return n.raft.Barrier(n.cfg.ProposeTimeout) })
		n.noteTransfer(err)
		if err == nil {
			err = n.foundCluster(ctx)
		}
		if err == nil {
			break
		}
		if !n.current(gen) || n.raft.State() != raft.Leader {
			n.log.Warn("leadership was lost before it began", "term", term, "err", err)
			return
		}
		select {
		case <-time.After(leaderWait):
		case <-n.done:
			return
		}
	}
	if err := n.correctAddress(ctx); err != nil {
		n.log.Warn("the address of this member could not be corrected", "term", term, "err", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.gen == gen && !n.evicted {
		n.publish(Leadership{Leading: true, Term: term})
	}
}

// foundCluster gives a new cluster its id. Should two leaders try, the first wins.
func (n *Node) foundCluster(ctx context.Context) error {
	var have string
	if err := n.store.View(func(v *fsm.View) error { have = v.ClusterID(); return nil }); err != nil || have != "" {
		return err
	}
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return err
	}
	now := time.Now().UnixMilli()
	_, err := n.propose(ctx, fsm.Meta{Actor: "dm-master " + n.cfg.Name, Addr: n.cfg.advertise(), UnixMilli: now},
		fsm.SetClusterID{ID: hex.EncodeToString(id), Epochs: fsm.Epoch(max(now, 0))})
	return err
}

// correctAddress tells a cluster of one that its member moved. In a larger one
// the others could not follow, and Open has refused it.
func (n *Node) correctAddress(ctx context.Context) error {
	members, err := n.Members()
	if err != nil || len(members) != 1 || members[0].Addr == n.cfg.advertise() {
		return err
	}
	return n.AddVoter(ctx, Member{Name: n.cfg.Name, Addr: n.cfg.advertise()})
}
