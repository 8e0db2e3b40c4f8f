package load

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	families "github.com/raftdm/raftdm/internal/metrics"
)

// metrics are the load's series for one task and source, under DM's names.
type metrics struct {
	failed, exits, conflicts       prometheus.Counter
	query                          prometheus.Observer
	txn                            *prometheus.HistogramVec
	begin, stmt, commit            prometheus.Observer
	files, tables, bytes, progress prometheus.Gauge
	remaining                      *prometheus.GaugeVec
}

// newMetrics registers the families (once per registry) and picks the series of
// this task and source. reg may be nil.
func newMetrics(reg prometheus.Registerer, task, source string) *metrics {
	gauge := func(name, help string) prometheus.Gauge {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"task", "source_id"})
		return families.Family(reg, v).WithLabelValues(task, source)
	}
	counter := func(name, help string) prometheus.Counter {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"task", "source_id"})
		return families.Family(reg, v).WithLabelValues(task, source)
	}
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return families.Family(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help,
			Buckets: prometheus.ExponentialBuckets(0.000005, 2, 25)}, labels))
	}
	stmt := histogram("dm_loader_stmt_duration_time", "Seconds of one statement on the target.", "type", "task")
	return &metrics{
		failed:    counter("dm_loader_tidb_execution_error", "Failures on the target, those that are retried included."),
		exits:     counter("dm_loader_exit_with_error_count", "Loads that ended with an error for the operator."),
		conflicts: counter("dm_loader_conflict_rows", "Rows of the dump that the target held already."),
		query:     histogram("dm_loader_query_duration_time", "Seconds to read a batch from its file.", "task", "source_id").WithLabelValues(task, source),
		txn:       histogram("dm_loader_txn_duration_time", "Seconds of one transaction on the target.", "task", "worker", "source_id", "target_schema", "target_table"),
		begin:     stmt.WithLabelValues("begin", task),
		stmt:      stmt.WithLabelValues("stmt", task),
		commit:    stmt.WithLabelValues("commit", task),
		files:     gauge("dm_loader_data_file_gauge", "Data files of the dump."),
		tables:    gauge("dm_loader_table_gauge", "Tables of the dump."),
		bytes:     gauge("dm_loader_data_size_gauge", "Bytes of all data files of the dump."),
		progress:  gauge("dm_loader_progress", "Part of the dump that is loaded, 0 to 1."),
		remaining: families.Family(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "dm_loader_remaining_time", Help: "Seconds that the rows of the table take which are not loaded, at the present speed of all."}, []string{"task", "worker", "source_id", "source_schema", "source_table"})),
	}
}

// export sets the gauges once a second until ctx ends, and once more then.
func (u *Unit) export(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		u.exportNow()
		select {
		case <-ctx.Done():
			u.exportNow()
			return
		case <-tick.C:
		}
	}
}

func (u *Unit) exportNow() {
	u.mu.Lock()
	defer u.mu.Unlock()
	c := u.seen()
	if c == nil {
		return
	}
	done := u.bytes.Load()
	u.metrics.files.Set(float64(c.count))
	u.metrics.tables.Set(float64(len(c.tables)))
	u.metrics.bytes.Set(float64(c.total))
	switch {
	case !c.closed():
		u.metrics.progress.Set(0) // nobody knows how much it will be
		return
	case c.total > 0:
		u.metrics.progress.Set(float64(done) / float64(c.total))
	default:
		u.metrics.progress.Set(1)
	}
	rate := u.rate.PerSecond()
	if rate == 0 && done < c.total {
		return // no speed, no forecast
	}
	for _, t := range c.tables {
		u.metrics.remaining.WithLabelValues(u.cfg.Subtask.Task, u.cfg.Worker, u.cfg.Subtask.SourceID, t.Schema, t.Table).Set(t.remaining(rate))
	}
}

// remaining is how many seconds of the load are the table's, at so many bytes a
// second of all: dashboards add the tables up.
func (t *table) remaining(rate int64) float64 {
	return float64(max(0, t.bytes-t.loaded.Load())) / float64(max(rate, 1))
}
