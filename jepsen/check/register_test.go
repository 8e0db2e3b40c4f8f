package check

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/raftdm/raftdm/jepsen/history"
)

// masters is a model of the control plane: one source and one task, clients that
// overlap, requests of unknown outcome that take effect much later or never.
type masters struct {
	r      *rand.Rand
	forget bool // now and then an acknowledged operation has no effect
	stale  bool // now and then a read shows what was
	h      history.History
	now    int64
	is     uint8 // of the object: absent, running, paused
	was    uint8
	late   []late
	busy   map[int]int64
}

// late is a request that is carried out after its client has given up.
type late struct {
	at   int64
	does [3]uint8
}

// run does n operations of three clients on one object, with a fault every
// minute, in which outcomes get lost.
func (m *masters) run(n int, verbs []string) history.History {
	m.is, m.was, m.busy = absent, absent, map[int]int64{}
	for len(m.h.Ops) < n {
		m.now += m.r.Int64N(int64(400 * time.Millisecond))
		m.catchUp()
		if m.now/int64(time.Minute) >= int64(len(m.h.Faults)) {
			m.h.Faults = append(m.h.Faults, history.Fault{Name: "kill", Start: m.now, End: m.now + int64(8*time.Second)})
		}
		if client := m.r.IntN(3); m.busy[client] < m.now-int64(50*time.Millisecond) {
			m.busy[client] = m.ask(client, verbs[m.r.IntN(len(verbs))])
		}
	}
	slices.SortStableFunc(m.h.Ops, func(a, b history.Op) int { return cmp.Compare(a.Call, b.Call) })
	return m.h
}

func (m *masters) catchUp() {
	m.late = slices.DeleteFunc(m.late, func(l late) bool {
		if l.at <= m.now {
			m.become(follow(m.is, l.does))
		}
		return l.at <= m.now
	})
}

// become takes a new value, unless the operation is refused there.
func (m *masters) become(to uint8) {
	if to != 0 && to != m.is {
		m.was, m.is = m.is, to
	}
}

// ask does one operation, and gives when it returned.
func (m *masters) ask(client int, verb string) int64 {
	does := effects()[verb]
	op := history.Op{Client: fmt.Sprint("c", client), Kind: history.Control, Call: m.now - m.r.Int64N(int64(40*time.Millisecond)),
		Return: m.now + m.r.Int64N(int64(time.Second)), Outcome: history.OK, In: ask(verb, "x"), Out: history.Answer{}}
	faulty := !m.h.Quiet(op.Call, op.Return)
	value := m.is
	if m.stale && !does.writes && m.r.IntN(10) == 0 {
		value = m.was
	}
	to := follow(value, does.done)
	switch {
	case does.writes && faulty && m.r.IntN(3) == 0:
		op.Outcome, op.Out = history.Unknown, nil
		if m.r.IntN(2) == 0 {
			m.late = append(m.late, late{op.Call + m.r.Int64N(int64(20*time.Second)), does.done})
		}
	case to == 0 && value == absent:
		op.Outcome, op.Out = history.Failed, missing
	case to == 0:
		op.Outcome, op.Out = history.Failed, history.Answer{Code: does.exists}
	case does.writes && !(m.forget && m.r.IntN(10) == 0):
		m.become(to)
	}
	m.h.Ops = append(m.h.Ops, op)
	return op.Return
}

func TestMasters(t *testing.T) {
	objects := map[string][]string{
		"source": {history.CreateSource, history.StopSource, history.ShowSource, history.ShowSource},
		"task":   {history.StartTask, history.StopTask, history.PauseTask, history.ResumeTask, history.QueryTask, history.QueryTask},
	}
	for name, verbs := range objects {
		for seed := range uint64(40) {
			good := &masters{r: rand.New(rand.NewPCG(seed, 3))}
			if err := Control(good.run(600, verbs)); err != nil {
				t.Fatalf("%s, seed %d: a false alarm: %v", name, seed, err)
			}
			for what, bad := range map[string]*masters{
				"forget": {r: rand.New(rand.NewPCG(seed, 4)), forget: true},
				"stale":  {r: rand.New(rand.NewPCG(seed, 5)), stale: true},
			} {
				if err := Control(bad.run(600, verbs)); !errors.Is(err, ErrAckLost) {
					t.Fatalf("%s, seed %d: masters that %s are not found out: %v", name, seed, what, err)
				}
			}
		}
	}
}
