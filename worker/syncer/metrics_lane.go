package syncer

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	families "github.com/raftdm/raftdm/internal/metrics"
	"github.com/raftdm/raftdm/internal/schema"
)

// target makes the families of what lanes measure.
func (f factory) target() {
	m := f.m
	m.txns = f.counter("finished_transaction_total", "target transactions committed", ofWorker...).WithLabelValues(m.task, m.worker, m.source)
	m.duration = f.histogram("txn_duration_time", "seconds of a target transaction, attempts that failed included", durations(), ofWorker...).
		WithLabelValues(m.task, m.worker, m.source)
	m.queries = f.histogram("query_duration_time", "seconds of a DDL on the target", durations(), ofWorker...).WithLabelValues(m.task, m.worker, m.source)
	m.stmts = f.histogram("stmt_duration_time", "seconds of one trip to the target: stmt is a text of statements, the first with its BEGIN, which so never goes alone",
		durations(), "type", "task")
	m.stmts.WithLabelValues("begin", m.task) // stays 0
	const first, step, buckets = 1, 50, 21
	m.batch = f.histogram("replication_transaction_batch", "rows of the source and statements in a target transaction",
		prometheus.LinearBuckets(first, step, buckets), "worker", "task", "source_id", "queueNo", "type")
	m.ideal = f.gauge("ideal_qps", "statements a second if all lanes were always at work like the one that committed last", ofWorker...).
		WithLabelValues(m.task, m.worker, m.source)
}

// laneMeter measures one lane's work, in its goroutine. A nil one measures nothing.
type laneMeter struct {
	m              *metrics
	lane, lanes    int
	finished       counters
	rows, texts    prometheus.Observer
	dml            *families.Sample
	stmt, com, rol prometheus.Observer
}

func newLaneMeter(m *metrics, lane, lanes int) *laneMeter {
	batch := func(what string) prometheus.Observer {
		return m.batch.WithLabelValues(m.worker, m.task, m.source, folded(lane), what)
	}
	stmt := func(what string) prometheus.Observer { return m.stmts.WithLabelValues(what, m.task) }
	return &laneMeter{m: m, lane: lane, lanes: lanes, rows: batch("rows"), texts: batch("statements"),
		dml:  m.transform.WithLabelValues("dml-exec", m.task, m.worker, m.source),
		stmt: stmt("stmt"), com: stmt("commit"), rol: stmt("rollback")}
}

// applied measures a group that is on the target now.
func (l *laneMeter) applied(group []*Txn, rows, statements int, took time.Duration) {
	seconds := took.Seconds()
	l.m.txns.Inc()
	l.m.duration.Observe(seconds)
	l.dml.Observe(seconds, 1)
	l.rows.Observe(float64(rows))
	l.texts.Observe(float64(statements))
	if seconds > 0 {
		l.m.ideal.Set(float64(l.lanes*statements) / seconds)
	}
	for _, t := range group {
		l.m.count(&l.finished, l.m.finished, t.Rows, l.lane)
	}
}

// trip measures one text that the target has answered.
func (l *laneMeter) trip(text string, took time.Duration) {
	if l == nil {
		return
	}
	switch text {
	case "COMMIT":
		l.com.Observe(took.Seconds())
	case "ROLLBACK":
		l.rol.Observe(took.Seconds())
	default:
		l.stmt.Observe(took.Seconds())
	}
}

// flushed counts a record of the watermark.
func (l *laneMeter) flushed() {
	l.m.finished.WithLabelValues("flush", l.m.task, admin, l.m.source, l.m.worker, "", "").Inc()
}

// slowTxn is from when on the log says how long a target transaction took, as DM does.
const slowTxn = time.Second

// slow says what was in a group that took long.
func (l *lane) slow(group []*Txn, took time.Duration) {
	l.log.Warn("execute transaction too slow", "lane", l.id, "cost time", took, "transactions", len(group), "rows", rows(group),
		"statements", len(l.sql.stmts), "tables", tablesOf(group), "from", group[0].Begin, "to", group[len(group)-1].End.Position)
}

// tablesOf lists the tables of a group and the rows of each, the first of many.
func tablesOf(group []*Txn) string {
	counts := map[schema.Name]int{}
	var order []schema.Name
	for _, t := range group {
		for i := range t.Rows {
			n := t.Rows[i].Table
			if counts[n]++; counts[n] == 1 {
				order = append(order, n)
			}
		}
	}
	const most = 10
	var out []string
	for _, n := range order[:min(most, len(order))] {
		out = append(out, fmt.Sprintf("%s.%s (%d)", n.Schema, n.Table, counts[n]))
	}
	if more := len(order) - most; more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(out, ", ")
}
