package syncer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// job is one thing for a lane to do.
type job struct {
	txns []*Txn // none for a flush
	rows int    // that they have
	// waits are what must be on the target before.
	waits []*Txn
	// flushed is closed when the watermark is recorded; only for a flush.
	flushed chan struct{}
	safe    checkpoint.Global
}

// lane applies transactions, in the order in which it is given them, over one
// connection to the target. Small neighbours share a target transaction.
type lane struct {
	id      int
	batch   int // rows that a group holds at most, unless one transaction is larger
	meta    *checkpoint.Meta
	target  *target
	window  *window
	order   *order
	stats   *stats
	trouble *trouble
	strict  bool
	compact bool
	multi   bool // even a few UPDATEs become one statement
	log     *slog.Logger

	stop   <-chan struct{}
	wake   chan<- struct{} // told when something was applied
	memory []applied       // what this lane applied above the last recorded watermark
	// partial is what the lane row says of a transaction in pieces.
	partial checkpoint.Partial
	sql     sqlBatch
	changes []change
	ops     []op
	arrange arranger

	meter *laneMeter
	doing doing
}

// run works until in is closed or stop is. ctx ends only when no time is left:
// a transaction in hand is finished before.
func (l *lane) run(ctx context.Context, stop <-chan struct{}, in <-chan job, wake chan<- struct{}) error {
	defer l.target.close()
	l.stop, l.wake = stop, wake
	var held *job
	defer l.doing.now(laneIdle)
	for {
		l.doing.now(laneIdle)
		j, ok := l.next(stop, in, &held)
		if !ok {
			return nil
		}
		l.doing.now(laneWaits)
		if !l.await(ctx, stop, j.waits) {
			return nil
		}
		l.doing.now(laneApplies)
		if len(j.txns) == 0 {
			if err := l.flush(ctx, j); err != nil {
				return ignore(err, errStopped)
			}
			continue
		}
		group := l.gather(j, in, &held)
		if err := l.apply(ctx, group); err != nil {
			return ignore(err, errStopped)
		}
	}
}

// errStopped means that the end was asked for while an attempt had failed.
// Nothing is in hand then, or its outcome is for the next run to find out.
var errStopped = errors.New("stopped between attempts")

func ignore(err, what error) error {
	if errors.Is(err, what) {
		return nil
	}
	return err
}

// troubled shows why a lane does not get on. A connection that broke does not say to
// which server it was.
func (l *lane) troubled(who string, err error) {
	l.trouble.set(who, dbconn.Error(fault.Downstream, "write to the target "+l.target.db.Addr, err))
}

// again waits before the next attempt. Once the end was asked for there is none.
func (l *lane) again(ctx context.Context, wait *backoff) error {
	if wait.sleep(ctx, l.stop) {
		return nil
	}
	return errStopped
}

// next gives the job that was held back, else the next one.
func (l *lane) next(stop <-chan struct{}, in <-chan job, held **job) (job, bool) {
	select {
	case <-stop:
		return job{}, false
	default:
	}
	if *held != nil {
		j := **held
		*held = nil
		return j, true
	}
	select {
	case <-stop:
		return job{}, false
	case j, ok := <-in:
		return j, ok
	}
}

// await waits for other lanes' commits. The lane holds nothing now.
func (l *lane) await(ctx context.Context, stop <-chan struct{}, waits []*Txn) bool {
	for _, t := range waits {
		select {
		case <-t.done():
		case <-stop:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// gather takes what is queued behind first into one group, without waiting for
// more. It stops, holding the job back, at one that must wait for another
// lane: what the lane holds is committed first.
func (l *lane) gather(first job, in <-chan job, held **job) []*Txn {
	group := first.txns
	if group[0].Part > 0 {
		return group
	}
	for rows := first.rows; rows < l.batch; {
		select {
		case j, ok := <-in:
			if !ok {
				return group
			}
			if len(j.txns) == 0 || j.txns[0].Part > 0 || !allDone(j.waits) || rows+j.rows > l.batch {
				*held = &j
				return group
			}
			group = append(group, j.txns...)
			rows += j.rows
		default:
			return group
		}
	}
	return group
}

func allDone(ts []*Txn) bool {
	for _, t := range ts {
		if !t.applied.Load() {
			return false
		}
	}
	return true
}

// apply puts a group on the target and makes it known.
func (l *lane) apply(ctx context.Context, group []*Txn) error {
	began := time.Now()
	if err := l.commit(ctx, group); err != nil {
		return err
	}
	n := rows(group)
	for _, t := range group {
		if t.Last {
			l.memory = append(l.memory, applied{seq: t.seq, id: t.ID()})
		}
	}
	l.partial = partial(group)
	took := time.Since(began)
	l.stats.applied(l.meter, group, n, len(l.sql.stmts), took)
	if took > slowTxn {
		l.slow(group, took)
	}
	l.order.done(l.id, weight(group))
	l.order.width.applied(time.Now(), n)
	select {
	case l.wake <- struct{}{}:
	default: // somebody is woken already
	}
	for _, t := range group {
		t.xa, t.Rows = nil, t.Rows[:0:0] // the window may hold t for a while, its rows are done with
	}
	if group[0].Last {
		l.window.finish(group...)
	} else {
		group[0].apply() // the window counts whole transactions only
	}
	return nil
}

// commit tries until the group is on the target exactly once.
func (l *lane) commit(ctx context.Context, group []*Txn) error {
	rewritten := rows(group) > 1
	if err := l.write(group, rewritten); err != nil {
		return err
	}
	who := fmt.Sprintf("lane %d", l.id)
	defer l.trouble.clear(who)
	wait := backoff{}
	for {
		row, memory, err := l.window.record(l.id, l.memory, group)
		if err != nil {
			return err
		}
		l.memory = memory
		row.Partial = partial(group)
		if t := group[0]; t.Part > 0 && t.Last {
			// Nothing else is in flight, so the watermark may say it at once. It has
			// to: pieces cannot be recognised by the id of their end.
			row.Watermark, row.Applied = t.End, checkpoint.Applied{}
		}
		err = l.try(ctx, group, row, rewritten)
		if errors.Is(err, errUnknownCommit) {
			var done bool
			if done, err = l.resolve(ctx, group, err); done {
				return nil
			}
		}
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errStopped):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case rewritten && !retryable(err) && !errors.Is(err, checkpoint.ErrFenced):
			// Row by row it may work, or else shows which row is wrong.
			rewritten = false
			l.log.Info("a group of transactions is applied row by row", "lane", l.id, "why", err)
			if err := l.write(group, false); err != nil {
				return err
			}
			continue
		case !retryable(err):
			return l.blame(ctx, group, err)
		}
		l.stats.retried("stmt_exec")
		l.troubled(who, err)
		l.log.Warn("the target refused a transaction for now", "lane", l.id, "err", err)
		if err := l.again(ctx, &wait); err != nil {
			return err
		}
	}
}

// try makes one attempt.
func (l *lane) try(ctx context.Context, group []*Txn, row checkpoint.Lane, rewritten bool) error {
	update, err := l.meta.LaneUpdate(row)
	if err != nil {
		return err
	}
	counts, err := l.target.transaction(ctx, &l.sql, update)
	if err != nil {
		return err
	}
	if counts[len(counts)-1] == 0 {
		l.target.rollback(ctx)
		return l.meta.Fenced()
	}
	missed, err := l.unmatched(group, counts)
	if err == nil && rewritten && len(missed) > 0 {
		err = fault.New(fault.Data, "no row of the target matches: "+missed[0]) // which of the changes it was, row by row will tell
	}
	if err != nil {
		l.target.rollback(ctx)
		return err
	}
	if err := l.target.commit(ctx); err != nil {
		return err
	}
	for _, text := range missed {
		l.stats.unmatched(text)
		l.log.Warn("an UPDATE or DELETE met no row on the target", "row", text)
	}
	return nil
}

// unmatched lists the statements that met no row though they should have.
func (l *lane) unmatched(group []*Txn, counts []int64) ([]string, error) {
	var out []string
	for i := range l.sql.stmts {
		s := &l.sql.stmts[i]
		if s.xa != nil {
			if err := s.checkXA(counts[i]); err != nil {
				return nil, err
			}
			continue
		}
		if s.counted && counts[i] != s.want {
			return nil, fault.New(fault.Data, fmt.Sprintf("a statement for several rows of %s met %d rows and not %d", s.table.name, counts[i], s.want))
		}
		if !s.exact || counts[i] > 0 {
			continue
		}
		text := s.table.describe(s.row, fileOf(group, s.row))
		if l.strict {
			return nil, &fault.Error{Kind: fault.Data, Side: fault.Downstream,
				Msg:  "no row of the target matches: " + text,
				Hint: "repair the row on the target, or set strict: false in this task's syncer, then resume-task"}
		}
		out = append(out, text)
	}
	return out, nil
}

func fileOf(group []*Txn, r *Row) string {
	for _, t := range group {
		for i := range t.Rows {
			if &t.Rows[i] == r {
				return t.file()
			}
		}
	}
	return group[0].Begin.Name
}

// partial is the progress to record with group: only a piece that is not the
// last one leaves a transaction half done.
func partial(group []*Txn) checkpoint.Partial {
	t := group[0]
	if t.Last {
		return checkpoint.Partial{}
	}
	return checkpoint.Partial{Txn: t.BeginID(), Rows: t.RowsBefore + t.rows(), Of: t.of}
}

// resolve finds out whether a COMMIT without an answer took effect, by the lane
// row that it would have written. It asks until it is answered.
func (l *lane) resolve(ctx context.Context, group []*Txn, cause error) (done bool, err error) {
	who := fmt.Sprintf("lane %d", l.id)
	wait := backoff{}
	for {
		row, err := l.meta.ReadLane(ctx, l.id)
		if err == nil {
			return contains(&row, group), cause
		}
		if ctx.Err() != nil || !retryable(err) {
			return false, err
		}
		l.stats.retried("query")
		l.troubled(who, err)
		if err := l.again(ctx, &wait); err != nil {
			return false, err
		}
	}
}

// contains tells whether the lane row says that group was applied.
func contains(row *checkpoint.Lane, group []*Txn) bool {
	t := group[0] // they were all in one transaction
	switch {
	case t.Part == 0:
		return row.Applied.Has(t.ID())
	case t.Last:
		return row.Watermark.Position == t.End.Position && row.Watermark.GTID.Equal(t.End.GTID)
	}
	return row.Partial.Same(partial(group))
}

// flush records the watermark though no rows are written: idle times and
// filtered traffic move it too.
func (l *lane) flush(ctx context.Context, j job) error {
	defer close(j.flushed)
	who := fmt.Sprintf("lane %d", l.id)
	defer l.trouble.clear(who)
	wait := backoff{}
	for {
		row, memory, err := l.window.record(l.id, l.memory, nil)
		if err != nil {
			return err
		}
		l.memory = memory
		row.Partial = l.partial
		if err = saveWatermark(ctx, l.meta, row, j.safe); err == nil {
			l.stats.flushed(row.Watermark)
			l.meter.flushed()
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !retryable(err) {
			return err
		}
		l.troubled(who, err)
		if err := l.again(ctx, &wait); err != nil {
			return err
		}
	}
}

// saveWatermark writes a lane row and the row that DM's tools read.
func saveWatermark(ctx context.Context, m *checkpoint.Meta, row checkpoint.Lane, g checkpoint.Global) error {
	tx, err := m.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing, before it the error is already known
	if err := m.SaveLane(ctx, tx, row); err != nil {
		return err
	}
	g.Location = row.Watermark
	if err := m.SaveGlobal(ctx, tx, g); err != nil {
		return err
	}
	return tx.Commit()
}

// retryable tells whether trying again may help.
func retryable(err error) bool {
	return !errors.Is(err, checkpoint.ErrFenced) && (errors.Is(err, errUnknownCommit) || fault.Transient(err))
}

// blame finds the statement of a group that the target refuses for good: one by
// one, in a transaction that is rolled back.
func (l *lane) blame(ctx context.Context, group []*Txn, err error) error {
	if errors.Is(err, checkpoint.ErrFenced) || len(l.sql.stmts) == 0 {
		return err
	}
	// The row may be refused because a successor has applied it: the fence stands
	// behind the rows, and only one who is not fenced may call a row wrong.
	if _, ferr := l.meta.ReadLane(ctx, l.id); errors.Is(ferr, checkpoint.ErrFenced) {
		return ferr
	}
	i, single, other := l.target.blame(ctx, &l.sql)
	if i < 0 {
		return fault.Wrap(fmt.Sprintf("apply the transactions from %s to %s", group[0].Begin, group[len(group)-1].End.Position), refused(err))
	}
	s := &l.sql.stmts[i]
	if other != nil {
		return duplicate(s.describe(group), other, single)
	}
	return fault.Wrap("apply "+s.describe(group), refused(single))
}

func at(t *Txn, r *Row) string {
	return fmt.Sprintf("apply %s of %s.%s at (%s, %d)", r.Kind, r.Table.Schema, r.Table.Table, t.file(), r.Pos)
}
