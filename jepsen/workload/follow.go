package workload

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/jepsen/history"
	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/rpc/clusterpb"
)

// Follow subscribes to the change stream of every master and goes on, after a
// lost connection, at the same master with the last index it knows.
type Follow struct{}

// Name gives "follow".
func (f *Follow) Name() string { return "follow" }

// Setup has nothing to do.
func (f *Follow) Setup(context.Context, Env) error { return nil }

// resubscribe is the pause after a stream has ended.
const resubscribe = 500 * time.Millisecond

// Run follows until ctx ends.
func (f *Follow) Run(ctx context.Context, env Env, _ *rand.Rand, rec *history.Recorder) error {
	var g errgroup.Group
	for i, m := range env.Masters() {
		g.Go(func() error {
			in := history.Subscription{Master: m.Name}
			for ctx.Err() == nil {
				in.From = follow(ctx, env.MasterClient(i), in, rec)
				rest(ctx, resubscribe)
			}
			return nil
		})
	}
	return g.Wait()
}

// Final has nothing to do: the streams have told all they had.
func (f *Follow) Final(context.Context, Env, *history.Recorder) error { return nil }

// follow records one stream until it breaks, and gives the last index. Why it
// broke is of no interest: a stream may break at any time.
func follow(ctx context.Context, addr string, in history.Subscription, rec *history.Recorder) uint64 {
	conn, err := rpc.Dial(addr)
	if err != nil {
		return in.From
	}
	defer conn.Close()
	stream, err := clusterpb.NewChangesClient(conn).Subscribe(ctx, &clusterpb.SubscribeRequest{From: in.From})
	if err != nil {
		return in.From
	}
	last := in.From
	for {
		b, err := stream.Recv()
		if err != nil {
			return last
		}
		rec.Call(fmt.Sprintf("follower of %s", in.Master), history.FeedBatch, in).OK(batch(b))
		last = b.GetTo()
	}
}

func batch(b *clusterpb.ChangeBatch) history.Batch {
	out := history.Batch{From: b.GetFrom(), To: b.GetTo(), Snapshot: b.GetSnapshot()}
	for _, c := range b.GetChanges() {
		one := history.Change{Index: c.GetIndex(), Kind: c.GetKind(), AtUnixMilli: c.GetAtUnixMilli(), RequestID: c.GetRequestId()}
		for _, t := range c.GetTouched() {
			touch := history.Touch{Noun: t.GetNoun(), Source: t.GetSource(), Task: t.GetTask(), Worker: t.GetWorker(), Member: t.GetMember(),
				Deleted: t.GetDeleted(), Epoch: t.GetEpoch(), Session: t.GetSession()}
			if t.GetStage() != 0 {
				touch.Stage = status.Stage(t.GetStage()).String()
			}
			one.Touches = append(one.Touches, touch)
		}
		out.Changes = append(out.Changes, one)
	}
	return out
}
