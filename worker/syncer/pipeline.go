package syncer

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/raftdm/raftdm/worker/checkpoint"
)

const (
	// readAhead is how many transactions wait for the coordinator: enough to
	// keep it busy while the next packet is decoded.
	readAhead = 64
	// readAheadBytes bounds their memory; one transaction always fits.
	readAheadBytes = 16 << 20
	// laneQueue is how many jobs wait for one lane. They are bounded by the window
	// in any case; a short queue would make one busy lane stop all.
	laneQueue = 256
	// grace is how long a transaction in hand may take once the end was asked for.
	grace = 10 * time.Second
)

// pipeline is one run of the syncer: read -> coordinate -> lanes -> watermark.
type pipeline struct {
	read   *reader
	coord  *coordinator
	lanes  []*lane
	status func(ctx context.Context) error
	window *window
	meta   *checkpoint.Meta
}

// run works until ctx ends or something fails. The end of ctx stops reading at
// once; what a lane has in hand is finished, for at most grace. Then the
// watermark is recorded.
func (p *pipeline) run(ctx context.Context) error {
	writing, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWriting()
	g, gctx := errgroup.WithContext(writing)
	reading, stopReading := context.WithCancel(gctx)
	defer stopReading()
	unhook := context.AfterFunc(ctx, stopReading)
	defer unhook()
	limit := context.AfterFunc(ctx, func() {
		t := time.NewTimer(grace)
		defer t.Stop()
		select {
		case <-t.C:
			stopWriting()
		case <-writing.Done():
		}
	})
	defer limit()

	txns := make(chan *Txn, readAhead)
	p.read.ahead = newBudget()
	p.coord.ahead = p.read.ahead
	queues := make([]chan job, len(p.lanes))
	for i := range queues {
		queues[i] = make(chan job, laneQueue)
	}
	wake := make(chan struct{}, 1) // one is enough: whoever is woken looks at all lanes
	p.coord.wake = wake
	p.coord.dispatch = newDispatch(queues, p.coord.order.batch, p.coord.order)
	p.coord.stats.watchQueues(txns, queues, p.coord.order)
	p.coord.stats.watchLanes(p.lanes)
	defer p.coord.stats.hold("")
	g.Go(func() error {
		if err := p.recall(reading); err != nil {
			return err
		}
		return p.read.run(reading, txns)
	})
	g.Go(func() error { return p.remember(reading) })
	g.Go(func() error { return p.coord.run(reading, gctx, txns) })
	for i, l := range p.lanes {
		g.Go(func() error { return l.run(gctx, reading.Done(), queues[i], wake) })
	}
	g.Go(func() error { return p.status(reading) })
	err := g.Wait()
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = nil
	}
	if err == nil || !errors.Is(err, checkpoint.ErrFenced) {
		if ferr := p.flush(writing, err == nil); ferr != nil {
			err = errors.Join(err, ferr)
		}
	}
	if err == nil {
		err = ctx.Err()
	}
	return err
}

// flush records the last watermark. When the run failed anyway, or the target
// is away, there is nothing to add: the lane rows hold all that matters.
func (p *pipeline) flush(ctx context.Context, healthy bool) error {
	const limit = 3 * time.Second
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	l := p.lanes[0]
	row, _, err := p.window.record(0, l.memory, nil)
	if err != nil {
		return err
	}
	row.Partial = l.partial
	err = saveWatermark(ctx, p.meta, row, p.coord.global())
	if errors.Is(err, checkpoint.ErrFenced) && healthy {
		return err
	}
	return nil
}
