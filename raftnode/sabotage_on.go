//go:build sabotage_ack

package raftnode

import (
	"context"
	"sync"

	"github.com/hashicorp/raft"

	"github.com/raftdm/raftdm/fsm"
)

// early makes this build break its word: a command is acknowledged as soon as
// the leader's own log has it, before any other member has. The fault suite
// must find the acknowledged commands that are lost; a build with this tag is
// for nothing else.
//
// Only commands whose results carry no value are acknowledged early: a caller
// of the others needs an answer that exists only once they are applied.
type early struct {
	mu   sync.Mutex
	once map[string]chan fsm.Result // by the bytes of the entry
}

func (e *early) appended(logs []*raft.Log) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, l := range logs {
		if c, ok := e.once[string(l.Data)]; ok {
			delete(e.once, string(l.Data))
			c <- fsm.Result{Index: fsm.Index(l.Index)}
		}
	}
}

func (e *early) await(ctx context.Context, data []byte, c fsm.Command, honest func(context.Context) (fsm.Result, error)) (fsm.Result, error) {
	switch c.(type) {
	case fsm.PutSource, fsm.RegisterWorker, fsm.PutMember, fsm.HoldLoadFiles, fsm.DropLoadFiles:
	default:
		return honest(ctx)
	}
	ours := make(chan fsm.Result, 1)
	e.mu.Lock()
	if e.once == nil {
		e.once = map[string]chan fsm.Result{}
	}
	e.once[string(data)] = ours
	e.mu.Unlock()
	type answer struct {
		res fsm.Result
		err error
	}
	theirs := make(chan answer, 1)
	go func() {
		res, err := honest(context.WithoutCancel(ctx))
		theirs <- answer{res, err}
	}()
	select {
	case res := <-ours:
		return res, nil
	case a := <-theirs:
		return a.res, a.err
	case <-ctx.Done():
		return fsm.Result{}, unknown(ctx.Err())
	}
}
