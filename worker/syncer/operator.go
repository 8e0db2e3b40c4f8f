package syncer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// wayAround says how a person gets past a statement.
const wayAround = "leave it out with dmctl's `binlog skip`, or have others executed instead with `binlog replace`"

// hintAround adds that to what needs a person and says no other way out.
func hintAround(err error) error {
	if f := (*fault.Error)(nil); !retryable(err) && errors.As(err, &f) && f.Hint == "" {
		f.Hint = wayAround
	}
	return err
}

// DDLError says at which statement of the source a run has ended. An operator may
// be set for that place.
type DDLError struct {
	// Place is where the statement is.
	Place checkpoint.Place
	// Start is where its transaction begins, with all GTIDs before it, and End where
	// the next one does; zero where it goes on behind the statement.
	Start, End binlog.Location
	Err        error
}

// Error names the places as DM's messages do.
func (e *DDLError) Error() string {
	text := "startLocation: " + locationText(e.Start)
	if !e.End.IsZero() {
		text += ", endLocation: " + locationText(e.End)
	}
	return text + ": " + e.Err.Error()
}

func locationText(l binlog.Location) string {
	return fmt.Sprintf("[position: %s, gtid-set: %s]", l.Position, l.GTID)
}

// Unwrap gives what was wrong there.
func (e *DDLError) Unwrap() error { return e.Err }

// operated is what operators have to do with a statement for the target.
type operated struct {
	// step counts the statements that the source's was cut into, from 1; 0 for
	// those that an operator brings.
	step int
	// aside tells that the source's structures do not change: an operator brings the
	// statement, or they are behind it already.
	aside bool
	// forgets tells that what the source has made of its tables is not known.
	forgets bool
}

// setAside takes what is about the source's structures out of a statement.
func (one *ddl) setAside() {
	one.aside, one.stmt, one.cascades, one.online = true, nil, nil, nil
}

// besides are the tables that a statement changes on the target only.
func (one *ddl) besides() map[schema.Name]string {
	out := map[schema.Name]string{one.watch: ""}
	for _, n := range one.tables {
		out[n] = ""
	}
	return out
}

// place is where the statement of t is. The place of the transaction is that of the
// first one of it that operators are asked for: the others have only their own.
func (t *Txn) place() checkpoint.Place {
	p := checkpoint.Place{Event: t.Begin, Begin: t.Begin, Txn: t.BeginID()}
	if t.DDL != nil {
		p.Event.Pos = t.DDL.Pos
	}
	if t.later {
		p.Begin, p.Txn = p.Event, fmt.Sprintf("%s, statement %d", p.Txn, t.nth+1)
	}
	return p
}

// asked is the first statement of a transaction that operators were asked for.
type asked struct {
	txn string
	nth int
}

// later tells whether the statement of t is behind the first one.
func (a *asked) later(t *Txn) bool {
	if id := t.BeginID(); a.txn != id {
		*a = asked{txn: id, nth: t.nth}
	}
	return t.nth > a.nth
}

// statement deals with the statement of t, as an operator wants it if there is
// one. It answers false when t goes on without.
func (c *coordinator) statement(reading, writing context.Context, t *Txn) (done bool, err error) {
	for {
		done, err = c.statementOnce(reading, writing, t)
		if !errors.Is(err, checkpoint.ErrOperatorChanged) {
			return done, c.located(t, err)
		}
	}
}

func (c *coordinator) statementOnce(reading, writing context.Context, t *Txn) (done bool, err error) {
	began := time.Now()
	list, refused := c.parser.parse(t.DDL)
	c.meter.parsed(time.Since(began), len(list))
	if t.dumped {
		list, refused = onlyOnline(list), nil
	}
	if refused == nil && len(list) == 0 {
		t.DDL = nil
		return false, nil
	}
	t.later = c.asked.later(t)
	op, err := c.operator(reading, t)
	if err != nil {
		return false, err
	}
	if t.xa != nil && op != nil && op.Op == checkpoint.Skip {
		t.DDL = nil
		return false, nil
	}
	if t.xa != nil && refused == nil {
		refused = fault.New(fault.Unsupported, "not supported yet: a statement inside "+t.xa.describe())
	}
	id := ""
	if op != nil {
		id = op.ID
	}
	if refused == nil || op != nil && t.xa == nil {
		list, refused = c.operate(reading, t, op, list, refused)
	}
	if refused != nil {
		if err := c.drain(reading); err != nil { // what comes before is to be on the target, and known to be
			return false, err
		}
		return false, notExecutable(t, refused)
	}
	return true, c.barrier(reading, writing, t, list, id)
}

// operator gives the operator for the statement of t, nil when there is none.
func (c *coordinator) operator(ctx context.Context, t *Txn) (*checkpoint.Operator, error) {
	const who = "operator"
	defer c.ddl.trouble.clear(who)
	wait := backoff{}
	for {
		op, err := c.ddl.meta.OperatorAt(ctx, t.place())
		switch {
		case err == nil:
			return op, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !retryable(err):
			return nil, err
		}
		c.ddl.trouble.set(who, err)
		if !wait.sleep(ctx, nil) {
			return nil, ctx.Err()
		}
	}
}

// located adds where the statement is to what has gone wrong with it.
func (c *coordinator) located(t *Txn, err error) error {
	switch {
	case err == nil, errors.Is(err, errStopped), errors.Is(err, checkpoint.ErrFenced), fault.Is(err, fault.Cancelled):
		return err
	}
	out := &DDLError{Place: t.place(), End: t.End, Err: err}
	out.Start.Position = out.Place.Begin
	if at, _ := c.window.watermark(); at.Position == t.Begin {
		out.Start.GTID = at.GTID
	}
	return out
}

// operate gives what is to be executed for the source's statement, which was cut
// into list or refused. The structures follow the source's statement in any case:
// its rows come as it has made them. So what op brings changes the target only,
// and comes behind the source's statement where both are known.
func (c *coordinator) operate(ctx context.Context, t *Txn, op *checkpoint.Operator, list []ddl, refused error) ([]ddl, error) {
	kind := ""
	if op != nil {
		kind = op.Op
	}
	if refused != nil && kind != checkpoint.Skip && kind != checkpoint.Replace {
		return nil, refused
	}
	all := 0 // statements that the source's is cut into, with those that filters leave out
	if list = inOrder(list); refused == nil {
		all = max(list[0].of, list[len(list)-1].nth+1)
	}
	if kind == checkpoint.Skip || kind == checkpoint.Replace {
		if refused == nil {
			var err error
			if list, err = c.swapped(ctx, t, list); err != nil {
				return nil, err
			}
		}
		list = c.parser.follow(t.DDL, list, refused)
	}
	for i := range list {
		list[i].step = max(list[i].step, list[i].nth+1)
		if list[i].step <= c.ddl.followed(t) {
			list[i].setAside()
		}
		if list[i].step <= c.ddl.ran(t) {
			list[i].idle, list[i].why = true, "the target has executed it before"
		}
	}
	if kind == "" || kind == checkpoint.Skip {
		return list, nil
	}
	more, err := c.parser.brought(t.DDL, op)
	if err != nil {
		return nil, err
	}
	more = inOrder(more)
	if kind == checkpoint.Replace {
		return append(list, from(more, max(all, len(list)))...), nil
	}
	brought := append([]ddl{lookAt(list)}, from(more, 1)...)
	return append(brought, from(list, brought[len(brought)-1].nth+1)...), nil
}

// swapped deals with a shadow table of an online DDL that takes the place of a real
// one and is not what the recorded statements make of that: what its rows look like
// is looked up, then, when they come.
func (c *coordinator) swapped(ctx context.Context, t *Txn, list []ddl) ([]ddl, error) {
	work := &onlineWork{}
	var real []schema.Name
	for i := range list {
		if w := list[i].online; w != nil {
			work.changes = append(work.changes, w.changes...)
			for _, swap := range w.swaps {
				real = append(real, swap.real)
			}
		}
	}
	if len(real) == 0 {
		return list, nil
	}
	err := c.ddl.checkSwaps(ctx, t, list)
	if err == nil || ctx.Err() != nil || retryable(err) {
		return list, err
	}
	all := list[len(list)-1].nth + 1
	for i := range list {
		list[i].setAside()
		list[i].idle, list[i].why = true, "an operator wants it so"
	}
	list[0] = ddl{text: list[0].text, watch: real[0], tables: real, raw: true, idle: true, why: list[0].why, online: work}
	list[0].forgets, list[0].step = true, all
	return list, nil
}

// lookAt makes the structures of the tables of list known as they are, before
// statements change the target's.
func lookAt(list []ddl) ddl {
	out := ddl{text: list[0].text, watch: list[0].watch, idle: true, why: "the structures are looked up before what an operator brings"}
	for i := range list {
		out.tables = append(out.tables, list[i].tables...)
	}
	return out
}

// followed counts the statements of t that the recorded structures are behind.
func (d *ddlRunner) followed(t *Txn) int {
	if !d.begun(t) {
		return 0
	}
	return d.last.Followed
}

// ran counts the statements of t that the target has executed. Of those without an
// operator older versions have recorded no number.
func (d *ddlRunner) ran(t *Txn) int {
	switch {
	case !d.begun(t):
		return 0
	case d.last.Operator != "":
		return d.last.Ran
	case d.last.Done:
		return max(d.last.Ran, d.last.Index+1)
	}
	return max(d.last.Ran, d.last.Index)
}

// leave waits until nothing executes the statement that an earlier run has begun
// with for t, if another operator makes of it something else. Whether it has run
// is what the operator was chosen by, and need not be known.
func (d *ddlRunner) leave(ctx context.Context, t *Txn, op string) error {
	if !d.begun(t) || d.last.Operator == op || d.last.Done || d.last.Refused {
		return nil
	}
	return d.patiently(ctx, "ddl", func() error { return d.quiet(ctx, d.last.Table) })
}

// quiet waits until no session executes a DDL of this task about a table.
func (d *ddlRunner) quiet(ctx context.Context, n schema.Name) error {
	conn, err := d.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer discard(conn)
	if err := d.lock(ctx, conn); err != nil {
		return err
	}
	return d.settled(ctx, conn, d.structures.on(n))
}

// known is the structure that conditions of a statement are about: the source's
// before it, or the target's where the source has no part in it.
func (d *ddlRunner) known(one *ddl, now string) (*schema.Table, error) {
	if one.aside {
		return schema.Parse(now, "", one.onTarget(one.watch).Schema)
	}
	return d.structures.tracker.Table(one.watch)
}
