package scheduler

import (
	"sync"
	"time"

	"github.com/raftdm/raftdm/fsm"
)

// Leases remembers when each worker was last heard of. It is kept in the
// memory of the leader: a new leader starts with full leases for all.
type Leases struct {
	wakeC chan struct{} // capacity 1: a wake-up that is pending covers later ones

	mu   sync.Mutex // guards the fields below
	last map[fsm.WorkerName]lease
}

type lease struct {
	session fsm.SessionID
	heard   time.Time
	gone    bool // the worker said goodbye
}

// NewLeases knows nobody yet.
func NewLeases() *Leases {
	return &Leases{wakeC: make(chan struct{}, 1), last: map[fsm.WorkerName]lease{}}
}

// Renew notes that a worker was heard of now. It answers false when its
// session is over, because it said goodbye or opened a newer one.
func (l *Leases) Renew(w fsm.WorkerName, s fsm.SessionID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	have := l.last[w]
	if s < have.session || (s == have.session && have.gone) {
		return false
	}
	l.last[w] = lease{session: s, heard: time.Now()}
	return true
}

// Goodbye ends a session at once: the worker has stopped its subtasks and
// closes the connection on purpose. A broken connection is no goodbye.
func (l *Leases) Goodbye(w fsm.WorkerName, s fsm.SessionID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s < l.last[w].session {
		return
	}
	l.last[w] = lease{session: s, heard: time.Now(), gone: true}
	select {
	case l.wakeC <- struct{}{}:
	default:
	}
}

// reset forgets everything: whoever is online gets a full lease from the next
// look on.
func (l *Leases) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.last)
}

// expired gives the sessions that are over, and when the next one might be;
// zero when none can. Sessions not heard of yet count from now.
func (l *Leases) expired(workers []fsm.Worker) (over []fsm.Command, next time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	known := make(map[fsm.WorkerName]bool, len(workers))
	for _, w := range workers {
		known[w.Name] = true
		if w.Session == 0 {
			continue
		}
		have := l.last[w.Name]
		if have.session > w.Session {
			// Heard of already, not in this view yet: the view will move.
			continue
		}
		if have.session < w.Session {
			have = lease{session: w.Session, heard: now}
			l.last[w.Name] = have
		}
		ends := have.heard.Add(time.Duration(w.TTLSeconds) * time.Second)
		if have.gone || !ends.After(now) {
			over = append(over, fsm.ExpireSession{Worker: w.Name, Session: w.Session})
			continue
		}
		if next.IsZero() || ends.Before(next) {
			next = ends
		}
	}
	for name := range l.last {
		if !known[name] {
			delete(l.last, name)
		}
	}
	return over, next
}
