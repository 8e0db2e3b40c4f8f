package fault

import (
	"context"
	"math/rand/v2"

	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/jepsen/cluster"
)

// restart ends a database server, with SIGKILL or politely, and starts it again.
type restart struct {
	name string
	whom func(*cluster.Cluster, *rand.Rand) *testbed.Server
	down *testbed.Server
}

func restarts() []Fault {
	return []Fault{
		&restart{name: "restart-upstream", whom: func(c *cluster.Cluster, rng *rand.Rand) *testbed.Server {
			return c.Upstreams[rng.IntN(len(c.Upstreams))]
		}},
		&restart{name: "restart-target", whom: func(c *cluster.Cluster, _ *rand.Rand) *testbed.Server { return c.Target }},
	}
}

func (f *restart) Name() string                    { return f.name }
func (f *restart) Available(*cluster.Cluster) bool { return true }

func (f *restart) Inject(ctx context.Context, c *cluster.Cluster, rng *rand.Rand) error {
	f.down = f.whom(c, rng)
	if rng.IntN(3) == 0 {
		return f.down.Stop(ctx)
	}
	f.down.Kill()
	return nil
}

func (f *restart) Heal(ctx context.Context, _ *cluster.Cluster) error {
	if f.down == nil || f.down.Alive() {
		return nil
	}
	s := f.down
	f.down = nil
	return s.Start(ctx)
}
