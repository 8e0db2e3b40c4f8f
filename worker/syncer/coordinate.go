package syncer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// coordinator takes transactions in source order and decides what becomes of
// each: skipped, given to a lane, or applied alone as a barrier.
type coordinator struct {
	window     *window
	order      *order
	structures *structures
	parser     *ddlParser
	ddl        *ddlRunner
	stats      *stats
	flushEvery time.Duration
	safeMode   bool // the task asks for it
	// safeUntil ends the window in which rows may be on the target already.
	safeUntil binlog.Location
	dumped    binlog.Location // what ends before it is on the target by the dump
	replay    *replay         // nil when the dump is of one moment, or behind us
	until     binlog.Location // where the run ends; zero when it does not
	byGTID    bool
	safeCount int           // how many reasons for safe mode there are
	flushing  chan struct{} // the flush that lane 0 was asked for last
	flushed   binlog.Location
	ahead     *budget // of what the reader has handed on
	dispatch  *dispatch
	prepared  *prepared
	asked     asked
	// wake tells that a lane has applied something.
	wake  <-chan struct{}
	meter jobMeter
	// tables are those whose rows in DM's checkpoint table are to be written.
	tables touched
}

// run works until in is closed, and closes the lanes' queues. reading ends
// when no new work is to be begun, writing when none may go on.
func (c *coordinator) run(reading, writing context.Context, in <-chan *Txn) error {
	defer func() {
		for _, q := range c.dispatch.lanes {
			close(q)
		}
	}()
	c.ddl.stop = reading.Done()
	c.beginSafe()
	tick := time.NewTicker(c.flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-reading.Done():
			return nil
		case t, ok := <-in:
			if !ok {
				return nil
			}
			if err := c.takeSome(reading, writing, t, in); err != nil {
				if errors.Is(err, errStopped) || reading.Err() != nil && writing.Err() == nil && fault.Is(err, fault.Cancelled) {
					return nil
				}
				return err
			}
		case <-c.wake:
		case <-tick.C:
			if err := c.flush(reading); err != nil {
				return nil //nolint:nilerr // only the end of reading can interrupt it
			}
		}
		if !c.until.IsZero() {
			if at, _ := c.window.watermark(); reached(at, c.until, c.byGTID) {
				return errReplayed
			}
		}
		if len(in) == 0 {
			if err := c.dispatch.sendSome(reading); err != nil {
				return nil //nolint:nilerr // only the end of reading can interrupt it
			}
		}
	}
}

// takeAtOnce is how many transactions are taken before run looks at anything else.
const takeAtOnce = 32

// takeSome deals with t and with what else has been read already: to wait for
// all that run waits for costs about as much as to take a small transaction.
func (c *coordinator) takeSome(reading, writing context.Context, t *Txn, in <-chan *Txn) error {
	for n := 1; ; n++ {
		c.ahead.give(t.size)
		if err := c.take(reading, writing, t); err != nil || n == takeAtOnce || !c.until.IsZero() {
			return err
		}
		select {
		case next, ok := <-in:
			if !ok {
				return nil // run finds it closed
			}
			t = next
		default:
			return nil
		}
	}
}

// take deals with one transaction.
func (c *coordinator) take(reading, writing context.Context, t *Txn) error {
	c.order.forget(c.window.takePassed())
	c.meter.begins()
	t.safe = c.safeMode || c.inSafeWindow(t)
	if err := c.leaveDumped(t); err != nil {
		return err
	}
	if err := c.replayed(t); err != nil {
		return err
	}
	if !c.until.IsZero() && c.replay == nil { // t is behind the end
		if err := c.drain(reading); err != nil {
			return err
		}
		return errReplayed
	}
	if t.DDL != nil {
		if done, err := c.statement(reading, writing, t); done || err != nil {
			return err
		}
	}
	if t.xa != nil {
		return c.xa(reading, t)
	}
	if t.Part > 0 {
		return c.piece(reading, t)
	}
	if len(t.Rows) > 0 && c.window.skip(t.ID()) {
		t.Rows = nil
	}
	if t.empty() {
		return c.pass(reading, t)
	}
	return c.hand(reading, t)
}

// pass goes past a transaction that has nothing to be done.
func (c *coordinator) pass(ctx context.Context, t *Txn) error {
	if err := c.enter(ctx, t); err != nil {
		return err
	}
	c.window.finish(t)
	return nil
}

// hand gives a whole transaction to a lane.
func (c *coordinator) hand(ctx context.Context, t *Txn) error {
	if err := c.plan(ctx, t); err != nil {
		return err
	}
	if t.empty() { // filters have left nothing of it
		return c.pass(ctx, t)
	}
	if err := c.enter(ctx, t); err != nil {
		return err
	}
	c.tables.add(t)
	c.meter.sorts()
	waits := c.order.assign(t)
	c.meter.sorted(t)
	err := c.dispatch.put(ctx, t, waits)
	c.meter.handed()
	return err
}

// enter gives t its place in the window. While the window is full, the lanes
// must have all that is in it, or it might never get room.
func (c *coordinator) enter(ctx context.Context, t *Txn) error {
	if c.window.tryAdd(t) {
		return nil
	}
	if err := c.dispatch.sendAll(ctx); err != nil {
		return err
	}
	return c.window.add(ctx, t)
}

// notExecutable says where a statement stands that cannot be executed here, and,
// unless the error knows better, how to get past it.
func notExecutable(t *Txn, err error) error {
	out := &fault.Error{Op: fmt.Sprintf("the transaction at %s", t.Begin), Kind: fault.KindOf(err), Err: err, Hint: fault.HintOf(err)}
	var inner *fault.Error
	if errors.As(err, &inner) {
		out.Side, out.Code = inner.Side, inner.Code
	}
	if out.Hint == "" {
		out.Hint = wayAround
	}
	return out
}

// plan finds each row's table and the transaction's conflict keys.
func (c *coordinator) plan(ctx context.Context, t *Txn) error {
	if t.Part == 0 {
		const usual = 2 // keys of a row
		t.keys = slices.Grow(t.keys, usual*len(t.Rows))
	}
	wait := backoff{}
	kept := 0 // rows that no expression filter leaves out
	for i := 0; i < len(t.Rows); {
		p, err := c.structures.plan(ctx, t.Rows[i].Table, t.Rows[i].columns())
		if err != nil && ctx.Err() != nil {
			return ctx.Err() // a query that was interrupted fails in its own words
		}
		if err != nil && ctx.Err() == nil && retryable(err) {
			c.ddl.trouble.set("structure", err)
			if !wait.sleep(ctx, nil) {
				return ctx.Err()
			}
			continue
		}
		c.ddl.trouble.clear("structure")
		if err == nil {
			err = p.check(&t.Rows[i])
		}
		if err == nil && p.exprs != nil {
			r, out := &t.Rows[i], false
			if out, err = p.exprs.LeavesOut(r.Kind, r.Before, r.After, time.Now()); out {
				i++
				continue
			}
		}
		if err == nil && t.Part == 0 {
			t.keys, err = p.appendKeys(t.keys, &t.Rows[i])
			t.Rows[i].keyEnd = int32(len(t.keys))
		}
		if err != nil {
			return fault.Wrap(at(t, &t.Rows[i]), err)
		}
		t.Rows[i].plan = p
		if kept != i {
			t.Rows[kept] = t.Rows[i]
		}
		kept++
		i++
	}
	t.left += int64(len(t.Rows) - kept)
	t.Rows = t.Rows[:kept]
	return nil
}

// drain waits until nothing is in flight, a flush included.
func (c *coordinator) drain(ctx context.Context) error {
	if err := c.dispatch.sendAll(ctx); err != nil {
		return err
	}
	if c.flushing != nil {
		select {
		case <-c.flushing:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := c.window.drain(ctx); err != nil {
		return err
	}
	c.order.forget(c.window.takePassed())
	return nil
}

// barrier executes a DDL alone, as op wants it. Once begun it may use the time that
// is left for writing.
func (c *coordinator) barrier(reading, writing context.Context, t *Txn, list []ddl, op string) error {
	c.stats.hold("the DDL at %s waits for the rows before it: %s", t.Begin, shortDDL(list[0].text))
	defer c.stats.hold("")
	if err := c.drain(reading); err != nil {
		return err
	}
	c.stats.hold("the DDL at %s is being executed: %s", t.Begin, shortDDL(list[0].text))
	before, _ := c.window.watermark()
	if err := c.ddl.run(writing, t, list, op, before, c.global()); err != nil {
		return err
	}
	c.stats.executed(len(list))
	if t.Part > 0 {
		return nil
	}
	if err := c.window.add(writing, t); err != nil {
		return err
	}
	c.window.finish(t)
	c.tables.altered(list, t.End)
	c.flushed = t.End
	return nil
}

// piece applies a piece of a large transaction, alone, on lane 0.
func (c *coordinator) piece(reading context.Context, t *Txn) error {
	if err := c.drain(reading); err != nil {
		return err
	}
	if err := c.plan(reading, t); err != nil {
		return err
	}
	if t.Last {
		if err := c.window.add(reading, t); err != nil {
			return err
		}
	}
	c.tables.add(t)
	c.meter.sorted(t)
	c.order.load[0].Add(int64(t.weight()))
	if err := send(reading, c.dispatch.lanes[0], job{txns: []*Txn{t}, rows: t.weight()}); err != nil {
		return err
	}
	select {
	case <-t.done():
		return nil
	case <-reading.Done():
		return reading.Err()
	}
}

// flush asks lane 0 to record the watermark, if it has moved.
func (c *coordinator) flush(ctx context.Context) error {
	at, _ := c.window.watermark()
	if at.Position == c.flushed.Position && at.GTID.Equal(c.flushed.GTID) {
		return nil
	}
	if c.flushing != nil {
		select {
		case <-c.flushing:
		default:
			return nil // the last one is not done yet
		}
	}
	c.flushing, c.flushed = make(chan struct{}), at
	c.meter.flush()
	return send(ctx, c.dispatch.lanes[0], job{flushed: c.flushing, safe: c.global()})
}

// global is what DM's checkpoint row says beside the watermark.
func (c *coordinator) global() checkpoint.Global {
	at, mark := c.window.watermark()
	return checkpoint.Global{SafeUntil: c.safeUntil, Tables: c.tables.points(at, mark, c.structures.tracker)}
}
