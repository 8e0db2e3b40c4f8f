package worker

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/metrics"
	"github.com/raftdm/raftdm/worker/dump"
	"github.com/raftdm/raftdm/worker/load"
	"github.com/raftdm/raftdm/worker/syncer"
)

// families keeps what is registered with it.
type families []prometheus.Collector

func (f *families) Register(c prometheus.Collector) error {
	*f = append(*f, c)
	return nil
}
func (f *families) MustRegister(cs ...prometheus.Collector) { *f = append(*f, cs...) }
func (f *families) Unregister(prometheus.Collector) bool    { return false }

// TestMetricsAreDMs compares all series that a worker exports with DM's: names,
// types, labels and buckets. What is missing says why.
func TestMetricsAreDMs(t *testing.T) {
	var found families
	New(Config{Name: "w", Log: slog.New(slog.DiscardHandler), Metrics: &found})
	found.MustRegister(metrics.NewCPU("worker"))
	dump.New(dump.Config{Metrics: &found})
	load.New(load.Config{Metrics: &found})
	over, cancel := context.WithCancel(t.Context())
	cancel()
	unit := syncer.New(syncer.Config{Metrics: &found, Subtask: config.Subtask{Task: "t", SourceID: "s"}})
	if err := unit.Run(over); err == nil {
		t.Fatal("a unit that was ended runs")
	}
	exported := map[string]string{}
	for _, c := range found {
		name, text := describe(t, c)
		exported[name] = text
	}
	listed := readMetrics(t)
	for name, want := range listed {
		got, is := exported[name]
		switch {
		case !want.exported && is:
			t.Errorf("%s is exported; strike it from what is not yet", name)
		case want.exported && !is:
			t.Errorf("%s is not exported", name)
		case is && got != want.text && got != strings.Replace(want.text, " any", got[strings.LastIndex(got, " "):], 1):
			t.Errorf("%s is a\n%s, want a\n%s", name, got, want.text)
		}
	}
	for name := range exported {
		if _, is := listed[name]; !is {
			t.Errorf("%s is exported and not listed", name)
		}
	}
}

var inDesc = regexp.MustCompile(`fqName: "([^"]*)".*variableLabels: \{([^}]*)\}`)

// describe gives a family's name, and its type, labels and buckets.
func describe(t *testing.T, c prometheus.Collector) (name, text string) {
	t.Helper()
	descs := make(chan *prometheus.Desc, 1)
	c.Describe(descs)
	parts := inDesc.FindStringSubmatch((<-descs).String())
	var labels []string
	if parts[2] != "" {
		labels = strings.Split(parts[2], ",")
	}
	values := make([]string, len(labels))
	switch v := c.(type) { // so that there is a series
	case *prometheus.GaugeVec:
		v.WithLabelValues(values...)
	case *prometheus.CounterVec:
		v.WithLabelValues(values...)
	case *prometheus.HistogramVec:
		v.WithLabelValues(values...)
	case *metrics.Sampled:
		v.WithLabelValues(values...)
	}
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(c)
	all, err := reg.Gather()
	if err != nil || len(all) != 1 {
		t.Fatalf("%s: %d families, %v", parts[1], len(all), err)
	}
	slices.Sort(labels)
	return parts[1], fmt.Sprintf("%s %s %s", strings.ToLower(all[0].GetType().String()), orNone(strings.Join(labels, ",")), buckets(all[0].Metric[0]))
}

func orNone(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func buckets(m *dto.Metric) string {
	var ends []float64
	for _, b := range m.GetHistogram().GetBucket() {
		ends = append(ends, b.GetUpperBound())
	}
	return ends2text(ends)
}

func ends2text(ends []float64) string {
	if len(ends) == 0 {
		return "-"
	}
	return strings.ReplaceAll(fmt.Sprintf("%.6g", ends), " ", ",")
}

type listedMetric struct {
	exported bool
	text     string
}

// readMetrics reads testdata/metrics.txt.
func readMetrics(t *testing.T) map[string]listedMetric {
	t.Helper()
	f, err := os.Open("testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string]listedMetric{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := strings.Fields(lines.Text())
		if len(line) == 0 || line[0] == "#" {
			continue
		}
		const state = 4
		if len(line) <= state || out[line[0]].text != "" {
			t.Fatalf("%q cannot be read, or is there twice", lines.Text())
		}
		labels := strings.Split(line[2], ",")
		slices.Sort(labels)
		out[line[0]] = listedMetric{exported: line[state] != "not", text: line[1] + " " + strings.Join(labels, ",") + " " + bucketsOf(t, line[3])}
	}
	return out
}

// bucketsOf reads exp(start,factor,n) and linear(start,step,n).
func bucketsOf(t *testing.T, text string) string {
	t.Helper()
	var a, b float64
	var n int
	if _, err := fmt.Sscanf(text, "exp(%g,%g,%d)", &a, &b, &n); err == nil {
		return ends2text(prometheus.ExponentialBuckets(a, b, n))
	}
	if _, err := fmt.Sscanf(text, "linear(%g,%g,%d)", &a, &b, &n); err == nil {
		return ends2text(prometheus.LinearBuckets(a, b, n))
	}
	if text != "-" && text != "any" {
		t.Fatalf("buckets %q", text)
	}
	return text
}
