package scheduler

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/fsm/feed"
)

const (
	// debounce lets the commands of one operation arrive before the view is
	// looked at; an operator does not notice it.
	debounce = 5 * time.Millisecond
	// retryAfter is the pause after a proposal that did not succeed.
	retryAfter = 500 * time.Millisecond
	// proposeWithin bounds one proposal.
	proposeWithin = 5 * time.Second
)

// Proposer puts commands to the cluster; a raftnode.Node is one.
type Proposer interface {
	Propose(context.Context, fsm.Meta, fsm.Command) (fsm.Result, error)
}

// Loop keeps the cluster's state moving towards what it asks for.
type Loop struct {
	store    *fsm.Store
	feed     *feed.Feed
	proposer Proposer
	leases   *Leases
	prober   Prober // may be nil
	log      *slog.Logger
}

// New makes a loop; Run runs it. Without a prober a worker whose process died
// is offline only when its lease ends.
func New(store *fsm.Store, f *feed.Feed, p Proposer, l *Leases, prober Prober, log *slog.Logger) *Loop {
	return &Loop{store: store, feed: f, proposer: p, leases: l, prober: prober, log: log}
}

// Run works until ctx ends, which it does when this node's term as leader is
// over. It may be run again for the next term, not twice at a time. Its error
// is the context's, or that of a store that cannot be read.
func (l *Loop) Run(ctx context.Context) error {
	l.leases.begin()
	defer l.leases.end()
	changedC := make(chan struct{}, 1)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return l.follow(ctx, changedC) })
	g.Go(func() error { return l.work(ctx, changedC) })
	if l.prober != nil {
		g.Go(func() error { return l.probe(ctx) })
	}
	return g.Wait()
}

// follow sends on changedC whenever something changed. What changed does not
// matter: plan looks at everything. Entries that changed nothing are not
// passed on, or a refused proposal would cause the next.
func (l *Loop) follow(ctx context.Context, changedC chan<- struct{}) error {
	for {
		var from fsm.Index
		if err := l.store.View(func(v *fsm.View) error { from = v.Index(); return nil }); err != nil {
			return err
		}
		sub, err := l.feed.Subscribe(from)
		for err == nil {
			// Also at the start: changes before the subscription are news as well.
			select {
			case changedC <- struct{}{}:
			default:
			}
			var b feed.Batch
			for len(b.Changes) == 0 && err == nil {
				b, err = sub.Next(ctx)
			}
		}
		if !errors.Is(err, feed.ErrCompacted) {
			return err
		}
	}
}

// work plans and proposes after each change, and when a lease may have ended.
func (l *Loop) work(ctx context.Context, changedC <-chan struct{}) error {
	for {
		next, err := l.round(ctx)
		if err != nil {
			return err
		}
		if err := l.wait(ctx, next, changedC); err != nil {
			return err
		}
	}
}

// wait returns when it is time for another round.
func (l *Loop) wait(ctx context.Context, next time.Time, changedC <-chan struct{}) error {
	var timeC <-chan time.Time
	if !next.IsZero() {
		timer := time.NewTimer(time.Until(next))
		defer timer.Stop()
		timeC = timer.C
	}
	select {
	case <-timeC:
		return nil
	case <-l.leases.wakeC:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-changedC:
	}
	settled := time.NewTimer(debounce)
	defer settled.Stop()
	select {
	case <-settled.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// round looks once, proposes what follows and says when to look again without
// having been asked to.
func (l *Loop) round(ctx context.Context) (next time.Time, err error) {
	var todo []fsm.Command
	err = l.store.View(func(v *fsm.View) error {
		todo, next = l.leases.expired(v)
		todo = append(todo, plan(v)...)
		return nil
	})
	if err != nil {
		return time.Time{}, err
	}
	for _, c := range todo {
		if err := ctx.Err(); err != nil {
			return time.Time{}, err
		}
		if l.propose(ctx, c) {
			continue
		}
		// The others are tried nevertheless: one that is refused for good
		// must not hold them up.
		if again := time.Now().Add(retryAfter); next.IsZero() || again.Before(next) {
			next = again
		}
	}
	return next, nil
}

// propose tells whether a command was carried out.
func (l *Loop) propose(ctx context.Context, c fsm.Command) bool {
	ctx, cancel := context.WithTimeout(ctx, proposeWithin)
	defer cancel()
	meta := fsm.Meta{Actor: "scheduler", UnixMilli: time.Now().UnixMilli()}
	res, err := l.proposer.Propose(ctx, meta, c)
	switch {
	case err != nil:
		l.log.Info("scheduler: proposal without result", "command", describe(c), "err", err)
		return false
	case res.Err != nil:
		// The view it was planned on is out of date.
		l.log.Debug("scheduler: proposal refused", "command", describe(c), "err", res.Err)
		return false
	}
	l.log.Info("scheduler: "+describe(c), "index", uint64(res.Index))
	return true
}
