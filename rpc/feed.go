package rpc

import (
	"context"
	"errors"
	"sync"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/fsm/feed"
)

// follow puts a token into changedC after every batch of changes, until ctx or
// the feed ends. from is the index of the view the caller has acted on, so
// that nothing falls in between.
func follow(ctx context.Context, f *feed.Feed, from fsm.Index, changedC chan<- struct{}) error {
	for {
		sub, err := f.Subscribe(from)
		for err == nil {
			var b feed.Batch
			if b, err = sub.Next(ctx); err == nil && len(b.Changes) > 0 {
				signal(changedC)
			}
		}
		if !errors.Is(err, feed.ErrCompacted) {
			return err
		}
		// Too far behind to be told what changed: it is enough to know that
		// something did, since the whole assignment is looked at again.
		from = f.Index()
		signal(changedC)
	}
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// sentAssignments remembers what each worker was sent last, so that one that
// reconnects to this master needs only what changed since.
type sentAssignments struct {
	mu       sync.Mutex
	byWorker map[fsm.WorkerName]fsm.Assignment // guarded by mu
}

// at gives the assignment that a worker says it has, nil when this master did
// not send it. An index means one assignment in the whole cluster, because it
// is a function of the state at that index.
func (s *sentAssignments) at(w fsm.WorkerName, have fsm.Index) *fsm.Assignment {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a, ok := s.byWorker[w]; ok && have != 0 && a.Index == have {
		return &a
	}
	return nil
}

func (s *sentAssignments) put(w fsm.WorkerName, a fsm.Assignment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byWorker == nil {
		s.byWorker = map[fsm.WorkerName]fsm.Assignment{}
	}
	s.byWorker[w] = a
}
