package history

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"
)

// Kind says what an operation is, and with that the types of In and Out.
type Kind string

// The kinds; in brackets the types of In and Out.
const (
	BankTransfer Kind = "bank/transfer" // Transfer, Committed
	BankRead     Kind = "bank/read"     // Bank, Balances
	BankFinal    Kind = "bank/final"    // Bank, BankEnd
	RowsWrite    Kind = "rows/write"    // Write, Committed
	RowsRead     Kind = "rows/read"     // Window, Rows
	RowsFinal    Kind = "rows/final"    // Side, RowsEnd
	Control      Kind = "control"       // Request, Answer
	FeedBatch    Kind = "feed"          // Subscription, Batch
	Audit        Kind = "audit"         // nothing, AuditLog
)

// Outcome is what is known about an operation.
type Outcome string

// The outcomes; see the package's comment.
const (
	OK      Outcome = "ok"
	Failed  Outcome = "failed"
	Unknown Outcome = "unknown"
)

// Never is the return time of an operation that did not return, and the end of
// a fault that was not healed.
const Never = math.MaxInt64

// Op is one operation. Call and Return are nanoseconds since the history began.
type Op struct {
	Client  string  `json:"client"`
	Kind    Kind    `json:"kind"`
	Call    int64   `json:"call"`
	Return  int64   `json:"return"`
	Outcome Outcome `json:"outcome"`
	In      any     `json:"in,omitempty"`
	Out     any     `json:"out,omitempty"` // nil unless OK, or a refusal that says something
	Err     string  `json:"err,omitempty"`
}

// String shows an operation in one line.
func (o Op) String() string {
	in, _ := json.Marshal(o.In) // our own types: cannot fail
	out, _ := json.Marshal(o.Out)
	until := "never"
	if o.Return != Never {
		until = time.Duration(o.Return).Round(time.Millisecond).String()
	}
	s := fmt.Sprintf("[%s .. %s] %s %s %s", time.Duration(o.Call).Round(time.Millisecond), until, o.Client, o.Kind, in)
	if o.Out != nil {
		s += fmt.Sprintf(" -> %.300s", out)
	}
	s += " " + string(o.Outcome)
	if o.Err != "" {
		s += fmt.Sprintf(": %.200s", o.Err)
	}
	return s
}

// Fault is the time in which a fault was there.
type Fault struct {
	Name  string `json:"fault"`
	Start int64  `json:"start"`
	End   int64  `json:"end"`
}

// History is everything that was recorded.
type History struct {
	Began  time.Time // wall clock of the zero of all times
	Ops    []Op      // by Call
	Faults []Fault   // by Start
}

// Of gives the operations of one kind, by Call.
func (h History) Of(kind Kind) []Op {
	var out []Op
	for _, o := range h.Ops {
		if o.Kind == kind {
			out = append(out, o)
		}
	}
	return out
}

func (h *History) sort() {
	slices.SortStableFunc(h.Ops, func(a, b Op) int { return cmp.Or(cmp.Compare(a.Call, b.Call), cmp.Compare(a.Return, b.Return)) })
	slices.SortStableFunc(h.Faults, func(a, b Fault) int { return cmp.Compare(a.Start, b.Start) })
}

// Quiet tells whether no fault was there at any time from from to to.
func (h History) Quiet(from, to int64) bool {
	for _, f := range h.Faults {
		if f.Start <= to && f.End >= from {
			return false
		}
	}
	return true
}

// QuietFor gives the first time at or after from at which no fault has been
// there for the given span, counted from from at the earliest; Never when the
// history has none. What was open at from has come to its end by then.
func (h History) QuietFor(from int64, span time.Duration) int64 {
	at := from
	for _, f := range h.Faults {
		switch {
		case f.End < at:
			continue
		case f.Start-at >= int64(span):
			return at + int64(span)
		case f.End == Never:
			return Never
		default:
			at = f.End
		}
	}
	return at + int64(span)
}
