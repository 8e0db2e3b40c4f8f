package fault

import (
	"context"
	"math/rand/v2"

	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/jepsen/cluster"
)

// pair is two ends of links that something happens to.
type pair struct{ a, b string }

// links chooses pairs.
type links func(context.Context, *cluster.Cluster, *rand.Rand) ([]pair, error)

// cut breaks links: a hole both ways or one way, or a reset. The rest of the
// network stays as it is, so each side may hear of the other by a third.
type cut struct {
	name    string
	links   links
	needs   func(*cluster.Cluster) bool
	broken  []pair
	release bool // what was held arrives late, instead of never
}

func cuts() []Fault {
	always := func(*cluster.Cluster) bool { return true }
	return []Fault{
		&cut{name: "cut-leader-followers", links: fromMasters(leader), needs: several},
		&cut{name: "cut-follower", links: fromMasters(follower), needs: several},
		&cut{name: "cut-worker-masters", links: workerMasters, needs: always},
		&cut{name: "cut-worker-leader", links: workerLeader, needs: always},
		&cut{name: "cut-worker-target", links: workerTo(func(*cluster.Cluster, *rand.Rand) string { return cluster.TargetName }), needs: always},
		&cut{name: "cut-worker-upstream", links: workerTo(anySource), needs: always},
	}
}

func (f *cut) Name() string                      { return f.name }
func (f *cut) Available(c *cluster.Cluster) bool { return f.needs(c) }

func (f *cut) Inject(ctx context.Context, c *cluster.Cluster, rng *rand.Rand) error {
	list, err := f.links(ctx, c, rng)
	if err != nil {
		return err
	}
	f.broken, f.release = list, rng.IntN(2) == 0
	way := []testbed.Cut{testbed.CutBoth, testbed.CutOneWay, testbed.CutOneWay, testbed.CutReset}[rng.IntN(4)]
	turned := rng.IntN(2) == 0 // which of the two is not heard
	for _, p := range list {
		if turned {
			p.a, p.b = p.b, p.a
		}
		c.Net.Cut(p.a, p.b, way)
	}
	return nil
}

func (f *cut) Heal(_ context.Context, c *cluster.Cluster) error {
	for _, p := range f.broken {
		c.Net.Heal(p.a, p.b, f.release)
	}
	f.broken = nil
	return nil
}

// fromMasters is the links of one master to all others.
func fromMasters(whom picker) links {
	return func(ctx context.Context, c *cluster.Cluster, rng *rand.Rand) ([]pair, error) {
		p, err := whom(ctx, c, rng)
		if err != nil {
			return nil, err
		}
		var out []pair
		for _, m := range c.Masters() {
			if m != p {
				out = append(out, pair{p.Name, m.Name})
			}
		}
		return out, nil
	}
}

func workerMasters(ctx context.Context, c *cluster.Cluster, rng *rand.Rand) ([]pair, error) {
	w, err := busyWorker(ctx, c, rng)
	if err != nil {
		return nil, err
	}
	var out []pair
	for _, m := range c.Masters() {
		out = append(out, pair{w.Name, m.Name})
	}
	return out, nil
}

func workerLeader(ctx context.Context, c *cluster.Cluster, rng *rand.Rand) ([]pair, error) {
	w, err := busyWorker(ctx, c, rng)
	if err != nil {
		return nil, err
	}
	m, err := leader(ctx, c, rng)
	if err != nil {
		return nil, err
	}
	return []pair{{w.Name, m.Name}}, nil
}

func workerTo(whom func(*cluster.Cluster, *rand.Rand) string) links {
	return func(ctx context.Context, c *cluster.Cluster, rng *rand.Rand) ([]pair, error) {
		w, err := busyWorker(ctx, c, rng)
		if err != nil {
			return nil, err
		}
		return []pair{{w.Name, whom(c, rng)}}, nil
	}
}

func anySource(c *cluster.Cluster, rng *rand.Rand) string {
	return cluster.SourceName(rng.IntN(len(c.Upstreams)))
}
