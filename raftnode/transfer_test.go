package raftnode_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/raftnode"
	"github.com/raftdm/raftdm/raftnode/raftnodetest"
)

// hangAppends has entries for a member go unanswered.
func hangAppends(c *raftnodetest.Cluster, to string) {
	c.Net.Hook(func(r raftnodetest.RPC) raftnodetest.Fate {
		return raftnodetest.Fate{Lose: r.Kind == "append" && r.To == to}
	})
}

// interrupt has a leader transfer leadership to a member that hangs, twice,
// and then lose leadership.
func interrupt(t *testing.T, c *raftnodetest.Cluster, transfer func(*raftnode.Node, raftnode.Member) error) *raftnodetest.Member {
	t.Helper()
	leader := c.Leader()
	target := c.Others(leader)[0]
	c.Net.Patience(time.Second)
	hangAppends(c, target.Config.Listen)
	c.Do("", source(int(leader.Node.Term()*10))) // the other follower acknowledges it; the target is behind from now on
	// An idle follower is sent entries every 50 ms; the second transfer is to
	// meet a request that has been unanswered for long.
	for range 2 {
		if err := transfer(leader.Node, raftnode.Member{Name: target.Config.Name, Addr: target.Config.Listen}); err == nil {
			t.Fatal("a member that hangs took over")
		}
	}
	term := leader.Node.Term()
	c.Net.Isolate(leader.Config.Listen)
	until(t, "it has lost leadership", func() bool { return !leader.Node.Elected() })
	c.Net.Heal()
	c.Net.Patience(200 * time.Millisecond)
	c.Do("", source(int(term*10+1)))
	if leader.Node.Term() < term {
		t.Errorf("term %d after %d", leader.Node.Term(), term)
	}
	return leader
}

// peer-bugs §3, raft#696: a transfer whose target hangs, then a lost
// leadership. Elected again, the node takes proposals.
func TestInterruptedTransferLeavesNothingBehind(t *testing.T) {
	c := raftnodetest.NewInMemory(t, 3)
	was := interrupt(t, c, func(n *raftnode.Node, to raftnode.Member) error {
		return n.TransferLeadership(t.Context(), to.Name)
	})
	until(t, "it leads again", func() bool {
		l := c.Leader()
		if l == was {
			return true
		}
		if err := l.Node.TransferLeadership(t.Context(), was.Config.Name); err != nil {
			t.Log(err)
		}
		return false
	})
	c.Do("", source(3))
	if c.Leader() != was {
		t.Error("it could not keep what it was handed")
	}
}

// peer-bugs §3, raft#696: should raft lose track of a transfer after all, the
// node that is elected with everything refused stops with a clear error, and
// the others go on.
func TestATransferThatRaftLostTrackOfStopsTheNode(t *testing.T) {
	c := raftnodetest.NewInMemory(t, 3)
	var was *raftnodetest.Member
	for round := 0; was == nil; round++ {
		if round == 10 {
			t.Fatal("raft kept track ten times; nothing of this is needed any more")
		}
		m := interrupt(t, c, (*raftnode.Node).TransferWithoutLook)
		end := time.NewTimer(2 * time.Second)
		for over := false; !over; {
			if l := c.Leader(); l != m {
				_ = l.Node.TransferLeadership(t.Context(), m.Config.Name) // it may not work out at once
			}
			select {
			case <-m.Node.Done():
				was, over = m, true
			case <-end.C:
				over = true
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	if err := was.Node.Err(); !errors.Is(err, raftnode.ErrTransferStuck) {
		t.Errorf("it stopped because of %v", err)
	}
	c.Stop(was)
	c.Do("", source(3))
	c.Start(was)
	c.Do("", source(4))
}

// peer-bugs §3, raft#300: snapshots after every entry, and leaders that change
// all the time. Everything acknowledged is there once.
func TestLostLeadershipWithASnapshotPerEntry(t *testing.T) {
	c := raftnodetest.NewInMemory(t, 3, func(cfg *raftnode.Config) {
		cfg.SnapshotEntries, cfg.TrailingEntries, cfg.SnapshotInterval = 1, 0, 5*time.Millisecond
	})
	for i := range 30 {
		l := c.Leader()
		lost := make(chan error, 1)
		go func() { lost <- l.Node.TransferLeadership(context.Background(), "") }()
		for j := range 4 {
			c.Do(fsm.RequestID(fmt.Sprint("r", i, "-", j)), source(4*i+j))
		}
		<-lost // whether it took place in between does not matter
	}
	if n := sources(t, c.Leader().Store); n != 120 {
		t.Errorf("%d sources, want 120", n)
	}
}

// peer-bugs §3: raft can skip news of leadership. Services see every term as
// one of its own, never two at once, and only growing.
func TestServicesOfATermNeverOverlap(t *testing.T) {
	c := raftnodetest.NewInMemory(t, 3)
	type span struct{ from, to uint64 }
	spans := make(chan span, 256)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 3)
	for _, m := range c.Members() {
		go func() {
			ended <- m.Node.WhileLeading(ctx, func(ctx context.Context, term uint64) error {
				spans <- span{from: term}
				<-ctx.Done()
				spans <- span{to: term}
				return ctx.Err()
			})
		}()
	}
	for i := range 15 {
		if err := c.Leader().Node.TransferLeadership(t.Context(), ""); err != nil {
			t.Log(err)
		}
		c.Do("", source(i))
	}
	cancel()
	for range 3 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	close(spans)
	begun := map[uint64]bool{}
	for s := range spans {
		if s.from != 0 && begun[s.from] {
			t.Errorf("term %d began twice", s.from)
		}
		if s.from != 0 {
			begun[s.from] = true
		}
		if s.to != 0 && !begun[s.to] {
			t.Errorf("term %d ended before it began", s.to)
		}
	}
	if len(begun) < 5 {
		t.Errorf("only %d terms", len(begun))
	}
}

// steady is a cluster that a busy machine does not disturb.
func steady(cfg *raftnode.Config) {
	cfg.HeartbeatTimeout, cfg.ElectionTimeout, cfg.LeaseTimeout = 500*time.Millisecond, 500*time.Millisecond, 500*time.Millisecond
}

// peer-bugs §3, pre-vote: a follower that was cut off comes back without
// deposing the leader.
func TestACutOffFollowerDoesNotDepose(t *testing.T) {
	c := raftnodetest.NewInMemory(t, 3, steady)
	leader := c.Leader()
	cut := c.Others(leader)[0]
	before, _ := leader.Node.Leadership()
	c.Net.Isolate(cut.Config.Listen)
	for i := range 10 {
		c.Do("", source(i))
	}
	until(t, "the cut off member looks for a leader", func() bool { name, _ := cut.Node.Leader(); return name == "" })
	wait := time.NewTimer(5 * cut.Config.ElectionTimeout)
	<-wait.C
	c.Net.Heal()
	c.Agree()
	if after, _ := leader.Node.Leadership(); after != before || cut.Node.Term() != before.Term {
		t.Errorf("leadership was %+v and is %+v; the one that returned is in term %d", before, after, cut.Node.Term())
	}
}
