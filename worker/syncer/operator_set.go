package syncer

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/operation"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// DM's numbers for operators.
const (
	codeOperatorArgs = 11118
	codeNoOperator   = 36065
)

// Operators is a request about the operators of a subtask.
type Operators struct {
	Subtask config.Subtask
	Meta    *checkpoint.Meta
	// Stopped is what the last run ended with, nil when it has not. Running tells
	// that a run may be under way.
	Stopped error
	Running bool
	// ID names the request.
	ID  string
	Log *slog.Logger
}

// Do carries out a request. The answer is what to tell whoever has asked.
func (o *Operators) Do(ctx context.Context, req operation.Operator) (string, error) {
	if req.Kind == operation.List {
		return o.list(ctx, req.Position)
	}
	if again, err := o.known(ctx); err != nil || again {
		return "", err
	}
	place, err := o.place(req.Position)
	if err != nil {
		return "", err
	}
	if req.Kind == operation.Revert {
		return "", told(o.Meta.RemoveOperator(ctx, place, o.Running), place.Begin)
	}
	op := checkpoint.Operator{ID: o.ID, Op: string(req.Kind), At: place.Begin, Event: place.Event, Txn: place.Txn, Statements: req.Statements}
	switch req.Kind {
	case operation.Skip:
		if len(req.Statements) > 0 {
			return "", fault.New(fault.Invalid, "skip takes no statements")
		}
	case operation.Replace, operation.Inject:
		if err := o.check(ctx, &op); err != nil {
			return "", err
		}
	default:
		return "", fault.New(fault.Invalid, fmt.Sprintf("a DDL cannot be handled by %q", req.Kind))
	}
	if err := o.Meta.PutOperator(ctx, op, o.Running); err != nil {
		return "", told(err, place.Begin)
	}
	o.Log.Info("an operator is recorded", "op", op.Op, "pos", op.At, "statements", len(op.Statements))
	return "", nil
}

// known tells whether this very request was carried out before.
func (o *Operators) known(ctx context.Context) (bool, error) {
	all, err := o.Meta.Operators(ctx)
	if err != nil {
		return false, err
	}
	in, _, err := o.Meta.DDL(ctx)
	return in.Operator == o.ID || slices.ContainsFunc(all, func(x checkpoint.Operator) bool { return x.ID == o.ID }), err
}

// place gives the place that a request is about.
func (o *Operators) place(position string) (checkpoint.Place, error) {
	var ddl *DDLError
	if position != "" {
		at, err := parsePlace(position)
		if errors.As(o.Stopped, &ddl) && (at == ddl.Place.Event || at == ddl.Place.Begin) {
			return ddl.Place, err
		}
		return checkpoint.Place{Event: at, Begin: at}, err
	}
	switch {
	case o.Stopped == nil:
		return checkpoint.Place{}, &fault.Error{Kind: fault.Conflict, Msg: fmt.Sprintf("source '%s' has no error", o.Subtask.SourceID),
			Hint: "give -b/--binlog-pos for a statement that comes later; binlog list shows what is pending"}
	case !errors.As(o.Stopped, &ddl):
		return checkpoint.Place{}, &fault.Error{Kind: fault.Unsupported, Err: errNoDDL,
			Hint: "query-status shows the error; mend its cause and resume-task"}
	}
	return ddl.Place, nil
}

// errNoDDL is DM's sentence.
var errNoDDL = errors.New("only support to handle ddl error currently, see https://docs.pingcap.com/tidb-data-migration/stable/error-handling for other errors")

// parsePlace reads a position as people and DM write it.
func parsePlace(text string) (binlog.Position, error) {
	text = strings.Trim(strings.TrimSpace(text), `'"`)
	at, err := binlog.ParsePosition(text)
	if err != nil {
		return at, &fault.Error{Kind: fault.Invalid, Code: codeOperatorArgs,
			Msg: "invalid --binlog-pos " + text + " in handle-error operation", Err: err,
			Hint: "write it as NAME:POS, for example mysql-bin.000003:3270"}
	}
	return at.WithoutRelay(), nil
}

// told puts what an operator has met into words.
func told(err error, at binlog.Position) error {
	out := &fault.Error{Kind: fault.Conflict, Err: err}
	switch {
	case errors.Is(err, checkpoint.ErrNoOperator):
		out.Code, out.Kind, out.Err = codeNoOperator, fault.NotFound, nil
		out.Msg, out.Hint = fmt.Sprintf("error operator not exist, position: %s", positionID(at)), "binlog list shows what is pending; what has taken effect stays"
	case errors.Is(err, checkpoint.ErrOperatorPassed):
		out.Kind, out.Hint = fault.Invalid, "give the place of a statement that is still to come, as SHOW BINLOG EVENTS prints it"
	case errors.Is(err, checkpoint.ErrOperatorBusy):
		out.Hint = "wait until it is done or has failed, which query-status shows"
	case errors.Is(err, checkpoint.ErrNotBegun):
		out.Hint = "try again when query-status shows the unit Sync"
	default:
		return err
	}
	return out
}

// check refuses statements that could not be executed, by reading them as they
// will be read then.
func (o *Operators) check(ctx context.Context, op *checkpoint.Operator) error {
	up, err := dbconn.Open(ctx, fault.Upstream, o.Subtask.Source.From, dbconn.Options{MaxConns: 1})
	if err != nil {
		return err
	}
	defer up.Close()
	if op.SQLMode, err = globalMode(ctx, up); err != nil {
		return err
	}
	dp, err := newDDLParser(ctx, up, o.Meta.DB, newMatcher(o.Subtask.Filter), nil)
	if err != nil {
		return err
	}
	dp.routes, dp.events = o.Subtask.Routes, o.Subtask.Events
	return fault.Wrap("binlog "+op.Op, dp.allowed(op))
}

// globalMode is the sql_mode of the source, which people write statements for.
func globalMode(ctx context.Context, up *dbconn.DB) (mode string, err error) {
	err = up.QueryRowContext(ctx, "SELECT @@GLOBAL.sql_mode").Scan(&mode)
	return mode, dbconn.Error(fault.Upstream, "read the source's sql_mode", err)
}

// listed is an operator as it is shown.
type listed struct {
	Op         string   `json:"op"`
	BinlogPos  string   `json:"binlogPos"`
	Statements []string `json:"sqls,omitempty"`
}

// list shows the operators that have not taken effect, from a position on.
func (o *Operators) list(ctx context.Context, from string) (string, error) {
	var first binlog.Position
	if from != "" {
		var err error
		if first, err = parsePlace(from); err != nil {
			return "", err
		}
	}
	all, err := o.Meta.Operators(ctx)
	if err != nil {
		return "", err
	}
	lanes, err := o.Meta.Lanes(ctx)
	if err != nil {
		return "", err
	}
	at := combine(lanes, binlog.Location{}).Watermark.Position
	slices.SortFunc(all, func(a, b checkpoint.Operator) int { return cmp.Or(a.At.Compare(b.At), strings.Compare(a.ID, b.ID)) })
	out := []listed{}
	for _, x := range all {
		if !checkpoint.Passed(x.At, at) && x.At.Compare(first) >= 0 {
			out = append(out, listed{Op: x.Op, BinlogPos: positionID(x.At), Statements: x.Statements})
		}
	}
	text, err := json.Marshal(out)
	return string(text), err
}
