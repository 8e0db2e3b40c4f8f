package syncer

import "context"

// dispatch hands transactions to the lanes, several at once where it can: a
// target transaction costs the same for one row as for many.
//
// What a lane shall do next is gathered in an open job. A job of batch rows goes
// out at once. A smaller one goes out when nothing more has been read, but only
// while few lanes are at work: when the target is the slower side, jobs grow
// while they wait, and when the source is, nothing waits long.
//
// A transaction that waits for other lanes begins a job, so that what was
// gathered before it does not wait with it; and what it waits for goes out
// before it. So jobs that are out wait only for jobs that are out, later ones
// for earlier ones: there is no deadlock, however full the queues are.
type dispatch struct {
	lanes []chan job
	batch int
	order *order
	open  []job // per lane; without transactions when none is open
	aged  []int // the lanes with an open job, the oldest first
}

// fewLanes is how many lanes may be at work when a job goes out that is not
// full: one that is on its way to the target, and one whose rows are written.
const fewLanes = 2

func newDispatch(lanes []chan job, batch int, o *order) *dispatch {
	return &dispatch{lanes: lanes, batch: batch, order: o, open: make([]job, len(lanes))}
}

// put gives t to its lane.
func (d *dispatch) put(ctx context.Context, t *Txn, waits []*Txn) error {
	if len(waits) > 0 {
		for _, w := range waits {
			if err := d.send(ctx, w.lane); err != nil {
				return err
			}
		}
		if err := d.send(ctx, t.lane); err != nil {
			return err
		}
	}
	j := &d.open[t.lane]
	if len(j.txns) > 0 && j.rows+t.weight() > d.batch {
		if err := d.send(ctx, t.lane); err != nil {
			return err
		}
	}
	if len(j.txns) == 0 {
		j.waits = waits
		d.aged = append(d.aged, t.lane)
	}
	j.txns = append(j.txns, t)
	j.rows += t.weight()
	if j.rows >= d.batch {
		return d.send(ctx, t.lane)
	}
	return nil
}

// send hands out the open job of a lane, if there is one.
func (d *dispatch) send(ctx context.Context, lane int) error {
	j := d.open[lane]
	if len(j.txns) == 0 {
		return nil
	}
	d.open[lane] = job{}
	for i, l := range d.aged {
		if l == lane {
			d.aged = append(d.aged[:i], d.aged[i+1:]...)
			break
		}
	}
	d.order.sent(lane, j.rows)
	return send(ctx, d.lanes[lane], j)
}

// sendAll hands out all open jobs.
func (d *dispatch) sendAll(ctx context.Context) error {
	for len(d.aged) > 0 {
		if err := d.send(ctx, d.aged[0]); err != nil {
			return err
		}
	}
	return nil
}

// sendSome hands out open jobs, the oldest first, while few lanes are at work.
func (d *dispatch) sendSome(ctx context.Context) error {
	for len(d.aged) > 0 && d.order.busy() < fewLanes {
		if err := d.send(ctx, d.aged[0]); err != nil {
			return err
		}
	}
	return nil
}

func send(ctx context.Context, q chan<- job, j job) error {
	select {
	case q <- j:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
