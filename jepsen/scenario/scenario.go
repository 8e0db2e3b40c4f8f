package scenario

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/raftdm/raftdm/jepsen/cluster"
	"github.com/raftdm/raftdm/jepsen/fault"
	"github.com/raftdm/raftdm/jepsen/history"
)

// Scenario is one run.
type Scenario struct {
	Name string
	// About says what it is for: the bug, the promise.
	About   string
	Masters int
	Workers int
	Sources int
	TiDB    bool
	// TTL is the workers' lease.
	TTL time.Duration
	// Tags are the build tags of the product's programs: a sabotage.
	Tags []string
	// Next gives the faults, one after the other; none ends the run.
	Next func(c *cluster.Cluster, rng *rand.Rand) (Step, bool)
	// Catches, when it is set, must be among the errors of the checks.
	Catches error
}

// Step is one fault: it begins after a time of calm and lasts for a time.
type Step struct {
	Calm, Last time.Duration
	Fault      fault.Fault
}

// Rand gives the generator of one part of a run, by its name: what one part
// draws does not move the others.
func Rand(seed uint64, part string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(part)) // a hash takes everything
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// recovery is how long the cluster may take to be well again after a fault:
// elections and leases take seconds, a task's own retry backs off to some tens
// of seconds after an outage of its database.
const recovery = 90 * time.Second

// Torment does to the cluster what the scenario says, one fault at a time,
// until there is no further one or ctx ends. Before and after each fault the
// cluster has to be well; otherwise the error says what is not. Faults that
// are there when ctx ends are healed.
func (s Scenario) Torment(ctx context.Context, c *cluster.Cluster, rng *rand.Rand, rec *history.Recorder, log func(string, ...any)) error {
	healing := context.WithoutCancel(ctx)
	if s.Catches != nil {
		return s.script(ctx, c, rng, rec, log)
	}
	for ctx.Err() == nil {
		if err := healthy(healing, c, "before a fault"); err != nil {
			return err
		}
		step, ok := s.Next(c, rng)
		if !ok {
			return nil
		}
		if err := s.one(ctx, c, step, rng, rec, log); err != nil {
			return err
		}
		began := time.Now()
		if err := healthy(healing, c, "after "+step.Fault.Name()); err != nil {
			return err
		}
		log("all well %s after it was healed", time.Since(began).Round(time.Millisecond))
	}
	return nil
}

// script is Torment without a look at the health: a sabotaged cluster may
// never be well again.
func (s Scenario) script(ctx context.Context, c *cluster.Cluster, rng *rand.Rand, rec *history.Recorder, log func(string, ...any)) error {
	for ctx.Err() == nil {
		step, ok := s.Next(c, rng)
		if !ok {
			return nil
		}
		if err := s.one(ctx, c, step, rng, rec, log); err != nil {
			log("%s: %v", step.Fault.Name(), err)
		}
	}
	return nil
}

func (s Scenario) one(ctx context.Context, c *cluster.Cluster, step Step, rng *rand.Rand, rec *history.Recorder, log func(string, ...any)) error {
	rest(ctx, step.Calm)
	if ctx.Err() != nil {
		return nil
	}
	name := step.Fault.Name()
	end := rec.Fault(name)
	defer end()
	log("%s for %s", name, step.Last.Round(time.Millisecond))
	if err := step.Fault.Inject(ctx, c, rng); err != nil && ctx.Err() == nil {
		return fmt.Errorf("inject %s: %w", name, joinHeal(ctx, c, step.Fault, err))
	}
	rest(ctx, step.Last)
	if err := step.Fault.Heal(context.WithoutCancel(ctx), c); err != nil {
		return fmt.Errorf("heal %s: %w", name, err)
	}
	return nil
}

// joinHeal heals after a failed Inject.
func joinHeal(ctx context.Context, c *cluster.Cluster, f fault.Fault, err error) error {
	if healed := f.Heal(context.WithoutCancel(ctx), c); healed != nil {
		return fmt.Errorf("%w; and healing: %w", err, healed)
	}
	return err
}

func healthy(ctx context.Context, c *cluster.Cluster, when string) error {
	ctx, cancel := context.WithTimeout(ctx, recovery)
	defer cancel()
	began := time.Now()
	if err := c.AwaitHealth(ctx); err != nil {
		return fmt.Errorf("%s, after %s, the cluster is not well: %w", when, time.Since(began).Round(time.Second), err)
	}
	return nil
}

// rest waits, for a time that is part of the plan.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
