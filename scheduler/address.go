package scheduler

import (
	"time"

	"github.com/raftdm/raftdm/fsm"
)

// addresses is what probes have shown of the addresses of online workers. A
// worker behind a firewall, or with a wrong advertise-addr, is refused while it
// lives: its refusals prove nothing, or each short silence would cost it its
// session.
type addresses map[fsm.WorkerName]address

type address struct {
	session fsm.SessionID
	// refused is since when the address refuses, zero when it does not.
	refused time.Time
	// useless: the worker went on to renew this session while its address refused.
	useless bool
}

// update forgets sessions that have ended and gives the workers whose address
// has just proved useless. A renewal that had been on its way when the process
// died arrives earlier than that.
func (a addresses) update(watched map[suspect]string) (useless []suspect) {
	now := map[fsm.WorkerName]suspect{}
	for s := range watched {
		now[s.worker] = s
	}
	for w, x := range a {
		s := now[w]
		if s.session != x.session {
			delete(a, w)
		} else if !x.useless && !x.refused.IsZero() && s.heard.Sub(x.refused) > silence {
			x.useless = true
			a[w] = x
			useless = append(useless, s)
		}
	}
	return useless
}

// tried tells whether the address was probed in this session.
func (a addresses) tried(s suspect) bool { return a[s.worker].session == s.session }

// note remembers the outcome of probes.
func (a addresses) note(probed map[suspect]string, refusing map[suspect]bool) {
	for s := range probed {
		x := a[s.worker]
		x.session = s.session
		switch {
		case !refusing[s]:
			x.refused = time.Time{}
		case x.refused.IsZero():
			x.refused = time.Now()
		}
		a[s.worker] = x
	}
}
