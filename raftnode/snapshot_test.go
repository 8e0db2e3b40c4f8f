package raftnode_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/raftnode"
	"github.com/raftdm/raftdm/raftnode/raftnodetest"
)

// counting counts requests of one kind to one member.
type counting struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counting) hook(r raftnodetest.RPC) raftnodetest.Fate {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[r.Kind+" "+r.To]++
	return raftnodetest.Fate{}
}

func (c *counting) of(kind, to string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[kind+" "+to]
}

// peer-bugs §3, raft#697: a follower that returns with entries of its own, of
// an old term, where the leader has only a snapshot left. It is sent the
// snapshot once or twice and then follows, also when nothing is written; raft
// alone sends it for ever.
func TestConflictingEntriesBesideASnapshot(t *testing.T) {
	for name, beyond := range map[string]int{"longer log": 3, "equal log": 0, "shorter log": -2} {
		t.Run(name, func(t *testing.T) { testConflict(t, beyond) })
	}
}

// splitLogs cuts a leader off that then writes entries of its own, while the
// others elect another.
func splitLogs(t *testing.T, c *raftnodetest.Cluster) (old, leader *raftnodetest.Member) {
	t.Helper()
	old = c.Leader()
	c.Do("", source(1))
	c.Agree()
	c.Net.Isolate(old.Config.Listen)
	const own = 8
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for i := range own {
		wg.Go(func() {
			if _, err := old.Node.Propose(ctx, fsm.Meta{RequestID: fsm.RequestID(fmt.Sprint("x", i))}, source(100+i)); err == nil {
				t.Error("acknowledged without a majority")
			}
		})
	}
	wg.Wait()
	until(t, "another leads", func() bool {
		for _, m := range c.Others(old) {
			if m.Node.IsLeader() {
				leader = m
			}
		}
		return leader != nil
	})
	return old, leader
}

// slowBeat lets a cut off leader go on for long enough to write.
func slowBeat(cfg *raftnode.Config) {
	cfg.HeartbeatTimeout, cfg.ElectionTimeout, cfg.LeaseTimeout = 200*time.Millisecond, 200*time.Millisecond, 160*time.Millisecond
}

// A disk that fills up between the removal of conflicting entries and the
// writing of those that replace them: raft would be left with a wrong idea of
// its own log, and take no entry any more.
func TestAFullDiskWhileEntriesAreReplaced(t *testing.T) {
	disks := map[string]*diskFaults{}
	c := raftnodetest.NewInMemory(t, 3, withDisks(disks, slowBeat))
	old, leader := splitLogs(t, c)
	for i := range 3 {
		if _, err := leader.Node.Propose(t.Context(), fsm.Meta{}, source(200+i)); err != nil {
			t.Fatal(err)
		}
	}
	disks[old.Config.Name].fillAppends(true)
	c.Net.Heal()
	until(t, "it is in trouble", func() bool { return strings.Contains(old.Node.Trouble(), "is full") })
	for i := range 3 {
		c.Do("", source(300+i))
	}
	disks[old.Config.Name].fillAppends(false)
	c.Agree()
}

func testConflict(t *testing.T, beyond int) {
	disks := map[string]*diskFaults{}
	c := raftnodetest.NewInMemory(t, 3, func(cfg *raftnode.Config) {
		disks[cfg.Name] = &diskFaults{}
		disks[cfg.Name].install(cfg)
		cfg.SnapshotEntries, cfg.TrailingEntries, cfg.SnapshotInterval = 1, 0, 5*time.Millisecond
		slowBeat(cfg)
	})
	old, leader := splitLogs(t, c)
	_, oldLast := disks[old.Config.Name].bounds()
	for i := 0; ; i++ {
		if _, last := disks[leader.Config.Name].bounds(); int(last)+beyond >= int(oldLast) && i > 0 {
			break
		}
		if _, err := leader.Node.Propose(t.Context(), fsm.Meta{}, source(200+i)); err != nil {
			t.Fatal(err)
		}
		// bounds of a log that snapshots have emptied are 0; the state knows.
		if int(leader.Store.Applied())+beyond >= int(oldLast) {
			break
		}
	}
	// Every log is empty but for the old leader's.
	for _, m := range c.Others(old) {
		until(t, "the log is compacted", func() bool {
			first, last := disks[m.Config.Name].bounds()
			return first == 0 || first > uint64(m.Store.Applied()) || last == 0
		})
	}
	t.Logf("the old leader's log ends at %d, the snapshot at %d", oldLast, leader.Store.Applied())
	count := &counting{n: map[string]int{}}
	c.Net.Heal()
	c.Net.Hook(count.hook)
	c.WaitApplied(old, leader.Store.Applied())
	// Nothing is written for a while: raft's idle entries go by all the same.
	quiet := time.NewTimer(time.Second)
	<-quiet.C
	if n := count.of("snapshot", old.Config.Listen); n > 3 {
		t.Errorf("%d snapshots were sent", n)
	}
	if s := leader.Node.Trouble() + old.Node.Trouble(); s != "" {
		t.Errorf("trouble: %s", s)
	}
	for i := range 3 {
		c.Do("", source(300+i))
	}
	c.Agree()
	// It counts for majorities again, and what it keeps outlives a restart.
	c.Stop(old)
	c.Start(old)
	c.Do("", source(400))
	c.Agree()
}

// A loop of snapshots, whatever its cause, is told by both sides and by each once.
func TestALoopOfSnapshotsIsTold(t *testing.T) {
	c := raftnodetest.NewInMemory(t, 3, func(cfg *raftnode.Config) {
		cfg.SnapshotEntries, cfg.TrailingEntries, cfg.SnapshotInterval = 1, 0, 5*time.Millisecond
	})
	leader := c.Leader()
	away := c.Others(leader)[0]
	c.Net.Isolate(away.Config.Listen)
	for i := range 5 {
		c.Do("", source(i))
	}
	c.Net.Heal()
	// It never takes an entry, only snapshots.
	hangAppends(c, away.Config.Listen)
	sentence := "is sent snapshots again and again"
	i := 100
	until(t, "both say so", func() bool {
		c.Do("", source(i))
		i++
		return strings.Contains(c.Leader().Node.Trouble(), sentence) && strings.Contains(away.Node.Trouble(), sentence)
	})
	c.Net.Heal()
	c.Do("", source(99))
	c.Agree()
	until(t, "it is over", func() bool { return c.Leader().Node.Trouble() == "" })
}

// A follower that comes back when the log it missed is compacted gets a
// snapshot and the rest, also when answers to it are lost.
func TestReturnAfterTheLogWasCompacted(t *testing.T) {
	c := raftnodetest.NewInMemory(t, 3, func(cfg *raftnode.Config) {
		cfg.SnapshotEntries, cfg.TrailingEntries, cfg.SnapshotInterval = 4, 2, 5*time.Millisecond
	})
	c.Do("", source(0))
	away := c.Others(c.Leader())[0]
	c.Stop(away)
	for i := range 40 {
		c.Do("", source(1+i))
	}
	count := &counting{n: map[string]int{}}
	lost := 0
	c.Net.Hook(func(r raftnodetest.RPC) raftnodetest.Fate {
		count.hook(r)
		f := raftnodetest.Fate{}
		if r.Kind == "append" && r.To == away.Config.Listen {
			count.mu.Lock()
			lost++
			f.LoseReply = lost%2 == 0
			count.mu.Unlock()
		}
		return f
	})
	c.Start(away)
	c.Agree()
	if count.of("snapshot", away.Config.Listen) == 0 {
		t.Error("it was sent no snapshot")
	}
	for i := range 10 {
		c.Do("", source(100+i))
	}
	c.Agree()
	if n := sources(t, away.Store); n != 51 {
		t.Errorf("%d sources, want 51", n)
	}
}
