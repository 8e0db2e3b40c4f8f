package metrics

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func gauge() *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "g", Help: "h"}, []string{"task", "source_id"})
}

func TestFamiliesAreSharedAndForgotten(t *testing.T) {
	reg := prometheus.NewRegistry()
	f := New(reg)
	a, b := Family(f, gauge()), Family(f, gauge())
	if a != b {
		t.Fatal("the second unit did not find the family of the first")
	}
	a.WithLabelValues("t1", "s1").Set(1)
	a.WithLabelValues("t1", "s2").Set(1)
	a.WithLabelValues("t2", "s1").Set(1)
	f.Forget(prometheus.Labels{"task": "t1"})
	if n, err := testutil.GatherAndCount(reg, "g"); err != nil || n != 1 {
		t.Errorf("%d series are left (%v), want that of t2", n, err)
	}
}

func TestWithoutARegistryNothingIsExported(t *testing.T) {
	if c := gauge(); Family[*prometheus.GaugeVec](nil, c) != c {
		t.Error("got another family")
	}
}
