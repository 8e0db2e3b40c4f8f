package syncer

import "sync/atomic"

// order decides which lane applies a transaction and what it has to wait for,
// so that transactions that share a conflict key reach the target in source
// order. Only the coordinator calls it.
//
// A lane applies what it is given in order, so a transaction whose
// predecessors are all in one lane goes there and waits for nothing. One with
// predecessors in several lanes goes to the lane of the latest and waits for
// the others to be committed. There is no deadlock: waiting points from later
// to earlier transactions only, and a lane commits what it holds before it waits.
type order struct {
	holder map[string]*Txn // conflict key -> the last transaction that has it
	load   []atomic.Int64  // rows queued per lane
	next   int             // where the search for the least loaded lane begins
}

func newOrder(lanes int) *order {
	return &order{holder: map[string]*Txn{}, load: make([]atomic.Int64, lanes)}
}

// assign gives t its lane and the transactions it must wait for.
func (o *order) assign(t *Txn) (waits []*Txn) {
	last := map[int]*Txn{} // per lane the latest predecessor; a lane finishes in order
	var latest *Txn
	for _, k := range t.keys {
		h := o.holder[k]
		o.holder[k] = t
		if h == nil || h == t || isDone(h) {
			continue
		}
		if l := last[h.lane]; l == nil || l.seq < h.seq {
			last[h.lane] = h
		}
		if latest == nil || latest.seq < h.seq {
			latest = h
		}
	}
	if latest == nil {
		t.lane = o.leastLoaded()
	} else {
		t.lane = latest.lane
		for lane, h := range last {
			if lane != t.lane {
				waits = append(waits, h)
			}
		}
	}
	o.load[t.lane].Add(int64(len(t.Rows)))
	return waits
}

func (o *order) leastLoaded() int {
	best := o.next
	for i := range o.load {
		lane := (o.next + i) % len(o.load)
		if o.load[lane].Load() < o.load[best].Load() {
			best = lane
		}
	}
	o.next = (best + 1) % len(o.load)
	return best
}

// forget drops the keys of transactions that the watermark has passed.
func (o *order) forget(ts []*Txn) {
	for _, t := range ts {
		for _, k := range t.keys {
			if o.holder[k] == t {
				delete(o.holder, k)
			}
		}
		t.keys = nil
	}
}

// isDone tells whether the transaction is on the target.
func isDone(t *Txn) bool {
	select {
	case <-t.done:
		return true
	default:
		return false
	}
}
