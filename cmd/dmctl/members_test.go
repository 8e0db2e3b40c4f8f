package main

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/rpc/rpctest"
)

// group is a raft group that does what it is told.
type group struct {
	rpc.Group // the rest is not asked for

	mu      sync.Mutex
	removed []string // guarded by mu
	evicted bool     // guarded by mu
}

func (g *group) Remove(_ context.Context, name string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.removed = append(g.removed, name)
	return nil
}

func (g *group) Evict(context.Context) error { g.evict(true); return nil }
func (g *group) CancelEvict()                { g.evict(false) }

func (g *group) evict(e bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.evicted = e
}

// TestGoldenMembers: who is there, who has to go, and who leads.
func TestGoldenMembers(t *testing.T) {
	s := rpctest.Open(t)
	s.Must(t, fsm.RegisterWorker{Name: "worker-8", Addr: "worker-8:8262"})
	s.Must(t, fsm.PutMember{Name: "master-4", Peer: "127.0.0.1:8294", Client: "127.0.0.1:14", Instance: "d"})
	g := &group{}
	other := func(name, peer, client string, id uint64, voter bool) rpc.Member {
		return rpc.Member{Name: name, ID: id, Voter: voter, Peer: peer, Client: client}
	}
	tr := &transcript{t: t, addr: rpctest.Start(t, s, rpctest.Options{Group: g, Others: []rpc.Member{
		other("master-3", "127.0.0.1:8293", "127.0.0.1:13", 3, true), other("master-2", "127.0.0.1:8292", "127.0.0.1:12", 2, true),
		other("master-4", "127.0.0.1:8294", "127.0.0.1:14", 4, false)}})}
	join(t, s, tr.addr, "worker-1", nil)
	tr.do("list-member")
	tr.do("list-member", "--leader")
	tr.do("list-member", "-m", "-n", "master-2")
	tr.do("list-member", "-w", "--name", "worker-1,worker-8")
	tr.do("list-member", "-n", "master-1", "-n", "worker-8")
	tr.do("list-member", "-l", "-w", "-n", "master-2")
	tr.do("offline-member", "--worker", "-n", "worker-1")
	tr.do("offline-member", "--worker", "-n", "worker-8")
	tr.do("offline-member", "-w", "--name", "worker-8")
	tr.do("offline-member", "--master", "-n", "nobody")
	tr.do("offline-member", "--master", "-n", "master-2")
	tr.do("offline-member", "-m", "-n", "master-4")
	tr.do("operate-leader", "evict")
	if !g.evicted {
		t.Error("the master was not evicted")
	}
	tr.do("operate-leader", "cancel-evict")
	if g.evicted {
		t.Error("the master is still evicted")
	}
	tr.compare("members.txt")
	if !slices.Equal(g.removed, []string{"master-4"}) {
		t.Errorf("removed from the group: %v", g.removed)
	}
}

// TestGoldenTransfer: a source goes to a free worker while none of its tasks runs.
func TestGoldenTransfer(t *testing.T) {
	s := rpctest.Open(t)
	s.Must(t, fsm.RegisterWorker{Name: "worker-8", Addr: "worker-8:8262"})
	tr := &transcript{t: t, addr: rpctest.Start(t, s, rpctest.Options{})}
	join(t, s, tr.addr, "worker-1", nil)
	tr.do("operate-source", "create", "testdata/source-1.yaml")
	join(t, s, tr.addr, "worker-2", nil)
	tr.do("operate-source", "create", "testdata/source-2.yaml")
	tr.do("transfer-source", "mysql-replica-09", "worker-1")
	tr.do("transfer-source", "mysql-replica-01", "worker-9")
	tr.do("transfer-source", "mysql-replica-01", "worker-8")
	tr.do("transfer-source", "mysql-replica-01", "worker-2")
	tr.do("transfer-source", "mysql-replica-01", "worker-1")
	join(t, s, tr.addr, "worker-3", nil)
	tr.do("start-task", "testdata/task.yaml")
	tr.do("transfer-source", "mysql-replica-01", "worker-3")
	tr.do("pause-task", "test")
	tr.do("transfer-source", "mysql-replica-01", "worker-3")
	tr.do("resume-task", "test")
	tr.do("list-member", "--worker")
	tr.compare("transfer.txt")
}
