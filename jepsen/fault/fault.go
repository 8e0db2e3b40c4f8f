package fault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/jepsen/cluster"
)

// Fault is one kind of trouble.
type Fault interface {
	// Name is unique and is what JEPSEN_FAULTS names.
	Name() string
	// Available tells whether the cluster is one that this can happen to.
	Available(c *cluster.Cluster) bool
	// Inject makes the trouble; it lasts until Heal.
	Inject(ctx context.Context, c *cluster.Cluster, rng *rand.Rand) error
	// Heal takes back what Inject did, and does not wait for recovery.
	Heal(ctx context.Context, c *cluster.Cluster) error
}

// All gives a new value of every fault.
func All() []Fault {
	out := []Fault{}
	for _, some := range []func() []Fault{kills, pauses, cuts, slows, transfers, removals, replacements, restarts, disks, presumptions} {
		out = append(out, some()...)
	}
	return out
}

// Named gives the faults with the given names, separated by commas; all of
// them for "". A part of a name names every fault that contains it.
func Named(names string) ([]Fault, error) {
	all := All()
	if names == "" {
		return all, nil
	}
	var out []Fault
	for name := range strings.SplitSeq(names, ",") {
		found := false
		for _, f := range all {
			if strings.Contains(f.Name(), strings.TrimSpace(name)) && !slices.Contains(out, f) {
				out, found = append(out, f), true
			}
		}
		if !found {
			known := []string{}
			for _, f := range all {
				known = append(known, f.Name())
			}
			return nil, fmt.Errorf("no fault is named %q; there are: %s", name, strings.Join(known, ", "))
		}
	}
	return out, nil
}

// several tells whether a cluster outlives the loss of one master.
func several(c *cluster.Cluster) bool { return len(c.Masters()) >= 3 }

// spare tells whether another worker can take over.
func spare(c *cluster.Cluster) bool { return len(c.Workers()) > len(c.Upstreams) }

func anyMaster(_ context.Context, c *cluster.Cluster, rng *rand.Rand) (*testbed.Process, error) {
	list := c.Masters()
	return list[rng.IntN(len(list))], nil
}

func leader(ctx context.Context, c *cluster.Cluster, _ *rand.Rand) (*testbed.Process, error) {
	if p := c.Leader(ctx); p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("no master leads")
}

// follower picks a master that does not lead.
func follower(ctx context.Context, c *cluster.Cluster, rng *rand.Rand) (*testbed.Process, error) {
	first, err := leader(ctx, c, rng)
	if err != nil {
		return nil, err
	}
	list := slices.DeleteFunc(c.Masters(), func(p *testbed.Process) bool { return p == first })
	if len(list) == 0 {
		return nil, fmt.Errorf("there is one master only")
	}
	return list[rng.IntN(len(list))], nil
}

// busyWorker picks a worker, mostly one that serves a source.
func busyWorker(ctx context.Context, c *cluster.Cluster, rng *rand.Rand) (*testbed.Process, error) {
	list := c.Workers()
	owners := c.Owners(ctx)
	busy := slices.DeleteFunc(slices.Clone(list), func(p *testbed.Process) bool {
		for _, w := range owners {
			if w == p.Name {
				return false
			}
		}
		return true
	})
	if len(busy) > 0 && rng.IntN(5) > 0 {
		list = busy
	}
	return list[rng.IntN(len(list))], nil
}

// picker chooses whom something happens to.
type picker func(context.Context, *cluster.Cluster, *rand.Rand) (*testbed.Process, error)
