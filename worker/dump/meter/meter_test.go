package meter

import "testing"

// TestRemaining: the range is as wide as the last seconds differed, and a second
// without growth does not make it endless.
func TestRemaining(t *testing.T) {
	for _, c := range []struct {
		name      string
		samples   []int64
		left      int64
		low, high int64
	}{
		{"nothing known", []int64{0}, 100, 0, 0},
		{"nothing grows", []int64{5, 5, 5}, 100, 0, 0},
		{"nothing left", []int64{0, 10}, 0, 0, 0},
		{"even", []int64{0, 10, 20, 30}, 1000, 90, 110},
		{"uneven", []int64{0, 20, 25, 30}, 1000, 45, 220},
		{"a pause", []int64{0, 20, 20, 40}, 1000, 45, 330},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r Rate
			for _, s := range c.samples {
				r.add(s)
			}
			if low, high := r.Remaining(c.left); low != c.low || high != c.high {
				t.Errorf("%d to %d, want %d to %d", low, high, c.low, c.high)
			}
		})
	}
}
