package check

import "github.com/raftdm/raftdm/jepsen/history"

// All runs every checker and gives what was violated: one error per promise and
// checker, each wrapping one of the Err values.
func All(h history.History) []error {
	var out []error
	for _, check := range []func(history.History) error{
		Bank, BankEnds, Torn, Phantom, Stale, RowsEnd, Watermark, TwoOwners, Bindings, Control, Transfers, Feed, FeedHasAll,
	} {
		if err := check(h); err != nil {
			out = append(out, err)
		}
	}
	return out
}

// each calls fn for the operations of one kind that were OK, by Call.
func each[I, O any](h history.History, kind history.Kind, fn func(history.Op, I, O)) {
	for _, op := range h.Ops {
		if op.Kind != kind || op.Outcome != history.OK {
			continue
		}
		in, _ := op.In.(I)
		out, _ := op.Out.(O)
		fn(op, in, out)
	}
}
