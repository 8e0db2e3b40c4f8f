package checkpoint_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

func pos(n uint32) binlog.Position { return binlog.Position{Name: "bin.000002", Pos: n} }

// TestOperators: one operator for a place, which a statement is found by through its
// own event, its transaction's first, or its transaction's name.
func TestOperators(t *testing.T) {
	onBoth(t, func(t *testing.T, db *dbconn.DB) {
		m, err := checkpoint.Open(t.Context(), db, subtask(t, "s"), 7)
		must(t, err)
		skip := checkpoint.Operator{ID: "1", Op: checkpoint.Skip, At: pos(100)}
		if err := m.PutOperator(t.Context(), skip, false); !errors.Is(err, checkpoint.ErrNotBegun) {
			t.Errorf("before the syncer has run: %v", err)
		}
		_, err = m.OpenLanes(t.Context(), 2, func([]checkpoint.Lane) (checkpoint.Lane, error) {
			return checkpoint.Lane{Watermark: binlog.Location{Position: pos(50)}}, nil
		})
		must(t, err)
		if err := m.PutOperator(t.Context(), checkpoint.Operator{ID: "0", Op: checkpoint.Skip, At: pos(49)}, false); !errors.Is(err, checkpoint.ErrOperatorPassed) {
			t.Errorf("behind the watermark: %v", err)
		}
		must(t, m.PutOperator(t.Context(), skip, false))
		named := checkpoint.Operator{ID: "2", Op: checkpoint.Replace, At: pos(100), Txn: "g:1", Statements: []string{"DROP TABLE `a`", "DROP TABLE b"}, SQLMode: "ANSI"}
		must(t, m.PutOperator(t.Context(), named, false)) // in its place
		all, err := m.Operators(t.Context())
		must(t, err)
		if diff := cmp.Diff([]checkpoint.Operator{named}, all); diff != "" {
			t.Errorf("operators (-want +got):\n%s", diff)
		}
		must(t, m.PutOperator(t.Context(), checkpoint.Operator{ID: "3", Op: checkpoint.Skip, At: pos(210)}, true))
		must(t, m.PutOperator(t.Context(), checkpoint.Operator{ID: "4", Op: checkpoint.Skip, At: pos(200)}, true))
		for _, c := range []struct {
			p    checkpoint.Place
			want string
		}{
			{checkpoint.Place{Begin: pos(100), Event: pos(110), Txn: "g:1"}, "2"},
			{checkpoint.Place{Begin: pos(70), Event: pos(80), Txn: "g:1"}, "2"}, // on another server
			{checkpoint.Place{Begin: pos(100), Event: pos(110), Txn: "g:2"}, ""},
			{checkpoint.Place{Begin: pos(200), Event: pos(210), Txn: "g:3"}, "3"},
			{checkpoint.Place{Begin: pos(200), Event: pos(220), Txn: "g:3"}, "4"},
			{checkpoint.Place{Begin: pos(205), Event: pos(206), Txn: "g:3"}, ""},
		} {
			got := ""
			o, err := m.OperatorAt(t.Context(), c.p)
			must(t, err)
			if o != nil {
				got = o.ID
			}
			if got != c.want {
				t.Errorf("at %+v there is %q, want %q", c.p, got, c.want)
			}
		}
		must(t, m.RemoveOperator(t.Context(), checkpoint.Place{Event: pos(200), Begin: pos(200)}, true))
		if err := m.RemoveOperator(t.Context(), checkpoint.Place{Event: pos(200), Begin: pos(200)}, true); !errors.Is(err, checkpoint.ErrNoOperator) {
			t.Errorf("removed twice: %v", err)
		}
		other, err := checkpoint.Open(t.Context(), db, subtask(t, "s"), 8)
		must(t, err)
		if err := m.PutOperator(t.Context(), skip, true); !errors.Is(err, checkpoint.ErrFenced) {
			t.Errorf("under an epoch that has passed: %v", err)
		}
		_ = other
	})
}

// TestOperatorOrRecord: an operator that comes while the intent of its statement is
// recorded is either seen by the record, or comes too late and is told so.
func TestOperatorOrRecord(t *testing.T) {
	onBoth(t, func(t *testing.T, db *dbconn.DB) {
		m, err := checkpoint.Open(t.Context(), db, subtask(t, "s"), 7)
		must(t, err)
		lane := checkpoint.Lane{Watermark: binlog.Location{Position: pos(50)}}
		_, err = m.OpenLanes(t.Context(), 1, func([]checkpoint.Lane) (checkpoint.Lane, error) { return lane, nil })
		must(t, err)
		for n := range uint32(5) {
			at := pos(100 + n)
			p := checkpoint.Place{Begin: at, Event: at, Txn: "t"}
			put := make(chan error, 1)
			tx, err := db.BeginTx(t.Context(), nil)
			must(t, err)
			err = m.SaveLane(t.Context(), tx, lane)
			go func() {
				put <- m.PutOperator(t.Context(), checkpoint.Operator{ID: "x", Op: checkpoint.Skip, At: at}, true)
			}()
			if err == nil {
				err = m.CheckOperator(t.Context(), tx, p, "", pos(0))
			}
			if err == nil {
				err = m.SaveDDL(t.Context(), tx, checkpoint.Intent{Txn: "t", Start: at, Event: at})
			}
			if err == nil {
				err = tx.Commit()
			}
			_ = tx.Rollback()
			late := <-put
			switch {
			case err == nil && errors.Is(late, checkpoint.ErrOperatorBusy):
			case late == nil && (errors.Is(err, checkpoint.ErrOperatorChanged) || fault.Transient(err)):
			default:
				t.Errorf("the record ended with %v, the operator with %v", err, late)
			}
		}
		in := checkpoint.Intent{Txn: "t", Start: pos(300), Event: pos(310), Refused: true}
		save := func() {
			tx, err := db.BeginTx(t.Context(), nil)
			must(t, err)
			must(t, m.SaveLane(t.Context(), tx, lane))
			must(t, m.SaveDDL(t.Context(), tx, in))
			must(t, tx.Commit())
		}
		save()
		must(t, m.PutOperator(t.Context(), checkpoint.Operator{ID: "y", Op: checkpoint.Skip, At: pos(310)}, true))
		in.Refused, in.Done, in.Final = false, true, true
		save() // the watermark is still before it
		if err := m.PutOperator(t.Context(), checkpoint.Operator{ID: "z", Op: checkpoint.Skip, At: pos(300)}, false); !errors.Is(err, checkpoint.ErrOperatorPassed) {
			t.Errorf("what is done: %v", err)
		}
		if err := m.RemoveOperator(t.Context(), checkpoint.Place{Event: pos(310), Begin: pos(310)}, false); !errors.Is(err, checkpoint.ErrNoOperator) {
			t.Errorf("what has taken effect: %v", err)
		}
	})
}
