package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/fsm/feed"
	"github.com/raftdm/raftdm/internal/fault"
)

// bench is a loop over a real store, with a proposer that applies at once and
// a clock of its own (synctest).
type bench struct {
	*script
	leases *Leases
	loop   *Loop
	feed   *feed.Feed
	prober *fakeProber

	mu       sync.Mutex // guards the fields below, and the script's index
	proposed []string
	fail     error // what Propose answers, if not nil
	seen     int   // calls of Propose
}

func newBench(t *testing.T) *bench {
	b := &bench{script: newScript(t), prober: &fakeProber{answers: map[string]answer{}}}
	b.feed = feed.New(b.store)
	b.elect()
	return b
}

// elect makes another member the one that is to lead: it knows no leases.
func (b *bench) elect() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leases = NewLeases()
	b.loop = New(b.store, b.feed, b, b.leases, b.prober, slog.New(slog.DiscardHandler))
}

// Propose is the cluster.
func (b *bench) Propose(ctx context.Context, m fsm.Meta, c fsm.Command) (fsm.Result, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen++
	if b.fail != nil {
		return fsm.Result{}, b.fail
	}
	data, err := fsm.Encode(m, c)
	if err != nil {
		return fsm.Result{}, err
	}
	b.index++
	res, err := b.store.Apply([]fsm.Entry{{Index: b.index, Data: data}})
	if err != nil {
		return fsm.Result{}, err
	}
	b.proposed = append(b.proposed, describe(c))
	return res[0], nil
}

func (b *bench) run(lines ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range lines {
		b.script.run(l)
	}
}

// answer makes Propose fail from now on, or work again.
func (b *bench) answer(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail = err
}

// took gives what was proposed since it was asked last, once all is quiet.
func (b *bench) took() []string {
	b.t.Helper()
	pass(2 * debounce)
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.proposed
	b.proposed = nil
	return out
}

// pass lets the time of the bubble pass.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (b *bench) want(what string, want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(strings.Join(want, "\n"), strings.Join(b.took(), "\n")); diff != "" {
		b.t.Errorf("%s:\n%s", what, diff)
	}
}

// lead runs the loop until the function it gives is called.
func (b *bench) lead() (end func()) {
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan error)
	go func() { ended <- b.loop.Run(ctx) }()
	synctest.Wait()
	return func() {
		b.t.Helper()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			b.t.Errorf("run: %v", err)
		}
	}
}

func TestLoopFollowsChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.run("worker w1", "online w1", "source s1")
		end := b.lead()
		b.want("what was there before", "bind source s1 to worker w1")
		b.run("task t s1")
		b.want("a new task", "expand task t for source s1")
		b.run("worker w2", "online w2", "source s2")
		b.want("several at once", "bind source s2 to worker w2")
		end()
		b.run("source s3", "worker w3", "online w3")
		b.want("while another leads")
		defer b.lead()()
		b.want("leading again", "bind source s3 to worker w3")
	})
}

func TestLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.run("worker w1", "online w1", "source s1", "bind s1 w1", "worker w2", "online w2")
		s1, s2 := b.session("w1"), b.session("w2")
		if b.leases.Renew("w1", s1) {
			t.Error("renewed by a node that does not lead")
		}
		pass(time.Hour) // however long nobody led
		end := b.lead()
		pass(59 * time.Second)
		b.want("a new leader gives full leases")
		if !b.leases.Renew("w1", s1) {
			t.Error("not renewed")
		}
		pass(2 * time.Second)
		b.want("w2 was not heard of", fmt.Sprintf("end session %d of worker w2", s2))
		if b.leases.Renew("w2", s2) {
			t.Error("a session that is over was renewed")
		}
		b.run("online w2")
		if !b.leases.Renew("w2", b.session("w2")) || b.leases.Renew("w2", s2) {
			t.Error("the new session must be renewed, the old one not")
		}
		pass(50 * time.Second)
		b.want("the renewal counts")
		pass(8 * time.Second)
		b.want("w1 lost its source to w2",
			fmt.Sprintf("end session %d of worker w1", s1), "bind source s1 to worker w2")
		end()
		if b.leases.Renew("w2", b.session("w2")) {
			t.Error("renewed by a node that does not lead any more")
		}
	})
}

func TestGoodbyeEndsASessionAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.run("worker w1", "online w1", "source s1", "bind s1 w1", "worker w2", "online w2")
		old := b.session("w1")
		b.run("online w1")
		defer b.lead()()
		b.want("quiet")
		now := b.session("w1")
		b.leases.Renew("w1", now)
		b.leases.Goodbye("w1", old)
		b.want("the goodbye of an older session")
		b.leases.Goodbye("w1", now)
		b.want("the goodbye", fmt.Sprintf("end session %d of worker w1", now), "bind source s1 to worker w2")
		if b.leases.Renew("w1", now) {
			t.Error("renewed after the goodbye")
		}
	})
}

// Once a lease was found to have ended there is no way back, even while the
// end cannot be agreed on.
func TestALeaseThatEndedStaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.run("worker w1", "online w1")
		s := b.session("w1")
		defer b.lead()()
		b.answer(fault.New(fault.Unavailable, "no majority"))
		pass(61 * time.Second)
		if b.leases.Renew("w1", s) {
			t.Error("renewed")
		}
		b.answer(nil)
		pass(retryAfter)
		b.want("with a majority again", fmt.Sprintf("end session %d of worker w1", s))
	})
}

// A proposal that does not come through is repeated after a pause, not in a
// circle, and does not hold up the others.
func TestFailedProposalsAreRepeatedSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.run("worker w1", "online w1", "source s1", "source s2", "worker w2", "online w2")
		b.answer(fault.New(fault.Unavailable, "no majority"))
		defer b.lead()()
		pass(10*retryAfter - time.Millisecond)
		b.mu.Lock()
		if b.seen != 2*10 && b.seen != 2*11 { // the first round may come twice: the start is news as well
			t.Errorf("%d proposals, want 20", b.seen)
		}
		b.mu.Unlock()
		b.answer(nil)
		pass(retryAfter)
		b.want("in the end", "bind source s1 to worker w1", "bind source s2 to worker w2")
	})
}

// renew renews a worker's session with whoever leads.
func (b *bench) renew(w string) {
	s := b.session(w)
	b.mu.Lock()
	l := b.leases
	b.mu.Unlock()
	l.Renew(fsm.WorkerName(w), s)
}

// serves tells when a source is not served by a worker.
func (b *bench) serves(s, w string) {
	b.t.Helper()
	pass(2 * debounce)
	b.view(func(v *fsm.View) {
		if got, _ := v.Binding(fsm.SourceID(s)); got.Worker != fsm.WorkerName(w) {
			b.t.Errorf("%s is served by %q, want %s", s, got.Worker, w)
		}
	})
}
