//go:build sabotage_ack

package raftnode_test

import (
	"testing"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/raftnode/raftnodetest"
)

// The build that must be caught does what it is for: it acknowledges what only
// its leader has, and that is lost with the leader.
func TestSabotageAcknowledgesTooEarly(t *testing.T) {
	c := raftnodetest.NewInMemory(t, 3)
	old := c.Leader()
	c.Do("", source(1))
	c.Agree()
	c.Net.Isolate(old.Config.Listen)
	if _, err := old.Node.Propose(t.Context(), fsm.Meta{RequestID: "r"}, source(2)); err != nil {
		t.Fatalf("it is honest: %v", err)
	}
	until(t, "another leads", func() bool { return c.Others(old)[0].Node.IsLeader() || c.Others(old)[1].Node.IsLeader() })
	c.Net.Heal()
	c.Do("", source(3))
	c.Agree()
	if n := sources(t, c.Leader().Store); n != 2 {
		t.Errorf("%d sources; the one acknowledged too early should be lost", n)
	}
}
