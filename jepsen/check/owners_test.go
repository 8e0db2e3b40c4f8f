package check

import (
	"testing"

	"github.com/raftdm/raftdm/jepsen/history"
)

func TestTwoOwners(t *testing.T) {
	audit := func(rows ...history.AuditRow) *tale {
		return newTale().ok("a", history.Audit, struct{}{}, history.AuditLog{Rows: rows})
	}
	r := func(id uint64, lane int, epoch uint64, worker string) history.AuditRow {
		return history.AuditRow{ID: id, Task: "t", Source: "s", Lane: lane, Epoch: epoch, Worker: worker}
	}
	other := r(4, 0, 5, "w2")
	other.Source = "s2"
	another := r(4, 0, 4, "w1")
	another.Task = "t2"
	judge(t, TwoOwners, []verdict{
		{"one after the other", audit(r(1, 0, 5, "w1"), r(2, 1, 5, "w1"), r(3, 0, 6, "w2"), r(4, 0, 6, "w2")), nil},
		{"two in one epoch", audit(r(1, 0, 5, "w1"), r(2, 0, 5, "w2")), []error{ErrTwoOwners}},
		{"two in one epoch on two lanes", audit(r(1, 0, 5, "w1"), r(2, 1, 5, "w2")), []error{ErrTwoOwners}},
		{"the old one comes back on the lane", audit(r(1, 0, 5, "w1"), r(2, 0, 6, "w2"), r(3, 0, 5, "w1")), []error{ErrTwoOwners}},
		{"the ids count, not the order of the rows", audit(r(3, 0, 6, "w2"), r(1, 0, 5, "w1")), nil},
		{"the old one on another lane, which the new one had not reached", audit(r(1, 0, 5, "w1"), r(2, 0, 6, "w2"), r(3, 1, 5, "w1"), r(4, 1, 6, "w2")), nil},
		{"two sources", audit(r(1, 0, 5, "w1"), other), nil},
		{"two tasks of a source have lanes of their own", audit(r(1, 0, 5, "w1"), another), nil},
		{"an unknown connection accuses nobody", audit(r(1, 0, 5, "w1"), r(2, 0, 5, "")), nil},
		{"an unknown connection of an older epoch does", audit(r(1, 0, 6, "w1"), r(2, 0, 5, "")), []error{ErrTwoOwners}},
	})
}

func TestBindings(t *testing.T) {
	bind := func(index, epoch uint64, worker string) history.Change {
		return history.Change{Index: index, Touches: []history.Touch{{Noun: "binding", Source: "s", Worker: worker, Epoch: epoch}}}
	}
	feed := func(t *tale, client string, changes ...history.Change) *tale {
		return t.ok(client, history.FeedBatch, history.Subscription{Master: client}, history.Batch{To: 99, Changes: changes})
	}
	list := func(b map[string]string) *tale {
		return newTale().ok("c", history.Control, ask(history.ListWorkers, ""), history.Answer{Bindings: b})
	}
	unbind := history.Change{Index: 3, Touches: []history.Touch{{Noun: "binding", Source: "s", Worker: "w2", Deleted: true}}}
	afresh := feed(newTale(), "m1", bind(4, 6, "w2"))
	afresh.ok("m1", history.FeedBatch, history.Subscription{Master: "m1"}, history.Batch{To: 2, Snapshot: true, Changes: []history.Change{bind(2, 5, "w1")}})
	judge(t, Bindings, []verdict{
		{"each source once", list(map[string]string{"w1": "a", "w2": "b", "w3": "", "w4": ""}), nil},
		{"a source twice", list(map[string]string{"w1": "a", "w2": "a"}), []error{ErrTwoOwners}},
		{"epochs rise", feed(newTale(), "m1", bind(1, 5, "w1"), unbind, bind(4, 6, "w2")), nil},
		{"two masters tell the same", feed(feed(newTale(), "m1", bind(1, 5, "w1")), "m2", bind(1, 5, "w1")), nil},
		{"an epoch for two", feed(feed(newTale(), "m1", bind(1, 5, "w1")), "m2", bind(2, 5, "w2")), []error{ErrTwoOwners}},
		{"an epoch goes back", feed(newTale(), "m1", bind(1, 6, "w1"), bind(2, 5, "w2")), []error{ErrTwoOwners}},
		{"a snapshot begins anew", afresh, nil},
	})
}
