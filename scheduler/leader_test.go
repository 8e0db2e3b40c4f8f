package scheduler

import (
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/raftdm/raftdm/fsm"
)

// bindings gives how often each source was bound since an index.
func (b *bench) bindings(since fsm.Index) map[fsm.SourceID]int {
	b.t.Helper()
	out := map[fsm.SourceID]int{}
	b.view(func(v *fsm.View) {
		changes, _, err := v.ChangesAfter(since, 1000)
		if err != nil {
			b.t.Error(err)
		}
		for _, c := range changes {
			for _, touch := range c.Touched {
				if touch.Noun == fsm.NounBinding && !touch.Deleted {
					out[touch.Source]++
				}
			}
		}
	})
	return out
}

// TestTwoLeadersAtOnceDoEverythingOnce: for a moment a deposed leader may plan
// beside its successor, and what it proposed last may be committed late. Every
// command names what it was decided on, so the second of two does nothing.
func TestTwoLeadersAtOnceDoEverythingOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		other := New(b.store, b.feed, b, NewLeases(), b.prober, slog.New(slog.DiscardHandler))
		end := b.lead()
		b.loop = other
		otherEnd := b.lead()
		defer end()
		defer otherEnd()
		since := fsm.Index(0)
		check := func(what string, want map[fsm.SourceID]int) {
			t.Helper()
			b.took()
			if got := b.bindings(since); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: bound %v, want %v", what, got, want)
			}
			b.mu.Lock()
			since = b.index
			b.mu.Unlock()
		}
		b.run("worker w1", "worker w2", "online w1", "online w2", "source s1", "source s2")
		check("two sources", map[fsm.SourceID]int{"s1": 1, "s2": 1})
		b.run("task t s1 s2")
		b.took()
		b.run("hold t s1 w1", "unbind s1", "unbind s2", "bind s1 w2", "bind s2 w1")
		b.took()
		b.serves("s1", "w1")
		b.serves("s2", "w2")
		// One by hand and one by the swap.
		check("a swap", map[fsm.SourceID]int{"s1": 2, "s2": 2})
		b.run("drop t s1 w1", "offline w1")
		check("a worker less", map[fsm.SourceID]int{})
		b.run("online w1")
		check("and back", map[fsm.SourceID]int{"s1": 1})
	})
}

func TestANewLeaderGrantsEveryLeaseAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.run("worker w1", "online w1", "source s1", "bind s1 w1")
		end := b.lead()
		b.renew("w1")
		pass(50 * time.Second)
		end()
		b.elect()
		defer b.lead()()
		if took := b.untilOffline("w1", 2*time.Minute); took < 59*time.Second || took > 61*time.Second {
			t.Errorf("it took %v since the new leader began, the lease is a minute", took)
		}
	})
}

// A process that was started anew within the lease of the old one keeps the
// source under a new epoch, and the suspicion of the old one is forgotten.
func TestARestartedProcessKeepsItsSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.run("worker w1", "online w1", "source s1", "bind s1 w1", "worker w2", "online w2")
		defer b.lead()()
		stop := b.renewing("w1", "w2")
		defer stop("")
		epoch := func() (e fsm.Epoch) {
			b.view(func(v *fsm.View) { x, _ := v.Binding("s1"); e = x.Epoch })
			return e
		}
		pass(time.Second)
		old, before := b.session("w1"), epoch()
		stop("w1")
		b.prober.set("w1", refuses)
		pass(silence + probeEvery/2) // refused once
		b.run("online w1")
		b.prober.set("w1", accepts)
		b.renew("w1")
		stop = b.renewing("w1")
		pass(5 * time.Second)
		b.want("nothing to do")
		b.serves("s1", "w1")
		if epoch() <= before {
			t.Errorf("epoch %d after %d", epoch(), before)
		}
		if b.leases.Renew("w1", old) {
			t.Error("the old session was renewed")
		}
	})
}
