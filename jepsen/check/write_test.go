package check

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/jepsen/history"
)

// tale writes a history by hand. Each operation begins when the one before it
// has ended, and takes ten ticks of a millisecond; at and during move it.
type tale struct {
	h   history.History
	now int64
}

const tick = int64(time.Millisecond)

// began is a wall clock for histories with changes in them.
func began() time.Time { return time.UnixMilli(1_700_000_000_000) }

func newTale() *tale { return &tale{h: history.History{Began: began()}} }

func (t *tale) add(client string, kind history.Kind, outcome history.Outcome, in, out any) *tale {
	t.h.Ops = append(t.h.Ops, history.Op{Client: client, Kind: kind, Call: t.now, Return: t.now + 10*tick, Outcome: outcome, In: in, Out: out})
	t.now += 20 * tick
	return t
}

func (t *tale) ok(client string, kind history.Kind, in, out any) *tale {
	return t.add(client, kind, history.OK, in, out)
}

// during moves the last operation so that it overlaps with the n before it.
func (t *tale) during(n int) *tale {
	last := len(t.h.Ops) - 1
	t.h.Ops[last].Call = t.h.Ops[last-n].Call + tick
	return t.sort()
}

// sort brings the operations into the order of a real history.
func (t *tale) sort() *tale {
	for i := len(t.h.Ops) - 1; i > 0 && t.h.Ops[i].Call < t.h.Ops[i-1].Call; i-- {
		t.h.Ops[i], t.h.Ops[i-1] = t.h.Ops[i-1], t.h.Ops[i]
	}
	return t
}

func (t *tale) wait(d time.Duration) *tale {
	t.now += int64(d)
	return t
}

func (t *tale) fault(name string, d time.Duration) *tale {
	t.h.Faults = append(t.h.Faults, history.Fault{Name: name, Start: t.now, End: t.now + int64(d)})
	return t
}

// verdict is a history and what a checker has to say about it.
type verdict struct {
	name string
	tale *tale
	want []error // none: a good history
}

func judge(t *testing.T, check func(history.History) error, cases []verdict) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := check(c.tale.h)
			if len(c.want) == 0 && err != nil {
				t.Fatalf("a good history is called broken: %v", err)
			}
			for _, want := range promises() {
				expected := false
				for _, w := range c.want {
					expected = expected || w == want
				}
				if errors.Is(err, want) != expected {
					t.Errorf("errors.Is(err, %q) is %t, want %t; it says: %v", want, !expected, expected, err)
				}
			}
		})
	}
}

func promises() []error {
	return []error{ErrLostRow, ErrPhantomRow, ErrStaleWin, ErrTornTxn, ErrCheckpointAhead, ErrTwoOwners, ErrAckLost, ErrFeedGap, ErrUndecided}
}

func TestViolationsAreBounded(t *testing.T) {
	v := violations{promise: ErrLostRow}
	for i := range 1000 {
		v.add("row %d", i)
	}
	text := v.err().Error()
	if !strings.Contains(text, "and 990 more") || strings.Count(text, "\n") > shown+1 || !strings.Contains(text, "row 0\n") {
		t.Errorf("a thousand violations read: %s", text)
	}
}

func TestAllNamesEveryBrokenPromise(t *testing.T) {
	var tl = newTale()
	tl.ok("r", history.BankRead, bank, balances(50, 49))
	tl.ok("w", history.RowsWrite, insert(1, 1), gtid(1))
	tl.ok("r", history.RowsRead, window, history.Rows{Published: "0-1-1"})
	tl.ok("r", history.RowsRead, window, both(row(1, 2)))
	tl.ok("r", history.RowsRead, window, both(row(1, 1)))
	tl.ok("r", history.RowsFinal, history.Side{Source: "s"}, history.RowsEnd{UpstreamKeyed: []history.OwnedRow{{0, 1, 1}}})
	tl.ok("a", history.Audit, struct{}{}, history.AuditLog{Rows: []history.AuditRow{{ID: 1, Source: "s", Epoch: 2}, {ID: 2, Source: "s", Epoch: 1}}})
	tl.ok("c", history.Control, ask(history.CreateSource, "x"), history.Answer{})
	tl.add("c", history.Control, history.Failed, ask(history.ShowSource, "x"), missing)
	tl.ok("f", history.FeedBatch, history.Subscription{Master: "m", From: 3}, history.Batch{From: 4, To: 4})
	got := errors.Join(All(tl.h)...)
	for _, want := range promises()[:8] {
		if !errors.Is(got, want) {
			t.Errorf("All does not say: %v", want)
		}
	}
	if errs := All(newTale().h); len(errs) != 0 {
		t.Errorf("an empty history breaks %v", errs)
	}
}
