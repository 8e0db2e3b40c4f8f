package meter

import (
	"context"
	"sync"
	"time"
)

// calm is how long after the last wait a pace still counts as what holds up.
const calm = 10 * time.Second

// Pace keeps a number of things a second. Several goroutines share one. Its
// zero value does not hold anybody up.
type Pace struct {
	// PerSecond is the limit, 0 for none. It is not changed after first use.
	PerSecond float64

	mu sync.Mutex

	// mu guards the following.
	next   time.Time // when the next may begin
	waited time.Time // when somebody had to wait last
}

// Wait books n things and waits until they may begin.
func (p *Pace) Wait(ctx context.Context, n int64) error {
	if p == nil || p.PerSecond <= 0 {
		return nil
	}
	wait := p.book(time.Now(), n)
	if wait <= 0 {
		return nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// book tells how long to wait before n things may begin.
func (p *Pace) book(now time.Time, n int64) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	begin := p.next
	if begin.Before(now) {
		begin = now
	}
	p.next = begin.Add(time.Duration(float64(n) / p.PerSecond * float64(time.Second)))
	if begin.After(now) {
		p.waited = begin
	}
	return begin.Sub(now)
}

// Holds tells whether somebody waits, or did a short while ago.
func (p *Pace) Holds() bool {
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.waited.IsZero() && time.Since(p.waited) < calm
}
