package syncer

import (
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftdm/raftdm/internal/binlog"
	families "github.com/raftdm/raftdm/internal/metrics"
	"github.com/raftdm/raftdm/internal/schema"
)

// metrics are DM's series of the syncer for one subtask. Several subtasks share
// the collectors; each removes its own series at its end.
type metrics struct {
	task, source, worker string

	lagGauge   *prometheus.GaugeVec
	pos, file  *prometheus.GaugeVec
	txns       *prometheus.CounterVec
	added      *prometheus.CounterVec
	seen       counters // of added; only read uses it
	finished   *prometheus.CounterVec
	duration   *prometheus.HistogramVec
	eventRows  *prometheus.HistogramVec
	retries    *prometheus.CounterVec
	failures   *prometheus.CounterVec
	missed     *prometheus.CounterVec
	batchRows  *prometheus.HistogramVec
	collectors []interface {
		DeletePartialMatch(prometheus.Labels) int
	}
}

// newMetrics makes the collectors, or takes those that another subtask has
// registered. Without a registerer they count for nobody.
func newMetrics(reg prometheus.Registerer, task, source, worker string) *metrics {
	m := &metrics{task: task, source: source, worker: worker}
	of := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "dm", Subsystem: "syncer", Name: name, Help: help}
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return register(reg, m, prometheus.NewGaugeVec(prometheus.GaugeOpts(of(name, help)), labels))
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return register(reg, m, prometheus.NewCounterVec(prometheus.CounterOpts(of(name, help)), labels))
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return register(reg, m, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "dm", Subsystem: "syncer", Name: name, Help: help, Buckets: buckets}, labels))
	}
	const firstBucket, factor, buckets = 0.0005, 2, 18 // DM's own for durations: 0.5 ms to 65 s
	m.lagGauge = gauge("replication_lag_gauge", "replication lag, seconds", "task", "source_id", "worker")
	m.pos = gauge("binlog_pos", "offset in the current binlog file", "node", "task", "source_id")
	m.file = gauge("binlog_file", "number of the current binlog file", "node", "task", "source_id")
	m.txns = counter("finished_transaction_total", "target transactions committed", "task", "worker", "source_id")
	jobLabels := []string{"type", "task", "queueNo", "source_id", "worker", "target_schema", "target_table"}
	m.added = counter("added_jobs_total", "rows and statements read", jobLabels...)
	m.finished = counter("finished_jobs_total", "rows and statements applied", jobLabels...)
	m.duration = histogram("txn_duration_time", "duration of a target transaction, seconds",
		prometheus.ExponentialBuckets(firstBucket, factor, buckets), "task", "worker", "source_id")
	m.eventRows = histogram("binlog_event_row", "rows per source transaction", prometheus.LinearBuckets(0, 100, 101), "worker", "task", "source_id")
	m.batchRows = histogram("replication_transaction_batch", "rows per target transaction", prometheus.LinearBuckets(1, 50, 21),
		"worker", "task", "source_id", "queueNo", "type")
	m.retries = counter("sql_retries_total", "statements tried again", "type", "task")
	m.failures = counter("exit_with_error_count", "runs that ended with an error", "task", "source_id")
	m.missed = counter("unmatched_rows_total", "UPDATEs and DELETEs that met no row on the target", "task", "source_id")
	return m
}

func register[C interface {
	prometheus.Collector
	DeletePartialMatch(prometheus.Labels) int
}](reg prometheus.Registerer, m *metrics, c C) C {
	c = families.Family(reg, c)
	m.collectors = append(m.collectors, c)
	return c
}

// remove takes the subtask's series away.
func (m *metrics) remove() {
	for _, c := range m.collectors {
		if c == any(m.retries) {
			c.DeletePartialMatch(prometheus.Labels{"task": m.task}) // DM gives it no source
			continue
		}
		if c == any(m.failures) {
			continue // an alert looks at it after the run
		}
		c.DeletePartialMatch(prometheus.Labels{"task": m.task, "source_id": m.source})
	}
}

// folded is DM's queue label: it never shows more than eight queues.
func folded(lane int) string { return "q_" + strconv.Itoa(lane%8) }

func (m *metrics) read(t *Txn) {
	if len(t.Rows) == 0 {
		return
	}
	m.eventRows.WithLabelValues(m.worker, m.task, m.source).Observe(float64(len(t.Rows)))
	m.count(&m.seen, m.added, t.Rows, "")
}

// counters are the series of a vector that one goroutine has asked for: finding
// one by its seven labels takes longer than a row's share of all else.
type counters map[countKey]prometheus.Counter

type countKey struct {
	kind  Kind
	table schema.Name
}

// mostCounters bounds what is remembered, not what is counted.
const mostCounters = 1000

func (c *counters) of(to *prometheus.CounterVec, k countKey, m *metrics, queue string) prometheus.Counter {
	if found := (*c)[k]; found != nil {
		return found
	}
	if *c == nil || len(*c) >= mostCounters {
		*c = counters{}
	}
	made := to.WithLabelValues(k.kind.String(), m.task, queue, m.source, m.worker, k.table.Schema, k.table.Table)
	(*c)[k] = made
	return made
}

// count adds rows by kind and table. Neighbours mostly share both.
func (m *metrics) count(c *counters, to *prometheus.CounterVec, rows []Row, queue string) {
	for i := 0; i < len(rows); {
		k := i + 1
		for k < len(rows) && rows[k].Kind == rows[i].Kind && rows[k].Table == rows[i].Table {
			k++
		}
		c.of(to, countKey{rows[i].Kind, rows[i].Table}, m, queue).Add(float64(k - i))
		i = k
	}
}

func (m *metrics) applied(c *counters, lane int, group []*Txn, rows int, took time.Duration) {
	m.txns.WithLabelValues(m.task, m.worker, m.source).Inc()
	m.duration.WithLabelValues(m.task, m.worker, m.source).Observe(took.Seconds())
	m.batchRows.WithLabelValues(m.worker, m.task, m.source, folded(lane), "rows").Observe(float64(rows))
	for _, t := range group {
		m.count(c, m.finished, t.Rows, folded(lane))
	}
}

func (m *metrics) executed(n int) {
	m.finished.WithLabelValues("ddl", m.task, "", m.source, m.worker, "", "").Add(float64(n))
}

func (m *metrics) unmatched() { m.missed.WithLabelValues(m.task, m.source).Inc() }

func (m *metrics) retried(kind string) { m.retries.WithLabelValues(kind, m.task).Inc() }

func (m *metrics) failed() { m.failures.WithLabelValues(m.task, m.source).Inc() }

func (m *metrics) lag(seconds int64) {
	m.lagGauge.WithLabelValues(m.task, m.source, m.worker).Set(float64(seconds))
}

// position shows how far a node is: by number of the file and offset in it.
func (m *metrics) position(node string, p binlog.Position) {
	if p.Name == "" {
		return
	}
	m.pos.WithLabelValues(node, m.task, m.source).Set(float64(p.Pos))
	if _, number, found := strings.Cut(p.Name, "."); found {
		if n, err := strconv.Atoi(number); err == nil {
			m.file.WithLabelValues(node, m.task, m.source).Set(float64(n))
		}
	}
}
