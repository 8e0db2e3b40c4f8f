package check

import (
	"slices"
	"time"

	"github.com/raftdm/raftdm/jepsen/history"
)

// calmBefore is how long before a transfer there must have been no fault for
// its worker to be expected to keep the source: longer than a lease.
const calmBefore = 75 * time.Second

// Transfers reports ErrAckLost when transfer-source was acknowledged and the
// source is shown elsewhere afterwards, although nobody moved it and no fault
// gave the scheduler a reason to.
func Transfers(h history.History) error {
	v := violations{promise: ErrAckLost}
	moves := map[string][]history.Op{} // by source: what may move it
	shows := map[string][]history.Op{}
	for _, op := range h.Of(history.Control) {
		in, _ := op.In.(history.Request)
		switch in.Verb {
		case history.TransferSource, history.StopSource, history.CreateSource:
			if op.Outcome != history.Failed {
				moves[in.Object] = append(moves[in.Object], op)
			}
		case history.ShowSource:
			if op.Outcome == history.OK {
				shows[in.Object] = append(shows[in.Object], op)
			}
		}
	}
	for source, list := range moves {
		for i, op := range list {
			in, _ := op.In.(history.Request)
			if in.Verb != history.TransferSource || op.Outcome != history.OK || moved(h, list[:i], op) {
				continue
			}
			for _, show := range shows[source] {
				if show.Call < op.Return {
					continue
				}
				if !h.Quiet(op.Call-int64(calmBefore), show.Return) || slices.ContainsFunc(list[i+1:], func(o history.Op) bool { return o.Call < show.Return }) {
					break
				}
				if out, _ := show.Out.(history.Answer); out.Worker != in.Worker {
					v.add("source %s was transferred to %s and is shown at %q: %s; then %s", source, in.Worker, out.Worker, op, show)
				}
			}
		}
	}
	return v.err()
}

// moved tells whether an earlier operation may still have moved the source when
// or after op did.
func moved(h history.History, earlier []history.Op, op history.Op) bool {
	return slices.ContainsFunc(earlier, func(o history.Op) bool {
		if o.Outcome == history.Unknown {
			return o.Return == history.Never || h.QuietFor(o.Return, settled) > op.Call
		}
		return o.Return > op.Call
	})
}
