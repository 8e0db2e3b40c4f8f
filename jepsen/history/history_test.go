package history

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// everything records one operation of every kind, a healed and an open fault,
// and one operation that does not return.
func everything(r *Recorder) {
	end := r.Fault("kill master-1")
	r.Call("b1", BankTransfer, Transfer{Source: "s", Moves: []Move{{1, -5}, {2, 5}}}).OK(Committed{GTID: "0-1-7"})
	r.Call("b2", BankRead, Bank{Source: "s", Accounts: 2, Total: 10}).OK(Balances{Rows: []Balance{{1, 3}, {2, 7}}})
	r.Call("b2", BankFinal, Bank{Source: "s", Accounts: 2, Total: 10}).OK(BankEnd{Upstream: []Balance{{1, 3}}})
	end()
	end()
	r.Call("r1", RowsWrite, Write{Source: "s", Client: 1, Op: Insert, Seq: 4, Count: 2, Version: 1}).Unknown(errors.New("lost connection"))
	r.Call("r2", RowsRead, Window{Source: "s", Client: 1, High: 9}).OK(Rows{Keyed: []Row{{4, 1}}, Lanes: []Lane{{Lane: 1, Applied: map[string]string{"0-1-": "3-5"}}}})
	r.Call("r2", RowsFinal, Side{Source: "s"}).OK(RowsEnd{TargetKeyed: []OwnedRow{{1, 4, 1}}})
	r.Call("c", Control, Request{Verb: PauseTask, Object: "t", Master: -1}).Failed(Answer{Code: 46018, Missing: true}, errors.New("no task"))
	r.Call("f", FeedBatch, Subscription{Master: "m1"}).OK(Batch{To: 3, Changes: []Change{{Index: 3, Touches: []Touch{{Noun: "task", Task: "t"}}}}})
	r.Call("a", Audit, struct{}{}).OK(AuditLog{Rows: []AuditRow{{ID: 1, Source: "s", Epoch: 2, Worker: "w"}}})
	r.Fault("pause worker-2")
	r.Call("b1", BankTransfer, Transfer{Source: "s"})
}

func TestAHistorySurvivesItsFile(t *testing.T) {
	var streamed, saved bytes.Buffer
	r := NewRecorder(&streamed)
	everything(r)
	h := r.History()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Save(&saved, h); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{"as it went": streamed.String(), "at the end": saved.String()} {
		got, err := Load(strings.NewReader(file))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(h, got); diff != "" {
			t.Errorf("%s: loaded is not what was saved (-want +got):\n%s", name, diff)
		}
	}
	if n := len(h.Ops); n != 10 {
		t.Errorf("%d operations, want 10", n)
	}
	last := h.Ops[len(h.Ops)-1]
	if last.Outcome != Unknown || last.Return != Never {
		t.Errorf("an operation that did not return is %s, want unknown", last)
	}
	if h.Faults[0].End == Never || h.Faults[1].End != Never {
		t.Errorf("faults %+v: the first was healed, the second not", h.Faults)
	}
}

func TestAKilledRunLeavesWhatItHad(t *testing.T) {
	var b bytes.Buffer
	everything(NewRecorder(&b))
	whole := b.String()
	h, err := Load(strings.NewReader(whole[:len(whole)-40]))
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Ops) != 9 || len(h.Faults) != 1 {
		t.Errorf("%d operations and %d faults from a torn file, want 9 and 1", len(h.Ops), len(h.Faults))
	}
	if _, err := Load(strings.NewReader(strings.Replace(whole, `"kind":"feed"`, `"kind":"food"`, 1))); err == nil {
		t.Error("a kind that is not known was read as if it were")
	}
	if _, err := Load(strings.NewReader("{}\nnonsense\n")); err == nil {
		t.Error("a file that is no history was read as if it were one")
	}
}

func TestManyClientsRecordAtOnce(t *testing.T) {
	r := NewRecorder(&bytes.Buffer{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				end := r.Fault("f")
				r.Call("c", BankTransfer, Transfer{}).OK(Committed{})
				end()
			}
		})
	}
	wg.Wait()
	h := r.History()
	if len(h.Ops) != 800 || len(h.Faults) != 800 {
		t.Fatalf("%d operations and %d faults, want 800 each", len(h.Ops), len(h.Faults))
	}
	for i, o := range h.Ops {
		if o.Return < o.Call || (i > 0 && o.Call < h.Ops[i-1].Call) {
			t.Fatalf("operation %d is not in its place: %s", i, o)
		}
	}
}

func TestQuiet(t *testing.T) {
	s := int64(time.Second)
	h := History{Faults: []Fault{{"a", 10 * s, 20 * s}, {"b", 15 * s, 17 * s}, {"c", 23 * s, 30 * s}, {"d", 100 * s, Never}}}
	for _, c := range []struct{ from, want int64 }{
		{0, 5 * s},           // nothing for five seconds
		{7 * s, 35 * s},      // the three seconds between b and c are too short
		{12 * s, 35 * s},     // inside a and b
		{40 * s, 45 * s},     // between c and d
		{96 * s, Never},      // d never ends
		{200 * s, Never},     // inside d
		{95 * s, 100 * s},    // just before d
		{5 * s, 10 * s},      // just before a
		{23 * s, 35 * s},     // where c begins
		{30*s + 1, 35*s + 1}, // just behind c
	} {
		if got := h.QuietFor(c.from, 5*time.Second); got != c.want {
			t.Errorf("QuietFor(%s) = %s, want %s", time.Duration(c.from), time.Duration(got), time.Duration(c.want))
		}
	}
	if h.Quiet(9*s, 10*s) || h.Quiet(18*s, 19*s) || h.Quiet(200*s, 201*s) || !h.Quiet(21*s, 22*s) || !h.Quiet(0, 9*s) {
		t.Error("Quiet is wrong about when the faults were")
	}
}
