package raftnodetest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/fsm/fsmtest"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/raftnode"
)

// patience bounds every wait: far more than anything takes.
const patience = 30 * time.Second

// Cluster is some members of one cluster.
type Cluster struct {
	// Net connects the members of NewInMemory; nil with New.
	Net *Network

	t         testing.TB
	dir       string
	members   []*Member
	committed uint64 // as far as members agreed when they were last compared
}

// Member is one of them; Node and Store are nil while it is down.
type Member struct {
	Config raftnode.Config
	// Hung: its disk never let go of it, and its files can not be opened.
	Hung  bool
	Node  *raftnode.Node
	Store *fsm.Store
}

// New starts a cluster of n members on loopback addresses; change may alter
// their configurations.
func New(t testing.TB, n int, change ...func(*raftnode.Config)) *Cluster {
	t.Helper()
	c := Prepare(t, n, change...)
	for _, m := range c.members {
		c.Start(m)
	}
	return c
}

// Prepare is New without starting the members.
func Prepare(t testing.TB, n int, change ...func(*raftnode.Config)) *Cluster {
	t.Helper()
	c := &Cluster{t: t, dir: t.TempDir()}
	c.found(n, func(int) string { return FreeAddr(t) }, change)
	return c
}

// NewInMemory starts a cluster of n members on a network in memory, with time
// limits a tenth of a real cluster's.
func NewInMemory(t testing.TB, n int, change ...func(*raftnode.Config)) *Cluster {
	t.Helper()
	c := &Cluster{t: t, dir: memoryDir(t), Net: NewNetwork(inMemoryRPC)}
	fast := func(cfg *raftnode.Config) {
		cfg.Seams.Transport = c.Net.Transport
		cfg.HeartbeatTimeout, cfg.ElectionTimeout, cfg.LeaseTimeout = inMemoryBeat, inMemoryBeat, inMemoryBeat*4/5
		cfg.RPCTimeout, cfg.ProposeTimeout, cfg.TransferTimeout = inMemoryRPC, 10*inMemoryRPC, 5*inMemoryRPC
	}
	c.found(n, func(i int) string { return fmt.Sprintf("m%d:1", i+1) }, append([]func(*raftnode.Config){fast}, change...))
	for _, m := range c.members {
		c.Start(m)
	}
	return c
}

const (
	inMemoryBeat = 50 * time.Millisecond
	inMemoryRPC  = 200 * time.Millisecond
)

// memoryDir is a directory whose writes need no disk, where there is one.
func memoryDir(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "raftnodetest")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func (c *Cluster) found(n int, addr func(int) string, change []func(*raftnode.Config)) {
	var founders []raftnode.Member
	for i := range n {
		founders = append(founders, raftnode.Member{Name: fmt.Sprintf("m%d", i+1), Addr: addr(i), Voter: true})
	}
	for _, f := range founders {
		cfg := raftnode.DefaultConfig()
		cfg.Name, cfg.DataDir, cfg.Listen = f.Name, filepath.Join(c.dir, f.Name), f.Addr
		cfg.InitialCluster = founders
		cfg.Logger = slog.New(slog.DiscardHandler)
		for _, fn := range change {
			fn(&cfg)
		}
		c.members = append(c.members, &Member{Config: cfg})
	}
	c.t.Cleanup(c.close)
}

// FreeAddr gives a loopback address that nobody listens on now.
func FreeAddr(t testing.TB) string {
	t.Helper()
	addr, err := testbed.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// Add starts a member that waits to be added to the cluster.
func (c *Cluster) Add(name string) *Member {
	c.t.Helper()
	cfg := c.members[0].Config
	cfg.Name, cfg.DataDir = name, filepath.Join(c.dir, name)
	if cfg.Listen = name + ":1"; c.Net == nil {
		cfg.Listen = FreeAddr(c.t)
	}
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
	late := time.Now().Add(patience)
	for !c.agree(late) {
	}
}

// agree compares, and tells whether it was to any purpose: what was proposed
// before, and given up, can still arrive while it looks.
func (c *Cluster) agree(late time.Time) bool {
	c.t.Helper()
	want := c.Leader().Store.Applied()
	dumps := map[*Member][]byte{}
	for _, m := range c.members {
		if m.Node == nil {
			continue
		}
		c.WaitApplied(m, want)
		dump, err := fsmtest.Dump(m.Store)
		if err != nil {
			c.t.Fatal(err)
		}
		dumps[m] = dump
		if _, commit := m.Node.Progress(); commit > c.committed {
			c.committed = commit
		}
	}
	for m := range dumps {
		if m.Store.Applied() != want && time.Now().Before(late) {
			return false
		}
	}
	var first []byte
	for m, dump := range dumps {
		if first == nil {
			first = dump
		} else if diff := cmp.Diff(string(first), string(dump)); diff != "" {
			c.t.Errorf("%s disagrees:\n%s", m.Config.Name, diff)
		}
	}
	return true
}

// Others gives the members besides one.
func (c *Cluster) Others(than *Member) (out []*Member) {
	for _, m := range c.members {
		if m != than {
			out = append(out, m)
		}
	}
	return out
}

// WaitApplied waits until a member has applied an entry, as long as it comes
// nearer.
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
			late.Reset(patience) // a busy machine is slow, and not stuck
		case <-late.C:
			c.t.Fatalf("%s has applied %d, not %d", m.Config.Name, m.Store.Applied(), want)
		}
	}
}

// close makes the closing checks: stores are equal, logs agree, files are sound.
func (c *Cluster) close() {
	var up []string
	for _, m := range c.members {
		if m.Node != nil {
			up = append(up, m.Config.DataDir)
		}
	}
	if c.Net != nil {
		c.Net.Heal()
	}
	agree := !c.t.Failed() && len(up) > len(c.members)/2
	if agree {
		c.Agree()
	}
	for _, m := range c.members {
		if m.Node != nil {
			c.Stop(m)
		}
	}
	if agree && !c.t.Failed() {
		LogsAgree(c.t, c.committed, up...)
	}
	for _, m := range c.members {
		if _, err := os.Stat(m.Config.DataDir); err == nil && !m.Hung {
			CheckFiles(c.t, m.Config.DataDir)
		}
	}
}
