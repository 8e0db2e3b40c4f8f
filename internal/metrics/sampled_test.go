package metrics

import (
	"math/rand/v2"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// gather gives the histogram of a family that has this value of the label x.
func gather(t *testing.T, reg *prometheus.Registry, name, x string) *dto.Histogram {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.Metric {
			for _, l := range m.Label {
				if f.GetName() == name && l.GetName() == "x" && l.GetValue() == x {
					return m.Histogram
				}
			}
		}
	}
	return nil
}

// TestSampledIsAHistogram: where every event is measured it is what Prometheus'
// own histogram is.
func TestSampledIsAHistogram(t *testing.T) {
	opts := prometheus.HistogramOpts{Namespace: "n", Subsystem: "s", Name: "mine", Help: "h", Buckets: prometheus.ExponentialBuckets(0.5, 2, 6)}
	theirs := opts
	theirs.Name = "theirs"
	reg := prometheus.NewRegistry()
	a := Family(New(reg), NewSampled(opts, []string{"x", "y"}))
	b := Family(New(reg), prometheus.NewHistogramVec(theirs, []string{"x", "y"}))
	for range 2000 {
		v, times := rand.ExpFloat64()*5, 1+rand.IntN(3)
		if rand.IntN(4) == 0 {
			v = 4 // an end belongs to the bucket that it ends
		}
		a.WithLabelValues("1", "2").Observe(v, uint64(times))
		for range times {
			b.WithLabelValues("1", "2").Observe(v)
		}
	}
	got, want := gather(t, reg, "n_s_mine", "1"), gather(t, reg, "n_s_theirs", "1")
	const close = 1e-6
	if got.GetSampleCount() != want.GetSampleCount() || got.GetSampleSum()-want.GetSampleSum() > close || want.GetSampleSum()-got.GetSampleSum() > close {
		t.Errorf("%d values of %f, want %d of %f", got.GetSampleCount(), got.GetSampleSum(), want.GetSampleCount(), want.GetSampleSum())
	}
	for i, w := range want.Bucket {
		if g := got.Bucket[i]; g.GetUpperBound() != w.GetUpperBound() || g.GetCumulativeCount() != w.GetCumulativeCount() {
			t.Errorf("bucket %d: %v, want %v", i, g, w)
		}
	}
}

func TestSampledIsSharedAndForgotten(t *testing.T) {
	reg := prometheus.NewRegistry()
	f := New(reg)
	one := func() *Sampled {
		return Family(f, NewSampled(prometheus.HistogramOpts{Name: "m", Help: "h", Buckets: []float64{1}}, []string{"x", "task"}))
	}
	if one() != one() {
		t.Fatal("the second unit did not find the family of the first")
	}
	kept := one().WithLabelValues("1", "a")
	kept.Observe(1, 3)
	one().WithLabelValues("2", "b").Observe(1, 5)
	f.Forget(prometheus.Labels{"task": "a"})
	f.Forget(prometheus.Labels{"other": "b"})
	if gather(t, reg, "m", "1") != nil || gather(t, reg, "m", "2").GetSampleCount() != 5 {
		t.Error("the wrong series are gone")
	}
	kept.Observe(1, 1) // by somebody who does not know yet
	var none *Sample
	none.Observe(1, 1)
}
