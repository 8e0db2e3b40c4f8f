package syncer

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// ddlRunner executes DDL on the target, each statement once whatever breaks.
// The coordinator calls it with nothing else in flight.
//
// A DDL commits by itself, so its record cannot travel with it. Instead an
// intent with the structure before is written first. After anything went wrong
// the structure tells whether the statement ran: it differs from the one
// before, or the statement does not change it (TRUNCATE), and then to execute
// it again does no harm, for no row behind it was applied yet.
//
// Two workers cannot both execute: the session that executes holds a named
// lock of the target, taken before the fenced intent is written. A successor
// takes the lock first, ending an idle session that holds it.
type ddlRunner struct {
	meta       *checkpoint.Meta
	db         *dbconn.DB // sessions for DDL, which may run for hours
	timezone   string
	structures *structures
	parser     *ddlParser
	trouble    *trouble
	stats      *stats
	log        *slog.Logger
	online     *online           // nil without online-ddl
	implicit   bool              // as in ddlParser
	last       checkpoint.Intent // the last intent known
	stop       <-chan struct{}   // closed when no attempt is to follow one that failed
}

// slowDDL is from when on the log says how long a statement took, as DM does.
const slowDDL = time.Second

// run executes the DDL of t, in the way that the operator of the id op wants.
// before is the watermark, behind everything that precedes t.
func (d *ddlRunner) run(ctx context.Context, t *Txn, list []ddl, op string, before binlog.Location, g checkpoint.Global) error {
	if d.last.Txn == t.BeginID() && (d.last.Nth > t.nth || d.last.Nth == t.nth && d.last.Final) {
		return nil // all is recorded, whatever has become of the operator
	}
	if op == "" && !d.begun(t) {
		if err := d.checkSwaps(ctx, t, list); err != nil {
			return err
		}
		if err := d.checkNames(list); err != nil {
			return hintAround(err)
		}
	}
	if err := d.leave(ctx, t, op); err != nil {
		return err
	}
	for i := range list {
		index := list[i].nth
		in := checkpoint.Intent{Txn: t.BeginID(), Nth: t.nth, Index: index, Start: t.Begin, Event: t.place().Event, Statement: list[i].text, Table: list[i].watch,
			Target: list[i].onTarget(list[i].watch), Operator: op, Followed: d.followed(t), Ran: d.ran(t)}
		replay := false
		if d.begun(t) && d.last.Operator == op && d.last.Index >= index {
			if d.last.Index > index || d.last.Done {
				continue // an earlier run has recorded all that finish records
			}
			if d.last.Target == (schema.Name{}) || d.last.Target == in.Target {
				in, replay = d.last, true
			} // else the routes have changed: what the former table looks like says nothing about this one
		}
		if err := d.once(ctx, t, &list[i], in, replay, before, i == len(list)-1, g); err != nil {
			return fault.Wrap(fmt.Sprintf("execute %q of the transaction at %s", excerpt(list[i].text), t.Begin), err)
		}
		g.Tables = nil // the first has written them, and may have dropped some
	}
	return nil
}

// begun tells whether the last intent is about the statement of t.
func (d *ddlRunner) begun(t *Txn) bool { return d.last.Txn == t.BeginID() && d.last.Nth == t.nth }

// row is lane 0's row around a DDL: nothing else is in flight.
func row(t *Txn, at binlog.Location) checkpoint.Lane {
	out := checkpoint.Lane{Watermark: at}
	if t.Part > 0 {
		out.Partial = checkpoint.Partial{Txn: t.BeginID(), Rows: t.RowsBefore, Of: t.of}
	}
	return out
}

// once executes one statement, trying again as long as that may help.
func (d *ddlRunner) once(ctx context.Context, t *Txn, one *ddl, in checkpoint.Intent, replay bool, before binlog.Location, final bool, g checkpoint.Global) error {
	return d.patiently(ctx, "ddl", func() error {
		err := d.attempt(ctx, t, one, &in, &replay, before)
		if err == nil {
			in.Done, in.Final, in.Followed = true, final, max(in.Followed, one.step)
			if !one.idle {
				in.Ran = max(in.Ran, one.step)
			}
			err = d.finish(ctx, t, one, in, final, before, g)
		}
		if err != nil && retryable(err) && ctx.Err() == nil {
			d.stats.retried("stmt_exec")
			d.log.Warn("a DDL is tried again", "statement", one.text, "err", err)
			return dbconn.Error(fault.Downstream, "execute a DDL on the target "+d.db.Addr, err)
		}
		return err
	})
}

// patiently calls fn until what has failed cannot be tried again, or no time is
// left for another attempt; who is whose trouble is shown meanwhile.
func (d *ddlRunner) patiently(ctx context.Context, who string, fn func() error) error {
	defer d.trouble.clear(who)
	wait := backoff{}
	for {
		err := fn()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !retryable(err):
			return err
		}
		if d.trouble.set(who, err); !wait.sleep(ctx, d.stop) {
			return errors.Join(ctx.Err(), errStopped)
		}
	}
}

// attempt makes one attempt on a session of its own.
func (d *ddlRunner) attempt(ctx context.Context, t *Txn, one *ddl, in *checkpoint.Intent, replay *bool, before binlog.Location) error {
	if one.idle {
		d.log.Info("a statement is not executed on the target", "statement", excerpt(one.text), "why", one.why, "pos", t.Begin)
		return d.structures.prepare(ctx, one, in, *replay)
	}
	conn, err := d.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer discard(conn)
	if err := d.lock(ctx, conn); err != nil {
		return err
	}
	if err := d.settledAll(ctx, conn, one, in.Table); err != nil {
		return err
	}
	now, err := d.state(ctx, one, one.onTarget(in.Table))
	if err != nil {
		return err
	}
	if err := d.structures.prepare(ctx, one, in, *replay); err != nil {
		return hintAround(err)
	}
	if *replay && !in.Refused && now != in.Before && one.on != nil && !one.swaps {
		in.ByHand = true // others write to this table, too: it may be their statement that has changed it
	} else if *replay && !in.Refused && now != in.Before {
		d.log.Info("a DDL that was under way has been executed", "statement", one.text, "pos", t.Begin)
		return nil
	}
	if nothing, err := d.nothing(ctx, one, now); err != nil || nothing {
		return err
	}
	if err := one.dropConstraints(now, d.db.Server.Flavor == binlog.MariaDB); err != nil {
		return err
	}
	if !*replay || in.Refused {
		in.ByHand = in.ByHand || in.Refused && now != in.Before
		in.Before, in.Refused, in.Statement = now, false, one.text
		refusal, err := d.otherValues(ctx, conn, one, one.onTarget(in.Table), now, in.ByHand)
		if err != nil {
			return err
		}
		if refusal != nil {
			if err := d.saveRefusal(ctx, t, in, before); err != nil {
				return err
			}
			return refusal
		}
		if err := d.intend(ctx, t, *in, before); err != nil {
			return err
		}
		d.last = *in
		*replay = true // from here on the statement may have run
	}
	from := t.DDL
	if one.from != nil {
		from = one.from
	}
	if err := d.session(ctx, conn, one, from); err != nil {
		return err
	}
	began := time.Now()
	_, err = conn.ExecContext(ctx, one.text)
	took := time.Since(began)
	d.stats.ddl(took)
	if took > slowDDL {
		d.log.Warn("a DDL was slow", "statement", one.text, "took", took, "pos", t.Begin)
	}
	var answer *mysql.MySQLError
	if errors.As(err, &answer) && !fault.Transient(err) {
		return d.answered(ctx, t, one, in, before, answer)
	}
	return err
}

// otherValues refuses to go on to a statement that would do without a word what the
// source has not done: make of values, or keep in their place, others than it has.
func (d *ddlRunner) otherValues(ctx context.Context, conn *sql.Conn, one *ddl, on schema.Name, created string, byHand bool) (refusal, err error) {
	if refusal = d.holds(one, on, created); refusal != nil {
		return refusal, nil
	}
	if refusal, err = d.unlike(ctx, conn, one, on, created); refusal != nil || err != nil {
		return refusal, err
	}
	return d.fills(ctx, conn, one, on, created, byHand)
}

// answered deals with the target's refusal of a statement.
func (d *ddlRunner) answered(ctx context.Context, t *Txn, one *ddl, in *checkpoint.Intent, before binlog.Location, answer *mysql.MySQLError) error {
	if !one.done(answer.Number, in.ByHand) {
		return d.refused(ctx, t, in, before, d.refusal(one, answer))
	}
	if in.ByHand {
		err := d.structures.complete(ctx, one)
		if f := (*fault.Error)(nil); errors.As(err, &f) && !retryable(err) {
			return d.refused(ctx, t, in, before, err)
		} else if err != nil {
			return err
		}
	}
	d.log.Warn("a DDL has nothing to do on the target", "statement", one.text, "answer", answer.Message, "pos", t.Begin)
	return nil
}

// refusal is the error for a statement that the target does not execute. What a
// TiDB does not support has DM's number for what its tracker, a TiDB too, cannot
// follow, by which people and scripts tell it from what the data is to blame for.
func (d *ddlRunner) refusal(one *ddl, answer *mysql.MySQLError) error {
	out := dbconn.ExecError(fault.Downstream, "", answer)
	if !d.db.Server.TiDB || answer.Number != numberUnsupportedDDL {
		return out
	}
	return &fault.Error{Kind: fault.KindOf(out), Code: codeCannotExecDDL, Msg: "cannot track DDL: " + one.text, Err: answer}
}

// refused records that the target answered a statement with a refusal.
func (d *ddlRunner) refused(ctx context.Context, t *Txn, in *checkpoint.Intent, before binlog.Location, out error) error {
	if err := d.saveRefusal(ctx, t, in, before); err != nil {
		return err // nothing is lost: the next attempt is refused again
	}
	var e *fault.Error
	if errors.As(out, &e) {
		e.Hint = "change the target so that the statement succeeds, then resume-task; or " + wayAround
	}
	return out
}

// saveRefusal records that a statement has not run, whatever the structure says
// when an operator has been at work on it.
func (d *ddlRunner) saveRefusal(ctx context.Context, t *Txn, in *checkpoint.Intent, before binlog.Location) error {
	in.Refused = true
	if err := d.intend(ctx, t, *in, before); err != nil {
		return err
	}
	d.last = *in
	return nil
}

// intend writes the intent, fenced. The structures before need no record:
// while nothing is in flight the target has them.
func (d *ddlRunner) intend(ctx context.Context, t *Txn, in checkpoint.Intent, before binlog.Location) error {
	tx, err := d.meta.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing, before it the error is already known
	if err := d.meta.SaveLane(ctx, tx, row(t, before)); err != nil {
		return err
	}
	if err := d.meta.CheckOperator(ctx, tx, t.place(), in.Operator, binlog.Position{}); err != nil {
		return err
	}
	if err := d.meta.SaveDDL(ctx, tx, in); err != nil {
		return err
	}
	return tx.Commit()
}

// finish records in one transaction that the statement is done, the changed
// structures, and, behind the last statement, where the source is now.
func (d *ddlRunner) finish(ctx context.Context, t *Txn, one *ddl, in checkpoint.Intent, final bool, before binlog.Location, g checkpoint.Global) error {
	lane := row(t, before)
	if final && t.Last {
		lane.Watermark = t.End
	}
	next, err := d.structures.after(ctx, one)
	if err != nil {
		return err
	}
	tx, err := d.meta.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing, before it the error is already known
	if err := d.meta.SaveLane(ctx, tx, lane); err != nil {
		return err
	}
	if err := d.meta.CheckOperator(ctx, tx, t.place(), in.Operator, before.Position); err != nil {
		return err
	}
	if err := d.meta.SaveDDL(ctx, tx, in); err != nil {
		return err
	}
	if one.online != nil {
		if err := d.online.save(ctx, tx, one.online.changes); err != nil {
			return err
		}
	}
	g.Location = lane.Watermark
	if err := d.meta.SaveGlobal(ctx, tx, g); err != nil {
		return err
	}
	for n, text := range next.texts {
		if err := d.meta.SaveStructure(ctx, tx, n, text); err != nil {
			return err
		}
		if text == "" {
			if err := d.meta.ForgetTable(ctx, tx, n); err != nil {
				return err
			}
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	d.last = in
	d.stats.flushed(lane.Watermark)
	d.structures.accept(next)
	if one.online != nil {
		d.online.accept(one.online.changes)
	}
	d.cascades(one)
	return nil
}

// discard closes a session for good, which releases its locks and forgets its
// variables. It is the one error for which a pool does not keep a connection.
func discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = conn.Close()
}

// lockName is the target's lock for the DDL of one source of one task.
func (d *ddlRunner) lockName() string {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s\x00%s\x00%s", d.meta.Schema, d.meta.Task, d.meta.Source)
	return fmt.Sprintf("raftdm_ddl_%016x", h.Sum64())
}

// lock takes the lock for conn. One that is held by a session that does nothing
// is freed by ending that session: its worker has lost the source, or has lost
// the connection and does not know yet.
func (d *ddlRunner) lock(ctx context.Context, conn *sql.Conn) error {
	name := d.lockName()
	for {
		var got sql.NullInt64
		if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK(?, 1)", name).Scan(&got); err != nil {
			return err
		}
		if got.Int64 == 1 {
			return nil
		}
		var holder sql.NullInt64
		if err := conn.QueryRowContext(ctx, "SELECT IS_USED_LOCK(?)", name).Scan(&holder); err != nil {
			return err
		}
		var command string
		err := conn.QueryRowContext(ctx, "SELECT COMMAND FROM information_schema.PROCESSLIST WHERE ID = ?", holder.Int64).Scan(&command)
		if err == nil && command == "Sleep" {
			d.log.Warn("another session holds the lock for DDL and does nothing; it is ended", "connection", holder.Int64)
			_, _ = conn.ExecContext(ctx, fmt.Sprintf("KILL %d", holder.Int64)) // gone already is as good
		}
		d.trouble.set("ddl", &fault.Error{Kind: fault.Unavailable, Side: fault.Downstream,
			Msg:  fmt.Sprintf("connection %d of the target still executes a DDL of this task", holder.Int64),
			Hint: "wait until it is done, or KILL it on the target"})
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
