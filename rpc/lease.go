package rpc

import (
	"context"
	"sync"
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/rpc/clusterpb"
)

// lease is the worker's knowledge of how long it may act on its assignment. It
// makes sure that Expire comes in time whatever the streams do, and that
// nothing is delivered without a lease.
type lease struct {
	// span is how long an acknowledged renewal lasts: the TTL less a margin for
	// stopping. The master counts the whole TTL, and from later.
	span   time.Duration
	assign func(fsm.Assignment)
	expire func()
	// extendedC wakes watch when there is a deadline again.
	extendedC chan struct{}

	// mu guards what follows and keeps assign and expire apart.
	mu       sync.Mutex
	deadline time.Time       // zero: no lease
	has      *fsm.Assignment // delivered and in force, nil after expire
}

// maxMargin bounds the part of a TTL that is kept for stopping.
const maxMargin = 10 * time.Second

func newLease(ttl time.Duration, assign func(fsm.Assignment), expire func()) *lease {
	return &lease{span: ttl - min(ttl/4, maxMargin), assign: assign, expire: expire, extendedC: make(chan struct{}, 1)}
}

// acknowledged extends the lease: a renewal sent at that time was accepted.
func (l *lease) acknowledged(sent time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := sent.Add(l.span); until.After(l.deadline) {
		l.deadline = until
	}
	select {
	case l.extendedC <- struct{}{}:
	default:
	}
}

// haveIndex names the assignment in force, 0 when there is none.
func (l *lease) haveIndex() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.has == nil {
		return 0
	}
	return uint64(l.has.Index)
}

// deliver hands on a complete assignment.
func (l *lease) deliver(a fsm.Assignment) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.deliverLocked(a)
}

// update hands on an assignment that a delta leads to.
func (l *lease) update(m *clusterpb.Update) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, err := applyUpdate(l.has, m)
	if err != nil {
		l.has = nil // asks for a complete set on the next stream; what runs keeps running
		return err
	}
	return l.deliverLocked(a)
}

func (l *lease) deliverLocked(a fsm.Assignment) error {
	if !time.Now().Before(l.deadline) {
		return errResync // it came too late to be acted on
	}
	l.has = &a
	l.assign(a)
	return nil
}

// watch calls expire whenever the lease runs out, until ctx ends.
func (l *lease) watch(ctx context.Context) error {
	for {
		l.mu.Lock()
		deadline := l.deadline
		l.mu.Unlock()
		var outC <-chan time.Time
		timer := time.NewTimer(time.Until(deadline))
		if !deadline.IsZero() {
			outC = timer.C
		}
		select {
		case <-outC:
			l.runOut()
		case <-l.extendedC:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		timer.Stop()
	}
}

// runOut ends the lease unless it was extended meanwhile.
func (l *lease) runOut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.deadline.IsZero() || time.Now().Before(l.deadline) {
		return
	}
	l.deadline, l.has = time.Time{}, nil
	l.expire()
}
