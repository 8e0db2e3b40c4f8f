package scenario

import (
	"math/rand/v2"
	"time"

	"github.com/raftdm/raftdm/jepsen/cluster"
	"github.com/raftdm/raftdm/jepsen/fault"
)

// Regression gives one scenario for each bug that was found, in other systems
// or here. README.md tells their stories.
func Regression() []Scenario {
	return []Scenario{
		scripted("old-worker-writes-on", "peer-bugs 4: a worker that was stopped past its lease writes beside its successor",
			times(3, step("pause-worker", Lease+3*time.Second))),
		scripted("two-leaders", "peer-bugs 20: a leader that was stopped or cut off goes on as if it still led",
			append(times(2, step("pause-leader", 4*time.Second)), times(2, step("cut-leader-followers", 4*time.Second))...)),
		scripted("leader-and-worker-die", "peer-bugs 21: the task of a worker that dies together with the leader never moves",
			append(times(2, step("kill-leader-and-worker", 8*time.Second)), step("kill-leader-and-two-workers", 8*time.Second))),
	}
}

// scripted is a scenario whose faults come in a fixed order; whom they hit is
// drawn.
func scripted(name, about string, steps []Step) Scenario {
	return Scenario{Name: name, About: about, Masters: 3, Workers: 3, Sources: 2, TTL: Lease, Next: inOrder(steps)}
}

func inOrder(steps []Step) func(*cluster.Cluster, *rand.Rand) (Step, bool) {
	return func(*cluster.Cluster, *rand.Rand) (Step, bool) {
		if len(steps) == 0 {
			return Step{}, false
		}
		next := steps[0]
		steps = steps[1:]
		return next, true
	}
}

// step is a fault by its full name, which the catalogue of faults must have.
func step(name string, last time.Duration) Step {
	for _, f := range fault.All() {
		if f.Name() == name {
			return Step{Calm: 2 * time.Second, Last: last, Fault: f}
		}
	}
	panic("no fault is named " + name)
}

func times(n int, s Step) []Step {
	var out []Step
	for range n {
		out = append(out, s)
	}
	return out
}
