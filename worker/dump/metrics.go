package dump

import (
	"github.com/prometheus/client_golang/prometheus"

	families "github.com/raftdm/raftdm/internal/metrics"
)

// metrics are the dump's counters for one task and source, under DM's names.
type metrics struct {
	rows, size, tables, estimate prometheus.Gauge
	errors, exits, exitsToo      prometheus.Counter
	write, receive               prometheus.Observer
}

// newMetrics registers the families (once per registry) and picks the series of
// this task and source. reg may be nil.
func newMetrics(reg prometheus.Registerer, task, source string) *metrics {
	labels := []string{"task", "source_id"}
	gauge := func(name, help string) prometheus.Gauge {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
		return families.Family(reg, v).WithLabelValues(task, source)
	}
	counter := func(name, help string) prometheus.Counter {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		return families.Family(reg, v).WithLabelValues(task, source)
	}
	histogram := func(name, help string) prometheus.Observer {
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help,
			Buckets: prometheus.ExponentialBuckets(0.00005, 2, 20)}, labels)
		return families.Family(reg, v).WithLabelValues(task, source)
	}
	return &metrics{
		rows:     gauge("dumpling_dump_finished_rows", "Rows written by the present dump."),
		size:     gauge("dumpling_dump_finished_size", "Bytes written by the present dump."),
		tables:   gauge("dumpling_dump_finished_tables", "Tables completed by the present dump."),
		estimate: gauge("dumpling_dump_estimate_total_rows", "Rows that the source expects the present dump to have."),
		errors:   counter("dumpling_dump_error_count", "Failed attempts to dump, those that are retried included."),
		exits:    counter("dm_dumpling_exit_with_error_count", "Dumps that ended with an error for the operator."),
		exitsToo: counter("dm_mydumper_exit_with_error_count", "The same as dm_dumpling_exit_with_error_count, under the name that DM's alert rule has."),
		write:    histogram("dumpling_write_write_duration_time", "Seconds to write a buffer to its file."),
		receive:  histogram("dumpling_write_receive_chunk_duration_time", "Seconds that a reader waited for its next chunk."),
	}
}

// reset begins a new attempt.
func (m *metrics) reset(p *progress) {
	m.rows.Set(float64(p.rows.Load()))
	m.size.Set(float64(p.bytes.Load()))
	m.tables.Set(float64(p.tables.Load()))
	m.estimate.Set(float64(p.estimate))
}
