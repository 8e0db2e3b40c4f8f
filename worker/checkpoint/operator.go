package checkpoint

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/fault"
)

// Operator is what a person wants to be done about one DDL of the source instead
// of executing it. It lies beside the progress that it is about, on the target, so
// that it can be fenced and removed by the transaction that records the DDL.
type Operator struct {
	// ID is new with each operator: one that takes the place of another is another.
	ID string
	// Op is Skip, Replace or Inject.
	Op string
	// At is where the DDL begins in the binlog: its own event, or the first one of
	// its transaction.
	At binlog.Position
	// Event is the DDL's own event where that is known, too. It is not kept: it tells
	// whose place the operator takes.
	Event binlog.Position
	// Txn names the transaction (see Intent) if it was known, else "". A source's
	// successor has other transactions at the same places.
	Txn string
	// Statements are to be executed; SQLMode is how they are to be read.
	Statements []string
	SQLMode    string
}

// The kinds of operators.
const (
	Skip    = "skip"    // execute nothing
	Replace = "replace" // execute Statements instead
	Inject  = "inject"  // execute Statements before
)

// What an operator may meet.
var (
	// ErrOperatorChanged: the operator at a place is another one than the run has seen.
	ErrOperatorChanged = errors.New("the operator at this place of the binlog has changed meanwhile")
	// ErrOperatorPassed: the place is behind the task already.
	ErrOperatorPassed = errors.New("the task has passed this place of the binlog")
	// ErrOperatorBusy: what is at the place is being executed.
	ErrOperatorBusy = errors.New("the statement at this place of the binlog is being executed at this moment")
	// ErrNoOperator: there is none at the place.
	ErrNoOperator = errors.New("there is no operator at this place of the binlog")
	// ErrNotBegun: the syncer has never run.
	ErrNotBegun = errors.New("the task has not begun to replicate the binlog yet")
)

const operatorFields = "id, op, binlog_name, binlog_pos, txn, statements, sql_mode"

// Operators reads those of the source in no particular order.
func (m *Meta) Operators(ctx context.Context) ([]Operator, error) { return m.operators(ctx, m.DB, "") }

func (m *Meta) operators(ctx context.Context, on queryer, lock string) ([]Operator, error) {
	const op = "read the operators"
	rows, err := on.QueryContext(ctx, "SELECT "+operatorFields+" FROM "+m.table(suffixOperator)+" WHERE source = ?"+lock, m.Source)
	if err != nil {
		return nil, m.wrap(op, err)
	}
	defer rows.Close()
	var out []Operator
	for rows.Next() {
		var o Operator
		var statements []byte
		if err := rows.Scan(&o.ID, &o.Op, &o.At.Name, &o.At.Pos, &o.Txn, &statements, &o.SQLMode); err != nil {
			return nil, m.wrap(op, err)
		}
		if err := json.Unmarshal(statements, &o.Statements); err != nil {
			return nil, m.corrupt(op, fmt.Errorf("%q: %w", statements, err))
		}
		out = append(out, o)
	}
	return out, m.wrap(op, rows.Err())
}

// Place is where a statement of the source is: that of its own event, and that of
// the first event of its transaction.
type Place struct {
	Event, Begin binlog.Position
	Txn          string
}

// OperatorAt gives the operator for the statement at a place, nil when there is none.
func (m *Meta) OperatorAt(ctx context.Context, p Place) (*Operator, error) {
	all, err := m.operators(ctx, m.DB, "")
	return p.pick(all), err
}

// pick gives the operator for the statement at a place: the one for its own event,
// else the one for its transaction. Where the transaction was known, the place may
// be another one by now.
func (p Place) pick(all []Operator) *Operator {
	var out *Operator
	for i := range all {
		o := &all[i]
		if o.Txn != "" && o.Txn != p.Txn || o.Txn == "" && o.At != p.Event && o.At != p.Begin {
			continue
		}
		if out == nil || o.At == p.Event {
			out = o
		}
	}
	return out
}

// CheckOperator answers ErrOperatorChanged unless the operator at a place is the
// one of that id, "" for none. It removes those of places before at, which must not
// be behind p: until the answer to the transaction is known, p is needed again. tx
// must be a transaction that has called SaveLane, whose row all who change
// operators lock first.
func (m *Meta) CheckOperator(ctx context.Context, tx *sql.Tx, p Place, id string, at binlog.Position) error {
	all, err := m.operators(ctx, tx, " FOR UPDATE")
	if err != nil {
		return err
	}
	now := ""
	if o := p.pick(all); o != nil {
		now = o.ID
	}
	if now != id {
		return ErrOperatorChanged
	}
	return m.forgetOperators(ctx, tx, all, at)
}

func (m *Meta) forgetOperators(ctx context.Context, tx *sql.Tx, all []Operator, at binlog.Position) error {
	for i := range all {
		if !Passed(all[i].At, at) {
			continue
		}
		if err := m.deleteOperator(ctx, tx, all[i].At); err != nil {
			return err
		}
	}
	return nil
}

// Passed tells whether p is before at, in the same series of binlog files: of others
// nobody knows.
func Passed(p, at binlog.Position) bool {
	return binlog.SameSeries(p.Name, at.Name) && p.Compare(at) < 0
}

func (m *Meta) deleteOperator(ctx context.Context, ex Execer, at binlog.Position) error {
	_, err := ex.ExecContext(ctx, "DELETE FROM "+m.table(suffixOperator)+" WHERE source = ? AND binlog_name = ? AND binlog_pos = ?", m.Source, at.Name, at.Pos)
	return m.wrap("remove an operator", err)
}

// PutOperator records an operator in place of another one at the same place, or, where
// more is known of its DDL, for that.
// running tells that a syncer may be at work: what it executes at this moment
// cannot be changed any more.
func (m *Meta) PutOperator(ctx context.Context, o Operator, running bool) error {
	const op = "record an operator"
	statements, err := json.Marshal(o.Statements)
	if err != nil {
		return m.wrap(op, err)
	}
	return m.changeOperators(ctx, op, func(tx *sql.Tx, lane Lane, in Intent) error {
		switch {
		case Passed(o.At, lane.Watermark.Position), in.Final && in.about(o.At, o.Txn):
			return fmt.Errorf("%w: it is at %s", ErrOperatorPassed, lane.Watermark.Position)
		case running && in.underWay(o.At, o.Txn):
			return ErrOperatorBusy
		}
		all, err := m.operators(ctx, tx, " FOR UPDATE")
		if err != nil {
			return err
		}
		if err := m.forgetOperators(ctx, tx, all, lane.Watermark.Position); err != nil {
			return err
		}
		for i := range all {
			if o.Event == all[i].At && o.Event != o.At && (all[i].Txn == "" || all[i].Txn == o.Txn) {
				if err := m.deleteOperator(ctx, tx, o.Event); err != nil {
					return err
				}
			}
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO "+m.table(suffixOperator)+" (source, "+operatorFields+") VALUES (?, ?, ?, ?, ?, ?, ?, ?)"+
			" ON DUPLICATE KEY UPDATE id = VALUES(id), op = VALUES(op), txn = VALUES(txn), statements = VALUES(statements), sql_mode = VALUES(sql_mode)",
			m.Source, o.ID, o.Op, o.At.Name, o.At.Pos, o.Txn, string(statements), o.SQLMode)
		return m.wrap(op, err)
	})
}

// RemoveOperator removes the operator at a place that has not taken effect.
func (m *Meta) RemoveOperator(ctx context.Context, p Place, running bool) error {
	return m.changeOperators(ctx, "remove an operator", func(tx *sql.Tx, lane Lane, in Intent) error {
		all, err := m.operators(ctx, tx, " FOR UPDATE")
		if err != nil {
			return err
		}
		o := p.pick(all)
		switch {
		case o == nil || Passed(o.At, lane.Watermark.Position) || in.Final && in.about(o.At, o.Txn):
			return ErrNoOperator
		case running && in.Operator == o.ID && in.underWay(o.At, o.Txn):
			return ErrOperatorBusy
		}
		return m.deleteOperator(ctx, tx, o.At)
	})
}

// underWay tells whether the statement at a place may be being executed.
func (in *Intent) underWay(at binlog.Position, txn string) bool {
	return !in.Done && !in.Refused && in.about(at, txn)
}

// about tells whether an intent is for the statement at a place.
func (in *Intent) about(at binlog.Position, txn string) bool {
	return in.Event == at || in.Start == at || txn != "" && in.Txn == txn
}

// changeOperators runs fn in a fenced transaction that nobody who records a DDL
// runs beside; fn gets the row of lane 0 and the last intent.
func (m *Meta) changeOperators(ctx context.Context, op string, fn func(*sql.Tx, Lane, Intent) error) error {
	const most = 10 // attempts, when transactions of lane 0 come in between
	for n := 1; ; n++ {
		err := m.changeOnce(ctx, op, fn)
		if err == nil || n == most || ctx.Err() != nil || !fault.Transient(err) {
			return err
		}
	}
}

func (m *Meta) changeOnce(ctx context.Context, op string, fn func(*sql.Tx, Lane, Intent) error) error {
	return m.held(ctx, op, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE "+m.table(suffixLane)+" SET attempt = attempt + 1 WHERE source = ? AND lane = 0", m.Source); err != nil {
			return m.wrap(op, err)
		}
		lanes, err := m.lanes(ctx, tx, " FOR UPDATE")
		if err != nil {
			return err
		}
		if len(lanes) == 0 {
			return ErrNotBegun
		}
		last := lanes[0]
		for _, l := range lanes[1:] {
			if last.Watermark.Position.Compare(l.Watermark.Position) < 0 {
				last = l
			}
		}
		in, _, err := m.intent(ctx, tx, " FOR UPDATE")
		if err != nil {
			return err
		}
		return fn(tx, last, in)
	})
}
