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

	mu      sync.Mutex // guards the fields below
	leading bool
	last    map[fsm.WorkerName]lease
}

type lease struct {
	session fsm.SessionID
	heard   time.Time
	// over: the worker said goodbye, its process was found dead, or the lease
	// was found to have ended.
	// There is no way back, even before the session's end is agreed on: a
	// renewal in between would let a worker go on that loses its source.
	over bool
}

// NewLeases knows nobody yet.
func NewLeases() *Leases {
	return &Leases{wakeC: make(chan struct{}, 1), last: map[fsm.WorkerName]lease{}}
}

// Renew notes that a worker was heard of now. It answers false when its
// session is over, or when this node does not lead and so cannot know.
func (l *Leases) Renew(w fsm.WorkerName, s fsm.SessionID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	have := l.last[w]
	if !l.leading || s < have.session || (s == have.session && have.over) {
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
	l.last[w] = lease{session: s, heard: time.Now(), over: true}
	l.wake()
}

// wake has the loop look at the leases.
func (l *Leases) wake() {
	select {
	case l.wakeC <- struct{}{}:
	default:
	}
}

// begin starts a term as leader: whoever is online gets a full lease from the
// next look on.
func (l *Leases) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.last)
	l.leading = true
}

// end ends a term: from now on nobody's lease is renewed here.
func (l *Leases) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leading = false
}

// expired gives the commands that end the sessions that are over, and when the
// next one might be; zero when none can. Sessions not heard of yet count from now.
func (l *Leases) expired(v *fsm.View) (over []fsm.Command, next time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	online := map[fsm.WorkerName]bool{}
	for _, w := range v.Workers() {
		have := l.last[w.Name]
		if w.Session == 0 || have.session > w.Session {
			continue
		}
		online[w.Name] = true
		if have.session < w.Session {
			have = lease{session: w.Session, heard: now}
		}
		ends := have.heard.Add(time.Duration(w.TTLSeconds) * time.Second)
		have.over = have.over || !ends.After(now)
		l.last[w.Name] = have
		switch {
		case have.over:
			over = append(over, fsm.ExpireSession{Worker: w.Name, Session: w.Session})
		case next.IsZero() || ends.Before(next):
			next = ends
		}
	}
	for name, have := range l.last {
		// A session is the index at which it was opened: one above the view's
		// is younger than the view, any other that is not in it has ended.
		if !online[name] && have.session <= fsm.SessionID(v.Index()) {
			have.over = true
			l.last[name] = have
		}
	}
	return over, next
}
