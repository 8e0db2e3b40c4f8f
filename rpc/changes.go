package rpc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/fsm/feed"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/rpc/clusterpb"
)

// reachWithin is how long a reader that knows more than this master waits for it
// to catch up.
const reachWithin = 10 * time.Second

// snapshotKind is the kind of the one change that a snapshot consists of.
const snapshotKind = "Snapshot"

// changeServer serves the stream of changes, from this master's own state.
type changeServer struct {
	clusterpb.UnimplementedChangesServer
	m *Master
}

// Subscribe sends batches until either side ends the stream. Sending waits for
// the reader and for nobody else: one that is too slow falls behind the change
// log and gets a snapshot.
func (c *changeServer) Subscribe(req *clusterpb.SubscribeRequest, stream clusterpb.Changes_SubscribeServer) error {
	ctx := stream.Context()
	from := fsm.Index(req.GetFrom())
	if err := c.reach(ctx, from); err != nil {
		return statusError(err)
	}
	whole := from == 0
	for {
		if whole {
			b, err := c.snapshot()
			if err != nil {
				return statusError(err)
			}
			if err := stream.Send(b); err != nil {
				return err
			}
			from = fsm.Index(b.GetTo())
		}
		var err error
		if from, err = c.follow(ctx, from, stream); !errors.Is(err, feed.ErrCompacted) {
			return statusError(err)
		}
		whole = true
	}
}

// reach waits until this master knows what the reader knows.
func (c *changeServer) reach(ctx context.Context, from fsm.Index) error {
	var have fsm.Index
	look := func(v *fsm.View) bool { have = v.Index(); return have >= from }
	if err := c.m.await(ctx, reachWithin, look); err != nil {
		return err
	}
	if have < from {
		return &fault.Error{Kind: fault.Unavailable, Hint: "ask another master, or begin anew with index 0",
			Msg: fmt.Sprintf("this master knows the changes up to index %d and not up to %d", have, from)}
	}
	return nil
}

// follow sends what comes after an index, and gives the index it got to.
func (c *changeServer) follow(ctx context.Context, from fsm.Index, stream clusterpb.Changes_SubscribeServer) (fsm.Index, error) {
	sub, err := c.m.cfg.Feed.Subscribe(from)
	for err == nil {
		var b feed.Batch
		if b, err = sub.Next(ctx); err != nil {
			break
		}
		if len(b.Changes) == 0 {
			continue // an index alone is no news
		}
		out := &clusterpb.ChangeBatch{From: uint64(from), To: uint64(b.To)}
		for _, ch := range b.Changes {
			out.Changes = append(out.Changes, encodeChange(ch))
		}
		if err = stream.Send(out); err == nil {
			from = b.To
		}
	}
	return from, err
}

func encodeChange(ch fsm.Change) *clusterpb.Change {
	out := &clusterpb.Change{Index: uint64(ch.Index), Kind: ch.Kind, Actor: ch.Meta.Actor, Addr: ch.Meta.Addr,
		AtUnixMilli: ch.Meta.UnixMilli, RequestId: string(ch.Meta.RequestID)}
	for _, t := range ch.Touched {
		out.Touched = append(out.Touched, encodeTouch(t))
	}
	return out
}

func encodeTouch(t fsm.Touch) *clusterpb.Touch {
	return &clusterpb.Touch{Noun: string(t.Noun), Source: string(t.Source), Task: string(t.Task), Worker: string(t.Worker),
		Member: string(t.Member), Deleted: t.Deleted, Epoch: uint64(t.Epoch), Session: uint64(t.Session), Stage: uint32(t.Stage)}
}

// snapshot gives the complete state as one change.
func (c *changeServer) snapshot() (*clusterpb.ChangeBatch, error) {
	out := &clusterpb.ChangeBatch{Snapshot: true}
	err := c.m.cfg.Reader.View(func(v *fsm.View) error {
		out.To = uint64(v.Index())
		ch := &clusterpb.Change{Index: out.GetTo(), Kind: snapshotKind}
		for _, t := range everything(v) {
			ch.Touched = append(ch.Touched, encodeTouch(t))
		}
		out.Changes = []*clusterpb.Change{ch}
		return nil
	})
	return out, err
}

// everything gives a touch for every record of the state.
func everything(v *fsm.View) []fsm.Touch {
	var out []fsm.Touch
	if v.ClusterID() != "" {
		out = append(out, fsm.Touch{Noun: fsm.NounCluster})
	}
	for _, x := range v.Members() {
		out = append(out, fsm.Touch{Noun: fsm.NounMember, Member: x.Name})
	}
	for _, x := range v.Workers() {
		out = append(out, fsm.Touch{Noun: fsm.NounWorker, Worker: x.Name, Session: x.Session})
	}
	sources := v.Sources()
	for _, x := range sources {
		out = append(out, fsm.Touch{Noun: fsm.NounSource, Source: x.ID})
	}
	for _, x := range v.Bindings() {
		out = append(out, fsm.Touch{Noun: fsm.NounBinding, Source: x.Source, Worker: x.Worker, Epoch: x.Epoch})
	}
	for _, x := range v.Tasks() {
		out = append(out, fsm.Touch{Noun: fsm.NounTask, Task: x.Name})
	}
	for _, src := range sources {
		for _, x := range v.SubtasksOf(src.ID) {
			out = append(out, fsm.Touch{Noun: fsm.NounSubtask, Source: x.Source, Task: x.Task, Stage: x.Stage})
		}
	}
	for _, x := range v.LoadFiles() {
		out = append(out, fsm.Touch{Noun: fsm.NounLoadFiles, Source: x.Source, Task: x.Task, Worker: x.Worker})
	}
	return out
}
