package rpc

import "testing"

func TestETA(t *testing.T) {
	for _, c := range []struct {
		low, high int64
		want      string
	}{{0, 0, ""}, {5, 5, "5s"}, {90, 4000, "1m30s to 1h6m40s"}} {
		if got := eta(c.low, c.high); got != c.want {
			t.Errorf("%d to %d: %q, want %q", c.low, c.high, got, c.want)
		}
	}
}
