package syncer

import (
	"context"
	"sync"
	"time"
)

// backoff waits between attempts, each time twice as long up to backoffMax.
type backoff struct{ next time.Duration }

func (b *backoff) reset() { b.next = 0 }

// sleep waits; it answers false when ctx ended or stop was closed meanwhile. A
// nil stop never is.
func (b *backoff) sleep(ctx context.Context, stop <-chan struct{}) bool {
	b.next = min(max(2*b.next, backoffMin), backoffMax)
	t := time.NewTimer(b.next)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-stop:
		return false
	case <-ctx.Done():
		return false
	}
}

// trouble keeps, by who met it, the failures that are being retried right now.
type trouble struct {
	mu sync.Mutex

	by map[string]error // guarded by mu
}

func (t *trouble) set(who string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.by == nil {
		t.by = map[string]error{}
	}
	t.by[who] = err
}

func (t *trouble) clear(who string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.by, who)
}

// first gives one of the failures, the same one as long as it lasts; nil when
// all is well.
func (t *trouble) first() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	who := ""
	for k := range t.by {
		if who == "" || k < who {
			who = k
		}
	}
	return t.by[who]
}
