package syncer

import (
	"context"
	"math"
	"time"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/dbconn"
)

// measure tells the stages where to count. It comes before any of them starts.
func (s *stats) measure(r *reader, c *coordinator, lanes []*lane) {
	r.meter = newReadMeter(s.metrics)
	c.meter.m = s.metrics
	for _, l := range lanes {
		l.meter = newLaneMeter(s.metrics, l.id, len(lanes))
		l.target.meter = l.meter
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.samplers = []*sampler{&r.meter.sampler, &c.meter.sampler}
	s.left = left{}
}

// watchQueues tells what waits between the stages.
func (s *stats) watchQueues(txns <-chan *Txn, jobs []chan job, o *order) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queues = func() map[string]int64 {
		out := map[string]int64{"causality_input": int64(len(txns)), "dml_worker_input": 0}
		for i := range jobs {
			out["dml_worker_input"] += int64(len(jobs[i]))
			out[folded(i)] += o.load[i].Load()
		}
		return out
	}
}

// showQueuesLocked sets the gauges of what waits, and begins a second for those
// who measure.
func (s *stats) showQueuesLocked() {
	for _, x := range s.samplers {
		x.refill()
	}
	if s.queues == nil {
		return
	}
	for name, n := range s.queues() {
		s.metrics.queue.WithLabelValues(s.metrics.task, name, s.metrics.source).Set(float64(n))
	}
}

// left works out how long it takes to reach the end of the source's binlog.
type left struct {
	files binlogFiles
	asked time.Time
	bytes uint64    // read when the speed was looked at last
	at    time.Time // when that was
	speed float64   // bytes a second, of the last seconds more than of those before
}

const (
	// filesEvery is how often the source is asked for the sizes of its files.
	filesEvery = 30 * time.Second
	// newest is the share of the last second in the speed.
	newest = 0.2
)

// forecast shows the remaining time. Only while the target is some files behind
// is the source asked for their sizes.
func (s *stats) forecast(ctx context.Context, up *dbconn.DB) {
	s.mu.Lock()
	at, to, synced := s.at.Position, s.master.Position, s.syncedLocked()
	read := uint64(0)
	if s.reader != nil {
		read = s.reader.bytes.Load()
	}
	s.mu.Unlock()
	now, l := time.Now(), &s.left
	l.look(now, read)
	if at.Name != to.Name && !synced && now.Sub(l.asked) >= filesEvery {
		if files, err := readFiles(ctx, up); err == nil {
			l.files, l.asked = files, now
		}
	}
	if bytes, known := l.files.between(at, to); synced {
		s.metrics.remaining.Set(0)
	} else if known {
		s.metrics.remaining.Set(l.seconds(bytes))
	}
}

// look takes what has been read so far.
func (l *left) look(now time.Time, read uint64) {
	if d := now.Sub(l.at).Seconds(); !l.at.IsZero() && d > 0 && read >= l.bytes {
		speed := float64(read-l.bytes) / d
		if l.speed == 0 {
			l.speed = speed
		}
		l.speed += newest * (speed - l.speed)
	}
	l.bytes, l.at = read, now
}

func (l *left) seconds(bytes int64) float64 {
	const still = 1 // a byte a second is no speed
	switch {
	case bytes == 0:
		return 0
	case l.speed < still:
		return math.Inf(1)
	}
	return float64(bytes) / l.speed
}

// binlogFiles are the files of a source and their sizes, in their order.
type binlogFiles []struct {
	name string
	size int64
}

// between counts the bytes from one place to another. It is not known when a
// file is not.
func (f binlogFiles) between(from, to binlog.Position) (bytes int64, known bool) {
	if from.Name == "" || to.Name == "" {
		return 0, false
	}
	if from.Name == to.Name {
		return max(0, int64(to.Pos)-int64(from.Pos)), true
	}
	for i := range f {
		if f[i].name == to.Name {
			return bytes + int64(to.Pos), known
		}
		if f[i].name == from.Name {
			bytes, known = max(0, f[i].size-int64(from.Pos)), true
		} else if known {
			bytes += f[i].size
		}
	}
	return bytes + int64(to.Pos), known // the source has begun a file since it was asked
}

func readFiles(ctx context.Context, up *dbconn.DB) (binlogFiles, error) {
	rows, err := up.QueryContext(ctx, "SHOW BINARY LOGS")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns() // a MySQL has one more than a MariaDB
	if err != nil {
		return nil, err
	}
	var out binlogFiles
	for rows.Next() {
		var one struct {
			name string
			size int64
		}
		into := []any{&one.name, &one.size}
		for len(into) < len(columns) {
			into = append(into, new(any))
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, rows.Err()
}
