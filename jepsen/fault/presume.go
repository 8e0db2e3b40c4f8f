package fault

import (
	"context"
	"math/rand/v2"

	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/jepsen/cluster"
)

// presume makes the masters believe that a worker's process is dead while it
// works on: they hear nothing of it and its port refuses. Its source may go to
// another worker before its lease ends, and only the fence in the target is
// between the two.
type presume struct {
	worker  *testbed.Process
	release bool
}

func presumptions() []Fault { return []Fault{&presume{}} }

func (f *presume) Name() string                      { return "presume-worker-dead" }
func (f *presume) Available(c *cluster.Cluster) bool { return spare(c) }

func (f *presume) Inject(ctx context.Context, c *cluster.Cluster, rng *rand.Rand) error {
	w, err := busyWorker(ctx, c, rng)
	if err != nil {
		return err
	}
	f.worker, f.release = w, rng.IntN(2) == 0
	for _, m := range c.Masters() {
		c.Net.Cut(w.Name, m.Name, testbed.CutBoth)
	}
	c.Net.Reject(w.Name)
	return nil
}

func (f *presume) Heal(_ context.Context, c *cluster.Cluster) error {
	if f.worker == nil {
		return nil
	}
	f.worker = nil
	c.Net.HealAll(f.release)
	return nil
}
