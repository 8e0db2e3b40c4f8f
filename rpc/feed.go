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
		var err error
		if from, err = followIf(ctx, f, from, changedC, func(fsm.Change) bool { return true }); !errors.Is(err, feed.ErrCompacted) {
			return err
		}
		from = f.Index()
		signal(changedC)
	}
}

// follow puts a token into changedC whenever something changed that may concern
// the visiting worker: with a thousand of them, looking at everything for each
// would cost a thousand times what changed.
func (v *visit) follow(ctx context.Context, changedC chan<- struct{}) error {
	for {
		var from fsm.Index
		var source fsm.SourceID // as of the last change seen
		err := v.s.m.cfg.Reader.View(func(view *fsm.View) error {
			b, _ := view.BindingOf(v.worker)
			from, source = view.Index(), b.Source
			return nil
		})
		if err != nil {
			return err
		}
		signal(changedC) // what led here may have changed something
		_, err = followIf(ctx, v.s.m.cfg.Feed, from, changedC, func(ch fsm.Change) bool {
			mine := false
			for _, t := range ch.Touched {
				if t.Noun == fsm.NounBinding && t.Worker == v.worker && !t.Deleted {
					source = t.Source
				}
				mine = mine || t.Worker == v.worker || (source != "" && t.Source == source)
			}
			return mine
		})
		if !errors.Is(err, feed.ErrCompacted) {
			return err
		}
	}
}

// followIf puts a token into changedC after every batch with a change that
// matters; it looks at each change once and in order. It gives the index up to
// which it has followed.
func followIf(ctx context.Context, f *feed.Feed, from fsm.Index, changedC chan<- struct{}, matters func(fsm.Change) bool) (fsm.Index, error) {
	sub, err := f.Subscribe(from)
	for err == nil {
		var b feed.Batch
		if b, err = sub.Next(ctx); err != nil {
			break
		}
		from = b.To
		any := false
		for _, ch := range b.Changes {
			any = matters(ch) || any
		}
		if any {
			signal(changedC)
		}
	}
	return from, err
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
