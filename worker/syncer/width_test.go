package syncer

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// server is how long a target takes for a transaction beside others: what the
// network takes, what its processors do, and what writers are in each other's way.
type server struct {
	network, work time.Duration
	processors    int
	contention    float64 // for each further writer, as a part of work
}

func (s server) takes(writers int) time.Duration {
	share := max(1, float64(writers)/float64(s.processors))
	return s.network + time.Duration(float64(s.work)*share*(1+s.contention*float64(writers-1)))
}

// best is the most transactions a second that any number of writers brings.
func (s server) best(lanes int) (rate float64) {
	for n := 1; n <= lanes; n++ {
		rate = max(rate, float64(n)/s.takes(n).Seconds())
	}
	return rate
}

// TestWidthFindsWhatTheTargetTakes: whatever the target and however many lanes
// there are, about as much comes through as with the best number of them.
func TestWidthFindsWhatTheTargetTakes(t *testing.T) {
	const begins, lasts = 20 * time.Second, 20 * time.Second
	for _, s := range []server{
		{network: 100 * time.Microsecond, work: 10 * time.Millisecond, processors: 2, contention: 0.01},
		{network: 5 * time.Millisecond, work: 3 * time.Millisecond, processors: 2, contention: 0.005},
		{network: 100 * time.Microsecond, work: 20 * time.Millisecond, processors: 1, contention: 0.1},
		{network: time.Millisecond, work: 5 * time.Millisecond, processors: 64, contention: 0.001},
		{network: 100 * time.Millisecond, work: time.Millisecond, processors: 4, contention: 0},
	} {
		for _, lanes := range []int{1, 2, 5, 16, 100} {
			t.Run(fmt.Sprintf("%+v, %d lanes", s, lanes), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWidth(make([]atomic.Int64, lanes))
					from, end := time.Now().Add(begins), time.Now().Add(begins+lasts)
					var (
						inside, done atomic.Int64
						all          sync.WaitGroup
					)
					for lane := range lanes {
						all.Go(func() {
							for time.Now().Before(end) {
								w.load[lane].Store(0)
								if int64(lane) >= w.lanes.Load() {
									time.Sleep(5 * time.Millisecond)
									continue
								}
								w.load[lane].Store(100) // and more behind that
								time.Sleep(s.takes(int(inside.Add(1))))
								inside.Add(-1)
								w.applied(time.Now(), 100)
								if time.Now().After(from) {
									done.Add(1)
								}
							}
						})
					}
					all.Wait()
					if got, want := float64(done.Load())/lasts.Seconds(), s.best(lanes); got < 0.93*want {
						t.Errorf("%.0f transactions a second, %.0f are possible", got, want)
					}
				})
			})
		}
	}
}

// TestWidthOfAnIdleTask: while there is little to do, nothing is tried.
func TestWidthOfAnIdleTask(t *testing.T) {
	w := newWidth(make([]atomic.Int64, 16))
	now := time.Now()
	for range 10_000 {
		now = now.Add(time.Second)
		w.applied(now, 1) // nobody has anything left
	}
	w.load[3].Store(1)
	for range 10_000 {
		now = now.Add(time.Second)
		w.applied(now, 1) // one lane is enough
	}
	if n := w.lanes.Load(); n != firstWidth {
		t.Errorf("%d lanes are to work", n)
	}
}

// TestWidthIsNotLeftWhereNothingIsMeasured: a lane beyond the number that is being
// tried goes on to have something to do, as rows that follow others do.
func TestWidthIsNotLeftWhereNothingIsMeasured(t *testing.T) {
	w := newWidth(make([]atomic.Int64, 16))
	now := time.Now()
	for i := range w.load {
		w.load[i].Store(1)
	}
	w.step = -1
	w.try()
	if n := w.lanes.Load(); n >= firstWidth {
		t.Fatalf("%d lanes are tried", n)
	}
	for range 1000 {
		now = now.Add(measured / 10)
		w.applied(now, 1)
	}
	if n := w.lanes.Load(); n != firstWidth {
		t.Errorf("%d lanes are to work", n)
	}
}
