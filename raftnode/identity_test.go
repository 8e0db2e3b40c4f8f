package raftnode_test

import (
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/raftnode"
	"github.com/raftdm/raftdm/raftnode/raftnodetest"
)

// misled is an address at which another one answers, as after a wrong entry
// in the name server.
func misled(t *testing.T, to func() string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to())
			if err != nil {
				_ = in.Close()
				continue
			}
			wg.Go(func() { _, _ = io.Copy(in, out); _ = in.Close() })
			wg.Go(func() { _, _ = io.Copy(out, in); _ = out.Close() })
		}
	})
	return l.Addr().String()
}

// A member that is reached at the address of another one, too, must not count
// for both: two out of five would elect and acknowledge.
func TestAMemberCountsOnce(t *testing.T) {
	var second atomic.Pointer[string]
	third := misled(t, func() string { return *second.Load() })
	c := raftnodetest.Prepare(t, 5, func(cfg *raftnode.Config) {
		list := append([]raftnode.Member(nil), cfg.InitialCluster...)
		second.Store(&cfg.InitialCluster[1].Addr)
		list[2].Addr = third
		if cfg.Name == "m3" {
			cfg.Listen = third
		}
		cfg.InitialCluster = list
	})
	two := c.Members()[:2]
	for _, m := range two {
		c.Start(m)
	}
	until(t, "it is told who answers", func() bool {
		return strings.Contains(two[0].Node.Trouble(), "dm-master m2 answers") && strings.Contains(two[0].Node.Trouble(), "m3")
	})
	late := time.NewTimer(3 * time.Second)
	defer late.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			for _, m := range two {
				if m.Node.Elected() {
					t.Fatalf("%s was elected by two of five", m.Config.Name)
				}
			}
		case <-late.C:
			return
		}
	}
}

// A member that was away while another one lost its directory and joined anew
// knows that one by its former directory. It must hear the news from it all the
// same: it may be the leader.
func TestAMemberThatWasAwayAcceptsOneThatJoinedAnew(t *testing.T) {
	c := raftnodetest.New(t, 4)
	c.Do("", source(1))
	announce(c)
	c.Agree()
	leader := c.Leader()
	away, renewed := c.Others(leader)[0], c.Others(leader)[1]
	name := renewed.Config.Name
	c.Stop(away)
	c.Stop(renewed)
	// The two that are left are not enough to remove it: a disk that was lost
	// while its process still answers.
	c.Start(away)
	c.Agree()
	if err := c.Leader().Node.Remove(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	c.Agree()
	c.Stop(away)
	c.Do("", fsm.RemoveMember{Name: fsm.MasterName(name)})
	if err := os.RemoveAll(renewed.Config.DataDir); err != nil {
		t.Fatal(err)
	}
	renewed.Config.InitialCluster = nil
	c.Start(renewed)
	c.Do("", fsm.PutMember{Name: fsm.MasterName(name), Peer: renewed.Config.Listen, Client: name + ":8261", Instance: renewed.Node.Instance()})
	m := raftnode.Member{Name: name, Addr: renewed.Config.Listen}
	if err := c.Leader().Node.AddNonvoter(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	c.Agree()
	if err := c.Leader().Node.AddVoter(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	c.Agree()
	if err := c.Leader().Node.TransferLeadership(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	until(t, "the renewed member leads", func() bool { return renewed.Node.IsLeader() })
	c.Start(away)
	c.Do("", source(2))
	c.WaitApplied(away, renewed.Store.Applied())
	c.Agree()
	until(t, "no trouble is left", func() bool { return away.Node.Trouble() == "" && renewed.Node.Trouble() == "" })
}

// A founder that dies while it founds the cluster begins anew.
func TestAFounderThatDiedWhileFounding(t *testing.T) {
	disks := map[string]*diskFaults{}
	c := raftnodetest.Prepare(t, 1, withDisks(disks))
	m := c.Members()[0]
	disks["m1"].fillAppends(true)
	store, err := raftnode.OpenStore(m.Config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raftnode.Open(t.Context(), m.Config, store); err == nil {
		t.Fatal("founded on a full disk")
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	disks["m1"].fillAppends(false)
	c.Start(m)
	c.Do("", source(1))
}

// What was wrong with a connection is wrong no more when nobody tries it: a
// member that was kept out once must not leave the others in trouble for ever.
func TestARefusalIsForgottenWhenItIsOver(t *testing.T) {
	c := raftnodetest.New(t, 3, slowBeat)
	c.Do("", source(1))
	announce(c)
	c.Agree()
	wiped := c.Others(c.Leader())[0]
	c.Stop(wiped)
	if err := os.RemoveAll(wiped.Config.DataDir); err != nil {
		t.Fatal(err)
	}
	c.Start(wiped)
	for _, m := range c.Others(wiped) {
		until(t, m.Config.Name+" refuses it", func() bool { return m.Node.Trouble() != "" })
	}
	c.Stop(wiped)
	for _, m := range c.Others(wiped) {
		until(t, m.Config.Name+" is well", func() bool { return m.Node.Trouble() == "" })
	}
}
