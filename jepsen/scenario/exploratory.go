package scenario

import (
	"math/rand/v2"
	"time"

	"github.com/raftdm/raftdm/jepsen/cluster"
	"github.com/raftdm/raftdm/jepsen/fault"
)

// Lease is the workers' keepalive-ttl in runs: a fault of some seconds
// outlasts it.
const Lease = 6 * time.Second

// Exploratory crosses all traffic with the given faults at random: each of
// them once in an order of chance, then again in another order. After every
// second one two happen at once.
func Exploratory(faults []fault.Fault, tidb bool) Scenario {
	var left []fault.Fault
	steps := 0
	return Scenario{
		Name: "exploratory", About: "whatever the dice say",
		Masters: 3, Workers: 3, Sources: 2, TiDB: tidb, TTL: Lease,
		Next: func(c *cluster.Cluster, rng *rand.Rand) (Step, bool) {
			step := func(f fault.Fault) (Step, bool) {
				return Step{Calm: span(rng, 500, 2500), Last: span(rng, 2000, 11000), Fault: f}, true
			}
			steps++
			if two, ok := fault.Pairs(faults, rng); ok && steps%3 == 0 && two.Available(c) {
				return step(two)
			}
			for range 2 {
				for len(left) > 0 {
					f := left[len(left)-1]
					left = left[:len(left)-1]
					if f.Available(c) {
						return step(f)
					}
				}
				left = append(left, faults...)
				rng.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
			}
			return Step{}, false // none of them can happen to this cluster
		},
	}
}

// span draws a time between two numbers of milliseconds.
func span(rng *rand.Rand, least, most int) time.Duration {
	return time.Duration(least+rng.IntN(most-least)) * time.Millisecond
}
