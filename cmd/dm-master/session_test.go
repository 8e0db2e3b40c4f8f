package main

import (
	"context"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/rpc/pb"
)

// attendant is a worker of a test: it holds a session and does what it is told.
type attendant struct {
	orders  atomic.Pointer[fsm.Assignment]
	expired atomic.Int32
}

func attend(t *testing.T, name string, masters []*box) *attendant {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0") // a worker whose port refuses is taken for dead
	if err != nil {
		t.Fatal(err)
	}
	a := &attendant{}
	cfg := rpc.SessionConfig{Name: name, Addr: lis.Addr().String(), TTL: 10 * time.Second, Log: slog.New(slog.DiscardHandler),
		Assign: func(x fsm.Assignment) { a.orders.Store(&x) },
		Expire: func() { a.expired.Add(1) },
		Report: func() status.Report {
			x := a.orders.Load()
			if x == nil || x.Source == nil {
				return status.Report{}
			}
			return status.Report{Source: string(x.Source.ID), Epoch: uint64(x.Epoch)}
		}}
	for _, b := range masters {
		cfg.Join = append(cfg.Join, b.cfg.Addr)
	}
	ctx, stop := context.WithCancel(context.Background())
	endC := make(chan error, 1)
	go func() { endC <- rpc.NewSession(cfg).Run(ctx) }()
	t.Cleanup(func() { stop(); <-endC; _ = lis.Close() })
	return a
}

// session gives a worker's session and binding as a master sees them.
func (b *box) session(t *testing.T, name fsm.WorkerName) (id fsm.SessionID, epoch fsm.Epoch) {
	t.Helper()
	err := b.m.store.View(func(v *fsm.View) error {
		w, _ := v.Worker(name)
		x, _ := v.BindingOf(name)
		id, epoch = w.Session, x.Epoch
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return id, epoch
}

// TestWorkersOutliveTheirLeader: when leadership moves, handed over or by the
// leader's death, a worker keeps its session and its epoch, its lease does not
// end, and operators see it at the new leader soon after.
func TestWorkersOutliveTheirLeader(t *testing.T) {
	t.Parallel()
	all := founders(t, 3, nil)
	a := attend(t, "worker-1", all)
	leader := leaderOf(all)
	if _, err := leader.m.node.Propose(t.Context(), fsm.Meta{}, fsm.PutSource{ID: "source-1", Config: "config"}); err != nil {
		t.Fatal(err)
	}
	until(t, "the worker serves the source", func() bool { x := a.orders.Load(); return x != nil && x.Source != nil })
	id, epoch := leader.session(t, "worker-1")
	for _, how := range []string{"handed over", "killed"} {
		leader = leaderOf(all)
		began := time.Now()
		if how == "killed" {
			leader.kill()
		} else if err := leader.m.node.TransferLeadership(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		asked := all[0]
		if asked == leader {
			asked = all[1]
		}
		c := asked.client()
		var acted time.Duration
		until(t, "query-status shows the worker's report", func() bool {
			resp, err := c.QueryStatus(t.Context(), &pb.QueryStatusListRequest{})
			if err == nil && resp.GetMsg() == "" && acted == 0 {
				acted = time.Since(began)
			}
			return err == nil && len(resp.GetSources()) == 1 && resp.GetSources()[0].GetResult()
		})
		t.Logf("%s: a master answered after %v, the worker's report was back after %v", how,
			acted.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
		now := leaderOf(all)
		if now == nil || now == leader {
			t.Fatal("leadership did not move")
		}
		gotID, gotEpoch := now.session(t, "worker-1")
		if gotID != id || gotEpoch != epoch || a.expired.Load() != 0 {
			t.Errorf("%s: session %d became %d, epoch %d became %d, the lease ended %d times", how, id, gotID, epoch, gotEpoch, a.expired.Load())
		}
	}
}

// TestLeaderAndWorkerDieTogether: the new leader notices that the worker does
// not come to it, and its source goes elsewhere long before its lease would have
// ended at the old one (peer-bugs 21).
func TestLeaderAndWorkerDieTogether(t *testing.T) {
	t.Parallel()
	all := founders(t, 3, nil)
	leader := leaderOf(all)
	// A worker of which only the port is left to die: it opened a session and is gone.
	gone := freeAddr(t)
	for _, c := range []fsm.Command{
		fsm.RegisterWorker{Name: "dead", Addr: gone},
		fsm.PutSource{ID: "source-1", Config: "config"},
		fsm.OpenSession{Worker: "dead", TTLSeconds: 60},
	} {
		if res, err := leader.m.node.Propose(t.Context(), fsm.Meta{}, c); err != nil || res.Err != nil {
			t.Fatal(err, res.Err)
		}
	}
	until(t, "the dead worker has the source", func() bool { _, epoch := leader.session(t, "dead"); return epoch != 0 })
	leader.kill()
	began := time.Now()
	attend(t, "worker-2", all)
	until(t, "the other worker has the source", func() bool {
		b := leaderOf(all)
		if b == nil {
			return false
		}
		_, epoch := b.session(t, "worker-2")
		return epoch != 0
	})
	t.Logf("after %v", time.Since(began).Round(time.Millisecond))
}
