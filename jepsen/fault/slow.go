package fault

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/raftdm/raftdm/jepsen/cluster"
)

// slow makes links slow: every piece of data takes a while, and there is room
// for few of them.
type slow struct {
	name  string
	links links
	needs func(*cluster.Cluster) bool
	slow  []pair
}

func slows() []Fault {
	always := func(*cluster.Cluster) bool { return true }
	return []Fault{
		&slow{name: "slow-leader-followers", links: fromMasters(leader), needs: several},
		&slow{name: "slow-worker-masters", links: workerMasters, needs: always},
		&slow{name: "slow-worker-target", links: workerTo(func(*cluster.Cluster, *rand.Rand) string { return cluster.TargetName }), needs: always},
		&slow{name: "slow-worker-upstream", links: workerTo(anySource), needs: always},
	}
}

func (f *slow) Name() string                      { return f.name }
func (f *slow) Available(c *cluster.Cluster) bool { return f.needs(c) }

func (f *slow) Inject(ctx context.Context, c *cluster.Cluster, rng *rand.Rand) error {
	list, err := f.links(ctx, c, rng)
	if err != nil {
		return err
	}
	f.slow = list
	delay := time.Duration(10+rng.IntN(190)) * time.Millisecond
	rate := (64 << 10) << rng.IntN(4)
	for _, p := range list {
		c.Net.Slow(p.a, p.b, delay, rate)
	}
	return nil
}

func (f *slow) Heal(_ context.Context, c *cluster.Cluster) error {
	for _, p := range f.slow {
		c.Net.Heal(p.a, p.b, true)
	}
	f.slow = nil
	return nil
}
