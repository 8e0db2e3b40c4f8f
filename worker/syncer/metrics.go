package syncer

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftdm/raftdm/internal/binlog"
	families "github.com/raftdm/raftdm/internal/metrics"
)

// metrics are DM's series of the syncer for one subtask. Several subtasks share
// the families; each removes its own series at its end.
//
// What happens for each event or transaction is counted exactly and measured
// for some of them only (see sampler); what happens for each target transaction
// is measured each time. A series is looked up by its labels once.
type metrics struct {
	task, source, worker string

	lagGauge, remaining, ideal        prometheus.Gauge
	lagSeen, flushes, queries         prometheus.Observer
	missed, failures                  prometheus.Counter
	retries                           *prometheus.CounterVec
	pos, file, queue                  *prometheus.GaugeVec
	added, finished                   *prometheus.CounterVec
	txns                              prometheus.Counter
	duration, size                    prometheus.Observer
	stmts, batch                      *prometheus.HistogramVec
	readTime, eventSize, eventRows    *families.Sample
	conflicts, skipRows, skipQuery    *families.Sample
	transform, jobTime, dispatchTimes *families.Sampled

	mu      sync.Mutex
	flushed time.Time // guarded by mu: when the watermark was recorded last

	collectors []vector
}

// vector is a family that gives series away.
type vector interface {
	prometheus.Collector
	DeletePartialMatch(prometheus.Labels) int
}

// The labels of DM's series, in its order.
var (
	ofTask   = []string{"task", "source_id"}
	ofWorker = []string{"task", "worker", "source_id"}
	ofJob    = []string{"type", "task", "queueNo", "source_id", "worker", "target_schema", "target_table"}
)

// sampledHelp says of a family that not every event is measured.
const sampledHelp = "; some of many are measured, each for all since the one before"

// newMetrics makes the families, or takes those that another subtask has
// registered. Without a registerer they count for nobody.
func newMetrics(reg prometheus.Registerer, task, source, worker string) *metrics {
	m := &metrics{task: task, source: source, worker: worker}
	f := factory{reg: reg, m: m}
	m.lagGauge = f.gauge("replication_lag_gauge", "replication lag, seconds", "task", "source_id", "worker").WithLabelValues(task, source, worker)
	m.lagSeen = f.histogram("replication_lag", "replication lag, seconds, looked at once a second", prometheus.ExponentialBuckets(0.5, 2, 12),
		"task", "source_id", "worker").WithLabelValues(task, source, worker)
	m.remaining = f.gauge("remaining_time", "seconds until the end of the source's binlog is reached at the present speed of reading; +Inf while nothing is read",
		"task", "source_id", "worker").WithLabelValues(task, source, worker)
	m.pos = f.gauge("binlog_pos", "offset in the current binlog file", "node", "task", "source_id")
	m.file = f.gauge("binlog_file", "number of the current binlog file", "node", "task", "source_id")
	m.queue = f.gauge("queue_size", "what waits: rows in q_n, transactions in causality_input (not ordered yet) and jobs in dml_worker_input (for a lane); there is no compactor_input",
		"task", "queue_id", "source_id")
	m.retries = f.counter("sql_retries_total", "statements tried again", "type", "task")
	failures := prometheus.NewCounterVec(prometheus.CounterOpts(f.opts("exit_with_error_count", "runs that ended with an error")), ofTask)
	m.failures = families.Family(reg, failures).WithLabelValues(task, source) // stays behind the run, for an alert
	m.missed = f.counter("unmatched_rows_total", "UPDATEs and DELETEs that met no row on the target", ofTask...).WithLabelValues(task, source)
	m.flushes = f.histogram("flush_checkpoints_time_interval", "seconds between two records of the watermark in the table that DM's tools read",
		prometheus.LinearBuckets(1, 50, 21), "worker", "task", "source_id").WithLabelValues(worker, task, source)
	f.gauge("shard_lock_resolving", "1 while a shard DDL lock is waited for: always 0, as there is no shard merge yet", ofTask...).WithLabelValues(task, source).Set(0)
	f.gauge("unsynced_table_number", "tables of a shard group that a DDL has not reached: no series, as there is no shard merge yet", "task", "table", "source_id")
	f.jobs()
	f.target()
	f.reading()
	return m
}

// factory makes families for m.
type factory struct {
	reg prometheus.Registerer
	m   *metrics
}

func (f factory) opts(name, help string) prometheus.Opts {
	return prometheus.Opts{Namespace: "dm", Subsystem: "syncer", Name: name, Help: help}
}

func (f factory) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	return register(f, prometheus.NewGaugeVec(prometheus.GaugeOpts(f.opts(name, help)), labels))
}

func (f factory) counter(name, help string, labels ...string) *prometheus.CounterVec {
	return register(f, prometheus.NewCounterVec(prometheus.CounterOpts(f.opts(name, help)), labels))
}

func (f factory) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return register(f, prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "dm", Subsystem: "syncer", Name: name, Help: help, Buckets: buckets}, labels))
}

func (f factory) sampled(name, help string, buckets []float64, labels ...string) *families.Sampled {
	return register(f, families.NewSampled(prometheus.HistogramOpts{
		Namespace: "dm", Subsystem: "syncer", Name: name, Help: help + sampledHelp, Buckets: buckets}, labels))
}

func register[C vector](f factory, c C) C {
	c = families.Family(f.reg, c)
	f.m.collectors = append(f.m.collectors, c)
	return c
}

// durations are DM's buckets for most times: 5 µs to 84 s.
func durations() []float64 { return prometheus.ExponentialBuckets(0.000005, 2, 25) }

// sizes are DM's buckets for the bytes of an event.
func sizes() []float64 { return prometheus.ExponentialBuckets(16, 2, 20) }

// remove takes the subtask's series away.
func (m *metrics) remove() {
	own := prometheus.Labels{"task": m.task, "source_id": m.source}
	for _, c := range m.collectors {
		if c == any(m.retries) || c == any(m.stmts) {
			c.DeletePartialMatch(prometheus.Labels{"task": m.task}) // DM gives it no source
			continue
		}
		c.DeletePartialMatch(own)
	}
}

// folded is DM's queue label: it never shows more than eight queues.
func folded(lane int) string { return "q_" + strconv.Itoa(lane%shownQueues) }

// shownQueues is how many queues DM shows.
const shownQueues = 8

// admin is DM's queue label of what is done with nothing else in flight.
const admin = "admin queue"

// executed counts DDL statements that were read and have been applied.
func (m *metrics) executed(n int) {
	for _, c := range []*prometheus.CounterVec{m.added, m.finished} {
		c.WithLabelValues("ddl", m.task, admin, m.source, m.worker, "", "").Add(float64(n))
	}
}

// ddl measures one statement on the target.
func (m *metrics) ddl(took time.Duration) {
	m.queries.Observe(took.Seconds())
	m.transform.WithLabelValues("ddl-exec", m.task, m.worker, m.source).Observe(took.Seconds(), 1)
}

func (m *metrics) unmatched() { m.missed.Inc() }

func (m *metrics) retried(kind string) { m.retries.WithLabelValues(kind, m.task).Inc() }

func (m *metrics) failed() { m.failures.Inc() }

// lag shows how far the target is behind.
func (m *metrics) lag(seconds int64) {
	m.lagGauge.Set(float64(seconds))
	m.lagSeen.Observe(float64(seconds))
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

// recorded says that the watermark was recorded now.
func (m *metrics) recorded(now time.Time) {
	m.mu.Lock()
	last := m.flushed
	m.flushed = now
	m.mu.Unlock()
	if !last.IsZero() {
		m.flushes.Observe(now.Sub(last).Seconds())
	}
}
