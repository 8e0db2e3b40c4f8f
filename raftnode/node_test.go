package raftnode_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/fsm/fsmtest"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/raftnode"
	"github.com/raftdm/raftdm/raftnode/raftnodetest"
)

func source(i int) fsm.PutSource {
	return fsm.PutSource{ID: fsm.SourceID(fmt.Sprintf("s%03d", i)), Config: fmt.Sprint("config ", i)}
}

func sources(t *testing.T, s *fsm.Store) (n int) {
	t.Helper()
	if err := s.View(func(v *fsm.View) error { n = len(v.Sources()); return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

func clusterID(t *testing.T, s *fsm.Store) (id string) {
	t.Helper()
	if err := s.View(func(v *fsm.View) error { id = v.ClusterID(); return nil }); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestOneNodeLeadsSoonAndKeepsEverything(t *testing.T) {
	begin := time.Now()
	c := raftnodetest.New(t, 1)
	m := c.Leader()
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("it took %s to lead", took)
	} else {
		t.Logf("leads after %s", took)
	}
	if name, addr := m.Node.Leader(); name != "m1" || addr != m.Config.Listen {
		t.Errorf("leader %q at %q", name, addr)
	}
	id := clusterID(t, m.Store)
	if len(id) != 32 {
		t.Errorf("cluster id %q", id)
	}
	for i := range 50 {
		c.Do("", source(i))
	}
	before, err := fsmtest.Dump(m.Store)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		c.Stop(m)
		c.Start(m)
		c.Leader()
		if n := sources(t, m.Store); n != 50 || clusterID(t, m.Store) != id {
			t.Errorf("%d sources in cluster %s", n, clusterID(t, m.Store))
		}
	}
	after, err := fsmtest.Dump(m.Store)
	if err != nil {
		t.Fatal(err)
	}
	if string(before) != string(after) {
		t.Errorf("restarts changed the state:\n%s\n%s", before, after)
	}
	res, err := m.Node.Propose(t.Context(), fsm.Meta{}, source(1))
	if err != nil || res.Err == nil || res.Err.Code != 46007 {
		t.Errorf("a refusal arrives as %+v, %v", res, err)
	}
}

// TestWipedFounderFencesItsPast: a master whose data directory was lost founds
// another cluster, and the targets take its epochs for newer ones.
func TestWipedFounderFencesItsPast(t *testing.T) {
	bind := func(more int) (id string, epoch fsm.Epoch) {
		c := raftnodetest.New(t, 1)
		m := c.Leader()
		for i := range more {
			c.Do("", source(i))
		}
		for _, cmd := range []fsm.Command{fsm.PutSource{ID: "s", Config: "c"}, fsm.RegisterWorker{Name: "w", Addr: "h:1"},
			fsm.OpenSession{Worker: "w", TTLSeconds: 60}} {
			c.Do("", cmd)
		}
		return clusterID(t, m.Store), c.Do("", fsm.BindSource{Source: "s", Worker: "w"}).Value.(fsm.Epoch)
	}
	firstID, first := bind(100)
	secondID, second := bind(0)
	if firstID == secondID || second <= first {
		t.Errorf("cluster %s minted epoch %d, its successor %s only %d", firstID, first, secondID, second)
	}
}

func TestSnapshotsReplaceTheLog(t *testing.T) {
	often := func(cfg *raftnode.Config) {
		cfg.SnapshotEntries, cfg.TrailingEntries, cfg.SnapshotInterval = 10, 5, 20*time.Millisecond
	}
	c := raftnodetest.New(t, 1, often)
	m := c.Leader()
	snapshots := func() []string {
		found, err := filepath.Glob(filepath.Join(m.Config.DataDir, "snapshots", "*", "state.bin"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	n := 0
	for ; len(snapshots()) == 0; n++ {
		c.Do("", source(n))
	}
	// The state is lost, the snapshot and the rest of the log bring it back.
	c.Stop(m)
	if err := os.Remove(filepath.Join(m.Config.DataDir, "state.db")); err != nil {
		t.Fatal(err)
	}
	c.Start(m)
	c.Leader()
	if got := sources(t, m.Store); got != n {
		t.Errorf("%d sources, want %d", got, n)
	}
	// A member that joins gets the snapshot, then the log, then its vote.
	late := c.Add("late")
	peer := raftnode.Member{Name: "late", Addr: late.Config.Listen}
	if err := m.Node.AddNonvoter(t.Context(), peer); err != nil {
		t.Fatal(err)
	}
	c.WaitApplied(late, m.Store.Applied())
	if err := m.Node.AddVoter(t.Context(), peer); err != nil {
		t.Fatal(err)
	}
	members, err := m.Node.Members()
	if err != nil || len(members) != 2 || !members[0].Voter || members[1] != (raftnode.Member{Name: "late", Addr: peer.Addr, Voter: true}) {
		t.Errorf("members %+v, %v", members, err)
	}
	c.Do("", source(n))
	c.Agree()
	if err := c.Leader().Node.Remove(t.Context(), "nobody"); !fault.Is(err, fault.NotFound) {
		t.Errorf("remove a member that does not exist: %v", err)
	}
	if err := c.Leader().Node.Remove(t.Context(), "late"); err != nil {
		t.Fatal(err)
	}
	c.Stop(late)
	c.Do("", source(n+1))
}

func TestThreeNodesSurviveTheirLeader(t *testing.T) {
	c := raftnodetest.New(t, 3)
	first := c.Leader()
	for i := range 20 {
		c.Do("", source(i))
	}
	for _, m := range c.Members() {
		if m == first {
			continue
		}
		if _, err := m.Node.Propose(t.Context(), fsm.Meta{}, source(99)); !errors.Is(err, raftnode.ErrNotLeader) || !fault.Is(err, fault.NotLeader) {
			t.Errorf("a follower answers %v", err)
		}
		if err := m.Node.Barrier(t.Context()); !errors.Is(err, raftnode.ErrNotLeader) {
			t.Errorf("a follower's barrier answers %v", err)
		}
		if name, _, err := m.Node.WaitLeader(t.Context()); err != nil || name != first.Config.Name {
			t.Errorf("a follower believes %q leads, %v", name, err)
		}
	}
	begin := time.Now()
	c.Stop(first)
	second := c.Leader()
	took := time.Since(begin)
	t.Logf("failover took %s", took)
	if took > 5*time.Second {
		t.Errorf("failover took %s", took)
	}
	if n := sources(t, second.Store); n != 20 {
		t.Errorf("the new leader leads with %d sources of 20", n)
	}
	for i := range 20 {
		c.Do(fsm.RequestID(fmt.Sprint("r", i)), source(20+i))
	}
	c.Start(first)
	c.Agree()
	id := clusterID(t, first.Store)
	if id == "" || id != clusterID(t, second.Store) {
		t.Error("the members are of different clusters")
	}
}

func TestLeadershipIsTransferred(t *testing.T) {
	c := raftnodetest.New(t, 3)
	from := c.Leader()
	var to *raftnodetest.Member
	for _, m := range c.Members() {
		if m != from {
			to = m
		}
	}
	terms := make(chan uint64, 8)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 2)
	for _, m := range []*raftnodetest.Member{from, to} {
		go func(n *raftnode.Node) {
			ended <- n.WhileLeading(ctx, func(ctx context.Context, term uint64) error {
				terms <- term
				<-ctx.Done()
				return ctx.Err()
			})
		}(m.Node)
	}
	first := <-terms
	if err := from.Node.TransferLeadership(t.Context(), to.Config.Name); err != nil {
		t.Fatal(err)
	}
	if second := <-terms; second <= first {
		t.Errorf("term %d after %d", second, first)
	}
	if c.Leader() != to {
		t.Error("another member leads")
	}
	if err := from.Node.TransferLeadership(t.Context(), "nobody"); !fault.Is(err, fault.NotFound) {
		t.Errorf("got %v", err)
	}
	cancel()
	for range 2 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("WhileLeading: %v", err)
		}
	}
}

func TestWithoutAMajorityNothingIsAcknowledged(t *testing.T) {
	c := raftnodetest.New(t, 3)
	leader := c.Leader()
	for _, m := range c.Members() {
		if m != leader {
			c.Stop(m)
		}
	}
	_, err := leader.Node.Propose(t.Context(), fsm.Meta{RequestID: "r"}, source(1))
	if !errors.Is(err, raftnode.ErrUnknownOutcome) && !errors.Is(err, raftnode.ErrNotLeader) {
		t.Errorf("propose: %v", err)
	}
	if err := leader.Node.Barrier(t.Context()); !errors.Is(err, raftnode.ErrNotLeader) {
		t.Errorf("barrier: %v", err)
	}
	for _, m := range c.Members() {
		if m != leader {
			c.Start(m)
		}
	}
	c.Do("r", source(1)) // whatever became of it, it is there once now
	if n := sources(t, c.Leader().Store); n != 1 {
		t.Errorf("%d sources", n)
	}
}

func TestAClosedNodeAnswers(t *testing.T) {
	c := raftnodetest.New(t, 1)
	m := c.Leader()
	node := m.Node
	c.Stop(m)
	if _, err := node.Propose(t.Context(), fsm.Meta{}, source(1)); !errors.Is(err, raftnode.ErrNotLeader) {
		t.Errorf("propose: %v", err)
	}
	if err := node.WhileLeading(t.Context(), nil); !errors.Is(err, raftnode.ErrClosed) {
		t.Errorf("while leading: %v", err)
	}
	if _, _, err := node.WaitLeader(t.Context()); err == nil {
		t.Error("it waits for a leader")
	}
	if err := node.Err(); err != nil {
		t.Errorf("closing is a failure: %v", err)
	}
	if err := node.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

// A store that cannot be written stops the node; nothing is acknowledged and
// nothing skipped.
func TestAFailingStoreStopsTheNode(t *testing.T) {
	c := raftnodetest.New(t, 1)
	m := c.Leader()
	c.Do("", source(1))
	if err := m.Store.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := m.Node.Propose(t.Context(), fsm.Meta{}, source(2))
	if !errors.Is(err, raftnode.ErrUnknownOutcome) {
		t.Errorf("propose: %v", err)
	}
	<-m.Node.Done()
	if !errors.Is(m.Node.Err(), fsm.ErrClosed) {
		t.Errorf("it stopped because of %v", m.Node.Err())
	}
	c.Stop(m)
	c.Start(m)
	c.Leader()
	if n := sources(t, m.Store); n != 2 {
		t.Errorf("%d sources after the restart, want 2: the second was committed", n)
	}
}

// TestUnusableDataDirectory: what the operator has to change is in the hint.
func TestUnusableDataDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below"), "/proc/none"} {
		cfg := raftnode.DefaultConfig()
		cfg.Name, cfg.DataDir = "m1", dir
		_, err := raftnode.OpenStore(cfg)
		if err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(fault.HintOf(err), "data-dir") {
			t.Errorf("%s: %v (hint: %s)", dir, err, fault.HintOf(err))
		}
	}
}

func TestForeignDataDirectories(t *testing.T) {
	c := raftnodetest.New(t, 1)
	m := c.Leader()
	c.Do("", source(1))
	cfg := m.Config

	if _, err := raftnode.OpenStore(cfg); !errors.Is(err, fsm.ErrLocked) {
		t.Errorf("a second process: %v", err)
	}
	c.Stop(m)

	other := cfg
	other.Name = "m2"
	if _, err := raftnode.OpenStore(other); !errors.Is(err, raftnode.ErrDataDir) || fault.HintOf(err) == "" {
		t.Errorf("another member's directory: %v", err)
	}
	// Half of the directory is gone.
	if err := os.Rename(filepath.Join(cfg.DataDir, "raft.db"), filepath.Join(cfg.DataDir, "gone")); err != nil {
		t.Fatal(err)
	}
	store, err := raftnode.OpenStore(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raftnode.Open(t.Context(), cfg, store); !errors.Is(err, raftnode.ErrDataDir) {
		t.Errorf("a directory without its log: %v", err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(cfg.DataDir, "gone"), filepath.Join(cfg.DataDir, "raft.db")); err != nil {
		t.Fatal(err)
	}
	// A cluster of one may move.
	m.Config.Listen = raftnodetest.FreeAddr(t)
	m.Config.InitialCluster = nil
	c.Start(m)
	members, err := c.Leader().Node.Members()
	if err != nil || len(members) != 1 || members[0].Addr != m.Config.Listen {
		t.Errorf("members %+v, %v", members, err)
	}
}

// This test runs its own binary as a member and kills it in the middle of
// writing; every write it acknowledged must be there afterwards.
func TestAcknowledgedWritesSurviveAKill(t *testing.T) {
	if dir := os.Getenv("RAFTNODE_TEST_DIR"); dir != "" {
		writeUntilKilled(t, dir, os.Getenv("RAFTNODE_TEST_ADDR"))
		return
	}
	dir, addr := t.TempDir(), raftnodetest.FreeAddr(t)
	for round := range 2 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAcknowledgedWritesSurviveAKill$")
		cmd.Env = append(os.Environ(), "RAFTNODE_TEST_DIR="+dir, "RAFTNODE_TEST_ADDR="+addr)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		acked := -1
		for acked < (round+1)*40 {
			if _, err := fmt.Fscanf(out, "acked %d\n", &acked); err != nil {
				t.Fatalf("after %d: %v", acked, err)
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for { // what it said before it died
			if _, err := fmt.Fscanf(out, "acked %d\n", &acked); err != nil {
				break
			}
		}
		_ = cmd.Wait() // it was killed, which is an error
		cfg := childConfig(t, dir, addr)
		store, node := openChild(t, cfg)
		if n := sources(t, store); n <= acked {
			t.Errorf("round %d: %d sources, but number %d was acknowledged", round, n, acked)
		}
		if err := errors.Join(node.Close(), store.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

func childConfig(t *testing.T, dir, addr string) raftnode.Config {
	cfg := raftnode.DefaultConfig()
	cfg.Name, cfg.DataDir, cfg.Listen = "m1", dir, addr
	cfg.InitialCluster = []raftnode.Member{{Name: "m1", Addr: addr}}
	cfg.Logger = discard()
	cfg.SnapshotEntries, cfg.TrailingEntries, cfg.SnapshotInterval = 16, 8, 50*time.Millisecond
	return cfg
}

func openChild(t *testing.T, cfg raftnode.Config) (*fsm.Store, *raftnode.Node) {
	t.Helper()
	store, err := raftnode.OpenStore(cfg)
	if err != nil {
		t.Fatal(err)
	}
	node, err := raftnode.Open(t.Context(), cfg, store)
	if err != nil {
		t.Fatal(err)
	}
	for !node.IsLeader() {
		_, moved := node.Leadership()
		if node.IsLeader() {
			break
		}
		<-moved
	}
	return store, node
}

func writeUntilKilled(t *testing.T, dir, addr string) {
	store, node := openChild(t, childConfig(t, dir, addr))
	for i := sources(t, store); ; i++ {
		res, err := node.Propose(t.Context(), fsm.Meta{RequestID: fsm.RequestID(fmt.Sprint("r", i))}, source(i))
		if err != nil || res.Err != nil {
			t.Fatal(err, res.Err)
		}
		fmt.Printf("acked %d\n", i)
	}
}
