package fault

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"

	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/jepsen/cluster"
)

// kill ends processes with SIGKILL, the stores of killed masters are checked,
// and starts them again. peer-bugs 21 is the pair.
type kill struct {
	name  string
	whom  []picker
	needs func(*cluster.Cluster) bool

	killed []*testbed.Process
}

func kills() []Fault {
	always := func(*cluster.Cluster) bool { return true }
	return []Fault{
		&kill{name: "kill-leader", whom: []picker{leader}, needs: several},
		&kill{name: "kill-master", whom: []picker{anyMaster}, needs: always},
		&kill{name: "kill-all-masters", whom: []picker{anyMaster, anyMaster, anyMaster, anyMaster, anyMaster, anyMaster}, needs: always},
		&kill{name: "kill-worker", whom: []picker{busyWorker}, needs: always},
		&kill{name: "kill-leader-and-worker", whom: []picker{leader, busyWorker}, needs: several},
		&kill{name: "kill-leader-and-two-workers", whom: []picker{leader, busyWorker, busyWorker}, needs: several},
	}
}

func (f *kill) Name() string                      { return f.name }
func (f *kill) Available(c *cluster.Cluster) bool { return f.needs(c) }

func (f *kill) Inject(ctx context.Context, c *cluster.Cluster, rng *rand.Rand) error {
	for _, pick := range f.whom { // before the first dies: the dead answer no questions
		p, err := pick(ctx, c, rng)
		if err != nil {
			return err
		}
		if !slices.Contains(f.killed, p) {
			f.killed = append(f.killed, p)
		}
	}
	var errs []error
	for _, p := range f.killed {
		errs = append(errs, c.Kill(p))
	}
	return errors.Join(errs...)
}

func (f *kill) Heal(context.Context, *cluster.Cluster) error {
	var errs []error
	for _, p := range f.killed {
		if !p.Alive() {
			errs = append(errs, p.Launch())
		}
	}
	f.killed = nil
	return errors.Join(errs...)
}
