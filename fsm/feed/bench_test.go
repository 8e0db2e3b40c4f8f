package feed_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/fsm/feed"
)

// crowd is readers that read all they can and note when each change arrived.
type crowd struct {
	wg      sync.WaitGroup
	cancel  context.CancelFunc
	arrived chan fsm.Index // one per reader and batch, room for all of a change
}

func newCrowd(b *testing.B, f *feed.Feed, n int) *crowd {
	ctx, cancel := context.WithCancel(b.Context())
	c := &crowd{cancel: cancel, arrived: make(chan fsm.Index, n)}
	for range n {
		s, err := f.Subscribe(f.Index())
		if err != nil {
			b.Fatal(err)
		}
		c.wg.Go(func() {
			for {
				batch, err := s.Next(ctx)
				if err != nil {
					if !errors.Is(err, context.Canceled) {
						b.Error(err)
					}
					return
				}
				select {
				case c.arrived <- batch.To:
				case <-ctx.Done():
				}
			}
		})
	}
	return c
}

func (c *crowd) leave() {
	c.cancel()
	c.wg.Wait()
}

// stalled subscribes n readers that never read.
func stalled(b *testing.B, f *feed.Feed, n int) []*feed.Subscription {
	var out []*feed.Subscription
	for range n {
		s, err := f.Subscribe(f.Index())
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

func report(b *testing.B, name string, took []time.Duration) {
	slices.Sort(took)
	at := func(q float64) float64 { return float64(took[int(q*float64(len(took)-1))].Microseconds()) }
	b.ReportMetric(at(0.5), name+"-p50-µs")
	b.ReportMetric(at(0.99), name+"-p99-µs")
	b.ReportMetric(at(1), name+"-max-µs")
}

// BenchmarkFanOut measures how long after Apply returned the last of all
// readers has the change.
func BenchmarkFanOut(b *testing.B) {
	for _, readers := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("readers=%d", readers), func(b *testing.B) {
			w := newWriter(b, 10_000)
			c := newCrowd(b, w.feed, readers)
			defer c.leave()
			var last []time.Duration
			for b.Loop() {
				w.write(1)
				begin := time.Now()
				for range readers {
					<-c.arrived
				}
				last = append(last, time.Since(begin))
			}
			report(b, "last", last)
		})
	}
}

// BenchmarkApply measures what readers cost the writer: a thousand that keep
// up, and ten that never read.
func BenchmarkApply(b *testing.B) {
	for _, readers := range []int{0, 1000} {
		b.Run(fmt.Sprintf("readers=%d", readers), func(b *testing.B) {
			w := newWriter(b, 10_000)
			var lazy []*feed.Subscription
			if readers > 0 {
				lazy = stalled(b, w.feed, 10)
			}
			c := newCrowd(b, w.feed, readers)
			defer c.leave()
			var apply []time.Duration
			for b.Loop() {
				begin := time.Now()
				w.write(1)
				apply = append(apply, time.Since(begin))
				for range readers { // so that each round wakes all of them
					<-c.arrived
				}
			}
			report(b, "apply", apply)
			for _, s := range lazy {
				if s.Index() != 0 {
					b.Fatal("a stalled reader has read")
				}
			}
		})
	}
}
