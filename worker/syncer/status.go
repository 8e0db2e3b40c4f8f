package syncer

import (
	"context"
	"sync"
	"time"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/status"
)

// refreshEvery is how often the source is asked for its position and rates are
// sampled.
const refreshEvery = time.Second

// stats is what the unit says about itself. All stages write it; Fill reads it.
type stats struct {
	metrics *metrics // set before any goroutine starts
	byGTID  bool
	window  *window
	reader  *reader
	left    left // only refresh uses it

	mu sync.Mutex

	// All below is guarded by mu.
	started   time.Time
	events    int64
	rows      int64
	missed    int64
	lastMiss  string
	cascades  []cascade // sorted
	master    binlog.Location
	at        binlog.Location // the last watermark seen, kept after the run
	reached   binlog.Location // the watermark just before master was asked for; zero when the answer is not to be relied on
	lag       int64
	sampled   sample
	recentTPS int64
	recentRPS int64
	samplers  []*sampler
	queues    func() map[string]int64 // what waits, nil before there is something
	lanes     []*lane
	held      string // what everything waits for
	heldSince time.Time
}

type sample struct {
	at           time.Time
	events, rows int64
}

func newStats() *stats { return &stats{} }

func (s *stats) begin(m *metrics) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.metrics = m
	s.started = time.Now()
	s.sampled = sample{at: s.started}
}

// end says that the run is over. Nobody asks the source for its end any more, so
// nothing that it writes from now on would be seen.
func (s *stats) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reached = binlog.Location{}
}

// stands says where the last run has come to, to be shown until this one is under way.
func (s *stats) stands(at binlog.Location) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = at
}

// watch tells the stats whose watermark to show.
func (s *stats) watch(w *window, r *reader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.window, s.reader, s.byGTID = w, r, r.byGTID
}

// applied counts a group that a lane put on the target.
func (s *stats) applied(l *laneMeter, group []*Txn, rows, statements int, took time.Duration) {
	s.mu.Lock()
	s.events += int64(rows)
	s.rows += int64(rows)
	s.mu.Unlock()
	l.applied(group, rows, statements, took)
}

// executed counts DDL statements.
func (s *stats) executed(n int) {
	s.mu.Lock()
	s.events += int64(n)
	s.mu.Unlock()
	s.metrics.executed(n)
}

func (s *stats) unmatched(row string) {
	s.mu.Lock()
	s.missed++
	s.lastMiss = row
	s.mu.Unlock()
	s.metrics.unmatched()
}

func (s *stats) retried(kind string) { s.metrics.retried(kind) }

// flushed says that the watermark was recorded where DM's tools read it.
func (s *stats) flushed(at binlog.Location) {
	s.metrics.position("syncer", at.Position)
	s.metrics.recorded(time.Now())
}

func (s *stats) ddl(took time.Duration) { s.metrics.ddl(took) }

// refresh asks the source for its position and samples rates, until ctx ends.
// A source that does not answer is the reader's trouble; here it only means
// that the last known position stays.
func (s *stats) refresh(ctx context.Context, up *dbconn.DB) error {
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for {
		ask, cancel := context.WithTimeout(ctx, 5*refreshEvery)
		before, _ := s.window.watermark()
		master, err := up.MasterStatus(ask)
		s.sample(before, master, err == nil)
		s.forecast(ask, up)
		cancel()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// sample takes what the source has answered. Without an answer nothing is
// known to have been reached.
func (s *stats) sample(before, master binlog.Location, known bool) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reached = binlog.Location{}
	if known {
		s.master, s.reached = master, before
		s.metrics.position("master", master.Position)
	}
	if d := now.Sub(s.sampled.at).Seconds(); d >= refreshEvery.Seconds()/2 {
		s.recentTPS = int64(float64(s.events-s.sampled.events) / d)
		s.recentRPS = int64(float64(s.rows-s.sampled.rows) / d)
		s.sampled = sample{at: now, events: s.events, rows: s.rows}
	}
	s.lookLocked(now)
	s.metrics.lag(s.lag)
	s.showQueuesLocked()
	s.metrics.position("syncer", s.at.Position)
}

// lookLocked takes the watermark and the lag from the window. Nothing in flight
// and the source's end reached is no lag, however old the last event is.
func (s *stats) lookLocked(now time.Time) {
	if s.window == nil {
		return
	}
	s.at, _ = s.window.watermark()
	idle, upTo := s.window.idle()
	switch {
	case idle && (s.syncedLocked() || upTo == 0):
		s.lag = 0
	case upTo > 0:
		s.lag = max(0, now.Unix()-int64(upTo))
	}
}

// syncedLocked tells whether the source was asked for its end after the
// watermark had come there. A watermark that has moved on since shows that the
// source wrote more, and how much more is for the next answer to say.
func (s *stats) syncedLocked() bool {
	if s.master.IsZero() || s.reached.IsZero() {
		return false
	}
	if idle, _ := s.window.idle(); !idle {
		return false
	}
	if s.byGTID {
		return s.reached.GTID.Contains(s.master.GTID) && s.at.GTID.Equal(s.reached.GTID)
	}
	return s.reached.Position.Compare(s.master.Position) >= 0 && s.at.Position == s.reached.Position
}

// snapshot is the status as of now.
func (s *stats) snapshot() *status.Sync {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lookLocked(now)
	out := &status.Sync{
		TotalEvents: s.events, RecentTPS: s.recentTPS, TotalRows: s.rows, RecentRPS: s.recentRPS,
		MasterBinlog: s.master.Position.String(), MasterBinlogGTID: s.master.GTID.String(),
		SyncerBinlog: s.at.Position.String(), SyncerBinlogGTID: s.at.GTID.String(),
		Synced: s.syncedLocked(), BinlogType: "remote", SecondsBehindMaster: s.lag,
		UnmatchedRows: s.missed, LastUnmatched: s.lastMiss, At: now,
	}
	s.activityLocked(out, now)
	for _, c := range s.cascades {
		out.Cascades = append(out.Cascades, c.String())
	}
	if s.reader != nil {
		out.IOTotalBytes = s.reader.bytes.Load()
	}
	if d := int64(now.Sub(s.started).Seconds()); d > 0 && !s.started.IsZero() {
		out.TotalTPS, out.TotalRPS = s.events/d, s.rows/d
	}
	return out
}
