package check

import (
	"testing"
	"time"

	"github.com/raftdm/raftdm/jepsen/history"
)

func change(index uint64, what string) history.Change {
	return history.Change{Index: index, Kind: what}
}

func (t *tale) batch(master string, from, to uint64, changes ...history.Change) *tale {
	return t.ok("feed "+master, history.FeedBatch, history.Subscription{Master: master, From: 10}, history.Batch{From: from, To: to, Changes: changes})
}

func (t *tale) snapshot(master string, to uint64) *tale {
	return t.ok("feed "+master, history.FeedBatch, history.Subscription{Master: master, From: 10}, history.Batch{To: to, Snapshot: true, Changes: []history.Change{change(to, "all")}})
}

func TestFeed(t *testing.T) {
	judge(t, Feed, []verdict{
		{"a chain", newTale().batch("m1", 10, 12, change(11, "a"), change(12, "b")).batch("m1", 12, 20).batch("m1", 20, 21, change(21, "c")), nil},
		{"a snapshot, then a chain", newTale().snapshot("m1", 30).batch("m1", 30, 31, change(31, "a")), nil},
		{"a snapshot in between", newTale().batch("m1", 10, 11, change(11, "a")).snapshot("m1", 30).batch("m1", 30, 31, change(31, "b")), nil},
		{"the first batch is not where it was asked", newTale().batch("m1", 11, 12), []error{ErrFeedGap}},
		{"a hole between two batches", newTale().batch("m1", 10, 12).batch("m1", 13, 14), []error{ErrFeedGap}},
		{"a batch again", newTale().batch("m1", 10, 12).batch("m1", 10, 12), []error{ErrFeedGap}},
		{"a hole after a snapshot", newTale().snapshot("m1", 30).batch("m1", 31, 32), []error{ErrFeedGap}},
		{"an index twice", newTale().batch("m1", 10, 12, change(11, "a"), change(11, "a")), []error{ErrFeedGap}},
		{"an index beyond the batch", newTale().batch("m1", 10, 12, change(13, "a")), []error{ErrFeedGap}},
		{"an index before the batch", newTale().batch("m1", 10, 12, change(10, "a")), []error{ErrFeedGap}},
		{"a batch that goes back", newTale().batch("m1", 10, 9), []error{ErrFeedGap}},
		{"two masters agree in other pieces", newTale().batch("m1", 10, 12, change(11, "a"), change(12, "b")).
			batch("m2", 10, 11, change(11, "a")).batch("m2", 11, 15, change(12, "b")), nil},
		{"two masters disagree", newTale().batch("m1", 10, 11, change(11, "a")).batch("m2", 10, 11, change(11, "b")), []error{ErrFeedGap}},
		{"a master leaves one out", newTale().batch("m1", 10, 12, change(11, "a"), change(12, "b")).batch("m2", 10, 12, change(12, "b")), []error{ErrFeedGap}},
		{"a master jumps over it by a snapshot", newTale().batch("m1", 10, 12, change(11, "a"), change(12, "b")).snapshot("m2", 12).batch("m2", 12, 13), nil},
		{"a master is not there yet", newTale().batch("m1", 10, 12, change(11, "a"), change(12, "b")).batch("m2", 10, 11, change(11, "a")), nil},
	})
}

func TestFeedHasAll(t *testing.T) {
	at := func(t *tale) int64 { return began().UnixMilli() + t.now/int64(time.Millisecond) }
	touch := func(index uint64, at int64, touch history.Touch) history.Change {
		return history.Change{Index: index, AtUnixMilli: at, Touches: []history.Touch{touch}}
	}
	source := history.Touch{Noun: "source", Source: "x"}
	// told is a change long before, the operation, and another change long after.
	told := func(verb string, first uint64, in ...history.Touch) *tale {
		t := newTale()
		t.batch("m1", 10, 11, touch(11, at(t), history.Touch{Noun: "worker"}))
		t.wait(time.Minute)
		when := at(t)
		t.ctl(verb)
		for i, touched := range in {
			t.batch("m1", first+uint64(i), first+uint64(i)+1, touch(first+uint64(i)+1, when+1, touched))
			first++
		}
		t.wait(time.Minute)
		return t.batch("m1", 90, 91, touch(91, at(t), history.Touch{Noun: "worker"}))
	}
	deleted := history.Touch{Noun: "source", Source: "x", Deleted: true}
	stage := func(s string) history.Touch { return history.Touch{Noun: "subtask", Task: "x", Source: "s", Stage: s} }
	// closed makes one chain of what told left open at its end.
	closed := func(t *tale) *tale {
		last := &t.h.Ops[len(t.h.Ops)-1]
		b := last.Out.(history.Batch)
		b.From = 11
		for _, op := range t.h.Ops[:len(t.h.Ops)-1] {
			if o, ok := op.Out.(history.Batch); ok {
				b.From = o.To
			}
		}
		last.Out = b
		return t
	}
	judge(t, FeedHasAll, []verdict{
		{"no streams, no judgement", newTale().ctl(history.CreateSource), nil},
		{"a creation is told", closed(told(history.CreateSource, 11, source)), nil},
		{"a creation is not told", closed(told(history.CreateSource, 11)), []error{ErrFeedGap}},
		{"something else is told", closed(told(history.CreateSource, 11, deleted)), []error{ErrFeedGap}},
		{"a stop is told", closed(told(history.StopSource, 11, deleted)), nil},
		{"a pause is told", closed(told(history.PauseTask, 11, stage("Paused"))), nil},
		{"a pause is told as a resumption", closed(told(history.PauseTask, 11, stage("Running"))), []error{ErrFeedGap}},
		{"a resumption is told", closed(told(history.ResumeTask, 11, stage("Running"))), nil},
		{"a start is told", closed(told(history.StartTask, 11, history.Touch{Noun: "task", Task: "x"})), nil},
		{"a stop of a task is told", closed(told(history.StopTask, 11, history.Touch{Noun: "task", Task: "x", Deleted: true})), nil},
		{"a stop of a task is not told", closed(told(history.StopTask, 11, history.Touch{Noun: "task", Task: "y", Deleted: true})), []error{ErrFeedGap}},
		{"a read makes no change", closed(told(history.ShowSource, 11)), nil},
		{"all streams jumped there", told(history.CreateSource, 11), nil},
		{"nothing was heard any more", newTale().batch("m1", 10, 11, touch(11, began().UnixMilli(), source)).wait(time.Minute).ctl(history.CreateSource), nil},
	})
}
