package worker

import (
	"context"
	"sync"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/worker/dump"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
	"github.com/raftdm/raftdm/worker/load"
)

// overlap is the unit of a dump that is loaded while it goes on. It is shown as
// the dump until that is complete, and as the load from then on.
type overlap struct {
	dump *dump.Unit
	load func(*dumpdir.Live) *load.Unit

	mu sync.Mutex

	// mu guards the following.
	live    *dumpdir.Live
	loading *load.Unit // beside the present attempt of the dump; nil before
}

// overlaps tells whether a subtask loads while it dumps.
func overlaps(sub config.Subtask) bool {
	return sub.Load.Overlap && (sub.Mode == config.ModeAll || sub.Mode == config.ModeFull)
}

// newOverlap makes the unit; make builds the load of a live dump.
func newOverlap(cfg dump.Config, load func(*dumpdir.Live) *load.Unit) *overlap {
	o := &overlap{load: load}
	cfg.Beside = o.beside
	o.dump = dump.New(cfg)
	return o
}

// Run implements Unit.
func (o *overlap) Run(ctx context.Context) error { return o.dump.Run(ctx) }

// beside loads what one attempt of the dump makes.
func (o *overlap) beside(ctx context.Context, live *dumpdir.Live) error {
	u := o.load(live)
	o.mu.Lock()
	o.live, o.loading = live, u
	o.mu.Unlock()
	return u.Run(ctx)
}

// Fill implements Unit.
func (o *overlap) Fill(s *status.Subtask) {
	o.mu.Lock()
	live, loading := o.live, o.loading
	o.mu.Unlock()
	if loading != nil && o.dump.Recorded() {
		loading.Fill(s)
		return
	}
	o.dump.Fill(s)
	if loading == nil {
		return
	}
	var other status.Subtask
	loading.Fill(&other)
	s.Dump.Loaded = other.Load.FinishedBytes
	used, most, held := live.Disk()
	s.Dump.Disk = status.Disk{Used: used, Most: most}
	s.Dump.Held = join(join(s.Dump.Held, held), other.Load.Held)
	if s.Err == nil {
		s.Err = other.Err
	}
}

// join puts two reasons together, either of which may be "".
func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
