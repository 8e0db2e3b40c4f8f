package fault

import (
	"context"
	"math/rand/v2"

	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/jepsen/cluster"
)

// replace loses a master with its disk: it is struck from the list, and a new
// one joins under its name and address with an empty directory.
type replace struct{ gone *testbed.Process }

func replacements() []Fault { return []Fault{&replace{}} }

func (f *replace) Name() string                      { return "replace-master" }
func (f *replace) Available(c *cluster.Cluster) bool { return several(c) }

func (f *replace) Inject(ctx context.Context, c *cluster.Cluster, rng *rand.Rand) error {
	p, err := anyMaster(ctx, c, rng)
	if err != nil {
		return err
	}
	f.gone = p
	if err := c.Kill(p); err != nil {
		return err
	}
	// Also when the faults are over: Heal brings one under its name, which the others
	// refuse as long as it is on the list.
	return persist(context.WithoutCancel(ctx), c, -1, "offline-member", "--master", "--name", p.Name)
}

func (f *replace) Heal(_ context.Context, c *cluster.Cluster) error {
	if f.gone == nil {
		return nil
	}
	p := f.gone
	f.gone = nil
	return c.Rejoin(p)
}
