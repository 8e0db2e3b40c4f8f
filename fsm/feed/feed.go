package feed

import (
	"context"
	"errors"
	"sort"
	"sync"

	"github.com/raftdm/raftdm/fsm"
)

// ErrCompacted: some of the changes asked for are gone. Take a View and
// subscribe from its Index.
var ErrCompacted = fsm.ErrCompacted

// ErrClosed: the feed was closed.
var ErrClosed = errors.New("feed is closed")

// bufferedChanges is how many changes are kept in memory at least: the readers
// of a cluster that is up are at most a few commands behind. Twice as many are
// kept at most, so that the copying is done once in a while.
const bufferedChanges = 1024

// readAtOnce bounds one read of the change log, so that a reader far behind
// holds the store's view only briefly.
const readAtOnce = 256

// Batch is what happened between two indexes. A reader that knew the state at
// From and takes account of Changes knows it at To.
type Batch struct {
	From, To fsm.Index
	// Changes of that stretch, oldest first; may be empty: not every entry of
	// the log changes something.
	Changes []fsm.Change
}

// Feed distributes the changes of one store.
type Feed struct {
	store *fsm.Store

	mu sync.Mutex // guards the fields below
	// buffer holds every change in (floor, last].
	buffer []fsm.Change
	floor  fsm.Index
	last   fsm.Index
	moved  chan struct{} // closed and replaced whenever last or closed changes
	closed bool
}

// New follows a store from now on. It has to be called before the store's
// first Apply.
func New(store *fsm.Store) *Feed {
	f := &Feed{store: store, moved: make(chan struct{})}
	f.last = store.Applied()
	f.floor = f.last
	store.Observe(f.applied)
	return f
}

// applied is the writer's side. It runs on the applying goroutine.
func (f *Feed) applied(a fsm.Applied) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a.Reset || a.From != f.last {
		// What lies between is in the store's change log, if anywhere.
		f.buffer, f.floor = nil, a.To
	} else {
		f.buffer = append(f.buffer, a.Changes...)
	}
	if n := len(f.buffer) - bufferedChanges; n > bufferedChanges {
		f.floor = f.buffer[n-1].Index
		f.buffer = append([]fsm.Change(nil), f.buffer[n:]...)
	}
	f.last = a.To
	f.wake()
}

func (f *Feed) wake() {
	close(f.moved)
	f.moved = make(chan struct{})
}

// Close makes every Next return ErrClosed. The store is not touched.
func (f *Feed) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.closed = true
		f.wake()
	}
}

// Index is the index up to which the feed has heard of the store.
func (f *Feed) Index() fsm.Index {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

// Subscribe gives the changes after from. It answers ErrCompacted at once
// when they are not all there any more.
func (f *Feed) Subscribe(from fsm.Index) (*Subscription, error) {
	if _, _, err := f.after(from); err != nil {
		return nil, err
	}
	return &Subscription{feed: f, pos: from}, nil
}

// after gives what comes after pos, or a channel that closes when there may be
// something.
func (f *Feed) after(pos fsm.Index) (Batch, <-chan struct{}, error) {
	f.mu.Lock()
	last, wait, closed := f.last, f.moved, f.closed
	if closed {
		f.mu.Unlock()
		return Batch{}, nil, ErrClosed
	}
	if pos >= f.floor && pos < last {
		i := sort.Search(len(f.buffer), func(i int) bool { return f.buffer[i].Index > pos })
		// The array is shared with other readers: changes are never modified.
		b := Batch{From: pos, To: last, Changes: f.buffer[i:len(f.buffer):len(f.buffer)]}
		f.mu.Unlock()
		return b, nil, nil
	}
	f.mu.Unlock()
	if pos == last {
		return Batch{}, wait, nil
	}
	// Either pos is behind the buffer, or ahead of the news: the store commits
	// before it tells, so a view may be newer than anything heard here. Both
	// are read without the lock, for which the writer would have to wait.
	b, err := f.fromLog(pos)
	if err != nil || b.To > pos {
		return b, nil, err
	}
	return Batch{}, wait, nil
}

func (f *Feed) fromLog(pos fsm.Index) (Batch, error) {
	b := Batch{From: pos}
	err := f.store.View(func(v *fsm.View) error {
		var err error
		b.Changes, b.To, err = v.ChangesAfter(pos, readAtOnce)
		return err
	})
	return b, err
}

// Subscription is one reader's place in the feed. It is used by one goroutine.
type Subscription struct {
	feed *Feed
	pos  fsm.Index
}

// Index is the index up to which the reader has been told.
func (s *Subscription) Index() fsm.Index { return s.pos }

// Next waits until there is something after the last batch and gives it; the
// reader must not modify it. It answers ErrCompacted to a reader that fell too
// far behind: for good, since only a new View helps. After a context's error
// Next can be called again.
func (s *Subscription) Next(ctx context.Context) (Batch, error) {
	for {
		if err := ctx.Err(); err != nil {
			return Batch{}, err
		}
		b, wait, err := s.feed.after(s.pos)
		if err != nil {
			return Batch{}, err
		}
		if wait == nil {
			s.pos = b.To
			return b, nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return Batch{}, ctx.Err()
		}
	}
}
