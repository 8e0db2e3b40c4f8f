package rpc

import (
	"context"
	"errors"
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
)

// read looks at everything that was acknowledged before.
func (m *Master) read(ctx context.Context, fn func(*fsm.View)) error {
	if err := m.cfg.Reader.Barrier(ctx); err != nil {
		return err
	}
	return m.cfg.Reader.View(func(v *fsm.View) error {
		fn(v)
		return nil
	})
}

// repeated tells whether a part of this request was carried out or refused
// before: a first run of the handler got so far. What the databases say now is
// no reason to answer something else than the first run would have.
func (m *Master) repeated(ctx context.Context, part string) (bool, error) {
	var yes bool
	err := m.read(ctx, func(v *fsm.View) { yes = v.Executed(m.meta(ctx, part).RequestID) })
	return yes, err
}

// await looks at the state, and again after every change, until done says so.
// It answers nil also when the time is up; an error is ctx's or the store's.
func (m *Master) await(ctx context.Context, within time.Duration, done func(*fsm.View) bool) error {
	from := m.cfg.Feed.Index()
	look := func() (bool, error) {
		var ok bool
		err := m.cfg.Reader.View(func(v *fsm.View) error { ok = done(v); return nil })
		return ok, err
	}
	if ok, err := look(); ok || err != nil {
		return err
	}
	wctx, cancel := context.WithTimeout(ctx, within)
	changedC, endC := make(chan struct{}, 1), make(chan struct{})
	var followErr error
	go func() {
		defer close(endC)
		followErr = follow(wctx, m.cfg.Feed, from, changedC)
	}()
	defer func() { cancel(); <-endC }()
	for {
		select {
		case <-changedC:
			if ok, err := look(); ok || err != nil {
				return err
			}
		case <-endC:
			if errors.Is(followErr, context.DeadlineExceeded) && ctx.Err() == nil {
				return nil
			}
			return followErr
		}
	}
}

// stillLeads ends the waiting for workers' reports on a master that no longer
// receives them: the next leader goes on with the request, which was agreed on.
func (m *Master) stillLeads() error {
	if m.cfg.Cluster.IsLeader() {
		return nil
	}
	return &fault.Error{Kind: fault.NotLeader, Code: codeNoLeader, Err: errMaybe, Hint: "try again",
		Msg: "master " + m.cfg.Name + " does not lead any more"}
}
