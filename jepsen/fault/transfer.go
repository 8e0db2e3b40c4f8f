package fault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/jepsen/cluster"
)

// transfer has the operator take the leadership from the leader, which does
// not get it back before Heal.
type transfer struct{ evicted *testbed.Process }

func transfers() []Fault { return []Fault{&transfer{}} }

func (f *transfer) Name() string                      { return "transfer-leader" }
func (f *transfer) Available(c *cluster.Cluster) bool { return several(c) }

func (f *transfer) Inject(ctx context.Context, c *cluster.Cluster, rng *rand.Rand) error {
	p, err := leader(ctx, c, rng)
	if err != nil {
		return err
	}
	f.evicted = p // also when the answer is lost
	return operateLeader(ctx, c, p, "evict")
}

func (f *transfer) Heal(ctx context.Context, c *cluster.Cluster) error {
	if f.evicted == nil {
		return nil
	}
	if err := operateLeader(ctx, c, f.evicted, "cancel-evict"); err != nil {
		return err
	}
	f.evicted = nil
	return nil
}

// operateLeader asks one master, again when it does not answer at once.
func operateLeader(ctx context.Context, c *cluster.Cluster, p *testbed.Process, verb string) error {
	return persist(ctx, c, slices.Index(c.Masters(), p), "operate-leader", verb)
}

// persist repeats a command of dmctl for some seconds until it succeeds.
func persist(ctx context.Context, c *cluster.Cluster, master int, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		out, code, err := c.Dmctl(ctx, master, args...)
		switch {
		case err == nil && code == 0 && succeeded(out):
			return nil
		case err != nil && last == nil:
			last = err
		case err == nil:
			last = fmt.Errorf("dmctl %q ended with code %d: %s", args, code, out)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return last
		}
	}
}
