package syncer

import (
	"context"
	"fmt"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// xa deals with a part of an XA transaction. What is prepared is stored on the
// target, and also remembered here, so that a COMMIT that comes soon needs to
// read nothing. The COMMIT brings the rows to their tables and removes what is
// stored, in one target transaction, and ROLLBACK removes only.
func (c *coordinator) xa(ctx context.Context, t *Txn) error {
	w := t.xa
	if t.Part == 0 && c.window.skip(t.ID()) {
		c.prepared.take(w.xid)
		t.xa = nil
		return c.pass(ctx, t)
	}
	t.keys = append(t.keys, w.xid.key())
	if w.verb == xaPrepare {
		if t.Part > 0 {
			c.prepared.take(w.xid)
			return c.piece(ctx, t)
		}
		c.prepared.keep(w)
		return c.hand(ctx, t)
	}
	if known := c.prepared.take(w.xid); known != nil && t.Part == 0 {
		w.begin, w.least = known.begin, 1
		if err := w.bring(t, known.events); err != nil {
			return err
		}
		if err := c.replayed(t); err != nil {
			return err
		}
		return c.hand(ctx, t)
	}
	return c.xaStored(ctx, t)
}

// bring gives t, which commits, rows to apply.
func (w *xaWork) bring(t *Txn, events []xaEvent) error {
	if w.verb != xaCommit {
		return nil
	}
	var err error
	if t.Rows, err = xaRows(events); err != nil {
		return fault.Wrap(fmt.Sprintf("%s at %s", w.describe(), t.Begin), err)
	}
	for i := range t.Rows {
		t.size += rowSize(&t.Rows[i])
	}
	return nil
}

// xaStored ends an XA transaction by what is stored of it on the target. What
// does not fit into one target transaction is done part by part, each with the
// removal of that part: so what is left tells how far it has come.
func (c *coordinator) xaStored(ctx context.Context, t *Txn) error {
	w := t.xa
	if err := c.settle(ctx, w.xid.key()); err != nil {
		return err
	}
	var parts []checkpoint.XAPart
	err := c.ask(ctx, func() (err error) {
		parts, err = c.ddl.meta.XAParts(ctx, string(w.xid))
		return err
	})
	switch {
	case err != nil:
		return err
	case len(parts) == 0 && w.verb == xaCommit:
		return c.xaUnknown(t)
	case len(parts) == 0 && t.Part == 0:
		return c.hand(ctx, t)
	case len(parts) == 1 && parts[0].Part == 0 && t.Part == 0:
		if err := c.xaRead(ctx, t, parts[0]); err != nil {
			return err
		}
		w.part = nil
		return c.hand(ctx, t)
	}
	for i := range parts {
		piece := &Txn{GTID: t.GTID, Begin: t.Begin, Time: t.Time}
		if i == len(parts)-1 {
			piece = t
		}
		piece.xa = &xaWork{verb: w.verb, xid: w.xid}
		piece.Part, piece.RowsBefore = i+1, t.RowsBefore+parts[i].Part
		if err := c.xaRead(ctx, piece, parts[i]); err != nil {
			return err
		}
		if err := c.piece(ctx, piece); err != nil {
			return err
		}
	}
	if len(parts) == 0 { // a piece of which nothing has been stored
		return c.piece(ctx, t)
	}
	return nil
}

// xaRead makes t the end of one part.
func (c *coordinator) xaRead(ctx context.Context, t *Txn, p checkpoint.XAPart) error {
	w := t.xa
	w.part, w.begin, w.least = &p, p.Begin, p.Chunks
	if w.verb != xaCommit {
		return nil
	}
	var data []byte
	err := c.ask(ctx, func() (err error) {
		data, err = c.ddl.meta.XAData(ctx, string(w.xid), p)
		return err
	})
	if err != nil {
		return err
	}
	events, err := xaStored(data)
	if err == nil {
		err = w.bring(t, events)
	}
	if err == nil {
		err = c.replayed(t)
	}
	return err
}

// ask puts a question to the target until it is answered.
func (c *coordinator) ask(ctx context.Context, question func() error) error {
	const who = "xa"
	defer c.ddl.trouble.clear(who)
	wait := backoff{}
	for {
		err := question()
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		if !retryable(err) {
			return err
		}
		c.ddl.trouble.set(who, err)
		if !wait.sleep(ctx, nil) {
			return ctx.Err()
		}
	}
}

// settle waits until the last transaction with a conflict key is on the target.
func (c *coordinator) settle(ctx context.Context, key uint64) error {
	last := c.order.holder[key]
	if last == nil || last.applied.Load() {
		return nil
	}
	if err := c.dispatch.sendAll(ctx); err != nil {
		return err
	}
	select {
	case <-last.done():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leaveDumped takes from t what the dump has brought already: all but the rows
// of XA transactions that are prepared. Reading begins before the snapshot only
// for their sake.
func (c *coordinator) leaveDumped(t *Txn) error {
	if c.dumped.IsZero() || c.byGTID && t.GTID == "" {
		return nil
	}
	in := t.Begin.Compare(c.dumped.Position) < 0
	if c.byGTID {
		var err error
		if in, err = c.dumped.GTID.Has(t.GTID); err != nil {
			return err
		}
	}
	if !in {
		c.dumped = binlog.Location{} // what follows is all behind it
		return nil
	}
	t.Rows = nil
	c.leaveDDL(t)
	if t.xa != nil && t.xa.verb == xaCommit {
		t.xa.verb = xaRollback
	}
	return nil
}

// xaUnknown refuses a COMMIT of rows that nobody has seen. It is never passed
// over silently: the rows may be missing on the target.
func (c *coordinator) xaUnknown(t *Txn) error {
	return &fault.Error{Kind: fault.Data, Side: fault.Upstream,
		Msg: fmt.Sprintf("%s is committed at %s, and its rows are not known here: it was prepared before the place in the binlog at which the task began",
			t.xa.describe(), t.Begin),
		Hint: "copy the data anew while no XA transaction is prepared on the source (XA RECOVER lists them): stop-task, then start-task --remove-meta;" +
			" or bring its rows to the target by hand, then execute there " + c.ddl.meta.XASeen(string(t.xa.xid)) + ", then resume-task"}
}
