package check

import (
	"cmp"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/raftdm/raftdm/jepsen/history"
)

// What an operator's objects can be. A state of the model is the set of values
// that are possible, so that an operation with an unknown outcome forks it.
const (
	absent uint8 = 1 << iota
	running
	paused
	present = running | paused
	anyhow  = absent | present
)

const (
	// settled is how long without any fault it takes until a request whose client
	// has given up is either carried out or never will be: longer than a master
	// repeats a proposal and than a connection of a vanished peer lives.
	settled = 30 * time.Second
	// decideWithin bounds the search in one object's history.
	decideWithin = 20 * time.Second
)

// step is one operation on one object as the model sees it: where it leads from
// each value, in the order absent, running, paused; 0 is "impossible there".
type step struct {
	op    history.Op
	leads [3]uint8
}

// Control reports ErrAckLost when what dmctl was told about a source or a task
// is in no order of the operations possible: an acknowledged one was forgotten,
// or a read shows what was over before it was asked.
func Control(h history.History) error {
	v := violations{promise: ErrAckLost}
	open := violations{promise: ErrUndecided}
	objects := map[string][]step{}
	for _, op := range h.Of(history.Control) {
		in, _ := op.In.(history.Request)
		s, ok := understood(h, op)
		if !ok {
			continue
		}
		noun := "task "
		if aboutSource(in.Verb) {
			noun = "source "
		}
		objects[noun+in.Object] = append(objects[noun+in.Object], s)
	}
	for _, name := range slices.Sorted(maps.Keys(objects)) {
		values, done := anyhow, 0
		for _, part := range parts(objects[name]) {
			next, result := outcomes(part, values)
			switch result {
			case porcupine.Illegal:
				v.add("%s: no order of the operations explains the last one of\n    %s", name, strings.Join(shortest(objects[name][:done:done], part, values), "\n    "))
			case porcupine.Unknown:
				open.add("%s: %d operations from %s on", name, len(part), part[0].op)
			}
			values, done = next, done+len(part)
		}
	}
	return joined(&v, &open)
}

func aboutSource(verb string) bool {
	switch verb {
	case history.CreateSource, history.StopSource, history.ShowSource, history.TransferSource:
		return true
	}
	return false
}

// understood translates an operation; false when it says nothing and does nothing.
func understood(h history.History, op history.Op) (step, bool) {
	in, _ := op.In.(history.Request)
	out, _ := op.Out.(history.Answer)
	does, known := effects()[in.Verb]
	if !known {
		return step{}, false
	}
	s := step{op: op}
	switch {
	case op.Outcome == history.OK && in.Verb == history.FinalStage:
		s.leads = stays(stageValue(out))
	case op.Outcome == history.OK:
		s.leads = does.done
	case op.Outcome == history.Failed && out.Missing && in.Verb == history.StopTask && !calmly(h, op):
		// A master may have stopped it before it was lost on the way, and the next
		// one that was asked found nothing: either way it is gone.
		s.leads = [3]uint8{absent, absent, absent}
	case op.Outcome == history.Failed && out.Missing:
		s.leads = stays(absent)
	case op.Outcome == history.Failed && does.exists != 0 && out.Code == does.exists:
		s.leads = stays(present)
	case does.writes && (op.Outcome == history.Unknown || (op.Outcome == history.Failed && !calmly(h, op))):
		// A refusal that does not come from the agreed state, such as a failed
		// check, may be the second master's word on what the first one did.
		for i, to := range does.done {
			s.leads[i] = to | 1<<i
		}
		s.op.Return = h.QuietFor(min(op.Return, max(op.Call, lastReturn(h))), settled)
	default:
		return step{}, false
	}
	return s, true
}

// calmly tells whether no fault can have made masters repeat a request.
func calmly(h history.History, op history.Op) bool {
	return h.Quiet(op.Call-int64(settled), op.Return)
}

// lastReturn is when the run was over: an operation that did not return by then
// was abandoned there.
func lastReturn(h history.History) int64 {
	var last int64
	for _, op := range h.Ops {
		if op.Return != history.Never {
			last = max(last, op.Return)
		}
	}
	return last
}

// effect is what an acknowledged operation does, and the number of the refusal
// that says that the object exists.
type effect struct {
	done   [3]uint8
	writes bool
	exists int
}

// The numbers with which the state machine refuses what exists.
const (
	codeSourceExists = 46007
	codeTaskExists   = 46014
)

func effects() map[string]effect {
	return map[string]effect{
		history.CreateSource:   {done: [3]uint8{running, 0, 0}, writes: true, exists: codeSourceExists},
		history.StopSource:     {done: [3]uint8{0, absent, absent}, writes: true},
		history.ShowSource:     {done: stays(present)},
		history.TransferSource: {done: stays(present)},
		history.StartTask:      {done: [3]uint8{running, 0, 0}, writes: true, exists: codeTaskExists},
		history.StopTask:       {done: [3]uint8{0, absent, absent}, writes: true},
		history.PauseTask:      {done: [3]uint8{0, paused, paused}, writes: true},
		history.ResumeTask:     {done: [3]uint8{0, running, running}, writes: true},
		history.QueryTask:      {done: stays(present)},
		history.FinalStage:     {},
	}
}

// stays is what a read that saw one of the values does.
func stays(values uint8) [3]uint8 {
	return [3]uint8{values & absent, values & running, values & paused}
}

func stageValue(a history.Answer) uint8 {
	switch {
	case a.Missing:
		return absent
	case a.Stage == "Paused":
		return paused
	default:
		return running // also Finished: nobody paused it
	}
}

// parts cuts the steps, which are by Call, where none of them is under way: the
// search in each part is short, and all that one has to know of those before it
// is what the object can be.
func parts(steps []step) [][]step {
	var out [][]step
	var end int64
	for i, s := range steps {
		if i == 0 || s.op.Call > end {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], s)
		end = max(end, s.op.Return)
	}
	return out
}

// outcomes gives what the object can be after a part that it entered as one of
// values. After a part that is illegal or undecided it can be anything.
func outcomes(part []step, values uint8) (uint8, porcupine.CheckResult) {
	if len(part) == 1 && part[0].op.Return != history.Never {
		next := follow(values, part[0].leads)
		if next == 0 {
			return anyhow, porcupine.Illegal
		}
		return next, porcupine.Ok
	}
	if result := decide(part, values); result != porcupine.Ok {
		return anyhow, result
	}
	var next uint8
	for _, value := range []uint8{absent, running, paused} {
		last := step{op: history.Op{Call: history.Never, Return: history.Never}, leads: stays(value)}
		for _, s := range part {
			if s.op.Return == history.Never {
				return anyhow, porcupine.Ok // nothing comes after it
			}
		}
		switch decide(append(slices.Clone(part), last), values) {
		case porcupine.Ok:
			next |= value
		case porcupine.Unknown:
			return anyhow, porcupine.Unknown
		}
	}
	return next, porcupine.Ok
}

// decide asks porcupine whether the steps can be put into an order.
func decide(steps []step, values uint8) porcupine.CheckResult {
	ops := make([]porcupine.Operation, len(steps))
	for i, s := range steps {
		ops[i] = porcupine.Operation{Input: s.leads, Call: s.op.Call, Return: s.op.Return}
	}
	return porcupine.CheckOperationsTimeout(register(values), ops, decideWithin)
}

// follow takes every value where a step leads from it.
func follow(from uint8, leads [3]uint8) uint8 {
	var to uint8
	for from != 0 {
		i := bits.TrailingZeros8(from)
		to |= leads[i]
		from &^= 1 << i
	}
	return to
}

func register(values uint8) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return values },
		Step: func(state, input, _ any) (bool, any) {
			to := follow(state.(uint8), input.([3]uint8))
			return to != 0, to
		},
		Hash: func(state any) uint64 { return uint64(state.(uint8)) },
	}
}

// shortest gives the operations of a part up to the first that cannot be
// explained, the last dozen of them; before is what came before the part.
func shortest(before, steps []step, values uint8) []string {
	const context = 12
	byReturn := slices.Clone(steps)
	slices.SortStableFunc(byReturn, func(a, b step) int { return cmp.Compare(a.op.Return, b.op.Return) })
	// All of it is illegal; what makes a history illegal does not get legal by
	// what comes later, so that halving finds the first.
	low, high := 0, len(byReturn)-1
	for low < high {
		mid := (low + high) / 2
		if decide(until(steps, byReturn[mid].op.Return), values) == porcupine.Illegal {
			high = mid
		} else {
			low = mid + 1
		}
	}
	end := byReturn[low].op.Return
	var out, meanwhile []string
	for _, s := range append(before, byReturn[:low+1]...) {
		out = append(out, s.op.String())
	}
	for _, s := range byReturn[low+1:] {
		if s.op.Call < end && s.writes() {
			meanwhile = append(meanwhile, "(not over by then) "+s.op.String())
		}
	}
	if n := len(meanwhile) - context/2; n > 0 {
		meanwhile = meanwhile[n:]
	}
	if n := len(out) - context; n > 0 {
		out = append([]string{fmt.Sprintf("(%d earlier ones)", n)}, out[n:]...)
	}
	return append(meanwhile, out...)
}

func (s step) writes() bool {
	in, _ := s.op.In.(history.Request)
	return effects()[in.Verb].writes
}

// until gives the steps as they were known at a time: what had not returned by
// then may or may not have happened.
func until(steps []step, end int64) []step {
	var out []step
	for _, s := range steps {
		switch {
		case s.op.Return <= end:
			out = append(out, s)
		case s.op.Call < end && s.writes():
			for i := range s.leads {
				s.leads[i] |= 1 << i
			}
			s.op.Return = history.Never
			out = append(out, s)
		}
	}
	return out
}
