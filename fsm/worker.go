package fsm

// Bucket layout
//
//	workers   <worker>  {"addr":…,"session":…,"ttl":…,"last":…}
//
// session 0 = offline. Sessions are raft indexes and epochs grow with them, so
// neither ever repeats.

import (
	"fmt"

	"github.com/raftdm/raftdm/internal/fault"
)

// RegisterWorker makes a worker known. The same name and address again change
// nothing; the same name with another address is refused (46003). Value: none.
type RegisterWorker struct {
	Name WorkerName
	Addr string
}

// RemoveWorker forgets a worker that is offline (46005 else), and with it the
// load files on its disk. Value: none.
type RemoveWorker struct {
	Name WorkerName
}

// OpenSession brings a worker online. Should it be bound already, its binding
// gets a new epoch: an older process of the same name may still be running,
// and the target must refuse it from now on. Value: SessionID.
type OpenSession struct {
	Worker     WorkerName
	TTLSeconds int64
}

// ExpireSession takes a worker offline and its source away, if Session is
// still its session. Value: bool, whether it was.
type ExpireSession struct {
	Worker  WorkerName
	Session SessionID
}

type workerRecord struct {
	Addr    string    `json:"addr"`
	Session SessionID `json:"session,omitempty"`
	TTL     int64     `json:"ttl,omitempty"`
	Last    SourceID  `json:"last,omitempty"`
}

func (c RegisterWorker) apply(t *txn) (any, error) {
	if err := checkName("worker name", string(c.Name)); err != nil {
		return nil, err
	}
	if err := checkName("worker address", c.Addr); err != nil {
		return nil, err
	}
	if w, ok := t.Worker(c.Name); ok {
		if w.Addr == c.Addr {
			return nil, nil
		}
		return nil, refuse(fault.Exists, codeWorkerExists,
			fmt.Sprintf("worker %s is registered with address %s, not %s", c.Name, w.Addr, c.Addr),
			"give the worker another name, start it with its former advertise-addr, or remove the old one with offline-member --worker")
	}
	return nil, t.putWorker(Worker{Name: c.Name, Addr: c.Addr})
}

func (c RemoveWorker) apply(t *txn) (any, error) {
	w, ok := t.Worker(c.Name)
	if !ok {
		return nil, noWorker(c.Name)
	}
	if w.Session != 0 {
		return nil, refuse(fault.Conflict, codeWorkerOnline, fmt.Sprintf("worker %s is still online", c.Name),
			"stop the dm-worker process first; if its machine is gone, wait for the end of its lease (keepalive-ttl)")
	}
	for _, f := range t.LoadFiles() {
		if f.Worker != c.Name {
			continue
		}
		if err := t.delLoadFiles(f); err != nil {
			return nil, err
		}
	}
	if err := t.del(bucketWorkers, []byte(c.Name)); err != nil {
		return nil, err
	}
	t.changed(Touch{Noun: NounWorker, Worker: c.Name, Deleted: true})
	return nil, nil
}

func (c OpenSession) apply(t *txn) (any, error) {
	w, ok := t.Worker(c.Worker)
	if !ok {
		return nil, noWorker(c.Worker)
	}
	if c.TTLSeconds <= 0 {
		return nil, fault.New(fault.Invalid, fmt.Sprintf("the session of worker %s asks for a lease of %d s; it must be positive",
			c.Worker, c.TTLSeconds))
	}
	w.Session, w.TTLSeconds = SessionID(t.index), c.TTLSeconds
	if err := t.putWorker(w); err != nil {
		return nil, err
	}
	if b, bound := t.BindingOf(c.Worker); bound {
		if err := t.putBinding(b.Source, b.Worker); err != nil {
			return nil, err
		}
	}
	return w.Session, nil
}

func (c ExpireSession) apply(t *txn) (any, error) {
	w, ok := t.Worker(c.Worker)
	if !ok {
		return nil, noWorker(c.Worker)
	}
	if w.Session == 0 || w.Session != c.Session {
		return false, nil
	}
	b, bound := t.BindingOf(c.Worker)
	w.Session, w.TTLSeconds = 0, 0
	if err := t.putWorker(w); err != nil {
		return nil, err
	}
	if bound {
		return true, t.delBinding(b)
	}
	return true, nil
}

func (t *txn) putWorker(w Worker) error {
	rec := workerRecord{Addr: w.Addr, Session: w.Session, TTL: w.TTLSeconds, Last: w.LastSource}
	t.changed(Touch{Noun: NounWorker, Worker: w.Name, Session: w.Session})
	return t.putJSON(bucketWorkers, []byte(w.Name), rec)
}

func (r workerRecord) worker(name WorkerName) Worker {
	return Worker{Name: name, Addr: r.Addr, Session: r.Session, TTLSeconds: r.TTL, LastSource: r.Last}
}

// Worker gives one worker.
func (v *View) Worker(name WorkerName) (Worker, bool) {
	var r workerRecord
	if !v.getJSON(bucketWorkers, []byte(name), &r) {
		return Worker{}, false
	}
	return r.worker(name), true
}

// Workers gives all workers, by name.
func (v *View) Workers() []Worker {
	var out []Worker
	for k, raw := range v.scan(bucketWorkers, nil) {
		var r workerRecord
		if v.unmarshal(bucketWorkers, k, raw, &r) {
			out = append(out, r.worker(WorkerName(k)))
		}
	}
	return out
}

func noWorker(name WorkerName) error {
	return refuse(fault.NotFound, codeNoWorker, fmt.Sprintf("worker %s does not exist", name),
		"list-member --worker shows the workers")
}
