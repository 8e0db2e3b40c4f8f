package raftnode_test

import (
	"sync"
	"testing"
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/raftnode"
	"github.com/raftdm/raftdm/raftnode/raftnodetest"
)

// A snapshot that arrives after the member has come farther, because its sender
// gave up and sent another: it must not put the state back.
func TestALateSnapshotPutsNothingBack(t *testing.T) {
	c := raftnodetest.NewInMemory(t, 3, func(cfg *raftnode.Config) {
		cfg.SnapshotEntries, cfg.TrailingEntries, cfg.SnapshotInterval = 8, 0, 5*time.Millisecond
	})
	leader := c.Leader()
	behind := c.Others(leader)[0]
	c.Net.Isolate(behind.Config.Listen)
	for i := range 20 {
		c.Do("", source(i))
	}
	var mu sync.Mutex
	back := 0
	behind.Store.Observe(func(a fsm.Applied) {
		mu.Lock()
		defer mu.Unlock()
		if a.To <= a.From {
			back++
		}
	})
	late := make(chan struct{})
	var once sync.Once
	c.Net.Heal()
	c.Net.Patience(50 * time.Millisecond)
	c.Net.Hook(func(r raftnodetest.RPC) (f raftnodetest.Fate) {
		if r.Kind == "snapshot" && r.To == behind.Config.Listen {
			once.Do(func() {
				f.Delay = 500 * time.Millisecond
				time.AfterFunc(700*time.Millisecond, func() { close(late) })
			})
		}
		return f
	})
	c.WaitApplied(behind, leader.Store.Applied())
	for i := range 3 {
		c.Do("", source(100+i))
	}
	<-late
	for i := range 3 {
		c.Do("", source(200+i))
	}
	c.Agree()
	mu.Lock()
	defer mu.Unlock()
	if back > 0 {
		t.Errorf("the state was put back %d times", back)
	}
	for _, m := range c.Members() {
		if err := m.Node.Err(); err != nil {
			t.Errorf("%s stopped: %v", m.Config.Name, err)
		}
	}
}

// A leader goes back by one entry with every one that the member could not write.
// So it comes to entries that the member has in a snapshot only: raft alone says
// no to them for ever.
func TestOlderEntriesThanTheLogHasDoNotHoldItUp(t *testing.T) {
	disks := map[string]*diskFaults{}
	c := raftnodetest.NewInMemory(t, 3, withDisks(disks, func(cfg *raftnode.Config) {
		cfg.SnapshotEntries, cfg.TrailingEntries, cfg.SnapshotInterval = 1000, 1000, time.Hour
		// Another leader would begin anew with it: this one is to stay.
		cfg.HeartbeatTimeout, cfg.ElectionTimeout, cfg.LeaseTimeout = time.Second, time.Second, time.Second
		if cfg.Name == "m3" {
			cfg.SnapshotEntries, cfg.TrailingEntries, cfg.SnapshotInterval = 4, 0, 5*time.Millisecond
		}
	}))
	leader := c.Leader()
	full := c.Members()[2]
	if leader == full {
		if err := full.Node.TransferLeadership(t.Context(), "m1"); err != nil {
			t.Fatal(err)
		}
		leader = c.Leader()
	}
	for i := range 20 {
		c.Do("", source(i))
	}
	c.Agree()
	var first, last uint64
	until(t, "its log is compacted", func() bool {
		first, last = disks["m3"].bounds()
		return first == 0 || last < first+4
	})
	var mu sync.Mutex
	refused := 0
	c.Net.Hook(func(r raftnodetest.RPC) (f raftnodetest.Fate) {
		mu.Lock()
		defer mu.Unlock()
		if r.Kind == "append" && r.To == full.Config.Listen {
			refused++
		}
		return f
	})
	disks["m3"].fillAppends(true)
	c.Do("", source(100))
	until(t, "it refused some", func() bool { mu.Lock(); defer mu.Unlock(); return refused > 8 })
	t.Logf("its log has entries %d to %d, and it refused %d times", first, last, refused)
	disks["m3"].fillAppends(false)
	c.Net.Heal()
	c.Agree()
}
