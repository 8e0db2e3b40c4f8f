package metrics

import (
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Sampled is a family of histograms of which not every event is measured: one
// that is stands for several. So the counts and sums are those of all events,
// give or take what sampling errs, and the measuring costs little. It is safe for
// concurrent use.
type Sampled struct {
	desc   *prometheus.Desc
	labels []string
	upper  []float64 // the buckets' ends

	mu     sync.Mutex
	series map[string]*Sample // guarded by mu; by the values of the labels
}

// NewSampled makes a family. Of opts the namespace, subsystem, name, help and
// buckets count.
func NewSampled(opts prometheus.HistogramOpts, labels []string) *Sampled {
	name := prometheus.BuildFQName(opts.Namespace, opts.Subsystem, opts.Name)
	return &Sampled{desc: prometheus.NewDesc(name, opts.Help, labels, nil), labels: labels, upper: opts.Buckets, series: map[string]*Sample{}}
}

// Sample is one histogram of a Sampled. A nil one counts for nobody.
type Sample struct {
	of     *Sampled
	values []string

	mu     sync.Mutex
	counts []uint64 // guarded by mu; per bucket, the last one is beyond all ends
	n      uint64   // guarded by mu
	sum    float64  // guarded by mu
}

// WithLabelValues gives the histogram with these values of the labels.
func (s *Sampled) WithLabelValues(values ...string) *Sample {
	key := strings.Join(values, "\xff")
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.series[key]
	if x == nil {
		x = &Sample{of: s, values: slices.Clone(values), counts: make([]uint64, len(s.upper)+1)}
		s.series[key] = x
	}
	return x
}

// Observe counts one value that was measured, for so many events.
func (x *Sample) Observe(value float64, events uint64) {
	if x == nil || events == 0 {
		return
	}
	at := sort.SearchFloat64s(x.of.upper, value)
	x.mu.Lock()
	x.counts[at] += events
	x.n += events
	x.sum += value * float64(events)
	x.mu.Unlock()
}

// Describe gives the family.
func (s *Sampled) Describe(ch chan<- *prometheus.Desc) { ch <- s.desc }

// Collect gives the histograms as they are now.
func (s *Sampled) Collect(ch chan<- prometheus.Metric) {
	s.mu.Lock()
	all := slices.Collect(maps.Values(s.series))
	s.mu.Unlock()
	for _, x := range all {
		n, sum, buckets := x.now()
		ch <- prometheus.MustNewConstHistogram(s.desc, n, sum, buckets, x.values...)
	}
}

// now gives what was counted, the buckets as Prometheus has them: each with all
// before it.
func (x *Sample) now() (n uint64, sum float64, buckets map[float64]uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	buckets = make(map[float64]uint64, len(x.of.upper))
	so := uint64(0)
	for i, end := range x.of.upper {
		so += x.counts[i]
		buckets[end] = so
	}
	return x.n, x.sum, buckets
}

// DeletePartialMatch takes away the histograms that have these labels.
func (s *Sampled) DeletePartialMatch(labels prometheus.Labels) (deleted int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, x := range s.series {
		if x.has(labels) {
			delete(s.series, key)
			deleted++
		}
	}
	return deleted
}

func (x *Sample) has(labels prometheus.Labels) bool {
	for name, value := range labels {
		at := slices.Index(x.of.labels, name)
		if at < 0 || x.values[at] != value {
			return false
		}
	}
	return true
}
