package fault

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"

	"github.com/raftdm/raftdm/jepsen/cluster"
)

// both is two faults at once.
type both struct{ first, second Fault }

// Pairs gives faults at random, again and again: one that hits the masters or a
// worker while a database is away or a worker's way to one is bad. Two faults of
// the same half are left out: they would mostly hide each other.
func Pairs(from []Fault, rng *rand.Rand) (Fault, bool) {
	var data, rest []Fault
	for _, f := range from {
		if slices.Contains(dataFaults(), f.Name()) {
			data = append(data, f)
		} else {
			rest = append(rest, f)
		}
	}
	if len(data) == 0 || len(rest) == 0 {
		return nil, false
	}
	return both{rest[rng.IntN(len(rest))], data[rng.IntN(len(data))]}, true
}

// dataFaults names the faults between workers and databases.
func dataFaults() []string {
	return []string{"cut-worker-target", "cut-worker-upstream", "slow-worker-target", "slow-worker-upstream", "restart-upstream", "restart-target"}
}

// Name gives both names.
func (p both) Name() string { return p.first.Name() + "+" + p.second.Name() }

// Available tells whether both can happen.
func (p both) Available(c *cluster.Cluster) bool {
	return p.first.Available(c) && p.second.Available(c)
}

// Inject makes the trouble with the databases first: the other one may need a
// cluster that answers.
func (p both) Inject(ctx context.Context, c *cluster.Cluster, rng *rand.Rand) error {
	if err := p.second.Inject(ctx, c, rng); err != nil {
		return err
	}
	return p.first.Inject(ctx, c, rng)
}

// Heal takes both back.
func (p both) Heal(ctx context.Context, c *cluster.Cluster) error {
	return errors.Join(p.first.Heal(ctx, c), p.second.Heal(ctx, c))
}
