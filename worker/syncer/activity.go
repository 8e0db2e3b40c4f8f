package syncer

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/raftdm/raftdm/internal/status"
)

// activity is what a lane is doing right now.
type activity int32

const (
	laneIdle    activity = iota // it has nothing to do
	laneWaits                   // for rows of other lanes that come before
	laneApplies                 // it has a target transaction in hand
)

// doing is an activity that others may look at.
type doing struct{ is atomic.Int32 }

func (d *doing) now(a activity) { d.is.Store(int32(a)) }

// watchLanes says whose activities to show.
func (s *stats) watchLanes(lanes []*lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lanes = lanes
}

// hold says what everything else waits for, "" when that is over.
func (s *stats) hold(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held, s.heldSince = "", time.Now()
	if format != "" {
		s.held = fmt.Sprintf(format, args...)
	}
}

// activityLocked adds what the lanes do and what they are held by.
func (s *stats) activityLocked(out *status.Sync, now time.Time) {
	if s.held != "" {
		out.Held = fmt.Sprintf("%s, for %d s", s.held, int64(now.Sub(s.heldSince).Seconds()))
	}
	out.Lanes = len(s.lanes)
	for i, l := range s.lanes {
		switch activity(l.doing.is.Load()) {
		case laneWaits:
			out.LanesWaiting++
		case laneApplies:
			out.LanesApplying++
		}
		if l.order != nil && i < len(l.order.load) {
			out.QueuedRows += l.order.load[i].Load()
		}
	}
}

// shortDDL is a statement as far as it fits into a line about it.
func shortDDL(text string) string {
	const most = 120
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}
