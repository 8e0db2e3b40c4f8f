package raftnode_test

import (
	"context"
	"testing"
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/raftnode"
	"github.com/raftdm/raftdm/raftnode/raftnodetest"
)

// A leader that reaches none but members without a vote does not know whether
// it still leads, and must not say that what it shows is the newest.
func TestNonvotersDoNotVouchForALeader(t *testing.T) {
	c := raftnodetest.NewInMemory(t, 3)
	leader := c.Leader()
	for _, name := range []string{"n1", "n2"} {
		m := c.Add(name)
		if err := leader.Node.AddNonvoter(t.Context(), raftnode.Member{Name: name, Addr: m.Config.Listen}); err != nil {
			t.Fatal(err)
		}
	}
	c.Do("", source(1))
	c.Agree()
	for range 20 {
		if err := leader.Node.Barrier(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range c.Members()[:3] {
		if m != leader {
			c.Net.Cut(leader.Config.Listen, m.Config.Listen)
			c.Net.Cut(m.Config.Listen, leader.Config.Listen)
		}
	}
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if err := leader.Node.Barrier(ctx); err == nil {
			t.Error("it says that it leads and reaches no other voter")
		}
		cancel()
	}
}

// What was answered before a read began says nothing about who led afterwards.
func TestAReadIsVouchedForByWhatWasAskedAfterItBegan(t *testing.T) {
	c := raftnodetest.NewInMemory(t, 3, func(cfg *raftnode.Config) {
		cfg.HeartbeatTimeout, cfg.ElectionTimeout, cfg.LeaseTimeout = 2*time.Second, 2*time.Second, 2*time.Second
	})
	leader := c.Leader()
	c.Do("", source(1))
	c.Agree()
	// Answers that are under way when the others are cut off.
	heartbeats := make(chan struct{}, 100)
	c.Net.Hook(func(r raftnodetest.RPC) raftnodetest.Fate {
		if r.Kind != "heartbeat" {
			return raftnodetest.Fate{}
		}
		select {
		case heartbeats <- struct{}{}:
		default:
		}
		return raftnodetest.Fate{Delay: 100 * time.Millisecond}
	})
	<-heartbeats
	<-heartbeats
	<-heartbeats
	c.Net.Hook(func(raftnodetest.RPC) raftnodetest.Fate { return raftnodetest.Fate{Lose: true} })
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if err := leader.Node.Barrier(ctx); err == nil {
		t.Error("vouched for by answers to what was asked before")
	}
	c.Net.Heal()
	c.Do("", fsm.PutSource{ID: "s9", Config: "x"})
	c.Agree()
}
