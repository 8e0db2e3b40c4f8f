package fault

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/jepsen/cluster"
)

// remove takes a worker away in good order, as when a machine is given back:
// stopped, then struck from the list. It comes again under the same name.
type remove struct{ gone *testbed.Process }

func removals() []Fault { return []Fault{&remove{}} }

func (f *remove) Name() string                      { return "remove-worker" }
func (f *remove) Available(c *cluster.Cluster) bool { return spare(c) }

func (f *remove) Inject(ctx context.Context, c *cluster.Cluster, rng *rand.Rand) error {
	p, err := busyWorker(ctx, c, rng)
	if err != nil {
		return err
	}
	f.gone = p
	stopping, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := p.Stop(stopping); err != nil {
		return err
	}
	return persist(ctx, c, -1, "offline-member", "--worker", "--name", p.Name)
}

func (f *remove) Heal(context.Context, *cluster.Cluster) error {
	if f.gone == nil {
		return nil
	}
	p := f.gone
	f.gone = nil
	if p.Alive() {
		return nil
	}
	return p.Launch()
}

// succeeded reads the result of dmctl's answer.
func succeeded(answer []byte) bool {
	var r struct {
		Result bool `json:"result"`
	}
	return json.Unmarshal(answer, &r) == nil && r.Result
}
