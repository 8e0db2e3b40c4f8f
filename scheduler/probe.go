package scheduler

import (
	"context"
	"maps"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/raftdm/raftdm/fsm"
)

const (
	// silence is how long a worker may not be heard of before it is probed. It
	// renews every second; a quiet cluster is not probed at all.
	silence = 1500 * time.Millisecond
	// probeEvery is the pause between two probes of a silent worker.
	probeEvery = 500 * time.Millisecond
	// probeWithin bounds one probe.
	probeWithin = time.Second
	// probesAtOnce bounds the connections tried at a time: a rack that is cut
	// off makes every probe last as long as it may.
	probesAtOnce = 64
	// refusals in a row tell a dead process from one that is about to listen.
	refusals = 2
)

// Prober tells whether the process at an address is dead for certain: its
// machine answered that nobody listens there. A probe that is not answered
// proves nothing, and one that is accepted the contrary.
type Prober interface {
	Dead(ctx context.Context, addr string) bool
}

// suspect is an online worker as it was heard of last.
type suspect struct {
	worker  fsm.WorkerName
	session fsm.SessionID
	heard   time.Time // a renewal clears the suspicion
}

func (s suspect) silent() bool { return time.Since(s.heard) >= silence }

// watched gives the workers whose leases last, and their addresses.
func (l *Leases) watched(workers []fsm.Worker) map[suspect]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[suspect]string{}
	for _, w := range workers {
		have := l.last[w.Name]
		if w.Session != 0 && have.session == w.Session && !have.over {
			out[suspect{w.Name, w.Session, have.heard}] = w.Addr
		}
	}
	return out
}

// dead ends the lease of a worker whose process is, unless it was heard of
// meanwhile. It tells whether it did.
func (l *Leases) dead(s suspect) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	have := l.last[s.worker]
	if !l.leading || have.over || have.session != s.session || !have.heard.Equal(s.heard) {
		return false
	}
	have.over = true
	l.last[s.worker] = have
	l.wake()
	return true
}

// probe looks after silent workers. It has a goroutine of its own: work waits
// for no connection.
func (l *Loop) probe(ctx context.Context) error {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	refused, addrs := map[suspect]int{}, addresses{}
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		var workers []fsm.Worker
		err := l.store.View(func(v *fsm.View) error { workers = v.Workers(); return nil })
		if err != nil {
			return err
		}
		watched := l.leases.watched(workers)
		for _, s := range addrs.update(watched) {
			l.log.Warn("scheduler: a worker lives although its advertise-addr refuses connections; should it die, that is only known when its lease ends",
				"worker", string(s.worker), "addr", watched[s], "hint", "correct the worker's advertise-addr, or the firewall between master and worker")
		}
		maps.DeleteFunc(watched, func(s suspect, _ string) bool { return !s.silent() && addrs.tried(s) })
		refusing, again := l.refusing(ctx, watched), map[suspect]int{}
		addrs.note(watched, refusing)
		for s := range refusing {
			if !s.silent() || addrs[s.worker].useless {
				continue
			}
			if again[s] = refused[s] + 1; again[s] < refusals || !l.leases.dead(s) {
				continue
			}
			l.log.Info("scheduler: the process of a worker is dead: nobody listens at its address",
				"worker", string(s.worker), "session", uint64(s.session), "addr", watched[s])
		}
		refused = again
	}
}

// refusing probes all suspects and gives those that refused.
func (l *Loop) refusing(ctx context.Context, suspects map[suspect]string) map[suspect]bool {
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	var g errgroup.Group
	g.SetLimit(probesAtOnce)
	deadC := make(chan suspect, len(suspects)) // room for all: no probe waits to tell
	for s, addr := range suspects {
		g.Go(func() error {
			if l.prober.Dead(ctx, addr) {
				deadC <- s
			}
			return nil
		})
	}
	_ = g.Wait() // probes return no errors
	close(deadC)
	out := map[suspect]bool{}
	for s := range deadC {
		out[s] = true
	}
	return out
}
