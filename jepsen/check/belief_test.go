package check

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/raftdm/raftdm/jepsen/history"
)

// plainly decides the slow way: each unsure request is an operation of its own
// that may or may not do anything, and a state is the set of possible values.
func plainly(steps []step) porcupine.CheckResult {
	var ops []porcupine.Operation
	for _, s := range steps {
		if s.unsure {
			for i := range s.leads {
				s.leads[i] |= 1 << i
			}
		}
		ops = append(ops, porcupine.Operation{Input: s.leads, Call: s.op.Call, Return: s.op.Return})
	}
	return porcupine.CheckOperationsTimeout(porcupine.Model{
		Init: func() any { return absent | running | paused },
		Step: func(state, input, _ any) (bool, any) {
			var to uint8
			for i, leads := range input.([3]uint8) {
				if state.(uint8)&(1<<i) != 0 {
					to |= leads
				}
			}
			return to != 0, to
		},
	}, ops, 0)
}

// Counting lost requests by class decides exactly as following each of them does.
func TestCountingDecidesAsFollowingEachDoes(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	class := classEffects()
	verdicts := map[porcupine.CheckResult]int{}
	for n := range 6000 {
		var steps []step
		for i := range 4 + r.IntN(7) {
			s := step{op: history.Op{Client: fmt.Sprint(i), Call: r.Int64N(60)}, class: r.IntN(classes)}
			s.op.Return = s.op.Call + r.Int64N(12)
			s.leads = class[s.class]
			switch r.IntN(5) {
			case 0:
				s.unsure = true
				if s.op.Return += r.Int64N(40); r.IntN(4) == 0 {
					s.op.Return = history.Never
				}
			case 1:
				s.leads = stays(absent)
			case 2:
				s.leads = stays([]uint8{present, running, paused}[r.IntN(3)])
			}
			steps = append(steps, s)
		}
		// Moments of different operations are apart, as nanoseconds are.
		for i := range steps {
			steps[i].op.Call = steps[i].op.Call*1000 + int64(2*i)
			if steps[i].op.Return != history.Never {
				steps[i].op.Return = steps[i].op.Return*1000 + int64(2*i+1)
			}
		}
		slices.SortFunc(steps, func(a, b step) int { return int(a.op.Call - b.op.Call) })
		want, got := plainly(steps), decide(steps)
		verdicts[want]++
		if want != got {
			t.Fatalf("history %d is %s, and by counting %s: %+v", n, want, got, steps)
		}
	}
	if verdicts[porcupine.Ok] < 500 || verdicts[porcupine.Illegal] < 500 {
		t.Errorf("verdicts %v: too few of one sort to compare", verdicts)
	}
}

func TestBelief(t *testing.T) {
	class := classEffects()
	arm := func(n int) move { m := move{moment: true}; m.arms[n] = 1; return m }
	disarm := func(n int) move { m := move{moment: true}; m.disarms[n] = 1; return m }
	does := func(n int) move { return move{leads: class[n]} }
	sees := func(value uint8) move { return move{leads: stays(value)} }
	const create, stop, pause = 0, 1, 2
	for _, c := range []struct {
		name     string
		moves    []move
		possible bool
	}{
		{"nothing is known at first", []move{sees(paused)}, true},
		{"what was seen stays", []move{sees(absent), sees(running)}, false},
		{"an armed request may come", []move{sees(absent), arm(create), sees(running)}, true},
		{"it may also not", []move{sees(absent), arm(create), sees(absent)}, true},
		{"it comes once", []move{sees(absent), arm(create), sees(running), does(stop), sees(running)}, false},
		{"two come twice", []move{sees(absent), arm(create), arm(create), sees(running), does(stop), sees(running)}, true},
		{"two kinds come in turn", []move{sees(absent), arm(create), arm(pause), sees(paused)}, true},
		{"in the order that is possible only", []move{sees(absent), arm(pause), sees(paused)}, false},
		{"it comes no more when its time is over", []move{sees(absent), arm(create), sees(absent), disarm(create), sees(absent), sees(running)}, false},
		{"unseen it may have come before that", []move{sees(absent), arm(create), disarm(create), sees(running)}, true},
		{"the younger one is still there", []move{sees(absent), arm(create), arm(create), disarm(create), sees(running), does(stop), sees(running)}, true},
		{"the older one was used up", []move{sees(absent), arm(create), arm(create), sees(running), disarm(create), does(stop), sees(running)}, true},
		{"both were used up", []move{sees(absent), arm(create), arm(create), sees(running), does(stop), sees(running), disarm(create), does(stop), sees(running)}, false},
	} {
		b := model().Init().(belief)
		possible := true
		for _, m := range c.moves {
			b = b.step(m)
			possible = possible && b.text != ""
		}
		if possible != c.possible {
			t.Errorf("%s: possible %t, want %t", c.name, possible, c.possible)
		}
	}
}
