package fault

import (
	"context"
	"math/rand/v2"

	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/jepsen/cluster"
)

// pause stops a process with SIGSTOP and lets it go on: a worker past its
// lease (peer-bugs 4), a leader past its term (peer-bugs 20).
type pause struct {
	name   string
	whom   picker
	needs  func(*cluster.Cluster) bool
	paused *testbed.Process
}

func pauses() []Fault {
	return []Fault{
		&pause{name: "pause-worker", whom: busyWorker, needs: spare},
		&pause{name: "pause-leader", whom: leader, needs: several},
	}
}

func (f *pause) Name() string                      { return f.name }
func (f *pause) Available(c *cluster.Cluster) bool { return f.needs(c) }

func (f *pause) Inject(ctx context.Context, c *cluster.Cluster, rng *rand.Rand) error {
	p, err := f.whom(ctx, c, rng)
	if err != nil {
		return err
	}
	f.paused = p
	return p.Pause()
}

func (f *pause) Heal(context.Context, *cluster.Cluster) error {
	if f.paused == nil {
		return nil
	}
	p := f.paused
	f.paused = nil
	return p.Continue()
}
