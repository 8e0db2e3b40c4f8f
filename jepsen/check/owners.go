package check

import (
	"cmp"
	"slices"

	"github.com/raftdm/raftdm/jepsen/history"
)

// TwoOwners reports ErrTwoOwners if, within one epoch, two workers committed
// for one source, or an older epoch committed on a lane after a newer one. The
// audit's ids order the commits of one lane, as each holds the lane's row.
func TwoOwners(h history.History) error {
	v := violations{promise: ErrTwoOwners}
	each(h, history.Audit, func(_ history.Op, _ struct{}, out history.AuditLog) {
		rows := slices.Clone(out.Rows)
		slices.SortFunc(rows, func(a, b history.AuditRow) int { return cmp.Compare(a.ID, b.ID) })
		type lane struct {
			task, source string
			lane         int
		}
		type reign struct {
			source string
			epoch  uint64
		}
		newest := map[lane]history.AuditRow{}
		owner := map[reign]history.AuditRow{}
		for _, r := range rows {
			l := lane{r.Task, r.Source, r.Lane}
			if last, ok := newest[l]; ok && r.Epoch < last.Epoch {
				v.add("lane %d of %s: epoch %d (worker %q) committed as %d, after epoch %d (worker %q) had as %d",
					r.Lane, r.Source, r.Epoch, r.Worker, r.ID, last.Epoch, last.Worker, last.ID)
			}
			newest[l] = r
			if r.Worker == "" {
				continue
			}
			e := reign{r.Source, r.Epoch}
			first, ok := owner[e]
			if !ok {
				owner[e] = r
			} else if first.Worker != r.Worker {
				v.add("source %s, epoch %d: worker %q committed as %d and worker %q as %d", r.Source, r.Epoch, first.Worker, first.ID, r.Worker, r.ID)
			}
		}
	})
	return v.err()
}

// Bindings reports ErrTwoOwners when the masters themselves gave one epoch of a
// source to two workers, or an older epoch after a newer one, or when one
// answer shows a source at two workers.
func Bindings(h history.History) error {
	v := violations{promise: ErrTwoOwners}
	each(h, history.Control, func(op history.Op, in history.Request, out history.Answer) {
		at := map[string]string{}
		for worker, source := range out.Bindings {
			if other, twice := at[source]; twice && source != "" {
				v.add("source %s is shown at worker %s and at worker %s: %s", source, other, worker, op)
			}
			at[source] = worker
		}
	})
	type reign struct {
		source string
		epoch  uint64
	}
	owner := map[reign]string{}
	newest := map[string]map[string]uint64{} // stream, source -> epoch
	each(h, history.FeedBatch, func(op history.Op, _ history.Subscription, out history.Batch) {
		if newest[op.Client] == nil || out.Snapshot { // a snapshot begins anew
			newest[op.Client] = map[string]uint64{}
		}
		for _, c := range out.Changes {
			for _, t := range c.Touches {
				if t.Noun != "binding" || t.Deleted || t.Epoch == 0 {
					continue
				}
				e := reign{t.Source, t.Epoch}
				if owner[e] == "" {
					owner[e] = t.Worker
				} else if owner[e] != t.Worker {
					v.add("epoch %d of source %s was given to worker %s and, by change %d, to worker %s", t.Epoch, t.Source, owner[e], c.Index, t.Worker)
				}
				if t.Epoch < newest[op.Client][t.Source] {
					v.add("epoch %d of source %s comes, by change %d, after epoch %d", t.Epoch, t.Source, c.Index, newest[op.Client][t.Source])
				}
				newest[op.Client][t.Source] = t.Epoch
			}
		}
	})
	return v.err()
}
