package raftnode_test

import (
	"errors"
	"syscall"
	"testing"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/raftnode"
	"github.com/raftdm/raftdm/raftnode/raftnodetest"
)

// A leader whose disk is full when it is to write a change of the membership:
// raft goes by the new membership all the same, which nobody agreed on and its
// own log does not hold. Whoever runs afterwards knows the members that all know.
func TestAFullDiskUnderAMembershipChange(t *testing.T) {
	disks := map[string]*diskFaults{}
	c := raftnodetest.NewInMemory(t, 3, withDisks(disks))
	c.Do("", source(1))
	c.Agree()
	old := c.Leader()
	gone := c.Others(old)[0]
	disks[old.Config.Name].fillAppends(true)
	if err := old.Node.Remove(t.Context(), gone.Config.Name); err == nil {
		t.Fatal("a full disk took a change of the membership")
	}
	stopped := func() bool {
		select {
		case <-old.Node.Done():
			return true
		default:
			return false
		}
	}
	until(t, "it leads no more", func() bool { return stopped() || !old.Node.IsLeader() })
	disks[old.Config.Name].fillAppends(false)
	if stopped() {
		if err := old.Node.Err(); !errors.Is(err, syscall.ENOSPC) || fault.HintOf(err) == "" {
			t.Errorf("it stopped because of %v, hint %q", err, fault.HintOf(err))
		}
		c.Stop(old)
		c.Start(old)
	}
	c.Do("", source(2))
	c.Agree()
	for _, m := range c.Members() {
		members, err := m.Node.Members()
		if err != nil || len(members) != 3 {
			t.Errorf("%s knows %d members: %v, %v", m.Config.Name, len(members), members, err)
		}
	}
	if leader := c.Leader(); leader != old {
		if err := leader.Node.TransferLeadership(t.Context(), old.Config.Name); err != nil {
			t.Fatal(err)
		}
		until(t, "it leads again", old.Node.IsLeader)
	}
	if err := old.Node.Remove(t.Context(), gone.Config.Name); err != nil {
		t.Errorf("the removal is repeated: %v", err)
	}
	c.Stop(gone)
	c.Agree()
	want := []raftnode.Member{}
	for _, m := range c.Others(gone) {
		want = append(want, raftnode.Member{Name: m.Config.Name, Addr: m.Config.Listen, Voter: true})
	}
	for _, m := range c.Others(gone) {
		if got, err := m.Node.Members(); err != nil || len(got) != len(want) {
			t.Errorf("%s knows the members %v, %v, want %v", m.Config.Name, got, err, want)
		}
	}
}
