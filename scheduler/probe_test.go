package scheduler

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// answer is what a machine does when a connection to it is opened.
type answer int

const (
	accepts   answer = iota // there is a process, be it stopped
	refuses                 // there is none
	silentNet               // the connection is cut
)

// fakeProber is the network; all addresses accept until told otherwise.
type fakeProber struct {
	mu      sync.Mutex // guards the fields below
	answers map[string]answer
	probes  int
}

// Dead does what a dial with a time-out of 500 ms would.
func (p *fakeProber) Dead(ctx context.Context, addr string) bool {
	p.mu.Lock()
	a := p.answers[addr]
	p.probes++
	p.mu.Unlock()
	if a == silentNet {
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return a == refuses
}

func (p *fakeProber) set(worker string, a answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers[worker+":8262"] = a
}

func (p *fakeProber) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.probes
}

// renewing renews sessions of workers each second, as they do, until it is told
// to end, which it does for one worker or, without a name, for all.
func (b *bench) renewing(workers ...string) (stop func(worker string)) {
	alive := map[string]context.CancelFunc{}
	for _, w := range workers {
		ctx, cancel := context.WithCancel(b.t.Context())
		alive[w] = cancel
		go func() {
			for ctx.Err() == nil {
				b.renew(w)
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
				}
			}
		}()
	}
	return func(worker string) {
		for w, cancel := range alive {
			if worker == "" || w == worker {
				cancel()
			}
		}
		synctest.Wait()
	}
}

// untilOffline tells how long it takes until a worker's session is over.
func (b *bench) untilOffline(worker string, atMost time.Duration) time.Duration {
	b.t.Helper()
	begin := time.Now()
	for time.Since(begin) < atMost {
		if b.session(worker) == 0 {
			return time.Since(begin)
		}
		pass(10 * time.Millisecond)
	}
	b.t.Errorf("worker %s is still online after %v", worker, atMost)
	return atMost
}

func TestAKilledWorkerLosesItsSourceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.run("worker w1", "online w1", "source s1", "bind s1 w1", "worker w2", "online w2")
		s1 := b.session("w1")
		defer b.lead()()
		stop := b.renewing("w1", "w2")
		defer stop("")
		pass(5 * time.Second)
		if n := b.prober.count(); n != 2 {
			t.Errorf("%d probes of 2 workers that are heard of: one each tells whether they can be probed", n)
		}
		b.want("all is well")
		b.prober.set("w1", refuses)
		stop("w1")
		if took := b.untilOffline("w1", 10*time.Second); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
		b.want("w2 goes on", fmt.Sprintf("end session %d of worker w1", s1), "bind source s1 to worker w2")
		if b.leases.Renew("w1", s1) {
			t.Error("the session was renewed after its end")
		}
		// The supervisor starts it anew: a session of its own, and nothing is moved back.
		b.prober.set("w1", accepts)
		b.run("online w1")
		if !b.leases.Renew("w1", b.session("w1")) {
			t.Error("the new session was not renewed")
		}
		b.want("it is free now")
	})
}

// Neither a worker that is cut off nor one that is stopped is known to be dead:
// both keep what they have until their lease ends.
func TestASilentWorkerKeepsItsLease(t *testing.T) {
	for name, a := range map[string]answer{"cut off": silentNet, "stopped": accepts} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.run("worker w1", "online w1", "source s1", "bind s1 w1", "worker w2", "online w2")
				defer b.lead()()
				stop := b.renewing("w1", "w2")
				defer stop("")
				pass(5 * time.Second)
				b.prober.set("w1", a)
				stop("w1")
				if took := b.untilOffline("w1", 2*time.Minute); took < 59*time.Second || took > 61*time.Second {
					t.Errorf("it took %v, the lease is a minute", took)
				}
				if b.prober.count() < 50 {
					t.Errorf("only %d probes", b.prober.count())
				}
				b.serves("s1", "w2")
			})
		})
	}
}

// A refusal counts only beside another, and only in a silence.
func TestAWorkerThatIsHeardOfIsSpared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.run("worker w1", "online w1", "source s1", "bind s1 w1")
		defer b.lead()()
		b.want("quiet")
		// Refused and accepted in turn: a process that is being started.
		for i := range 20 {
			b.prober.set("w1", []answer{accepts, refuses}[i%2])
			pass(probeEvery)
		}
		b.want("nothing happened")
		b.prober.set("w1", refuses)
		if took := b.untilOffline("w1", time.Minute); took > 2*probeEvery {
			t.Errorf("it took %v", took)
		}
	})
}

// The address of a worker behind a firewall refuses all the time. Short silences
// do not cost it its session, nor is it heard of less for it; only the end of
// its lease does.
func TestAnAddressThatRefusesWhileItsWorkerLivesProvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.run("worker w1", "online w1", "source s1", "bind s1 w1", "worker w2", "online w2")
		b.prober.set("w1", refuses)
		end := b.lead()
		stop := b.renewing("w1", "w2")
		defer stop("")
		pass(10 * time.Second)
		stop("w1") // a link that is slow for a while
		pass(30 * time.Second)
		b.want("a silence within the lease")
		b.leases.Renew("w1", b.session("w1"))
		if took := b.untilOffline("w1", 2*time.Minute); took < 59*time.Second || took > 61*time.Second {
			t.Errorf("it took %v, the lease is a minute", took)
		}
		b.want("its lease ended", "end session 2 of worker w1", "bind source s1 to worker w2")
		// What was learnt of one session is not held against the next process.
		b.prober.set("w1", accepts)
		b.run("online w1")
		b.leases.Renew("w1", b.session("w1"))
		pass(time.Second)
		b.prober.set("w1", refuses)
		if took := b.untilOffline("w1", time.Minute); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
		end()
	})
}

// A renewal that the process sent before it died does not make its address one
// that proves nothing.
func TestALateRenewalOfADeadProcessSparesItNotForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.run("worker w1", "online w1")
		defer b.lead()()
		b.want("quiet")
		b.prober.set("w1", refuses)
		pass(silence + probeEvery/2)
		b.leases.Renew("w1", b.session("w1"))
		if took := b.untilOffline("w1", time.Minute); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// A probe that hangs holds up neither the loop nor the finding of another dead
// worker.
func TestProbesThatHangHoldNothingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		var cut []string
		for i := range 40 {
			w := fmt.Sprintf("cut%d", i)
			cut = append(cut, w)
			b.run("worker "+w, "online "+w)
			b.prober.set(w, silentNet)
		}
		b.run("worker w1", "online w1")
		defer b.lead()()
		stop := b.renewing("w1")
		pass(10 * time.Second)
		b.took()
		b.run("source s1", "bind s1 w1")
		b.run("source s2")
		b.want("the loop works meanwhile", "bind source s2 to worker "+cut[0])
		b.prober.set("w1", refuses)
		stop("w1")
		if took := b.untilOffline("w1", 10*time.Second); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// TestLeaderAndWorkersDieTogether: the new leader never heard of the workers
// that died with its predecessor, and moves their sources nevertheless.
func TestLeaderAndWorkersDieTogether(t *testing.T) {
	for _, dead := range []int{1, 2} {
		t.Run(fmt.Sprint(dead, " workers"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				for i := 1; i <= 4; i++ {
					b.run(fmt.Sprintf("worker w%d", i), fmt.Sprintf("online w%d", i))
				}
				b.run("source s1", "source s2", "bind s1 w1", "bind s2 w2")
				end := b.lead()
				stop := b.renewing("w1", "w2", "w3", "w4")
				defer stop("")
				b.want("all is well")
				end()
				for i := 1; i <= dead; i++ {
					b.prober.set(fmt.Sprintf("w%d", i), refuses)
					stop(fmt.Sprintf("w%d", i))
				}
				pass(2 * time.Second) // the election
				b.elect()
				defer b.lead()()
				pass(3 * time.Second)
				got := strings.Join(b.took(), "\n")
				for i := 1; i <= 2; i++ {
					w := fmt.Sprintf("w%d", i)
					if died := i <= dead; died != (b.session(w) == 0) {
						t.Errorf("%s died: %v, its session is %d\n%s", w, died, b.session(w), got)
					}
				}
				b.serves("s1", "w3")
				b.serves("s2", []string{"w2", "w4"}[dead-1])
			})
		})
	}
}
