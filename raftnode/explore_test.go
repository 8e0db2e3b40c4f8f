package raftnode_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/raftnode"
	"github.com/raftdm/raftdm/raftnode/raftnodetest"
)

// TestExploration runs random commands against clusters whose network and
// members misbehave at random. Afterwards every acknowledged command is in the
// state, every command at most once, stores are equal and logs agree.
//
// A failure prints the seed. It decides what is done and when; goroutines are
// scheduled as they are, so a seed that fails does not always fail again.
func TestExploration(t *testing.T) {
	first, n := uint64(1), 200
	if testing.Short() {
		n = 6
	}
	if s := os.Getenv("RAFTDM_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("RAFTDM_SEED: %v", err)
		}
		first, n = seed, 1
	}
	if s := os.Getenv("RAFTDM_SEEDS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatalf("RAFTDM_SEEDS: %v", err)
		}
	}
	for seed := first; seed < first+uint64(n); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			explore(t, seed)
		})
	}
}

func explore(t *testing.T, seed uint64) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("to repeat: RAFTDM_SEED=%d go test ./raftnode -run TestExploration -count=20", seed)
		}
	})
	rng := rand.New(rand.NewPCG(seed, 0))
	size := 3 + 2*rng.IntN(2)
	snapEvery := uint64(1 + rng.IntN(20))
	trailing := uint64(rng.IntN(12))
	c := raftnodetest.NewInMemory(t, size, func(cfg *raftnode.Config) {
		cfg.SnapshotEntries, cfg.TrailingEntries, cfg.SnapshotInterval = snapEvery, trailing, 10*time.Millisecond
	})
	defer func() {
		for _, m := range c.Members() {
			if t.Failed() && m.Node != nil {
				applied, commit := m.Node.Progress()
				t.Logf("%s: applied %d of %d, stopped by %v, in trouble: %s", m.Config.Name, applied, commit, m.Node.Err(), m.Node.Trouble())
			}
		}
	}()
	x := &exploration{t: t, c: c, rng: rng, up: map[*raftnodetest.Member]bool{}}
	for _, m := range c.Members() {
		x.up[m] = true
	}
	x.nodes.Store(c)
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for i := range 3 {
		crng := rand.New(rand.NewPCG(seed, uint64(i)+1))
		clients.Go(func() { x.client(crng, fmt.Sprintf("c%d", i), stop) })
	}
	for range 12 + rng.IntN(12) {
		x.disturb()
		pause := time.NewTimer(time.Duration(rng.IntN(60)) * time.Millisecond)
		<-pause.C
	}
	x.calm()
	close(stop)
	clients.Wait()
	x.check()
}

// exploration is one run.
type exploration struct {
	t     *testing.T
	c     *raftnodetest.Cluster
	rng   *rand.Rand
	up    map[*raftnodetest.Member]bool
	nodes nodeList

	mu    sync.Mutex // guards acked
	acked []fsm.SourceID
}

// nodeList is the nodes that run, for clients; members restart meanwhile.
type nodeList struct {
	mu    sync.Mutex
	nodes []*raftnode.Node
}

// Store takes those of a cluster.
func (l *nodeList) Store(c *raftnodetest.Cluster) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nodes = nil
	for _, m := range c.Members() {
		if m.Node != nil {
			l.nodes = append(l.nodes, m.Node)
		}
	}
}

func (l *nodeList) any(rng *rand.Rand) *raftnode.Node {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.nodes {
		if n.IsLeader() {
			return n
		}
	}
	return l.nodes[rng.IntN(len(l.nodes))]
}

// client proposes one command after the other, each until it is acknowledged.
func (x *exploration) client(rng *rand.Rand, name string, stop chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		id := fsm.SourceID(fmt.Sprintf("%s-%d", name, i))
		late := time.Now().Add(time.Minute)
		for {
			once, cancel := context.WithTimeout(context.Background(), time.Duration(20+rng.IntN(300))*time.Millisecond)
			res, err := x.nodes.any(rng).Propose(once, fsm.Meta{RequestID: fsm.RequestID(id), Actor: name, UnixMilli: time.Now().UnixMilli()}, fsm.PutSource{ID: id, Config: name})
			cancel()
			if err != nil && time.Now().After(late) {
				x.t.Errorf("%s is not acknowledged within a minute: %v", id, err)
				return
			}
			if err == nil && res.Err != nil {
				x.t.Errorf("%s is refused: %v", id, res.Err) // executed twice: the second time it exists
				return
			}
			if err == nil {
				break
			}
			if errors.Is(err, raftnode.ErrNotLeader) {
				pause := time.NewTimer(2 * time.Millisecond)
				<-pause.C
			}
		}
		x.mu.Lock()
		x.acked = append(x.acked, id)
		x.mu.Unlock()
	}
}

func (x *exploration) pick() *raftnodetest.Member {
	return x.c.Members()[x.rng.IntN(len(x.c.Members()))]
}

// disturb does one thing.
func (x *exploration) disturb() {
	m := x.pick()
	switch x.rng.IntN(9) {
	case 0, 1:
		x.c.Net.Isolate(m.Config.Listen)
	case 2:
		x.c.Net.Cut(m.Config.Listen, x.pick().Config.Listen)
	case 3:
		x.c.Net.Heal()
	case 4:
		x.c.Net.Hook(misbehave(x.rng.Uint64()))
	case 5, 6:
		x.restart(m)
	case 7:
		x.ask(m, func(ctx context.Context, n *raftnode.Node) { _ = n.TransferLeadership(ctx, "") })
	case 8:
		if x.up[m] && m.Node.Evicted() {
			m.Node.CancelEvict()
		} else {
			x.ask(m, func(ctx context.Context, n *raftnode.Node) { _ = n.Evict(ctx) })
		}
	}
}

// ask has a member do what may well fail now.
func (x *exploration) ask(m *raftnodetest.Member, fn func(context.Context, *raftnode.Node)) {
	if !x.up[m] {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	fn(ctx, m.Node)
}

// restart stops a member that is up, or starts one that is down; a majority
// always runs.
func (x *exploration) restart(m *raftnodetest.Member) {
	down := 0
	for _, up := range x.up {
		if !up {
			down++
		}
	}
	switch {
	case !x.up[m]:
		x.c.Start(m)
		x.up[m] = true
	case down < (len(x.up)-1)/2:
		x.c.Stop(m)
		x.up[m] = false
	}
	x.nodes.Store(x.c)
}

// calm ends all disturbance.
func (x *exploration) calm() {
	x.c.Net.Heal()
	for m, up := range x.up {
		if !up {
			x.c.Start(m)
			x.up[m] = true
		}
		m.Node.CancelEvict()
	}
	x.nodes.Store(x.c)
	x.c.Do("calm", fsm.PutSource{ID: "calm", Config: "x"})
}

// check looks for what was acknowledged, and for what was executed twice.
func (x *exploration) check() {
	x.c.Agree()
	x.mu.Lock()
	defer x.mu.Unlock()
	wantSources(x.t, x.c.Leader().Store, append(x.acked, "calm"))
	if err := x.c.Leader().Store.View(func(v *fsm.View) error {
		changes, _, err := v.ChangesAfter(v.ChangesFloor(), 1_000_000)
		if err != nil {
			return err
		}
		seen := map[fsm.RequestID]fsm.Index{}
		for _, ch := range changes {
			if ch.Meta.RequestID == "" {
				continue
			}
			if at, ok := seen[ch.Meta.RequestID]; ok {
				x.t.Errorf("%s was executed at %d and at %d", ch.Meta.RequestID, at, ch.Index)
			}
			seen[ch.Meta.RequestID] = ch.Index
		}
		if len(seen) < len(x.acked) {
			x.t.Errorf("%d commands are in the change log, %d were acknowledged", len(seen), len(x.acked))
		}
		return nil
	}); err != nil {
		x.t.Error(err)
	}
}

// misbehave drops, delays and reorders at random.
func misbehave(seed uint64) func(raftnodetest.RPC) raftnodetest.Fate {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 99))
	lose, reply, delay := rng.IntN(20), rng.IntN(20), rng.IntN(50)
	return func(raftnodetest.RPC) raftnodetest.Fate {
		mu.Lock()
		defer mu.Unlock()
		var f raftnodetest.Fate
		f.Lose, f.LoseReply = rng.IntN(100) < lose, rng.IntN(100) < reply
		if rng.IntN(100) < delay {
			f.Delay = time.Duration(rng.IntN(60)) * time.Millisecond
		}
		return f
	}
}
