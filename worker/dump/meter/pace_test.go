package meter

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"
)

// TestPace: however many take part, no more than the limit goes through, and
// all of it does.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Pace{PerSecond: 1000}
		begin := time.Now()
		var g errgroup.Group
		for range 5 {
			g.Go(func() error {
				for range 20 {
					if err := p.Wait(t.Context(), 100); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		// The last 100 begin when the 9900 before them have had their time.
		if got := time.Since(begin); got != 9900*time.Millisecond || !p.Holds() {
			t.Errorf("10000 things at 1000 a second took %v, holds %v", got, p.Holds())
		}
		<-time.After(calm + time.Second)
		if p.Holds() {
			t.Error("it still counts as what holds up")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := errors.Join(p.Wait(ctx, 5000), p.Wait(ctx, 1)); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		var none *Pace
		if err := errors.Join(none.Wait(t.Context(), 1), (&Pace{}).Wait(t.Context(), 1<<40)); err != nil || none.Holds() {
			t.Error(err)
		}
	})
}
