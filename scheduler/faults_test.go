package scheduler

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/raftdm/raftdm/fsm"
)

// process is a worker as the leader sees it.
type process struct {
	name    string
	state   answer // accepts: it renews, unless it is stopped
	stopped bool
	mine    fsm.SessionID // as it believes
	renewed time.Time     // when the leader accepted its last renewal
	since   time.Time     // when it came into its state
}

// faults is a cluster whose workers die, are cut off, are stopped and come
// back, and whose leader changes.
type faults struct {
	*bench
	rng     *rand.Rand
	procs   []*process
	leading time.Time
	end     func()
	early   int // sessions that ended before their lease
	late    int // sessions that ended with it
}

const faultTTL = 60 * time.Second // as the script's "online"

// TestSessionsUnderRandomFaults: whatever happens, the session of a process
// that may live lasts as long as its lease, and that of a dead one ends within
// 3 s of a steady leader.
func TestSessionsUnderRandomFaults(t *testing.T) {
	early, late := 0, 0
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &faults{bench: newBench(t), rng: rand.New(rand.NewPCG(seed, 7))}
				for i := range 4 {
					p := &process{name: fmt.Sprintf("w%d", i), since: time.Now()}
					f.procs = append(f.procs, p)
					f.run("worker "+p.name, fmt.Sprintf("source s%d", i))
				}
				f.end, f.leading = f.lead(), time.Now()
				defer func() { f.end() }()
				var next time.Time
				for range 6000 { // ten minutes
					if now := time.Now(); !now.Before(next) {
						f.event()
						next = now.Add(time.Duration(f.rng.IntN(20_000)) * time.Millisecond)
					}
					f.tick()
					pass(100 * time.Millisecond)
					f.check()
				}
				early, late = early+f.early, late+f.late
			})
		})
	}
	if early < 50 || late < 20 {
		t.Errorf("%d sessions ended early and %d with their lease: too few to prove much", early, late)
	}
}

func (f *faults) event() {
	p := f.procs[f.rng.IntN(len(f.procs))]
	switch f.rng.IntN(12) {
	case 0:
		f.end()
		f.elect()
		f.end, f.leading = f.lead(), time.Now()
		return
	case 1, 2, 3:
		p.state, p.stopped, p.mine = refuses, false, 0
	case 4, 5:
		p.state = silentNet
	case 6, 7:
		p.state, p.stopped = accepts, true
	default:
		p.state, p.stopped = accepts, false
	}
	p.since = time.Now()
	f.prober.set(p.name, p.state)
}

// tick lets the processes that can do so renew, or open a session.
func (f *faults) tick() {
	for _, p := range f.procs {
		if p.state != accepts || p.stopped || time.Since(p.renewed) < time.Second {
			continue
		}
		if now := f.session(p.name); p.mine == 0 || now != p.mine {
			f.run("online " + p.name)
			p.mine, p.renewed = f.session(p.name), time.Now()
		} else if f.leases.Renew(fsm.WorkerName(p.name), p.mine) {
			p.renewed = time.Now()
		} else {
			p.mine = 0 // its lease is over; it comes back with a new session
		}
	}
}

func (f *faults) check() {
	for _, p := range f.procs {
		online := f.session(p.name) != 0
		if p.state == refuses {
			steady := min(time.Since(p.since), time.Since(f.leading))
			if online && steady > 3*time.Second {
				f.t.Fatalf("%s is dead for %v and still online", p.name, steady)
			}
			if !online && !p.renewed.IsZero() && time.Since(p.renewed) < faultTTL {
				f.early++
				p.renewed = time.Time{}
			}
			continue
		}
		if online || p.mine == 0 || p.renewed.IsZero() {
			continue
		}
		if silent := time.Since(p.renewed); silent < faultTTL {
			f.t.Fatalf("the session of %s, which may live, ended %v after a renewal", p.name, silent)
		}
		f.late++
		p.mine = 0
	}
	f.view(func(v *fsm.View) {
		for _, b := range v.Bindings() {
			if w, _ := v.Worker(b.Worker); w.Session == 0 {
				f.t.Fatalf("%s is bound to %s, which is offline", b.Source, b.Worker)
			}
		}
	})
}
