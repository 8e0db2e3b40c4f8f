package syncer

import (
	"context"
	"fmt"
	"sync"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

const (
	// windowTxns bounds the transactions in flight, and with them the ids that a
	// lane row can hold.
	windowTxns = 4096
	// windowBytes bounds the memory of their rows; one transaction always fits.
	windowBytes = 64 << 20
)

// window holds the transactions in flight, in source order, and the watermark:
// the point up to which each of them is on the target. The coordinator adds,
// lanes finish.
type window struct {
	mu sync.Mutex

	// All below is guarded by mu.
	queue   []*Txn // added and not yet passed by the watermark
	bytes   int64
	last    uint64 // seq of the last one added
	mark    uint64 // seq of the last one passed
	at      binlog.Location
	passed  []*Txn        // for the order to forget
	changed chan struct{} // closed by the next change; nil while nobody waits

	// inherited is what earlier runs applied above the first watermark. All of
	// it lies among the next windowTxns transactions, since no window was larger;
	// when the watermark has passed so many, it is forgotten.
	inherited checkpoint.Applied
	named     int
	lag       uint32 // header time of the oldest unfinished transaction's predecessor
}

func newWindow(at binlog.Location, inherited checkpoint.Applied) *window {
	return &window{at: at, inherited: inherited}
}

// add gives t its place, waiting for room.
func (w *window) add(ctx context.Context, t *Txn) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.roomLocked(t) {
		if err := w.waitLocked(ctx); err != nil {
			return err
		}
	}
	w.addLocked(t)
	return nil
}

// tryAdd gives t its place if there is room.
func (w *window) tryAdd(t *Txn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.roomLocked(t) {
		return false
	}
	w.addLocked(t)
	return true
}

func (w *window) roomLocked(t *Txn) bool {
	return len(w.queue) < windowTxns && (w.bytes == 0 || w.bytes+t.size <= windowBytes)
}

func (w *window) addLocked(t *Txn) {
	w.last++
	t.seq = w.last
	w.queue = append(w.queue, t)
	w.bytes += t.size
}

// waitLocked lets others change the window.
func (w *window) waitLocked(ctx context.Context) error {
	if w.changed == nil {
		w.changed = make(chan struct{})
	}
	c := w.changed
	w.mu.Unlock()
	defer w.mu.Lock()
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// finish says that ts are on the target, and moves the watermark over the
// closed prefix.
func (w *window) finish(ts ...*Txn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range ts {
		t.apply()
		w.bytes -= t.size
	}
	for len(w.queue) > 0 && w.queue[0].applied.Load() {
		t := w.queue[0]
		w.queue[0] = nil
		w.queue = w.queue[1:]
		w.mark, w.at = t.seq, t.End
		if t.Time > 0 {
			w.lag = t.Time
		}
		if t.GTID != "" || !t.empty() {
			w.named++
		}
		if len(t.keys) > 0 {
			w.passed = append(w.passed, t)
		}
	}
	if w.named > windowTxns && !w.inherited.Empty() {
		w.inherited = checkpoint.Applied{}
	}
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
}

// drain waits until nothing is in flight.
func (w *window) drain(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) > 0 {
		if err := w.waitLocked(ctx); err != nil {
			return err
		}
	}
	return nil
}

// takePassed gives the transactions that the watermark passed since the last call.
func (w *window) takePassed() []*Txn {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.passed
	w.passed = nil
	return out
}

// watermark gives the closed prefix and its seq.
func (w *window) watermark() (binlog.Location, uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at, w.mark
}

// idle tells whether nothing is in flight, and otherwise the header time up to
// which everything is on the target (0 before the first transaction).
func (w *window) idle() (idle bool, upTo uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue) == 0, w.lag
}

// skip tells whether an earlier run has applied the transaction already.
func (w *window) skip(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.inherited.Has(id)
}

// applied is one transaction in a lane's memory of what it has done.
type applied struct {
	seq uint64
	id  string
}

// record makes the row of a lane for a commit of group, from what the lane has
// applied before, and answers that memory without what the watermark has passed.
func (w *window) record(lane int, before []applied, group []*Txn) (checkpoint.Lane, []applied, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	row := checkpoint.Lane{Lane: lane, Watermark: w.at}
	if lane == 0 {
		row.Applied.AddAll(&w.inherited)
	}
	kept := before[:0]
	for _, a := range before {
		if a.seq > w.mark {
			kept = append(kept, a)
			row.Applied.Add(a.id)
		}
	}
	for _, t := range group {
		if !t.Last {
			continue
		}
		// The invariant of the whole package: watermark <= applied.
		if t.seq <= w.mark || t.applied.Load() {
			return row, kept, fault.New(fault.Internal, fmt.Sprintf(
				"the watermark %s is past the transaction %s, which is not applied yet", w.at, t.ID()))
		}
		row.Applied.Add(t.ID())
	}
	return row, kept, nil
}
