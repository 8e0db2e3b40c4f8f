package scenario

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/raftdm/raftdm/jepsen/cluster"
	"github.com/raftdm/raftdm/jepsen/fault"
)

type nothing struct {
	name string
	can  bool
}

func (n nothing) Name() string                                               { return n.name }
func (n nothing) Available(*cluster.Cluster) bool                            { return n.can }
func (n nothing) Inject(context.Context, *cluster.Cluster, *rand.Rand) error { return nil }
func (n nothing) Heal(context.Context, *cluster.Cluster) error               { return nil }
func draw(seed uint64, n int, faults ...fault.Fault) (names []string, s time.Duration) {
	next := Exploratory(faults, false).Next
	rng := Rand(seed, "faults")
	for range n {
		step, ok := next(nil, rng)
		if !ok {
			return names, s
		}
		names = append(names, step.Fault.Name())
		s += step.Calm + step.Last
	}
	return names, s
}

// One seed gives one sequence; each available fault comes once in each round.
func TestExploratoryFollowsTheSeed(t *testing.T) {
	faults := []fault.Fault{nothing{"a", true}, nothing{"b", true}, nothing{"never", false}, nothing{"c", true}}
	first, took := draw(7, 30, faults...)
	again, tookAgain := draw(7, 30, faults...)
	if !slices.Equal(first, again) || took != tookAgain {
		t.Errorf("one seed gave %v in %s and %v in %s", first, took, again, tookAgain)
	}
	if other, _ := draw(8, 30, faults...); slices.Equal(first, other) {
		t.Errorf("two seeds gave %v", first)
	}
	for round := range slices.Chunk(first, 3) {
		slices.Sort(round)
		if !slices.Equal(round, []string{"a", "b", "c"}) {
			t.Errorf("a round is %v", round)
		}
	}
	if got, _ := draw(7, 5, nothing{"never", false}); len(got) != 0 {
		t.Errorf("a fault that cannot happen was chosen: %v", got)
	}
}

// Every scenario of the catalogues has a name of its own, an end and a reason.
func TestCatalogues(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range append(Regression(), Sabotaged()...) {
		if s.Name == "" || s.About == "" || seen[s.Name] {
			t.Errorf("scenario %q (%s) has no name or reason of its own", s.Name, s.About)
		}
		seen[s.Name] = true
		steps := 0
		for ; ; steps++ {
			if _, ok := s.Next(nil, nil); !ok {
				break
			}
		}
		if steps == 0 {
			t.Errorf("%s does nothing", s.Name)
		}
		if (s.Catches == nil) != (len(s.Tags) == 0) {
			t.Errorf("%s: a sabotage and what it must end with belong together", s.Name)
		}
	}
}
