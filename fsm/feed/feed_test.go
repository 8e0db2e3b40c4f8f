package feed_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/fsm/feed"
)

type writer struct {
	t     testing.TB
	store *fsm.Store
	feed  *feed.Feed
	index fsm.Index
}

func newWriter(t testing.TB, keep int) *writer {
	t.Helper()
	s, err := fsm.OpenLimits(filepath.Join(t.TempDir(), "state.db"), fsm.Limits{Changes: keep, Requests: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &writer{t: t, store: s, feed: feed.New(s)}
}

// write applies n changes in one batch.
func (w *writer) write(n int) {
	w.t.Helper()
	var es []fsm.Entry
	for range n {
		w.index++
		data, err := fsm.Encode(fsm.Meta{}, fsm.PutSource{ID: fsm.SourceID(fmt.Sprint("s", w.index))})
		if err != nil {
			w.t.Fatal(err)
		}
		es = append(es, fsm.Entry{Index: w.index, Data: data})
	}
	if _, err := w.store.Apply(es); err != nil {
		w.t.Fatal(err)
	}
}

func (w *writer) subscribe(from fsm.Index) *feed.Subscription {
	w.t.Helper()
	s, err := w.feed.Subscribe(from)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// read reads up to an index and checks that there is no gap on the way.
func read(ctx context.Context, s *feed.Subscription, to fsm.Index) error {
	for s.Index() < to {
		from := s.Index()
		b, err := s.Next(ctx)
		if err != nil {
			return err
		}
		if b.From != from || b.To <= from || s.Index() != b.To {
			return fmt.Errorf("batch (%d, %d] after %d", b.From, b.To, from)
		}
		// Every entry of these tests is a change.
		for i, c := range b.Changes {
			if want := b.From + fsm.Index(i) + 1; c.Index != want {
				return fmt.Errorf("change %d instead of %d", c.Index, want)
			}
		}
		if got := fsm.Index(len(b.Changes)); got != b.To-b.From {
			return fmt.Errorf("%d changes in (%d, %d]", got, b.From, b.To)
		}
	}
	return nil
}

func TestReadersOfEverySpeedMeetNoGap(t *testing.T) {
	w := newWriter(t, 100_000)
	w.write(700)
	w.write(1900) // the buffer holds 1024 of these 2600
	for _, from := range []fsm.Index{0, 1, 300, 1575, 1576, 1577, 2599, 2600} {
		if err := read(t.Context(), w.subscribe(from), 2600); err != nil {
			t.Errorf("from %d: %v", from, err)
		}
	}
}

func TestReadersBesideAWriter(t *testing.T) {
	w := newWriter(t, 100_000)
	const total = 2000
	var wg sync.WaitGroup
	for range 8 {
		s := w.subscribe(0)
		wg.Go(func() {
			if err := read(t.Context(), s, total); err != nil {
				t.Error(err)
			}
		})
	}
	for range total / 20 {
		w.write(20)
	}
	wg.Wait()
}

func TestAReaderTooFarBehindIsTold(t *testing.T) {
	w := newWriter(t, 50)
	slow := w.subscribe(0)
	for range 50 { // beyond the log, and beyond the buffer
		w.write(64)
	}
	if _, err := slow.Next(t.Context()); !errors.Is(err, feed.ErrCompacted) {
		t.Errorf("next: %v", err)
	}
	if _, err := w.feed.Subscribe(1); !errors.Is(err, feed.ErrCompacted) {
		t.Errorf("subscribe: %v", err)
	}
	// As told: take a view, go on from there.
	var from fsm.Index
	if err := w.store.View(func(v *fsm.View) error { from = v.Index(); return nil }); err != nil {
		t.Fatal(err)
	}
	s := w.subscribe(from)
	w.write(3)
	if err := read(t.Context(), s, w.index); err != nil {
		t.Error(err)
	}
}

func TestAFeedOverAnOldStoreReadsItsLog(t *testing.T) {
	w := newWriter(t, 1000)
	w.write(600)
	late := &writer{t: t, store: w.store, feed: feed.New(w.store), index: w.index}
	s := late.subscribe(10)
	late.write(5)
	if err := read(t.Context(), s, 605); err != nil {
		t.Error(err)
	}
}

func TestEntriesWithoutChangesMoveTheIndex(t *testing.T) {
	w := newWriter(t, 10)
	s := w.subscribe(0)
	if _, err := w.store.Apply([]fsm.Entry{{Index: 1}, {Index: 2}}); err != nil {
		t.Fatal(err)
	}
	b, err := s.Next(t.Context())
	if diff := cmp.Diff(feed.Batch{From: 0, To: 2}, b, cmpopts.EquateEmpty()); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestAfterARestore(t *testing.T) {
	ahead := newWriter(t, 40)
	ahead.write(100)
	snap, err := ahead.store.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if _, err := snap.WriteTo(&raw); err != nil {
		t.Fatal(err)
	}
	if err := snap.Close(); err != nil {
		t.Fatal(err)
	}
	w := newWriter(t, 40)
	w.write(80)
	near, far := w.subscribe(70), w.subscribe(20+30)
	if err := w.store.Restore(&raw); err != nil {
		t.Fatal(err)
	}
	w.index = 100
	w.write(1)
	// The snapshot brings the log from 60 on.
	if err := read(t.Context(), near, 101); err != nil {
		t.Errorf("near: %v", err)
	}
	if _, err := far.Next(t.Context()); !errors.Is(err, feed.ErrCompacted) {
		t.Errorf("far: %v", err)
	}
	if _, err := w.feed.Subscribe(500); !errors.Is(err, feed.ErrCompacted) {
		t.Errorf("from the future: %v", err)
	}
}

// Every goroutine that waits ends, with the context or with the feed; synctest
// fails if one is left.
func TestWaitingReadersLeaveNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWriter(t, 10)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 10 {
			s, ctx, want := w.subscribe(0), ctx, context.Canceled
			if i%2 == 0 {
				ctx, want = t.Context(), feed.ErrClosed
			}
			wg.Go(func() {
				if _, err := s.Next(ctx); !errors.Is(err, want) {
					t.Errorf("got %v, want %v", err, want)
				}
			})
		}
		synctest.Wait() // all of them wait
		cancel()
		w.feed.Close()
		w.feed.Close()
		wg.Wait()
		if _, err := w.feed.Subscribe(0); !errors.Is(err, feed.ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
}
