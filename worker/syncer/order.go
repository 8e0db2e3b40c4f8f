package syncer

import "sync/atomic"

// order decides which lane applies a transaction and what it has to wait for,
// so that transactions that share a conflict key reach the target in source
// order. Only the coordinator calls it, but for done.
//
// A lane applies what it is given in order, so a transaction whose
// predecessors are all in one lane goes there and waits for nothing. One with
// predecessors in several lanes goes to the lane of the latest and waits for
// the others to be committed. There is no deadlock: waiting points from later
// to earlier transactions only, and a lane commits what it holds before it waits.
//
// A transaction without predecessors goes where the last such one went until
// that lane has been given a batch: neighbours of the source are applied together.
// Then it goes to the one with the least to do, of as many as the width says.
type order struct {
	holder map[uint64]*Txn // conflict key -> the last transaction that has it
	load   []atomic.Int64  // rows that a lane was handed and has not applied
	given  []int64         // rows assigned to a lane and not handed out yet
	batch  int
	width  *width
	lane   int // that is being filled
	room   int // rows that it takes before another is filled
	last   []*Txn
}

func newOrder(lanes, batch int) *order {
	load := make([]atomic.Int64, lanes)
	return &order{holder: map[uint64]*Txn{}, load: load, given: make([]int64, lanes), batch: batch, width: newWidth(load), last: make([]*Txn, lanes)}
}

// assign gives t its lane and the transactions it must wait for.
func (o *order) assign(t *Txn) (waits []*Txn) {
	clear(o.last) // per lane the latest predecessor; a lane finishes in order
	var latest *Txn
	for _, k := range t.keys {
		h := o.holder[k]
		o.holder[k] = t
		if h == nil || h == t || h.applied.Load() {
			continue
		}
		if l := o.last[h.lane]; l == nil || l.seq < h.seq {
			o.last[h.lane] = h
		}
		if latest == nil || latest.seq < h.seq {
			latest = h
		}
	}
	if latest == nil {
		t.lane = o.fill(t.weight())
	} else {
		t.lane = latest.lane
		for lane, h := range o.last {
			if h != nil && lane != t.lane {
				waits = append(waits, h)
			}
		}
	}
	o.given[t.lane] += int64(t.weight())
	return waits
}

// fill chooses the lane for so many rows.
func (o *order) fill(rows int) int {
	if o.room < rows {
		o.lane, o.room = o.leastLoaded(), o.batch
	}
	o.room -= rows
	return o.lane
}

func (o *order) leastLoaded() int {
	best, least := 0, int64(-1)
	lanes := int(o.width.lanes.Load())
	for i := range lanes {
		lane := (o.lane + 1 + i) % lanes
		if n := o.load[lane].Load() + o.given[lane]; least < 0 || n < least {
			best, least = lane, n
		}
	}
	return best
}

// sent says that rows which were assigned to a lane are handed to it.
func (o *order) sent(lane, rows int) {
	o.given[lane] -= int64(rows)
	o.load[lane].Add(int64(rows))
	if lane == o.lane {
		o.room = 0
	}
}

// done says that a lane has applied rows; the lane itself calls it.
func (o *order) done(lane, rows int) { o.load[lane].Add(-int64(rows)) }

// busy counts the lanes that have something to do.
func (o *order) busy() (n int) {
	for i := range o.load {
		if o.load[i].Load() > 0 {
			n++
		}
	}
	return n
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
