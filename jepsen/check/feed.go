package check

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/raftdm/raftdm/jepsen/history"
)

// Feed reports ErrFeedGap when a batch does not begin where the one before it
// ended, when indexes do not increase, when one master lacks a change that
// another told, or when two tell it differently.
func Feed(h history.History) error {
	v := violations{promise: ErrFeedGap}
	seed := maphash.MakeSeed()
	told := map[uint64]teller{}
	streams := map[string]*stream{}
	each(h, history.FeedBatch, func(op history.Op, in history.Subscription, out history.Batch) {
		s := streams[op.Client]
		if s == nil {
			s = &stream{to: in.From, has: map[uint64]bool{}}
			streams[op.Client] = s
		}
		if !s.follow(op, out, &v) {
			return
		}
		for _, c := range out.Changes {
			s.has[c.Index] = true
			sum := maphash.String(seed, fmt.Sprintf("%+v", c))
			first, known := told[c.Index]
			switch {
			case !known:
				told[c.Index] = teller{master: in.Master, sum: sum, text: c}
			case first.sum != sum:
				v.add("change %d is %+v at %s and %+v at %s", c.Index, first.text, first.master, c, in.Master)
			}
		}
	})
	indexes := sortedKeys(told)
	for _, name := range sortedKeys(streams) {
		s := streams[name]
		for _, r := range merge(s.covered) {
			i, _ := slices.BinarySearch(indexes, r[0]+1)
			for ; i < len(indexes) && indexes[i] <= r[1]; i++ {
				if index := indexes[i]; !s.has[index] {
					v.add("stream %s covers %d to %d and lacks change %d, which %s told: %+v", name, r[0]+1, r[1], index, told[index].master, told[index].text)
				}
			}
		}
	}
	return v.err()
}

// teller is who told a change first, and what it was.
type teller struct {
	master string
	sum    uint64
	text   history.Change
}

// stream is what one subscriber has got so far.
type stream struct {
	to      uint64
	has     map[uint64]bool
	covered [][2]uint64 // after .. up to
}

// follow takes one batch; false for a snapshot, which holds no changes to compare.
func (s *stream) follow(op history.Op, b history.Batch, v *violations) bool {
	if b.Snapshot {
		s.to = b.To
		return false
	}
	if b.From != s.to {
		v.add("%s was at %d and got a batch that begins at %d: %s", op.Client, s.to, b.From, op)
	}
	last := b.From
	for _, c := range b.Changes {
		if c.Index <= last || c.Index > b.To {
			v.add("%s: change %d comes after %d in a batch from %d to %d: %s", op.Client, c.Index, last, b.From, b.To, op)
		}
		last = c.Index
	}
	if b.To < b.From {
		v.add("%s: a batch ends before it begins: %s", op.Client, op)
	}
	s.covered = append(s.covered, [2]uint64{b.From, b.To})
	s.to = b.To
	return true
}

// merge joins ranges that touch, in order.
func merge(ranges [][2]uint64) [][2]uint64 {
	sorted := slices.Clone(ranges)
	slices.SortFunc(sorted, func(a, b [2]uint64) int { return cmp.Compare(a[0], b[0]) })
	var out [][2]uint64
	for _, r := range sorted {
		if n := len(out); n > 0 && r[0] <= out[n-1][1] {
			out[n-1][1] = max(out[n-1][1], r[1])
			continue
		}
		out = append(out, r)
	}
	return out
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	out := make([]K, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// clockSlack is what the wall clock in a change and the history's monotonic one
// may differ by: they are of one machine.
const clockSlack = 200 // milliseconds

// FeedHasAll reports ErrFeedGap when an acknowledged operation is in no master's
// stream. Where all streams jumped by a snapshot nothing can be said.
func FeedHasAll(h history.History) error {
	v := violations{promise: ErrFeedGap}
	a := gather(h)
	if len(a.changes) == 0 {
		return nil
	}
	each(h, history.Control, func(op history.Op, in history.Request, _ history.Answer) {
		fits := trace(in)
		if fits == nil || op.Return > a.heard {
			return
		}
		from := h.Began.UnixMilli() + op.Call/1e6 - clockSlack
		to := h.Began.UnixMilli() + op.Return/1e6 + clockSlack
		if a.hole(from, to) {
			return
		}
		i, _ := slices.BinarySearchFunc(a.changes, from, func(c history.Change, at int64) int { return cmp.Compare(c.AtUnixMilli, at) })
		for ; i < len(a.changes) && a.changes[i].AtUnixMilli <= to; i++ {
			if slices.ContainsFunc(a.changes[i].Touches, fits) {
				return
			}
		}
		v.add("no stream has the change of %s", op)
	})
	return v.err()
}

// trace gives how the change of an acknowledged operation is recognised; nil
// when it makes none.
func trace(in history.Request) func(history.Touch) bool {
	source := func(deleted bool) func(history.Touch) bool {
		return func(t history.Touch) bool { return t.Noun == "source" && t.Source == in.Object && t.Deleted == deleted }
	}
	task := func(deleted bool) func(history.Touch) bool {
		return func(t history.Touch) bool { return t.Noun == "task" && t.Task == in.Object && t.Deleted == deleted }
	}
	stage := func(stage string) func(history.Touch) bool {
		return func(t history.Touch) bool { return t.Noun == "subtask" && t.Task == in.Object && t.Stage == stage }
	}
	switch in.Verb {
	case history.CreateSource:
		return source(false)
	case history.StopSource:
		return source(true)
	case history.StartTask:
		return task(false)
	case history.StopTask:
		return task(true)
	case history.PauseTask:
		return stage("Paused")
	case history.ResumeTask:
		return stage("Running")
	}
	return nil
}

// archive is what all streams together tell.
type archive struct {
	changes []history.Change // by time
	holes   [][2]int64       // times, in milliseconds, that no stream tells about
	heard   int64            // when the last batch came
}

func gather(h history.History) archive {
	var a archive
	seen := map[uint64]history.Change{}
	var covered [][2]uint64
	each(h, history.FeedBatch, func(op history.Op, _ history.Subscription, b history.Batch) {
		a.heard = max(a.heard, op.Return)
		if b.Snapshot {
			return
		}
		covered = append(covered, [2]uint64{b.From, b.To})
		for _, c := range b.Changes {
			seen[c.Index] = c
		}
	})
	for _, c := range seen {
		a.changes = append(a.changes, c)
	}
	slices.SortFunc(a.changes, func(x, y history.Change) int { return cmp.Compare(x.Index, y.Index) })
	a.holes = holes(a.changes, merge(covered))
	slices.SortFunc(a.changes, func(x, y history.Change) int { return cmp.Compare(x.AtUnixMilli, y.AtUnixMilli) })
	return a
}

// holes gives the times between covered ranges, from the last change before to
// the first one after; and those before the first change, which lie before the
// first snapshot.
func holes(byIndex []history.Change, covered [][2]uint64) [][2]int64 {
	var out [][2]int64
	for i, r := range covered {
		n, _ := slices.BinarySearchFunc(byIndex, r[0]+1, func(c history.Change, index uint64) int { return cmp.Compare(c.Index, index) })
		if n == len(byIndex) {
			continue
		}
		hole := [2]int64{0, byIndex[n].AtUnixMilli - 1}
		if i > 0 && n > 0 {
			hole[0] = byIndex[n-1].AtUnixMilli + 1
		}
		out = append(out, hole)
	}
	return out
}

func (a archive) hole(from, to int64) bool {
	return slices.ContainsFunc(a.holes, func(h [2]int64) bool { return h[0] <= to && h[1] >= from })
}
