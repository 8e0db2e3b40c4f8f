package feed_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/fsm/feed"
)

// TestAReaderThatPausesGetsEverythingOrIsTold: readers read and pause as they
// please beside a writer whose log is short. What each was given is exactly
// what happened since its place, or it is told ErrCompacted, and that only when
// the log really has lost something it needs.
func TestAReaderThatPausesGetsEverythingOrIsTold(t *testing.T) {
	dir, n, told, fromLog := t.TempDir(), 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		keep := rapid.SampledFrom([]int{3, 40, 5000}).Draw(rt, "keep")
		store, err := fsm.OpenLimits(filepath.Join(dir, fmt.Sprint(n)), fsm.Limits{Changes: keep, Requests: 1})
		if err != nil {
			rt.Fatal(err)
		}
		defer store.Close()
		h := &history{rt: rt, store: store, feed: feed.New(store)}
		readers := make([]*feed.Subscription, 4)
		for i := range readers {
			readers[i] = h.subscribe(0)
		}
		for range rapid.IntRange(5, 60).Draw(rt, "steps") {
			switch r := rapid.IntRange(0, 9).Draw(rt, "step"); {
			case r < 4:
				h.write(rapid.SampledFrom([]int{1, 2, 30, 300, 900}).Draw(rt, "entries"))
			case r == 4:
				h.feed = feed.New(store) // the member was started anew: its buffer is empty
				for i, s := range readers {
					readers[i] = h.subscribe(s.Index())
				}
			default:
				i := rapid.IntRange(0, 3).Draw(rt, "reader")
				var compacted, behind bool
				readers[i], compacted, behind = h.read(readers[i])
				told, fromLog = told+btoi(compacted), fromLog+btoi(behind)
			}
		}
		for _, s := range readers {
			for s.Index() < h.index {
				s, _, _ = h.read(s)
			}
		}
	})
	if told < 10 || fromLog < 10 {
		t.Errorf("readers were told %d times and read the log %d times: the pauses are too short to prove much", told, fromLog)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// history is a writer that remembers which entries changed something.
type history struct {
	rt      *rapid.T
	store   *fsm.Store
	feed    *feed.Feed
	index   fsm.Index
	changed []fsm.Index
}

// write applies entries in one batch; every third changes nothing.
func (h *history) write(n int) {
	var es []fsm.Entry
	for range n {
		h.index++
		e := fsm.Entry{Index: h.index}
		if h.index%3 != 0 {
			data, err := fsm.Encode(fsm.Meta{}, fsm.PutSource{ID: fsm.SourceID(fmt.Sprint("s", h.index))})
			if err != nil {
				h.rt.Fatal(err)
			}
			e.Data = data
			h.changed = append(h.changed, h.index)
		}
		es = append(es, e)
	}
	if _, err := h.store.Apply(es); err != nil {
		h.rt.Fatal(err)
	}
}

func (h *history) floor() (f fsm.Index) {
	if err := h.store.View(func(v *fsm.View) error { f = v.ChangesFloor(); return nil }); err != nil {
		h.rt.Fatal(err)
	}
	return f
}

// subscribe goes on at an index or, when that is compacted, from a view.
func (h *history) subscribe(from fsm.Index) *feed.Subscription {
	s, err := h.feed.Subscribe(from)
	if errors.Is(err, feed.ErrCompacted) && from < h.floor() {
		s, err = h.feed.Subscribe(h.index)
	}
	if err != nil {
		h.rt.Fatal(err)
	}
	return s
}

// read takes one batch and checks it against what happened.
func (h *history) read(s *feed.Subscription) (next *feed.Subscription, compacted, behind bool) {
	from := s.Index()
	if from == h.index {
		return s, false, false // Next would wait
	}
	b, err := s.Next(h.rt.Context())
	if errors.Is(err, feed.ErrCompacted) {
		if from >= h.floor() {
			h.rt.Fatalf("told compacted at %d, the log is complete from %d", from, h.floor())
		}
		return h.subscribe(h.index), true, false
	}
	if err != nil {
		h.rt.Fatal(err)
	}
	if b.From != from || b.To <= from || b.To > h.index || s.Index() != b.To {
		h.rt.Fatalf("batch (%d, %d] at %d of %d", b.From, b.To, from, h.index)
	}
	var got, want []fsm.Index
	for _, c := range b.Changes {
		got = append(got, c.Index)
	}
	for _, i := range h.changed {
		if i > b.From && i <= b.To {
			want = append(want, i)
		}
	}
	if !slices.Equal(got, want) {
		h.rt.Fatalf("(%d, %d] came with %v, want %v", b.From, b.To, got, want)
	}
	return s, false, b.To < h.index
}
