package rpc

import (
	"sync"
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/status"
)

// heard is the latest report of a worker.
type heard struct {
	session fsm.SessionID
	report  status.Report
	at      time.Time
}

// reports keeps the latest report of every worker that speaks to this master.
// It is memory only: after a restart workers report again within a second.
type reports struct {
	mu       sync.Mutex
	byWorker map[fsm.WorkerName]heard // guarded by mu
	newsC    chan struct{}            // guarded by mu; closed and replaced with each report
}

func newReports() *reports {
	return &reports{byWorker: map[fsm.WorkerName]heard{}, newsC: make(chan struct{})}
}

func (r *reports) put(w fsm.WorkerName, session fsm.SessionID, rep status.Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byWorker[w].session > session {
		return // a process that another one of its name has replaced
	}
	r.byWorker[w] = heard{session: session, report: rep, at: time.Now()}
	close(r.newsC)
	r.newsC = make(chan struct{})
}

// forget drops the report of a session.
func (r *reports) forget(w fsm.WorkerName, session fsm.SessionID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byWorker[w].session == session {
		delete(r.byWorker, w)
	}
}

// of gives the report of a worker's present session about the source it
// serves; false when there is none yet.
func (r *reports) of(w fsm.Worker, b fsm.Binding) (heard, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h, ok := r.byWorker[w.Name]
	ok = ok && h.session == w.Session && h.report.Source == string(b.Source) && h.report.Epoch == uint64(b.Epoch)
	return h, ok
}

// news gives a channel that closes with the next report.
func (r *reports) news() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.newsC
}
