package check

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/raftdm/raftdm/jepsen/history"
)

// What an operator's objects can be; a source that is there counts as running.
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
// each value, in the order absent, running, paused; 0 is "impossible there". One
// that is unsure is carried out between its call and its return, or never.
type step struct {
	op     history.Op
	leads  [3]uint8
	unsure bool
	class  int // of a write
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
		steps := objects[name]
		switch decide(steps) {
		case porcupine.Illegal:
			v.add("%s: no order of the operations explains the last one of\n    %s", name, strings.Join(shortest(steps), "\n    "))
		case porcupine.Unknown:
			open.add("%s: %d operations from %s on", name, len(steps), steps[0].op)
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
	s := step{op: op, class: does.class}
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
	case op.Outcome == history.Failed && out.Code == codeUnreached:
		return step{}, false // nobody was asked
	case op.Outcome == history.Failed && does.exists != 0 && out.Code == does.exists:
		s.leads = stays(present)
	case does.writes && (op.Outcome == history.Unknown || (op.Outcome == history.Failed && !calmly(h, op))):
		// A refusal that does not come from the agreed state, such as a failed
		// check, may be the second master's word on what the first one did.
		s.unsure = true
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
	class  int
	exists int
}

// DM's numbers: with the first two the state machine refuses what exists, with
// the third dmctl says that it reached no master.
const (
	codeSourceExists = 46007
	codeTaskExists   = 46014
	codeUnreached    = 48001
)

// classEffects is what the writes do, by class: create or start, stop, pause,
// resume. Requests of one class are as good as each other.
func classEffects() [classes][3]uint8 {
	return [classes][3]uint8{{running, 0, 0}, {0, absent, absent}, {0, paused, paused}, {0, running, running}}
}

func effects() map[string]effect {
	class := classEffects()
	write := func(n, exists int) effect { return effect{done: class[n], writes: true, class: n, exists: exists} }
	read := effect{done: stays(present)}
	return map[string]effect{
		history.CreateSource: write(0, codeSourceExists), history.StopSource: write(1, 0),
		history.ShowSource: read, history.TransferSource: read,
		history.StartTask: write(0, codeTaskExists), history.StopTask: write(1, 0),
		history.PauseTask: write(2, 0), history.ResumeTask: write(3, 0),
		history.QueryTask: read, history.FinalStage: {},
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

// decide asks porcupine whether the steps can be put into an order. An unsure
// one is two moments: from the first on it may be carried out, from the second
// on no more; so that porcupine orders only what really was at the same time.
func decide(steps []step) porcupine.CheckResult {
	var ops []porcupine.Operation
	moments := map[int64]move{} // many requests expire at once
	for _, s := range steps {
		if !s.unsure {
			ops = append(ops, porcupine.Operation{Input: move{leads: s.leads}, Call: s.op.Call, Return: s.op.Return})
			continue
		}
		m := moments[s.op.Call]
		m.moment, m.arms[s.class] = true, m.arms[s.class]+1
		moments[s.op.Call] = m
		if s.op.Return != history.Never {
			m := moments[s.op.Return]
			m.moment, m.disarms[s.class] = true, m.disarms[s.class]+1
			moments[s.op.Return] = m
		}
	}
	for at, m := range moments {
		ops = append(ops, porcupine.Operation{Input: m, Call: at, Return: at})
	}
	return porcupine.CheckOperationsTimeout(model(), ops, decideWithin)
}

// shortest gives the operations up to the first that cannot be explained, the
// last dozen of them, and what may have happened besides.
func shortest(steps []step) []string {
	const context = 12
	sure := slices.DeleteFunc(slices.Clone(steps), func(s step) bool { return s.unsure })
	slices.SortStableFunc(sure, func(a, b step) int { return cmp.Compare(a.op.Return, b.op.Return) })
	// All of it is illegal; what makes a history illegal does not get legal by
	// what comes later, so that halving finds the first.
	low, high := 0, len(sure)-1
	for low < high {
		mid := (low + high) / 2
		if decide(until(steps, sure[mid].op.Return)) == porcupine.Illegal {
			high = mid
		} else {
			low = mid + 1
		}
	}
	first, end := sure[max(0, low-context)].op.Call, sure[low].op.Return
	var out []string
	for _, s := range steps {
		in, _ := s.op.In.(history.Request)
		late := s.unsure || (s.op.Return > end && effects()[in.Verb].writes)
		if late && s.op.Call < end && s.op.Return > first {
			out = append(out, "(at any time) "+s.op.String())
		}
	}
	out = out[max(0, len(out)-context/2):]
	for _, s := range sure[max(0, low-context+1) : low+1] {
		out = append(out, s.op.String())
	}
	return out
}

// until gives the steps as they were known at a time: what had not returned by
// then may or may not have happened.
func until(steps []step, end int64) []step {
	var out []step
	for _, s := range steps {
		in, _ := s.op.In.(history.Request)
		switch {
		case s.op.Call >= end && s.op.Return > end:
			continue
		case !s.unsure && s.op.Return > end:
			if !effects()[in.Verb].writes {
				continue
			}
			s.unsure, s.op.Return = true, history.Never
		}
		out = append(out, s)
	}
	return out
}
