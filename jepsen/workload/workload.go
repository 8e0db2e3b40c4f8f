package workload

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/raftdm/raftdm/jepsen/cluster"
	"github.com/raftdm/raftdm/jepsen/history"
)

// Workload is one sort of traffic; see the package's comment for who calls what.
type Workload interface {
	Name() string
	Setup(ctx context.Context, env Env) error
	Run(ctx context.Context, env Env, rng *rand.Rand, rec *history.Recorder) error
	Final(ctx context.Context, env Env, rec *history.Recorder) error
}

// Env is where a workload runs.
type Env = *cluster.Cluster

// Rates says how much traffic there is. A pause is a mean; it is drawn anew
// each time.
type Rates struct {
	Accounts     int           // of the bank, per source
	BankClients  int           // per source
	RowClients   int           // per source
	Readers      int           // per source, of the bank and of the rows each
	Operators    int           // in all
	WritePause   time.Duration // of one client between two transactions
	ReadPause    time.Duration
	OperatePause time.Duration
}

// DefaultRates gives some 150 transactions a second with two sources, which two
// busy processors carry beside the cluster itself.
func DefaultRates() Rates {
	return Rates{Accounts: 12, BankClients: 3, RowClients: 3, Readers: 1, Operators: 3,
		WritePause: 70 * time.Millisecond, ReadPause: 100 * time.Millisecond, OperatePause: 700 * time.Millisecond}
}

// All gives every workload with the usual rates, in the order in which to call
// their methods.
func All() []Workload { return With(DefaultRates()) }

// With is All with other rates.
func With(r Rates) []Workload {
	return []Workload{&Operations{Rates: r}, &Bank{Rates: r}, &Inserts{Rates: r}, &Follow{}}
}

// opLimit bounds one transaction or query: a server that is stopped for longer
// leaves an unknown outcome behind.
const opLimit = 10 * time.Second

// crew runs clients until their context ends, each with a generator of its own.
type crew struct {
	g   *errgroup.Group
	rng *rand.Rand
}

func (c *crew) add(ctx context.Context, pause time.Duration, act func(ctx context.Context, r *rand.Rand)) {
	r := rand.New(rand.NewPCG(c.rng.Uint64(), c.rng.Uint64()))
	c.g.Go(func() error {
		for rest(ctx, time.Duration((0.5+r.Float64())*float64(pause))) {
			// What was begun is brought to its end: only the servers make outcomes unknown.
			op, cancel := context.WithTimeout(context.WithoutCancel(ctx), opLimit)
			act(op, r)
			cancel()
		}
		return nil
	})
}

// rest waits; false when ctx ended meanwhile.
func rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return ctx.Err() == nil
	}
}

// settle asks done again and again until it answers true or ctx ends. Its
// errors are those of a server that is coming back.
func settle(ctx context.Context, every time.Duration, done func(context.Context) (bool, error)) error {
	for {
		ok, err := done(ctx)
		if ok {
			return nil
		}
		if !rest(ctx, every) {
			if err != nil && ctx.Err() == nil {
				return err
			}
			return fmt.Errorf("%w (%v)", context.Cause(ctx), err)
		}
	}
}
