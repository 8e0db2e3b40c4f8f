package rpc

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/raftdm/raftdm/fsm"
)

// TestNothingIsDeliveredWithoutALease: an assignment that comes before the
// first acknowledgement, or after the lease ended, is not acted on.
func TestNothingIsDeliveredWithoutALease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		assigned, expired := 0, 0
		l := newLease(12*time.Second, func(fsm.Assignment) { assigned++ }, func() { expired++ })
		if err := l.deliver(fsm.Assignment{Index: 1}); !errors.Is(err, errResync) || assigned != 0 {
			t.Errorf("before any lease: %v, %d assignments", err, assigned)
		}
		l.acknowledged(time.Now())
		if err := l.deliver(fsm.Assignment{Index: 2}); err != nil || assigned != 1 || l.haveIndex() != 2 {
			t.Errorf("with a lease: %v, %d assignments, index %d", err, assigned, l.haveIndex())
		}
		sent := time.Now()
		timer := time.NewTimer(9 * time.Second)
		<-timer.C
		if err := l.deliver(fsm.Assignment{Index: 3}); !errors.Is(err, errResync) || assigned != 1 {
			t.Errorf("at the end of the lease: %v, %d assignments", err, assigned)
		}
		l.runOut()
		l.runOut()
		if expired != 1 || l.haveIndex() != 0 {
			t.Errorf("expired %d times, index %d", expired, l.haveIndex())
		}
		l.acknowledged(sent) // an answer that took 9 s says nothing about now
		if err := l.deliver(fsm.Assignment{Index: 4}); !errors.Is(err, errResync) {
			t.Errorf("after a stale acknowledgement: %v", err)
		}
	})
}
