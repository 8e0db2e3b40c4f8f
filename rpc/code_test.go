package rpc

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/fault"
)

func TestRender(t *testing.T) {
	refused := errors.New("connection refused")
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"number, side, cause and advice", &fault.Error{Op: "dump task=t", Kind: fault.Unavailable, Side: fault.Upstream, Code: 10001,
			Msg: "cannot connect", Err: refused, Hint: "start it"},
			"[code=10001:class=database:scope=upstream:level=high], Message: dump task=t: cannot connect, RawCause: connection refused, Workaround: start it"},
		{"scope of the class when no side is known", &fault.Error{Code: 10006, Msg: "x"}, "[code=10006:class=database:scope=not-set:level=high], Message: x"},
		{"inner number and advice are kept", fault.Wrap("outer", &fault.Error{Code: 20005, Msg: "source-id is empty", Hint: "name it"}),
			"[code=20005:class=config:scope=internal:level=medium], Message: outer: source-id is empty, Workaround: name it"},
		{"a wrapped cause is said once", fmt.Errorf("load file f: %w", &fault.Error{Side: fault.Downstream, Err: refused}),
			"[code=10001:class=database:scope=downstream:level=high], Message: load file f, RawCause: connection refused"},
		{"the cause of an error that was joined", fault.Wrap("sync", errors.Join(&fault.Error{Side: fault.Downstream, Code: 10006, Msg: "execute", Err: refused})),
			"[code=10006:class=database:scope=downstream:level=high], Message: sync: execute, RawCause: connection refused"},
		{"no leader", fault.New(fault.NotLeader, "no leader"), "[code=38043:class=dm-master:scope=internal:level=high], Message: no leader"},
		{"a component that is away", fault.New(fault.Unavailable, "away"), "[code=38008:class=dm-master:scope=internal:level=high], Message: away"},
		{"unclassified", refused, "[code=50000:class=not-set:scope=not-set:level=high], Message: connection refused"},
		{"level of a number", &fault.Error{Code: 46024, Msg: "m"}, "[code=46024:class=scheduler:scope=internal:level=low], Message: m"},
		{"class of a number", &fault.Error{Code: 34018, Msg: "m"}, "[code=34018:class=functional:scope=internal:level=high], Message: m"},
		{"class, scope and level of a number", &fault.Error{Code: 11126, Msg: "m"}, "[code=11126:class=binlog-op:scope=upstream:level=high], Message: m"},
		{"downstream by number", &fault.Error{Code: 44007, Msg: "m"}, "[code=44007:class=schema-tracker:scope=downstream:level=medium], Message: m"},
		{"what a TiDB does not support has the tracker's number", &fault.Error{Code: 44006, Kind: fault.Unsupported, Msg: "cannot track DDL: ALTER TABLE t", Err: refused},
			"[code=44006:class=schema-tracker:scope=internal:level=high], Message: cannot track DDL: ALTER TABLE t, RawCause: connection refused"},
		{"what a dump's file lacks", &fault.Error{Code: 34002, Msg: "m"}, "[code=34002:class=load-unit:scope=internal:level=high], Message: m"},
		{"upstream by number", &fault.Error{Code: 11125, Msg: "m"}, "[code=11125:class=functional:scope=upstream:level=medium], Message: m"},
		{"a number of no class", &fault.Error{Code: 99999, Msg: "m"}, "[code=99999:class=not-set:scope=not-set:level=high], Message: m"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Render(c.err).String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if got := Message(&fault.Error{Msg: "plain words", Hint: "do this"}); got != "plain words, Workaround: do this" {
		t.Errorf("an error without a number: %q", got)
	}
}

// TestErrorsSurviveTheSession: what an operator sees of a worker's error is the
// same at the worker and at the master.
func TestErrorsSurviveTheSession(t *testing.T) {
	for _, err := range []error{
		&fault.Error{Op: "sync", Kind: fault.Schema, Side: fault.Downstream, Code: 10006, Msg: "m", Err: errors.New("Error 1054"), Hint: "h"},
		fault.Wrap("outer", &fault.Error{Kind: fault.Data, Msg: "rows contradict", Hint: "look"}),
		errors.New("anything"),
		fault.New(fault.Unavailable, "away"),
	} {
		got := decodeFault(encodeFault(err))
		if diff := cmp.Diff(Render(err), Render(got)); diff != "" {
			t.Errorf("%v (-sent +received):\n%s", err, diff)
		}
		if fault.KindOf(got) != fault.KindOf(err) {
			t.Errorf("%v: kind %v became %v", err, fault.KindOf(err), fault.KindOf(got))
		}
	}
	if decodeFault(encodeFault(nil)) != nil {
		t.Error("no error became one")
	}
}
