package raftnode_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/raftnode"
	"github.com/raftdm/raftdm/raftnode/raftnodetest"
)

// withDisks gives each member a disk that can hang or fill up.
func withDisks(disks map[string]*diskFaults, more ...func(*raftnode.Config)) func(*raftnode.Config) {
	return func(cfg *raftnode.Config) {
		disks[cfg.Name] = &diskFaults{}
		disks[cfg.Name].install(cfg)
		for _, fn := range more {
			fn(cfg)
		}
	}
}

func hangsSoon(cfg *raftnode.Config) { cfg.DiskTimeout = 300 * time.Millisecond }

// writers propose without pause until stopped; acked gives what was acknowledged.
func writers(c *raftnodetest.Cluster, n int) (stop func() (acked []fsm.SourceID)) {
	done := make(chan struct{})
	var mu sync.Mutex
	var acked []fsm.SourceID
	var wg sync.WaitGroup
	for w := range n {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				cmd := source(1000*(w+1) + i)
				c.Do(fsm.RequestID(fmt.Sprint("w", w, "-", i)), cmd)
				mu.Lock()
				acked = append(acked, cmd.ID)
				mu.Unlock()
			}
		})
	}
	return func() []fsm.SourceID {
		close(done)
		wg.Wait()
		return acked
	}
}

func wantSources(t *testing.T, s *fsm.Store, want []fsm.SourceID) {
	t.Helper()
	if len(want) == 0 {
		t.Error("nothing was acknowledged")
	}
	if err := s.View(func(v *fsm.View) error {
		for _, id := range want {
			if _, ok := v.Source(id); !ok {
				t.Errorf("%s was acknowledged and is lost", id)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// peer-bugs §3, raft#503, #612, #666: a leader whose disk hangs goes on sending
// heartbeats. The watchdog cuts it off, with a real cluster's time limits:
// another leads within 3 s of DiskTimeout, and nothing acknowledged is lost.
func TestALeaderWhoseDiskHangsIsReplaced(t *testing.T) {
	disks := map[string]*diskFaults{}
	c := raftnodetest.New(t, 3, withDisks(disks))
	stop := writers(c, 3)
	until(t, "something is acknowledged", func() bool {
		l := c.Leader()
		return sources(t, l.Store) > 10
	})
	old := c.Leader()
	begin := time.Now()
	disks[old.Config.Name].stall(false)
	var next *raftnodetest.Member
	until(t, "another leads", func() bool {
		for _, m := range c.Others(old) {
			if m.Node.IsLeader() {
				next = m
			}
		}
		return next != nil
	})
	took := time.Since(begin)
	t.Logf("a new leader after %s", took)
	if took > old.Config.DiskTimeout+3*time.Second {
		t.Errorf("it took %s until another led", took)
	}
	<-old.Node.Done()
	if err := old.Node.Err(); !errors.Is(err, raftnode.ErrDiskHangs) || fault.HintOf(err) == "" {
		t.Errorf("it stopped because of %v", err)
	}
	if s := old.Node.Trouble(); !strings.Contains(s, "the disk hangs") {
		t.Errorf("trouble: %q", s)
	}
	// Closing comes to an end though the write does not.
	if err := old.Node.Close(); !errors.Is(err, raftnode.ErrDiskHangs) {
		t.Errorf("close: %v", err)
	}
	acked := stop() // the writers have gone on with the others
	store := old.Store
	old.Node, old.Store = nil, nil
	c.Do("", source(1))
	wantSources(t, c.Leader().Store, acked)
	// The disk comes back: the member restarts and follows.
	disks[old.Config.Name].resume()
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "the log is let go", func() bool {
		f, err := os.OpenFile(filepath.Join(old.Config.DataDir, "raft.db"), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
	})
	c.Start(old)
	c.Agree()
	wantSources(t, old.Store, acked)
}

// While only the state hangs, raft can still hand over: the node stays, and
// follows once the disk is back.
func TestALeaderWhoseStateHangsHandsOver(t *testing.T) {
	disks := map[string]*diskFaults{}
	// It stops when nobody takes over within two of these.
	slow := func(cfg *raftnode.Config) {
		cfg.HeartbeatTimeout, cfg.ElectionTimeout, cfg.LeaseTimeout = time.Second, time.Second, time.Second
	}
	c := raftnodetest.NewInMemory(t, 3, withDisks(disks, hangsSoon, slow))
	c.Do("", source(1))
	old := c.Leader()
	disks[old.Config.Name].stall(true)
	go func() { _, _ = old.Node.Propose(t.Context(), fsm.Meta{}, source(2)) }() // it hangs; the outcome is unknown
	until(t, "another leads", func() bool {
		for _, m := range c.Others(old) {
			if m.Node.IsLeader() {
				return true
			}
		}
		return false
	})
	if err := old.Node.Err(); err != nil {
		t.Errorf("it stopped: %v", err)
	}
	if !strings.Contains(old.Node.Trouble(), "the disk hangs") {
		t.Errorf("trouble: %q", old.Node.Trouble())
	}
	disks[old.Config.Name].resume()
	c.Do("", source(3))
	c.Agree()
	until(t, "the trouble is over", func() bool { return old.Node.Trouble() == "" })
}

// peer-bugs §3, raft#612: a follower whose disk hung for a while is sent
// entries again.
func TestAFollowerWhoseDiskHungCatchesUp(t *testing.T) {
	disks := map[string]*diskFaults{}
	c := raftnodetest.New(t, 3, withDisks(disks, hangsSoon))
	leader := c.Leader()
	c.Do("", source(0))
	slow := c.Others(leader)[0]
	disks[slow.Config.Name].stall(false)
	for i := range 30 {
		c.Do("", source(1+i))
	}
	until(t, "it says so", func() bool { return strings.Contains(slow.Node.Trouble(), "the disk hangs") })
	disks[slow.Config.Name].resume()
	c.Do("", source(99))
	c.Agree()
	if slow.Node.Err() != nil || c.Leader() != leader {
		t.Errorf("the follower has %v, the leader is %s", slow.Node.Err(), c.Leader().Config.Name)
	}
}

// A full disk: whoever proposes is told, the members wait and go on by
// themselves when there is room, files are sound (the closing check).
func TestFullDisks(t *testing.T) {
	for _, size := range []int{1, 3} {
		disks := map[string]*diskFaults{}
		c := raftnodetest.NewInMemory(t, size, withDisks(disks))
		stop := writers(c, 2)
		until(t, "something is acknowledged", func() bool { return sources(t, c.Leader().Store) > 10 })
		leader := c.Leader()
		disks[leader.Config.Name].fill(true)
		_, err := leader.Node.Propose(t.Context(), fsm.Meta{RequestID: "full"}, source(1))
		if !errors.Is(err, raftnode.ErrUnknownOutcome) && !errors.Is(err, raftnode.ErrNotLeader) {
			t.Errorf("a full disk answers %v", err)
		}
		until(t, "it says so", func() bool { return strings.Contains(leader.Node.Trouble(), "is full") })
		if size == 3 {
			until(t, "another leads", func() bool {
				for _, m := range c.Others(leader) {
					if m.Node.IsLeader() {
						return true
					}
				}
				return false
			})
			c.Do("", source(2))
			for _, m := range c.Others(leader) {
				disks[m.Config.Name].fill(true)
			}
			until(t, "nobody leads", func() bool {
				for _, m := range c.Members() {
					if m.Node.IsLeader() {
						return false
					}
				}
				return true
			})
		}
		for _, m := range c.Members() {
			disks[m.Config.Name].fill(false)
		}
		c.Do("full", source(1))
		wantSources(t, c.Leader().Store, stop())
		c.Agree()
		for _, m := range c.Members() {
			if err := m.Node.Err(); err != nil {
				t.Errorf("%s stopped: %v", m.Config.Name, err)
			}
			until(t, "the trouble is over", func() bool { return m.Node.Trouble() == "" })
		}
	}
}

// The proposer of the write that found the disk full reads what it is about.
func TestTheProposerHearsOfTheFullDisk(t *testing.T) {
	disks := map[string]*diskFaults{}
	c := raftnodetest.NewInMemory(t, 1, withDisks(disks))
	m := c.Leader()
	disks["m1"].fill(true)
	_, err := m.Node.Propose(t.Context(), fsm.Meta{RequestID: "r"}, source(1))
	if !errors.Is(err, syscall.ENOSPC) || !errors.Is(err, raftnode.ErrUnknownOutcome) || !strings.Contains(err.Error(), "full") || fault.HintOf(err) == "" {
		t.Errorf("%v (hint %q)", err, fault.HintOf(err))
	}
	// A node can be closed while its disk is full.
	c.Stop(m)
	disks["m1"].fill(false)
	c.Start(m)
	c.Do("r", source(1))
}

// Room for the log but none for the state: another leads, nothing is half
// applied, and the state catches up.
func TestAFullDiskBelowTheState(t *testing.T) {
	disks := map[string]*diskFaults{}
	c := raftnodetest.NewInMemory(t, 3, withDisks(disks))
	c.Do("", source(0))
	old := c.Leader()
	disks[old.Config.Name].fillState(true)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := old.Node.Propose(ctx, fsm.Meta{RequestID: "r"}, source(1)); !errors.Is(err, raftnode.ErrUnknownOutcome) {
		t.Errorf("propose: %v", err)
	}
	for i := range 20 {
		c.Do("", source(2+i)) // by another leader
	}
	if c.Leader() == old || !strings.Contains(old.Node.Trouble(), "is full") {
		t.Errorf("%s leads, trouble %q", c.Leader().Config.Name, old.Node.Trouble())
	}
	c.Do("r", source(1))
	disks[old.Config.Name].fillState(false)
	c.Agree()
	if got := sources(t, old.Store); got != 22 || old.Node.Err() != nil {
		t.Errorf("%d sources, want 22; %v", got, old.Node.Err())
	}
}

// The same with a file system that is full indeed.
func TestAFullFileSystem(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=3m"); err != nil {
		t.Skipf("no small file system can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	c := raftnodetest.NewInMemory(t, 1, func(cfg *raftnode.Config) { cfg.DataDir = filepath.Join(dir, "m1") })
	m := c.Leader()
	c.Do("", source(0))
	ballast := filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	text := strings.Repeat("x", 50_000)
	n := 0
	for ; m.Node.Trouble() == ""; n++ {
		if n == 200 {
			t.Fatal("the disk does not fill up")
		}
		_, err = m.Node.Propose(t.Context(), fsm.Meta{RequestID: fsm.RequestID(fmt.Sprint("r", n))},
			fsm.PutSource{ID: fsm.SourceID(fmt.Sprint("big", n)), Config: text})
	}
	t.Logf("full after %d commands: %v", n, err)
	if !strings.Contains(m.Node.Trouble(), "is full") {
		t.Errorf("trouble: %q", m.Node.Trouble())
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		c.Do(fsm.RequestID(fmt.Sprint("r", i)), fsm.PutSource{ID: fsm.SourceID(fmt.Sprint("big", i)), Config: text})
	}
	if got := sources(t, m.Store); got != n+1 {
		t.Errorf("%d sources, want %d", got, n+1)
	}
	if m.Node.Err() != nil || m.Node.Trouble() != "" {
		t.Errorf("%v, %s", m.Node.Err(), m.Node.Trouble())
	}
}
