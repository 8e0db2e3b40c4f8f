package syncer

import "container/list"

// prepared remembers prepared XA transactions of this run with their rows, those
// that were prepared last. That is enough for those that are committed soon; of
// others the rows are read from the target. It is the coordinator's.
type prepared struct {
	limit int64
	bytes int64
	by    map[xid]*list.Element
	aged  *list.List // of *xaWork, the oldest first
}

func newPrepared(limit int64) *prepared {
	return &prepared{limit: limit, by: map[xid]*list.Element{}, aged: list.New()}
}

// preparedOverhead is what one takes beside its events.
const preparedOverhead = 512

// keep remembers w, and forgets the oldest ones if there is no room.
func (p *prepared) keep(w *xaWork) {
	p.take(w.xid) // one whose end never came
	size := w.size() + preparedOverhead
	if size > p.limit {
		return
	}
	for p.bytes+size > p.limit {
		oldest := p.aged.Front().Value.(*xaWork)
		p.take(oldest.xid)
	}
	p.by[w.xid] = p.aged.PushBack(w)
	p.bytes += size
}

// take gives what is remembered of x and forgets it; nil for nothing.
func (p *prepared) take(x xid) *xaWork {
	e := p.by[x]
	if e == nil {
		return nil
	}
	delete(p.by, x)
	w := p.aged.Remove(e).(*xaWork)
	p.bytes -= w.size() + preparedOverhead
	return w
}
