package history

import (
	"encoding/json"
	"io"
	"sync"
	"time"
)

// Recorder collects a history. Any number of goroutines may use it.
type Recorder struct {
	began time.Time

	mu sync.Mutex

	// All below is guarded by mu.
	h      History
	open   map[*Pending]bool
	faults map[int]bool // indexes of h.Faults that have not ended
	to     *json.Encoder
	err    error // of the first write that failed
}

// NewRecorder begins a history. Each operation is also written to w as soon as
// it has ended, so that a run that is killed leaves what it had; w may be nil.
func NewRecorder(w io.Writer) *Recorder {
	began := time.Now()
	r := &Recorder{began: began, h: History{Began: began}, open: map[*Pending]bool{}, faults: map[int]bool{}}
	if w != nil {
		r.to = json.NewEncoder(w)
		r.write(line{Began: &began})
	}
	return r
}

// Now gives the time since the history began.
func (r *Recorder) Now() int64 { return int64(time.Since(r.began)) }

// Pending is an operation that was called and has not returned.
type Pending struct {
	r  *Recorder
	op Op
}

// Call records that client asks for something. Exactly one of the methods of
// Pending ends it; a client does one thing at a time.
func (r *Recorder) Call(client string, kind Kind, in any) *Pending {
	p := &Pending{r: r, op: Op{Client: client, Kind: kind, Call: r.Now(), Return: Never, Outcome: Unknown, In: in}}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open[p] = true
	return p
}

// OK ends an operation that happened.
func (p *Pending) OK(out any) { p.end(OK, out, nil) }

// Failed ends an operation that certainly did not happen; out is what the
// refusal says, or nil.
func (p *Pending) Failed(out any, err error) { p.end(Failed, out, err) }

// Unknown ends an operation of which nobody knows whether it happens.
func (p *Pending) Unknown(err error) { p.end(Unknown, nil, err) }

func (p *Pending) end(outcome Outcome, out any, err error) {
	now := p.r.Now()
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	if !p.r.open[p] {
		return
	}
	delete(p.r.open, p)
	p.op.Return, p.op.Outcome, p.op.Out = now, outcome, out
	if err != nil {
		p.op.Err = err.Error()
	}
	p.r.h.Ops = append(p.r.h.Ops, p.op)
	p.r.write(line{Op: &p.op})
}

// Fault records that a fault begins; the answer ends it and may be called more
// than once.
func (r *Recorder) Fault(name string) (end func()) {
	now := r.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	i := len(r.h.Faults)
	f := Fault{Name: name, Start: now, End: Never}
	r.h.Faults = append(r.h.Faults, f)
	r.faults[i] = true
	r.write(line{Fault: &f})
	return func() {
		now := r.Now()
		r.mu.Lock()
		defer r.mu.Unlock()
		if !r.faults[i] {
			return
		}
		delete(r.faults, i)
		r.h.Faults[i].End = now
		f := r.h.Faults[i]
		r.write(line{Fault: &f})
	}
}

// History gives everything until now; what has not returned is Unknown.
func (r *Recorder) History() History {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := History{Began: r.began, Ops: append([]Op(nil), r.h.Ops...), Faults: append([]Fault(nil), r.h.Faults...)}
	for p := range r.open {
		out.Ops = append(out.Ops, p.op)
	}
	out.sort()
	return out
}

// Close writes what has not returned, as Unknown, and answers the first error
// of writing. The writer stays the caller's.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.open {
		r.write(line{Op: &p.op})
		r.h.Ops = append(r.h.Ops, p.op)
	}
	clear(r.open)
	return r.err
}

// write needs mu, except in NewRecorder.
func (r *Recorder) write(l line) {
	if r.to == nil || r.err != nil {
		return
	}
	r.err = r.to.Encode(l)
}
