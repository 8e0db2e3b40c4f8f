package raftnodetest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/fsm/fsmtest"
	"github.com/raftdm/raftdm/raftnode"
)

// patience bounds every wait: far more than anything takes.
const patience = 30 * time.Second

// Cluster is some members of one cluster.
type Cluster struct {
	t       testing.TB
	members []*Member
}

// Member is one of them; Node and Store are nil while it is down.
type Member struct {
	Config raftnode.Config
	Node   *raftnode.Node
	Store  *fsm.Store
}

// New starts a cluster of n members; change may alter their configurations.
func New(t testing.TB, n int, change ...func(*raftnode.Config)) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	dir := t.TempDir()
	var founders []raftnode.Member
	for i := range n {
		founders = append(founders, raftnode.Member{Name: fmt.Sprintf("m%d", i+1), Addr: FreeAddr(t)})
	}
	for _, f := range founders {
		cfg := raftnode.DefaultConfig()
		cfg.Name, cfg.DataDir, cfg.Listen = f.Name, filepath.Join(dir, f.Name), f.Addr
		cfg.InitialCluster = founders
		cfg.Logger = slog.New(slog.DiscardHandler)
		for _, fn := range change {
			fn(&cfg)
		}
		c.members = append(c.members, &Member{Config: cfg})
	}
	t.Cleanup(c.close)
	for _, m := range c.members {
		c.Start(m)
	}
	return c
}

// FreeAddr gives a loopback address that nobody listens on now.
func FreeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Add starts a member that waits to be added to the cluster.
func (c *Cluster) Add(name string) *Member {
	c.t.Helper()
	cfg := c.members[0].Config
	cfg.Name, cfg.DataDir, cfg.Listen = name, filepath.Join(c.t.TempDir(), name), FreeAddr(c.t)
	cfg.InitialCluster = nil
	m := &Member{Config: cfg}
	c.members = append(c.members, m)
	c.Start(m)
	return m
}

// Members gives all of them.
func (c *Cluster) Members() []*Member { return c.members }

// Start starts a member that is down.
func (c *Cluster) Start(m *Member) {
	c.t.Helper()
	store, err := raftnode.OpenStore(m.Config)
	if err != nil {
		c.t.Fatal(err)
	}
	node, err := raftnode.Open(c.t.Context(), m.Config, store)
	if err != nil {
		c.t.Fatal(errors.Join(err, store.Close()))
	}
	m.Node, m.Store = node, store
}

// Stop stops a member that is up. The cluster does not hear of it before the
// connections break, as with a process that ends.
func (c *Cluster) Stop(m *Member) {
	c.t.Helper()
	if err := errors.Join(m.Node.Close(), m.Store.Close()); err != nil {
		c.t.Error(err)
	}
	m.Node, m.Store = nil, nil
}

// Leader waits for a member that leads and that the others are not ahead of.
func (c *Cluster) Leader() *Member {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	type won struct{ m *Member }
	wins := make(chan won, len(c.members))
	for _, m := range c.members {
		if m.Node == nil {
			continue
		}
		go func(n *raftnode.Node) {
			// A barrier that succeeds proves that it leads now.
			for {
				l, moved := n.Leadership()
				if l.Leading && n.Barrier(ctx) == nil {
					wins <- won{m}
					return
				}
				select {
				case <-moved:
				case <-ctx.Done():
					return
				case <-n.Done():
					return
				}
			}
		}(m.Node)
	}
	select {
	case w := <-wins:
		return w.m
	case <-ctx.Done():
		c.t.Fatal("no member leads")
		return nil
	}
}

// Do has the leader execute a command, with a request id if it is to survive a
// change of leaders, and fails the test should it be refused.
func (c *Cluster) Do(id fsm.RequestID, cmd fsm.Command) fsm.Result {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		res, err := c.Leader().Node.Propose(ctx, fsm.Meta{RequestID: id, Actor: "test"}, cmd)
		switch {
		case err == nil && res.Err != nil:
			c.t.Fatalf("%T: %v", cmd, res.Err)
		case err == nil:
			return res
		case errors.Is(err, raftnode.ErrUnknownOutcome) && id != "", errors.Is(err, raftnode.ErrNotLeader):
		default:
			c.t.Fatalf("%T: %v", cmd, err)
		}
	}
}

// Agree waits until all members that are up have applied what the leader has,
// and compares their stores.
func (c *Cluster) Agree() {
	c.t.Helper()
	want := c.Leader().Store.Applied()
	var first []byte
	for _, m := range c.members {
		if m.Node == nil {
			continue
		}
		c.WaitApplied(m, want)
		dump, err := fsmtest.Dump(m.Store)
		if err != nil {
			c.t.Fatal(err)
		}
		if first == nil {
			first = dump
		} else if diff := cmp.Diff(string(first), string(dump)); diff != "" {
			c.t.Errorf("%s disagrees:\n%s", m.Config.Name, diff)
		}
	}
}

// WaitApplied waits until a member has applied an entry.
func (c *Cluster) WaitApplied(m *Member, want fsm.Index) {
	c.t.Helper()
	news := make(chan struct{}, 1)
	m.Store.Observe(func(fsm.Applied) {
		select {
		case news <- struct{}{}:
		default:
		}
	})
	late := time.NewTimer(patience)
	defer late.Stop()
	for m.Store.Applied() < want {
		select {
		case <-news:
		case <-late.C:
			c.t.Fatalf("%s has applied %d, not %d", m.Config.Name, m.Store.Applied(), want)
		}
	}
}

func (c *Cluster) close() {
	up := 0
	for _, m := range c.members {
		if m.Node != nil {
			up++
		}
	}
	if !c.t.Failed() && up > len(c.members)/2 {
		c.Agree()
	}
	for _, m := range c.members {
		if m.Node != nil {
			c.Stop(m)
		}
	}
}
