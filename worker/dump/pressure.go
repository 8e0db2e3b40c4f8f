package dump

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/worker/dump/meter"
)

// busyPause is how long a reader waits before it looks at a busy source again.
const busyPause = time.Second

// pressure keeps the dump within what the operator allows it to take from the
// source. nil allows everything: it is what reads while writers are stopped,
// who must not wait for anything else.
type pressure struct {
	rows, bytes meter.Pace
	most        int          // threads of others that may run on the source, 0: any
	reading     atomic.Int64 // own threads that run there

	mu sync.Mutex

	// mu guards the following.
	busy string // why nobody reads a new chunk; "" when somebody may
}

func newPressure(d config.Dump) *pressure {
	return &pressure{rows: meter.Pace{PerSecond: float64(d.MaxRows)}, bytes: meter.Pace{PerSecond: float64(d.MaxMB) * (1 << 20)},
		most: d.MaxThreadsRunning}
}

// take waits until so much may be read on.
func (p *pressure) take(ctx context.Context, rows, bytes int64) error {
	if p == nil {
		return nil
	}
	if err := p.rows.Wait(ctx, rows); err != nil {
		return err
	}
	return p.bytes.Wait(ctx, bytes)
}

// enter waits until the source is not too busy for another chunk, which lasts
// until leave is called. What the dump itself runs there does not count.
func (p *pressure) enter(ctx context.Context, db *dbconn.DB) (leave func(), err error) {
	if p == nil || p.most == 0 {
		return func() {}, nil
	}
	for {
		var name string
		var running int
		err := db.QueryRowContext(ctx, "SHOW GLOBAL STATUS LIKE 'Threads_running'").Scan(&name, &running)
		if err != nil {
			return nil, dbconn.Error(fault.Upstream, "ask how busy the source is", err)
		}
		running -= int(p.reading.Load()) + 1 // the question is one of them, too
		if running <= p.most {
			p.say("")
			p.reading.Add(1)
			return func() { p.reading.Add(-1) }, nil
		}
		p.say(fmt.Sprintf("waits for the source: %d threads run there beside the dump, max-threads-running is %d", running, p.most))
		t := time.NewTimer(busyPause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil, ctx.Err()
		}
	}
}

func (p *pressure) say(busy string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy = busy
}

// held says what makes the dump slower than it could be; "" for nothing.
func (p *pressure) held() string {
	if p == nil {
		return ""
	}
	p.mu.Lock()
	busy := p.busy
	p.mu.Unlock()
	var all []string
	if busy != "" {
		all = append(all, busy)
	}
	if p.rows.Holds() {
		all = append(all, fmt.Sprintf("held at %.0f rows/s by max-rows-per-second of mydumpers", p.rows.PerSecond))
	}
	if p.bytes.Holds() {
		all = append(all, fmt.Sprintf("held at %.0f MiB/s by max-mb-per-second of mydumpers", p.bytes.PerSecond/(1<<20)))
	}
	return strings.Join(all, "; ")
}
