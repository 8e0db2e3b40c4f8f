package dump

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/worker/dump/meter"
)

// progress is what Fill shows of one attempt.
type progress struct {
	total    int64
	estimate int64
	tables   atomic.Int64
	rows     atomic.Int64
	bytes    atomic.Int64
	done     atomic.Bool
	rate     meter.Rate
	pressure atomic.Pointer[pressure]

	mu sync.Mutex

	// mu guards the following.
	partial map[schema.Name]float64 // tables with some chunks finished
}

// newProgress counts what the tables of a snapshot promise and what earlier
// attempts have read of them.
func newProgress(tables []*tableState) *progress {
	p := &progress{total: int64(len(tables)), partial: map[schema.Name]float64{}}
	for _, t := range tables {
		p.estimate += t.rows
		if t.prior == nil {
			continue
		}
		for _, c := range t.prior.Chunks {
			for _, f := range c.Files {
				p.rows.Add(f.Rows)
				p.bytes.Add(f.Bytes)
			}
		}
		if t.prior.Complete() {
			p.tables.Add(1)
		} else {
			p.partial[t.Name] = t.part()
		}
	}
	return p
}

// started notes which part of a table's chunks is finished.
func (p *progress) started(n schema.Name, part float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.partial[n] = max(p.partial[n], part)
}

// fill renders the progress; a dump is at 100 % only when it is closed.
func (p *progress) fill() *status.Dump {
	d := &status.Dump{
		TotalTables:     p.total,
		CompletedTables: float64(p.tables.Load()),
		FinishedBytes:   float64(p.bytes.Load()),
		FinishedRows:    float64(p.rows.Load()),
		EstimateRows:    float64(p.estimate),
		BytesPerSecond:  p.rate.PerSecond(),
	}
	percent := 0.0
	switch {
	case p.done.Load():
		percent = 100
	case p.estimate > 0:
		percent = min(99.99, 100*d.FinishedRows/d.EstimateRows)
	}
	d.ETALow, d.ETAHigh = p.remaining()
	d.Held = p.pressure.Load().held()
	d.Progress = fmt.Sprintf("%.2f %%", percent)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, part := range p.partial {
		d.CompletedTables += part
	}
	return d
}

// remaining tells how many seconds the dump will go on, as far as the number of
// rows that the source expects is right.
func (p *progress) remaining() (low, high int64) {
	rows, bytes := p.rows.Load(), p.bytes.Load()
	if p.done.Load() || rows == 0 || p.estimate <= rows {
		return 0, 0
	}
	return p.rate.Remaining(int64(float64(bytes) * (float64(p.estimate)/float64(rows) - 1)))
}

// finished counts a table as a whole.
func (p *progress) finished(n schema.Name) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.partial, n)
	p.tables.Add(1)
}
