package syncer

import (
	"context"
	"fmt"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// beginAnew notices that the source has thrown its binlog away and begun anew
// (RESET MASTER): a file that was read before, or one that comes before it, is
// younger now than it was. Numbers of transactions begin anew with it, so those
// that are read next may pass for some that were applied long ago, and a
// position may be in the middle of others.
//
// After a switch to another server files prove nothing: only those that one
// server wrote are compared. By position there is no such switch: a file of that
// name which another server wrote holds other things at the places that are known.
func (g *grouper) beginAnew(h *replication.EventHeader) error {
	next := &checkpoint.Head{File: g.file, Server: h.ServerID, Created: h.Timestamp}
	if next.Created == 0 || next.Server == 0 {
		return nil // nothing is said
	}
	old := g.head.Load()
	if old != nil && !g.byGTID && old.Server != next.Server && old.File == next.File {
		return &fault.Error{Kind: fault.Data, Side: fault.Upstream, Code: codeGetEvent,
			Msg: fmt.Sprintf("the source is another server now: file %s, which was read up to %s, had been written by server-id %d, and this one by %d",
				g.file, g.loc, old.Server, next.Server),
			Hint: "connect the source to the server that it was, then resume-task; only with enable-gtid: true can a task go on at another one:" +
				" copy the data anew (stop-task, then start-task --remove-meta)"}
	}
	if old == nil || old.Server != next.Server || !anew(*old, *next) {
		g.head.Store(next)
		return nil
	}
	return &fault.Error{Kind: fault.Data, Side: fault.Upstream, Code: codeGetEvent,
		Msg: fmt.Sprintf("the source has begun its binlog anew (RESET MASTER): file %s is not the one that was read up to %s",
			g.file, g.loc),
		Hint: "what was written to the source around that moment may be missing here: copy the data anew (stop-task, then start-task --remove-meta);" +
			" if nothing is missing, delete this source's row from the task's meta table *_raftdm_head on the target, then resume-task"}
}

// anew tells that next, a file of the same server, cannot belong to the binlog
// that old belongs to.
func anew(old, next checkpoint.Head) bool {
	order := binlog.Position{Name: next.File}.Compare(binlog.Position{Name: old.File})
	return order == 0 && next.Created != old.Created || order < 0 && next.Created > old.Created
}

// recall tells the grouper which file an earlier run has read last.
func (p *pipeline) recall(ctx context.Context) error {
	wait := backoff{}
	for {
		h, err := p.meta.Head(ctx)
		if err == nil {
			if h.File != "" {
				p.read.group.head.Store(&h)
			}
			return nil
		}
		if !retryable(err) || !wait.sleep(ctx, nil) {
			return err
		}
	}
}

// remember records which file is being read, until ctx ends. A record that is
// late names an older file, which proves as much.
func (p *pipeline) remember(ctx context.Context) error {
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	var saved checkpoint.Head
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		h := p.read.group.head.Load()
		if h == nil || *h == saved {
			continue
		}
		switch err := p.meta.SaveHead(ctx, *h); {
		case err == nil:
			saved = *h
		case ctx.Err() != nil:
			return nil
		case !retryable(err):
			return err
		}
	}
}
