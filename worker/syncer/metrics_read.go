package syncer

import (
	"time"

	families "github.com/raftdm/raftdm/internal/metrics"
)

// reading makes the families of what the reader measures.
func (f factory) reading() {
	m := f.m
	m.readTime = f.sampled("read_binlog_duration", "seconds from one event's end to the next event's arrival", durations(), ofTask...).
		WithLabelValues(m.task, m.source)
	m.eventSize = f.sampled("binlog_event_size", "bytes of an event", sizes(), ofWorker...).WithLabelValues(m.task, m.worker, m.source)
	const step, last = 100, 10_000
	m.eventRows = f.sampled("binlog_event_row", "rows of an event that has rows of the task", linear(step, last), "worker", "task", "source_id").
		WithLabelValues(m.worker, m.task, m.source)
	m.transform = f.sampled("binlog_transform_cost", "seconds to make rows of an event (gen-*-rows) or statements of a statement (gen-query),"+
		" to apply a group of transactions (dml-exec) or a DDL (ddl-exec)", durations(), "stage", "task", "worker", "source_id")
	skip := f.sampled("skip_binlog_duration", "seconds to pass an event or statement that does not concern the task", skips(), "type", "task", "source_id")
	m.skipRows, m.skipQuery = skip.WithLabelValues("rows", m.task, m.source), skip.WithLabelValues("query", m.task, m.source)
}

// linear gives DM's buckets from 0 to last.
func linear(step, last int) (out []float64) {
	for v := 0; v <= last; v += step {
		out = append(out, float64(v))
	}
	return out
}

// skips are DM's buckets for what is passed quickly: 0.5 µs to 8 s.
func skips() []float64 {
	out := make([]float64, 25)
	for i := range out {
		out[i] = 0.0000005 * float64(uint(1)<<i)
	}
	return out
}

// readMeter measures some of the events that the reader takes, in its goroutine.
// A nil one measures nothing.
type readMeter struct {
	sampler
	m      *metrics
	stages [len(genStages)]*families.Sample // by kind of row

	stands      uint64 // for how many the event in hand is measured; 0 for none
	began, came time.Time
	waited      bool // the event in hand has completed a transaction that had to wait
}

// genStages are DM's names for making statements of rows, by kind.
var genStages = [...]string{Insert: "gen-write-rows", Update: "gen-update-rows", Delete: "gen-delete-rows"}

func newReadMeter(m *metrics) *readMeter {
	out := &readMeter{m: m}
	for kind, stage := range genStages {
		out.stages[kind] = m.transform.WithLabelValues(stage, m.task, m.worker, m.source)
	}
	return out
}

// reads says that the next event is asked for.
func (r *readMeter) reads() {
	if r == nil {
		return
	}
	if r.stands = r.due(); r.stands > 0 {
		r.began, r.waited = time.Now(), false
	}
}

// arrived says that it is there.
func (r *readMeter) arrived() {
	if r != nil && r.stands > 0 {
		r.came = time.Now()
	}
}

// waits says that others may have to make room: how long it takes says nothing
// about the event any more.
func (r *readMeter) waits() {
	if r != nil {
		r.waited = true
	}
}

// leaves says that the event of so many bytes, which d has read, is done with.
func (r *readMeter) leaves(d *decoder, size int) {
	if r == nil || r.stands == 0 {
		return
	}
	r.m.readTime.Observe(r.came.Sub(r.began).Seconds(), r.stands)
	r.m.eventSize.Observe(float64(size), r.stands)
	if !d.rows.IsRows(byte(d.header.EventType)) {
		return
	}
	e := &d.image
	if wanted := d.wanted[e.Table]; wanted {
		r.m.eventRows.Observe(float64(len(e.Images)/images(e.Kind)), r.stands)
		if !r.waited {
			r.stages[e.Kind].Observe(time.Since(r.came).Seconds(), r.stands)
		}
	} else {
		r.m.skipRows.Observe(time.Since(r.came).Seconds(), r.stands)
	}
}
