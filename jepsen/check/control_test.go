package check

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/jepsen/history"
)

var missing = history.Answer{Missing: true}

func ask(verb, object string) history.Request { return history.Request{Verb: verb, Object: object} }

func (t *tale) ctl(verb string) *tale {
	return t.ok("c", history.Control, ask(verb, "x"), history.Answer{})
}

func (t *tale) unknown(verb string) *tale {
	return t.add("c", history.Control, history.Unknown, ask(verb, "x"), nil)
}

func (t *tale) missing(verb string) *tale {
	return t.add("c", history.Control, history.Failed, ask(verb, "x"), missing)
}

func (t *tale) refused(verb string, code int) *tale {
	return t.add("c", history.Control, history.Failed, ask(verb, "x"), history.Answer{Code: code})
}

func (t *tale) ends(stage string) *tale {
	return t.ok("c", history.Control, ask(history.FinalStage, "x"), history.Answer{Stage: stage})
}

func TestControlOfASource(t *testing.T) {
	const create, stop, show, move = history.CreateSource, history.StopSource, history.ShowSource, history.TransferSource
	judge(t, Control, []verdict{
		{"a life", newTale().missing(show).ctl(create).ctl(show).ctl(move).refused(create, 46007).ctl(stop).missing(show).missing(stop), nil},
		{"the first state is anything", newTale().ctl(stop).missing(show), nil},
		{"a creation is forgotten", newTale().ctl(create).missing(show), []error{ErrAckLost}},
		{"a stop is forgotten", newTale().ctl(stop).ctl(show), []error{ErrAckLost}},
		{"a stale read after a fresh one", newTale().ctl(stop).ctl(create).ctl(show).missing(show), []error{ErrAckLost}},
		{"two creations in a row", newTale().ctl(create).ctl(create), []error{ErrAckLost}},
		{"a creation refused where nothing is", newTale().ctl(stop).refused(create, 46007), []error{ErrAckLost}},
		{"a transfer of nothing", newTale().ctl(stop).ctl(move), []error{ErrAckLost}},
		{"refused for another reason", newTale().ctl(stop).refused(create, 26005).missing(show), nil},
		{"nobody was reached, and nothing happened", newTale().ctl(stop).fault("kill all", time.Second).refused(create, 48001).missing(show), nil},
		{"nobody was reached, and it happened", newTale().ctl(stop).fault("kill all", time.Second).refused(create, 48001).ctl(show), []error{ErrAckLost}},
		{"a read while it is created", newTale().ctl(stop).ctl(create).missing(show).during(1), nil},
		{"unknown, and done", newTale().ctl(stop).unknown(create).ctl(show), nil},
		{"unknown, and not done", newTale().ctl(stop).unknown(create).missing(show), nil},
		{"unknown, and done later", newTale().ctl(stop).unknown(create).missing(show).ctl(show), nil},
		{"unknown, done and done again", newTale().ctl(stop).unknown(create).ctl(show).ctl(stop).ctl(show), []error{ErrAckLost}},
		{"two unknown ones, each done once", newTale().ctl(stop).unknown(create).unknown(create).ctl(show).ctl(stop).ctl(show), nil},
		{"unknown, and done after a quiet time", newTale().ctl(stop).unknown(create).wait(2 * settled).missing(show).ctl(show), []error{ErrAckLost}},
		{"unknown, and done after a long fault", newTale().ctl(stop).unknown(create).fault("pause m1", 2*settled).missing(show).wait(2 * settled).ctl(show), nil},
	})
}

func TestControlOfATask(t *testing.T) {
	const start, stop, pause, resume, query = history.StartTask, history.StopTask, history.PauseTask, history.ResumeTask, history.QueryTask
	lost := func(t *tale) *tale { return t.fault("kill m1", time.Millisecond).missing(stop) }
	judge(t, Control, []verdict{
		{"a life", newTale().missing(query).ctl(start).ctl(query).ctl(pause).ctl(resume).ctl(pause).ends("Paused").ctl(stop).missing(pause).ends("Finished").wait(0), []error{ErrAckLost}},
		{"paused in the end", newTale().ctl(start).ctl(pause).ctl(resume).ctl(pause).ends("Paused"), nil},
		{"running in the end", newTale().ctl(start).ctl(pause).ctl(resume).ends("Running"), nil},
		{"a pause is forgotten", newTale().ctl(start).ctl(pause).ends("Running"), []error{ErrAckLost}},
		{"a resumption is forgotten", newTale().ctl(pause).ctl(resume).ends("Paused"), []error{ErrAckLost}},
		{"a pause of unknown outcome", newTale().ctl(start).unknown(pause).ends("Running"), nil},
		{"a pause of unknown outcome that came late", newTale().ctl(start).unknown(pause).ctl(resume).ends("Paused"), nil},
		{"a task starts as running", newTale().ctl(stop).ctl(start).ends("Paused"), []error{ErrAckLost}},
		{"a start is forgotten", newTale().ctl(start).missing(query), []error{ErrAckLost}},
		{"a stop is forgotten", newTale().ctl(stop).ctl(query), []error{ErrAckLost}},
		{"a pause of nothing", newTale().ctl(stop).ctl(pause), []error{ErrAckLost}},
		{"a stop that finds nothing where something was", newTale().ctl(start).missing(stop), []error{ErrAckLost}},
		{"the same, with a master lost on the way", lost(newTale().ctl(start)), nil},
		{"gone after it, too", lost(newTale().ctl(start)).ctl(query), []error{ErrAckLost}},
		{"a start refused by a check", newTale().ctl(stop).refused(start, 26005).ctl(query), []error{ErrAckLost}},
		{"a start refused by a check, with a master lost on the way", newTale().ctl(stop).fault("kill m1", time.Millisecond).refused(start, 26005).ctl(query), nil},
		{"started twice", newTale().ctl(start).refused(start, 46014).ctl(stop).refused(start, 46014), []error{ErrAckLost}},
		{"gone in the end", newTale().ctl(stop).ok("c", history.Control, ask(history.FinalStage, "x"), missing), nil},
		{"paused by one of two at once", newTale().ctl(start).ctl(resume).ctl(pause).during(1).ends("Running"), nil},
	})
}

func TestObjectsAreApart(t *testing.T) {
	tl := newTale().ctl(history.StopSource).ok("c", history.Control, ask(history.ShowSource, "y"), history.Answer{}).ctl(history.QueryTask)
	if err := Control(tl.h); err != nil {
		t.Error(err)
	}
}

func TestTheReportShowsTheFirstImpossibleOperation(t *testing.T) {
	tl := newTale()
	for range 50 {
		tl.ctl(history.StopSource).ctl(history.CreateSource).ctl(history.ShowSource)
	}
	tl.missing(history.ShowSource)
	for range 50 {
		tl.ctl(history.StopSource).ctl(history.CreateSource)
	}
	// One that never returned: nothing after it is quiet.
	tl.h.Ops = append([]history.Op{{Client: "d", Kind: history.Control, Return: history.Never, Outcome: history.Unknown,
		In: ask(history.CreateSource, "x")}}, tl.h.Ops...)
	tl.h.Faults = []history.Fault{{Name: "cut", End: history.Never}}
	err := Control(tl.h)
	if err == nil {
		t.Fatal("a stale read was not noticed")
	}
	lines := strings.Split(err.Error(), "\n")
	if last := lines[len(lines)-1]; !strings.Contains(last, "show-source") || !strings.Contains(last, `"missing":true`) {
		t.Errorf("the last operation shown is %s", last)
	}
	if len(lines) > 20 || len(lines) < 10 {
		t.Errorf("the report has %d lines:\n%s", len(lines), err)
	}
}

// A long run in which every tenth outcome is unknown, and faults never let the
// cluster settle, is decided in seconds, whether it is good or not.
func TestLongControlHistoriesAreDecided(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	tl := newTale()
	there, late := false, 0
	tl.ctl(history.StopSource)
	for i := range 6000 {
		if i%100 == 0 {
			tl.fault(fmt.Sprint("kill ", i), 40*time.Second)
		}
		tl.wait(600 * time.Millisecond)
		unknown, happens := r.IntN(10) == 0, r.IntN(2) == 0
		switch {
		case unknown && there && happens:
			tl.unknown(history.StopSource)
			there = false
		case unknown && happens:
			tl.unknown(history.CreateSource)
			there = true
		case unknown:
			tl.unknown([]string{history.CreateSource, history.StopSource}[r.IntN(2)])
			late++
		case r.IntN(3) > 0 && there:
			tl.ctl(history.ShowSource)
		case r.IntN(3) > 0 && !there:
			tl.missing(history.ShowSource)
		case there:
			tl.ctl(history.StopSource)
			there = false
		default:
			tl.ctl(history.CreateSource)
			there = true
		}
	}
	began := time.Now()
	if err := Control(tl.h); err != nil {
		t.Fatalf("a good history: %v", err)
	}
	good := time.Since(began)
	tl.wait(10 * time.Minute).ctl(history.ShowSource).missing(history.ShowSource)
	tl.wait(time.Second).ctl(history.ShowSource)
	err := Control(tl.h)
	t.Logf("%d operations, %d of them without effect: good in %s, broken in %s", len(tl.h.Ops), late, good, time.Since(began)-good)
	if !errors.Is(err, ErrAckLost) || errors.Is(err, ErrUndecided) {
		t.Fatalf("a broken history of 6000 operations is called %v", err)
	}
}

func TestTransfers(t *testing.T) {
	move := func(t *tale, outcome history.Outcome, worker string) *tale {
		in := ask(history.TransferSource, "x")
		in.Worker = worker
		return t.add("c", history.Control, outcome, in, nil)
	}
	shown := func(t *tale, worker string) *tale {
		return t.ok("c", history.Control, ask(history.ShowSource, "x"), history.Answer{Worker: worker})
	}
	moved := func() *tale { return move(newTale(), history.OK, "w2") }
	judge(t, Transfers, []verdict{
		{"it is where it was sent", shown(moved(), "w2"), nil},
		{"it is elsewhere", shown(moved(), "w1"), []error{ErrAckLost}},
		{"it is elsewhere after a while", shown(shown(moved(), "w2"), "w1"), []error{ErrAckLost}},
		{"it was sent on", shown(move(moved(), history.OK, "w3"), "w3"), nil},
		{"it may have been sent on", shown(move(moved(), history.Unknown, "w3"), "w3"), nil},
		{"sending it on was refused", shown(move(moved(), history.Failed, "w3"), "w3"), []error{ErrAckLost}},
		{"an earlier unknown transfer may still come", shown(move(move(newTale(), history.Unknown, "w3"), history.OK, "w2"), "w3"), nil},
		{"a fault gave a reason to move it", shown(moved().fault("kill w2", time.Second), "w1"), nil},
		{"a fault shortly before did", shown(move(newTale().fault("kill w2", time.Second).wait(calmBefore/2), history.OK, "w2"), "w1"), nil},
		{"a fault long ago did not", shown(move(newTale().fault("kill w2", time.Second).wait(2*calmBefore), history.OK, "w2"), "w1"), []error{ErrAckLost}},
		{"asked while it moves", func() *tale { t := shown(moved(), "w1"); return t.during(1) }(), nil},
	})
}
