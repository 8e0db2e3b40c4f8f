// Package meter measures how fast a counter grows over the last seconds, for
// the progress of dump and load. It keeps no history beyond that window.
package meter

import (
	"context"
	"math"
	"sync"
	"time"
)

// window is how many seconds a rate looks back.
const window = 5

// Rate is the growth of a counter per second. Its zero value is ready.
type Rate struct {
	mu sync.Mutex

	// mu guards the following.
	samples [window + 1]int64
	n       int
}

// Run samples the counter once a second until ctx ends; the rate is 0 after that.
func (r *Rate) Run(ctx context.Context, counter func() int64) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	r.add(counter())
	for {
		select {
		case <-ctx.Done():
			r.reset()
			return
		case <-tick.C:
			r.add(counter())
		}
	}
}

// PerSecond gives the present rate.
func (r *Rate) PerSecond() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n < 2 {
		return 0
	}
	return max(0, (r.samples[r.n-1]-r.samples[0])/int64(r.n-1))
}

func (r *Rate) add(v int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n == len(r.samples) {
		copy(r.samples[:], r.samples[1:])
		r.n--
	}
	r.samples[r.n] = v
	r.n++
}

func (r *Rate) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n = 0
}

// Remaining gives between which numbers of seconds what is left will be done:
// at the fastest and at the slowest second of the window, and a tenth beyond
// both; 0 and 0 while nothing grows.
func (r *Rate) Remaining(left int64) (low, high int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if left <= 0 || r.n < 2 {
		return 0, 0
	}
	mean := float64(r.samples[r.n-1]-r.samples[0]) / float64(r.n-1)
	if mean <= 0 {
		return 0, 0
	}
	fast, slow := mean, mean
	for i := 1; i < r.n; i++ {
		step := float64(r.samples[i] - r.samples[i-1])
		fast, slow = max(fast, step), min(slow, step)
	}
	// One second without any growth does not mean that it never ends.
	slow = max(slow, mean/4)
	return int64(float64(left) / fast * 0.9), max(1, int64(math.Round(float64(left)/slow*1.1)))
}
