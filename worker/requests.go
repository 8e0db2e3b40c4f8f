package worker

import (
	"context"
	"sync"
)

// rememberedRequests is how many requests are remembered: a master asks again
// within seconds if it does.
const rememberedRequests = 100

// requests carries out each request once, by its id: who had no answer asks again.
type requests struct {
	mu sync.Mutex

	// Guarded by mu: those under way and those that have succeeded, the oldest first.
	known map[string]*request
	order []string
}

type request struct {
	doneC chan struct{}
	// Written before doneC is closed.
	msg string
	err error
}

// once calls fn, or gives the answer of the call for the same id. A request that
// has failed may be tried again. An empty id is always new.
func (r *requests) once(ctx context.Context, id string, fn func() (string, error)) (string, error) {
	if id == "" {
		return fn()
	}
	r.mu.Lock()
	if before := r.known[id]; before != nil {
		r.mu.Unlock()
		select {
		case <-before.doneC:
			return before.msg, before.err
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	if r.known == nil {
		r.known = map[string]*request{}
	}
	q := &request{doneC: make(chan struct{})}
	r.known[id] = q
	r.order = append(r.order, id)
	if len(r.order) > rememberedRequests {
		delete(r.known, r.order[0])
		r.order = r.order[1:]
	}
	r.mu.Unlock()
	defer close(q.doneC)
	q.msg, q.err = fn()
	if q.err != nil {
		r.mu.Lock()
		delete(r.known, id)
		r.mu.Unlock()
	}
	return q.msg, q.err
}
