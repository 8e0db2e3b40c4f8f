package raftnode_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/raftnode"
	"github.com/raftdm/raftdm/raftnode/raftnodetest"
)

// until waits for a condition that nothing announces.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	begin := time.Now()
	defer func() { t.Logf("%s after %s", what, time.Since(begin).Round(time.Millisecond)) }()
	late := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("in vain waited until %s", what)
		}
	}
}

// announce puts each member's record into the state, as masters do.
func announce(c *raftnodetest.Cluster) {
	for _, m := range c.Members() {
		if m.Node != nil {
			c.Do("", fsm.PutMember{Name: fsm.MasterName(m.Config.Name), Peer: m.Config.Listen,
				Client: m.Config.Name + ":8261", Instance: m.Node.Instance()})
		}
	}
}

// Founders that start one after the other, with pauses: the first two lead
// without the third, which is none the worse for coming late.
func TestFoundersStartAtAnyTime(t *testing.T) {
	for _, n := range []int{1, 3, 5} {
		c := raftnodetest.Prepare(t, n)
		members := c.Members()
		for i, m := range members {
			c.Start(m)
			if m.Node.Fresh() {
				t.Errorf("founder %s waits to be added", m.Config.Name)
			}
			if i < n/2 {
				if m.Node.IsLeader() {
					t.Errorf("%s leads with %d of %d", m.Config.Name, i+1, n)
				}
				continue
			}
			c.Do("", source(10*n+i))
		}
		announce(c)
		c.Agree()
		// A restart with the same directory is nothing new.
		last := members[n-1]
		before := last.Node.Instance()
		c.Stop(last)
		c.Start(last)
		if last.Node.Instance() != before || before == "" {
			t.Errorf("instance %q became %q", before, last.Node.Instance())
		}
		if got, err := raftnode.Instance(last.Config.DataDir); err != nil || got != before {
			t.Errorf("the directory says %q, %v", got, err)
		}
		c.Agree()
		if s := c.Leader().Node.Trouble(); s != "" {
			t.Errorf("trouble: %s", s)
		}
	}
}

// Members with other keys than the rest are told of by both sides, until they
// have the same.
func TestOtherSecretKeysAreNoticed(t *testing.T) {
	c := raftnodetest.Prepare(t, 3)
	wrong := c.Members()[2]
	for _, m := range c.Members() {
		m.Config.SecretKeys = []string{"aaaa"}
	}
	wrong.Config.SecretKeys = []string{"bbbb"}
	for _, m := range c.Members() {
		c.Start(m)
	}
	c.Do("", source(1))
	leader := c.Leader()
	told := func(of, other string) bool {
		for _, m := range c.Members() {
			if m.Config.Name == of && strings.Contains(m.Node.Trouble(), "dm-master "+other+" has other keys in its secret-key-path") {
				return true
			}
		}
		return false
	}
	name := wrong.Config.Name
	if leader == wrong {
		until(t, "a follower tells of the leader", func() bool { return told(c.Members()[0].Config.Name, name) })
	} else {
		until(t, "the leader tells of the follower", func() bool { return told(leader.Config.Name, name) })
		until(t, "the follower tells of the leader", func() bool { return told(name, leader.Config.Name) })
	}
	c.Stop(wrong)
	wrong.Config.SecretKeys = []string{"aaaa", "bbbb"} // about to be changed to bbbb
	c.Start(wrong)
	until(t, "nobody has anything to say", func() bool {
		for _, m := range c.Members() {
			if m.Node.Trouble() != "" {
				return false
			}
		}
		return true
	})
}

// A founder whose data directory was emptied might give its vote twice. It is
// not let in, says what to do, and can come back as a new member.
func TestWipedFounderIsKeptOut(t *testing.T) {
	c := raftnodetest.New(t, 3)
	c.Do("", source(1))
	announce(c)
	c.Agree()
	wiped := c.Others(c.Leader())[0]
	name := wiped.Config.Name
	c.Stop(wiped)
	if err := os.RemoveAll(wiped.Config.DataDir); err != nil {
		t.Fatal(err)
	}
	c.Start(wiped)
	told := func(n *raftnode.Node) bool {
		return strings.Contains(n.Trouble(), "offline-member --master --name "+name)
	}
	until(t, "the wiped founder says what to do", func() bool { return told(wiped.Node) })
	until(t, "the leader says so too", func() bool { return told(c.Leader().Node) })
	// It has no say: with one of the other two down, nobody leads.
	leader := c.Leader()
	if leader == wiped {
		t.Fatal("the wiped founder leads")
	}
	other := c.Others(leader)
	for _, m := range other {
		if m != wiped {
			c.Stop(m)
		}
	}
	until(t, "the last member with its data no longer leads", func() bool { return !leader.Node.IsLeader() })
	for range 20 { // it and the wiped one go on asking for votes
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if _, err := leader.Node.Propose(ctx, fsm.Meta{}, source(2)); err == nil {
			t.Error("acknowledged with the help of a member that lost its data")
		}
		<-ctx.Done()
		cancel()
	}
	if wiped.Node.IsLeader() || sources(t, wiped.Store) != 0 {
		t.Error("the wiped founder leads or was sent the log")
	}
	for _, m := range other {
		if m != wiped {
			c.Start(m)
		}
	}
	// What the sentence says helps.
	c.Stop(wiped)
	if err := os.RemoveAll(wiped.Config.DataDir); err != nil {
		t.Fatal(err)
	}
	leader = c.Leader()
	if err := leader.Node.Remove(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	c.Do("", fsm.RemoveMember{Name: fsm.MasterName(name)})
	wiped.Config.InitialCluster = nil
	c.Start(wiped)
	if !wiped.Node.Fresh() {
		t.Error("it does not wait to be added")
	}
	peer := raftnode.Member{Name: name, Addr: wiped.Config.Listen}
	if err := leader.Node.AddNonvoter(t.Context(), peer); err != nil {
		t.Fatal(err)
	}
	announce(c)
	c.WaitApplied(wiped, leader.Store.Applied())
	if err := leader.Node.AddVoter(t.Context(), peer); err != nil {
		t.Fatal(err)
	}
	c.Do("", source(3))
	c.Agree()
	until(t, "nothing is wrong any more", func() bool { return leader.Node.Trouble() == "" && wiped.Node.Trouble() == "" })
}

// Two clusters of which one is told the other's addresses never mix.
func TestClustersWithOverlappingConfigurationsStayApart(t *testing.T) {
	a := raftnodetest.New(t, 3)
	a.Do("", source(1))
	id := clusterID(t, a.Leader().Store)
	// The second cluster's m1 and m2 are its own, its m3 is the first one's.
	b := raftnodetest.Prepare(t, 3)
	members := b.Members()
	for _, m := range members {
		for i := range m.Config.InitialCluster {
			if m.Config.InitialCluster[i].Name == "m3" {
				m.Config.InitialCluster[i].Addr = a.Members()[2].Config.Listen
			}
		}
	}
	b.Start(members[0])
	until(t, "m1 alone is told whom it called", func() bool { return strings.Contains(members[0].Node.Trouble(), "initial-cluster") })
	b.Start(members[1])
	b.Do("", source(2))
	b.Do("", source(3))
	if other := clusterID(t, b.Leader().Store); other == id || other == "" {
		t.Errorf("clusters %s and %s", id, other)
	}
	until(t, "it is said that the clusters are two", func() bool { return strings.Contains(b.Leader().Node.Trouble(), id) })
	a.Do("", source(4))
	a.Agree()
	for _, m := range a.Members() {
		if n := sources(t, m.Store); n != 2 {
			t.Errorf("%s has %d sources, want its cluster's 2", m.Config.Name, n)
		}
	}
}

// Somebody who knocks without being a master neither blocks nor disturbs.
func TestStrangersOnThePeerPort(t *testing.T) {
	c := raftnodetest.New(t, 1)
	m := c.Leader()
	var open []net.Conn
	for range 8 {
		conn, err := net.Dial("tcp", m.Config.Listen)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, conn) // silent: nobody may wait for it
	}
	loud, err := net.Dial("tcp", m.Config.Listen)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := loud.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := loud.Read(make([]byte, 1)); err == nil {
		t.Error("a stranger is answered")
	}
	late := c.Add("late")
	if err := m.Node.AddNonvoter(t.Context(), raftnode.Member{Name: "late", Addr: late.Config.Listen}); err != nil {
		t.Fatal(err)
	}
	c.Do("", source(1))
	c.Agree()
	for _, conn := range append(open, loud) {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A directory from before instances existed gets one and keeps its name.
func TestOldDirectoriesGetAnInstance(t *testing.T) {
	c := raftnodetest.New(t, 1)
	m := c.Leader()
	c.Stop(m)
	path := filepath.Join(m.Config.DataDir, "member.json")
	if err := os.WriteFile(path, []byte(`{"name":"m1"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Start(m)
	c.Leader()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal(raw, &got); err != nil || got["name"] != "m1" || got["instance"] != m.Node.Instance() || got["instance"] == "" {
		t.Errorf("%s, %v", raw, err)
	}
}

// peer-bugs §3, raft#79: a leader does not remove itself; it hands over, and
// its successor removes it. The removed member says so and disturbs nobody.
func TestRemovingTheLeader(t *testing.T) {
	c := raftnodetest.New(t, 3)
	first := c.Leader()
	c.Do("", source(1))
	err := first.Node.Remove(t.Context(), first.Config.Name)
	if !errors.Is(err, raftnode.ErrNotLeader) || !fault.Is(err, fault.NotLeader) || fault.HintOf(err) == "" {
		t.Fatalf("a leader removes itself: %v", err)
	}
	second := c.Leader()
	if second == first {
		t.Fatal("it leads still")
	}
	if err := second.Node.Remove(t.Context(), first.Config.Name); err != nil {
		t.Fatal(err)
	}
	until(t, "the removed member says so", func() bool { return strings.Contains(first.Node.Trouble(), "was removed") })
	leads, _ := second.Node.Leadership()
	for i := range 20 {
		c.Do("", source(2+i))
	}
	if now, _ := second.Node.Leadership(); now != leads {
		t.Errorf("leadership was %+v and is %+v", leads, now)
	}
	c.Stop(first)
	alone := raftnodetest.NewInMemory(t, 1)
	m := alone.Leader()
	if err := m.Node.Remove(t.Context(), "m1"); !fault.Is(err, fault.Conflict) {
		t.Errorf("the only member is removed: %v", err)
	}
}

// A member that was cut off while it was removed learns of it afterwards.
func TestAMemberRemovedBehindItsBackIsTold(t *testing.T) {
	c := raftnodetest.New(t, 3)
	leader := c.Leader()
	gone := c.Others(leader)[0]
	c.Stop(gone)
	if err := leader.Node.Remove(t.Context(), gone.Config.Name); err != nil {
		t.Fatal(err)
	}
	c.Do("", source(1))
	c.Start(gone)
	until(t, "it knows", func() bool { return strings.Contains(gone.Node.Trouble(), "was removed") })
	before, _ := leader.Node.Leadership()
	c.Do("", source(2))
	if after, _ := leader.Node.Leadership(); after != before {
		t.Errorf("it disturbed the others: %+v became %+v", before, after)
	}
	c.Stop(gone)
}

func TestEviction(t *testing.T) {
	c := raftnodetest.NewInMemory(t, 3)
	first := c.Leader()
	c.Do("", source(1))
	if err := first.Node.Evict(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := c.Leader()
	if second == first || !first.Node.Evicted() || second.Node.Evicted() {
		t.Fatalf("%s leads, %s was evicted", second.Config.Name, first.Config.Name)
	}
	// Whenever it is handed leadership, it hands it on and never says it leads.
	claims := make(chan uint64, 16)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- first.Node.WhileLeading(ctx, func(ctx context.Context, term uint64) error {
			claims <- term
			<-ctx.Done()
			return ctx.Err()
		})
	}()
	for i := range 3 {
		leader := c.Leader()
		if err := leader.Node.TransferLeadership(t.Context(), first.Config.Name); err != nil {
			t.Fatal(err)
		}
		c.Do("", source(2+i))
		if c.Leader() == first {
			t.Error("the evicted one leads")
		}
	}
	if len(claims) > 0 {
		t.Errorf("the evicted one said %d times that it leads", len(claims))
	}
	// Once cancelled, it leads again.
	first.Node.CancelEvict()
	if first.Node.Evicted() {
		t.Error("it is evicted still")
	}
	if err := c.Leader().Node.TransferLeadership(t.Context(), first.Config.Name); err != nil {
		t.Fatal(err)
	}
	<-claims
	c.Do("", source(9))
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	alone := raftnodetest.NewInMemory(t, 1)
	if err := alone.Leader().Node.Evict(t.Context()); !fault.Is(err, fault.Conflict) || fault.HintOf(err) == "" {
		t.Errorf("the only voter is evicted: %v", err)
	}
}

// Nobody can take over: the answer says so, and the node leads on.
func TestEvictionThatNobodyTakesOverFrom(t *testing.T) {
	c := raftnodetest.NewInMemory(t, 3)
	first := c.Leader()
	c.Net.Hook(func(r raftnodetest.RPC) raftnodetest.Fate { return raftnodetest.Fate{Lose: r.Kind == "timeoutnow"} })
	if err := first.Node.Evict(t.Context()); err == nil || first.Node.Evicted() {
		t.Errorf("evicted: %v, %t", err, first.Node.Evicted())
	}
	c.Net.Heal()
	c.Do("", source(1))
}

// Progress is what a promotion goes by.
func TestProgressOfAMemberThatCatchesUp(t *testing.T) {
	c := raftnodetest.NewInMemory(t, 1)
	leader := c.Leader()
	for i := range 20 {
		c.Do("", source(i))
	}
	late := c.Add("late")
	if applied, commit := late.Node.Progress(); applied != 0 || commit != 0 || !late.Node.Fresh() {
		t.Errorf("a member that waits has %d of %d", applied, commit)
	}
	if err := leader.Node.AddNonvoter(t.Context(), raftnode.Member{Name: "late", Addr: late.Config.Listen}); err != nil {
		t.Fatal(err)
	}
	_, want := leader.Node.Progress()
	until(t, "it has caught up", func() bool {
		applied, commit := late.Node.Progress()
		return applied >= want && applied == commit
	})
}
