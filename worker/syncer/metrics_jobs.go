package syncer

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftdm/raftdm/internal/rowevent"
)

// jobs makes the families of what the coordinator counts and measures.
func (f factory) jobs() {
	m := f.m
	m.added = f.counter("added_jobs_total", "rows and statements read", ofJob...)
	m.finished = f.counter("finished_jobs_total", "rows and statements applied", ofJob...)
	m.conflicts = f.sampled("conflict_detect_duration", "seconds to find whom a transaction must wait for", durations(), ofTask...).
		WithLabelValues(m.task, m.source)
	m.jobTime = f.sampled("add_job_duration", "seconds until a transaction is with its lane or in the job that is made for it; its type is that of its first row",
		durations(), "type", "task", "queueNo", "source_id")
	m.dispatchTimes = f.sampled("dispatch_binlog_duration", "seconds to give a transaction to a lane, waiting for room included; its type is that of its first row",
		durations(), "type", "task", "source_id")
}

// jobMeter measures some of the transactions that the coordinator hands out, in
// its goroutine. The zero one measures nothing.
type jobMeter struct {
	sampler
	m     *metrics
	added [shownQueues]counters

	stands             uint64 // for how many the one in hand is measured; 0 for none
	began, sort, found time.Time
	kind, lane         string // of the one in hand, which belongs to its lane once it is handed out
}

// begins says that a transaction is taken in hand.
func (j *jobMeter) begins() {
	if j.m == nil {
		return
	}
	if j.stands = j.due(); j.stands > 0 {
		j.began = time.Now()
	}
}

// sorts says that its place is looked for now.
func (j *jobMeter) sorts() {
	if j.stands > 0 {
		j.sort = time.Now()
	}
}

// sorted says that it is known whom t waits for.
func (j *jobMeter) sorted(t *Txn) {
	if j.m == nil {
		return
	}
	j.m.count(&j.added[t.lane%shownQueues], j.m.added, t.Rows, t.lane)
	if j.kind = ""; j.stands > 0 && len(t.Rows) > 0 {
		j.found, j.kind, j.lane = time.Now(), t.Rows[0].Kind.String(), folded(t.lane)
	}
}

// handed says that it is where its lane finds it.
func (j *jobMeter) handed() {
	if j.stands == 0 || j.kind == "" {
		return
	}
	now := time.Now()
	j.m.conflicts.Observe(j.found.Sub(j.sort).Seconds(), j.stands)
	j.m.jobTime.WithLabelValues(j.kind, j.m.task, j.lane, j.m.source).Observe(now.Sub(j.found).Seconds(), j.stands)
	j.m.dispatchTimes.WithLabelValues(j.kind, j.m.task, j.m.source).Observe(now.Sub(j.began).Seconds(), j.stands)
}

// parsed measures the reading of a statement, of which so many are for the target.
func (j *jobMeter) parsed(took time.Duration, statements int) {
	switch {
	case j.m == nil:
	case statements == 0:
		j.m.skipQuery.Observe(took.Seconds(), 1)
	default:
		j.m.transform.WithLabelValues("gen-query", j.m.task, j.m.worker, j.m.source).Observe(took.Seconds(), 1)
	}
}

// flush counts a record of the watermark that lane 0 is asked for.
func (j *jobMeter) flush() {
	if j.m != nil {
		j.m.added.WithLabelValues("flush", j.m.task, admin, j.m.source, j.m.worker, "", "").Inc()
	}
}

// counters are the series of a vector that one goroutine has asked for: finding
// one by its seven labels takes longer than a row's share of all else.
type counters struct {
	known map[countKey]prometheus.Counter
	// last are those that were asked for last, by kind: mostly it is they again.
	last [rowevent.Kinds]struct {
		plan *plan
		is   prometheus.Counter
	}
}

type countKey struct {
	kind Kind
	plan *plan
}

// mostCounters bounds what is remembered, not what is counted.
const mostCounters = 1000

func (c *counters) of(to *prometheus.CounterVec, r *Row, m *metrics, lane int) prometheus.Counter {
	last := &c.last[r.Kind]
	if last.is == nil || last.plan != r.plan {
		last.plan, last.is = r.plan, c.find(to, r, m, lane)
	}
	return last.is
}

func (c *counters) find(to *prometheus.CounterVec, r *Row, m *metrics, lane int) prometheus.Counter {
	k := countKey{r.Kind, r.plan}
	if found := c.known[k]; found != nil {
		return found
	}
	if c.known == nil || len(c.known) >= mostCounters {
		c.known = map[countKey]prometheus.Counter{}
	}
	on := r.Table
	if r.plan != nil {
		on = r.plan.table.Name // as the target calls it
	}
	made := to.WithLabelValues(r.Kind.String(), m.task, folded(lane), m.source, m.worker, on.Schema, on.Table)
	c.known[k] = made
	return made
}

// count adds rows by kind and table. Neighbours mostly share both.
func (m *metrics) count(c *counters, to *prometheus.CounterVec, rows []Row, lane int) {
	for i := 0; i < len(rows); {
		k := i + 1
		for k < len(rows) && rows[k].Kind == rows[i].Kind && rows[k].plan == rows[i].plan {
			k++
		}
		c.of(to, &rows[i], m, lane).Add(float64(k - i))
		i = k
	}
}
