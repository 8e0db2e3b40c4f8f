package rpc_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/rpc/clusterpb"
	"github.com/raftdm/raftdm/rpc/pb"
	"github.com/raftdm/raftdm/rpc/rpctest"
)

func TestSessionFollowsTheState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n, w := rpctest.Open(t), &network{}, newWorker()
		run(t, t.Context(), "master", func(ctx context.Context) error {
			return rpctest.New(s, rpctest.Options{ClientURL: "http://m1"}).Run(ctx, n.listen("m1"))
		})
		run(t, t.Context(), "scheduler", s.Schedule)
		ctx, stop := context.WithCancel(t.Context())
		run(t, ctx, "session", rpc.NewSession(w.config(n, "m1")).Run)
		pass(time.Second)
		if a := w.last(t); a.Source != nil || len(a.Subtasks) != 0 {
			t.Errorf("a free worker was assigned %+v", a)
		}
		for _, c := range []fsm.Command{
			fsm.PutSource{ID: "source-1", Config: "config of source-1"},
			fsm.StartTask{Name: "t1", Sources: map[fsm.SourceID]string{"source-1": "file of t1"}},
			fsm.StartTask{Name: "t2", Sources: map[fsm.SourceID]string{"source-1": "file of t2"}},
			fsm.SetStage{Task: "t2", Stage: status.StagePaused},
			fsm.StopTask{Name: "t1"},
		} {
			s.Must(t, c)
			synctest.Wait()
			sameOrders(t, w.last(t), wants(t, s, "worker-1"))
		}
		if a := w.last(t); a.Source == nil || len(a.Subtasks) != 1 || a.Subtasks[0].Stage != status.StagePaused {
			t.Errorf("at the end the worker has %+v", a)
		}
		before := w.assignments()
		s.Must(t, fsm.RegisterWorker{Name: "another", Addr: "elsewhere"})
		pass(time.Minute)
		if n := w.assignments(); n != before {
			t.Errorf("%d assignments although nothing changed for this worker", n-before)
		}
		stop()
		synctest.Wait()
		if id := sessionOf(t, s, "worker-1"); id != 0 {
			t.Errorf("after the goodbye the session %d is still open", id)
		}
		if got := w.expirations(); len(got) != 0 {
			t.Errorf("the lease expired at %v", got)
		}
	})
}

func TestRestartOfAMasterDisturbsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n, w := rpctest.Open(t), &network{}, newWorker()
		mctx, stopMaster := context.WithCancel(t.Context())
		first := make(chan error, 1)
		go func() {
			first <- rpctest.New(s, rpctest.Options{ClientURL: "http://m1"}).Run(mctx, n.listen("m1"))
		}()
		run(t, t.Context(), "scheduler", s.Schedule)
		run(t, t.Context(), "session", rpc.NewSession(w.config(n, "m1")).Run)
		s.Must(t, fsm.PutSource{ID: "source-1", Config: "config"})
		pass(3 * time.Second)
		before, id := w.last(t), sessionOf(t, s, "worker-1")
		if before.Source == nil || id == 0 {
			t.Fatalf("session %d, assignment %+v", id, before)
		}
		stopMaster()
		stopped := time.Now()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if took := time.Since(stopped); took > 100*time.Millisecond {
			t.Errorf("an open session held the master up for %v", took)
		}
		n.cut("m1")
		pass(4 * time.Second)
		run(t, t.Context(), "second master", func(ctx context.Context) error {
			return rpctest.New(s, rpctest.Options{ClientURL: "http://m1"}).Run(ctx, n.listen("m1"))
		})
		pass(time.Minute)
		if got := sessionOf(t, s, "worker-1"); got != id {
			t.Errorf("session %d became %d", id, got)
		}
		if got := w.last(t); got.Epoch != before.Epoch {
			t.Errorf("epoch %d became %d", before.Epoch, got.Epoch)
		}
		if got := w.expirations(); len(got) != 0 {
			t.Errorf("the lease expired at %v", got)
		}
	})
}

// TestExpireComesBeforeTheLeaseEnds: the worker stops by itself before any
// master may give its source away (peer-bugs 4).
func TestExpireComesBeforeTheLeaseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n, w := rpctest.Open(t), &network{}, newWorker()
		run(t, t.Context(), "master", func(ctx context.Context) error {
			return rpctest.New(s, rpctest.Options{ClientURL: "http://m1"}).Run(ctx, n.listen("m1"))
		})
		run(t, t.Context(), "scheduler", s.Schedule)
		run(t, t.Context(), "session", rpc.NewSession(w.config(n, "m1")).Run)
		s.Must(t, fsm.PutSource{ID: "source-1", Config: "config"})
		pass(20*time.Second + time.Millisecond) // the last renewal was sent at 20 s
		if got := w.expirations(); len(got) != 0 {
			t.Fatalf("the lease expired at %v although the master answers", got)
		}
		n.cut("m1")
		pass(30 * time.Second)
		got := w.expirations()
		// TTL 12 s less a margin of 3 s, from the renewal at 20 s.
		if len(got) != 1 || got[0] < 28*time.Second || got[0] > 29*time.Second+time.Millisecond {
			t.Fatalf("the lease expired at %v, not once shortly before 29 s", got)
		}
		before := w.assignments()
		run(t, t.Context(), "master again", func(ctx context.Context) error {
			return rpctest.New(s, rpctest.Options{ClientURL: "http://m1"}).Run(ctx, n.listen("m1"))
		})
		pass(5 * time.Second)
		if w.assignments() == before {
			t.Error("after the lease was renewed no complete assignment came")
		}
		sameOrders(t, w.last(t), wants(t, s, "worker-1"))
	})
}

// TestBrokenConnections: a short break costs nothing, not even a repeated
// assignment; after a long one the worker has stopped and needs everything again.
func TestBrokenConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n, w := rpctest.Open(t), &network{}, newWorker()
		lis := n.listen("m1")
		run(t, t.Context(), "master", func(ctx context.Context) error {
			return rpctest.New(s, rpctest.Options{ClientURL: "http://m1"}).Run(ctx, lis)
		})
		run(t, t.Context(), "scheduler", s.Schedule)
		run(t, t.Context(), "session", rpc.NewSession(w.config(n, "m1")).Run)
		s.Must(t, fsm.PutSource{ID: "source-1", Config: "config"})
		s.Must(t, fsm.StartTask{Name: "t1", Sources: map[fsm.SourceID]string{"source-1": "file"}})
		pass(3 * time.Second)
		id, before := sessionOf(t, s, "worker-1"), w.assignments()
		n.cut("m1")
		pass(3 * time.Second)
		n.heal("m1", lis)
		pass(3 * time.Second)
		if got := w.assignments(); got != before || len(w.expirations()) != 0 {
			t.Errorf("a break of 3 s brought %d assignments and %v expirations", got-before, w.expirations())
		}
		n.cut("m1")
		pass(3 * time.Second)
		s.Must(t, fsm.StartTask{Name: "t2", Sources: map[fsm.SourceID]string{"source-1": "file"}})
		n.heal("m1", lis)
		pass(3 * time.Second)
		sameOrders(t, w.last(t), wants(t, s, "worker-1"))
		before = w.assignments()
		n.cut("m1")
		pass(15 * time.Second)
		n.heal("m1", lis)
		pass(3 * time.Second)
		if len(w.expirations()) != 1 || w.assignments() != before+1 {
			t.Errorf("a break of 15 s brought %d assignments and %v expirations", w.assignments()-before, w.expirations())
		}
		sameOrders(t, w.last(t), wants(t, s, "worker-1"))
		if got := sessionOf(t, s, "worker-1"); got != id {
			t.Errorf("session %d became %d although no master ended it", id, got)
		}
	})
}

// TestSilentMasterCostsTheLease: a master that holds connections and says
// nothing keeps no worker writing.
func TestSilentMasterCostsTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, w, b := &network{}, newWorker(), &scripted{silent: true}
		srv := grpc.NewServer()
		clusterpb.RegisterSessionsServer(srv, b)
		lis := n.listen("m1")
		go func() { _ = srv.Serve(lis) }()
		t.Cleanup(srv.Stop)
		run(t, t.Context(), "session", rpc.NewSession(w.config(n, "m1")).Run)
		pass(time.Minute)
		if got := w.expirations(); len(got) != 1 || got[0] != 9*time.Second {
			t.Errorf("the lease expired at %v, not at 9 s: TTL 12 s less 3 s, from the hello", got)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.hellos) < 5 {
			t.Errorf("only %d attempts to find a master that answers", len(b.hellos))
		}
	})
}

// TestLeaderThatCannotRenewYetDisturbsNobody: a master that has just been
// elected may not know yet whose lease lasts; the worker keeps its session.
func TestLeaderThatCannotRenewYetDisturbsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n, w := rpctest.Open(t), &network{}, newWorker()
		m := rpctest.New(s, rpctest.Options{ClientURL: "http://m1"})
		lis := n.listen("m1")
		run(t, t.Context(), "master", func(ctx context.Context) error { return m.Run(ctx, lis) })
		run(t, t.Context(), "session", rpc.NewSession(w.config(n, "m1")).Run)
		pass(2500 * time.Millisecond)
		id := sessionOf(t, s, "worker-1")
		m.Leases.Refuse(true)
		pass(5 * time.Second)
		if got := sessionOf(t, s, "worker-1"); got != id {
			t.Errorf("session %d was replaced by %d", id, got)
		}
		m.Leases.Refuse(false)
		pass(time.Minute)
		if got := sessionOf(t, s, "worker-1"); got != id || len(w.expirations()) != 0 {
			t.Errorf("session %d became %d, expirations at %v", id, got, w.expirations())
		}
		m.Leases.Refuse(true)
		pass(time.Minute)
		if got := w.expirations(); len(got) != 1 {
			t.Errorf("a lease that is not renewed any more expired at %v", got)
		}
	})
}

func TestRefusedNameEndsTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n, w := rpctest.Open(t), &network{}, newWorker()
		run(t, t.Context(), "master", func(ctx context.Context) error {
			return rpctest.New(s, rpctest.Options{ClientURL: "http://m1"}).Run(ctx, n.listen("m1"))
		})
		s.Must(t, fsm.RegisterWorker{Name: "worker-1", Addr: "another host:8262"})
		err := rpc.NewSession(w.config(n, "m1")).Run(t.Context())
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.Conflict || !strings.Contains(f.Hint, "another name") || strings.Contains(err.Error(), "Workaround") {
			t.Errorf("a worker whose name is taken ended with %v (hint: %s)", err, f.Hint)
		}
	})
}

// TestTwinsDoNotTakeTurns: of two processes under one name and address one goes
// on and the other ends and says why; they do not take the source from each
// other for ever.
func TestTwinsDoNotTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n := rpctest.Open(t), &network{}
		run(t, t.Context(), "master", func(ctx context.Context) error {
			return rpctest.New(s, rpctest.Options{ClientURL: "http://m1"}).Run(ctx, n.listen("m1"))
		})
		run(t, t.Context(), "scheduler", s.Schedule)
		s.Must(t, fsm.PutSource{ID: "source-1", Config: "config"})
		ctx, stop := context.WithCancel(t.Context())
		endC := make(chan error, 2)
		for range 2 {
			w := newWorker()
			go func() { endC <- rpc.NewSession(w.config(n, "m1")).Run(ctx) }()
			pass(3 * time.Second)
		}
		var f *fault.Error
		select {
		case err := <-endC:
			if !errors.As(err, &f) || f.Kind != fault.Conflict || f.Hint == "" || !strings.Contains(f.Error(), "worker-1") {
				t.Errorf("one of two twins ended with %v", err)
			}
		default:
			t.Error("both twins go on")
		}
		id := sessionOf(t, s, "worker-1")
		pass(time.Minute)
		if got := sessionOf(t, s, "worker-1"); id == 0 || got != id {
			t.Errorf("the session %d of the one that goes on became %d", id, got)
		}
		stop()
		<-endC
		synctest.Wait()
	})
}

// TestCreateWaitsForTheWorker: when operate-source create has answered,
// query-status has something to show; a worker that says nothing is named.
func TestCreateWaitsForTheWorker(t *testing.T) {
	for _, mute := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s, n, w := rpctest.Open(t), &network{}, newWorker()
			lis := n.listen("m1")
			run(t, t.Context(), "master", func(ctx context.Context) error {
				return rpctest.New(s, rpctest.Options{ClientURL: "http://m1"}).Run(ctx, lis)
			})
			run(t, t.Context(), "scheduler", s.Schedule)
			cfg := w.config(n, "m1")
			cfg.Report = func() status.Report {
				if w.assignments() == 0 || mute {
					return status.Report{}
				}
				a := w.last(t)
				if a.Source == nil {
					return status.Report{}
				}
				return status.Report{Source: string(a.Source.ID), Epoch: uint64(a.Epoch)}
			}
			run(t, t.Context(), "session", rpc.NewSession(cfg).Run)
			pass(1500 * time.Millisecond) // between two reports
			conn, err := rpc.Dial("m1", grpc.WithContextDialer(n.dial))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			c := pb.NewMasterClient(conn)
			resp, err := c.OperateSource(t.Context(), &pb.OperateSourceRequest{Op: pb.SourceOp_StartSource, Config: []string{sourceYAML}})
			if err != nil || !resp.GetResult() || len(resp.GetSources()) != 1 {
				t.Fatalf("%v, %v", resp, err)
			}
			line := resp.GetSources()[0]
			if line.GetResult() == mute || line.GetWorker() != "worker-1" || mute != strings.HasPrefix(line.GetMsg(), "[code=38045:") {
				t.Errorf("mute %v: %v", mute, line)
			}
			st, err := c.QueryStatus(t.Context(), &pb.QueryStatusListRequest{})
			if err != nil || st.GetSources()[0].GetResult() == mute {
				t.Errorf("mute %v: at once query-status says %v, %v", mute, st, err)
			}
		})
	}
}

func TestFollowerNamesTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n, w := rpctest.Open(t), &network{}, newWorker()
		run(t, t.Context(), "follower", func(ctx context.Context) error {
			return rpctest.New(s, rpctest.Options{ClientURL: "http://m2", LeaderName: "m1", LeaderAddr: "m1"}).Run(ctx, n.listen("m2"))
		})
		run(t, t.Context(), "leader", func(ctx context.Context) error {
			return rpctest.New(s, rpctest.Options{ClientURL: "http://m1"}).Run(ctx, n.listen("m1"))
		})
		synctest.Wait() // both serve
		run(t, t.Context(), "session", rpc.NewSession(w.config(n, "m2")).Run)
		pass(50 * time.Millisecond) // before any back-off
		if sessionOf(t, s, "worker-1") == 0 {
			t.Error("the worker did not go to the leader at once")
		}
	})
}

// TestMastersThatNameEachOtherAreNotStormed: while masters change places each may
// take another one for the leader; a worker goes from one to the other at the
// pace of its back-off.
func TestMastersThatNameEachOtherAreNotStormed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n, w := rpctest.Open(t), &network{}, newWorker()
		var asked atomic.Int32
		for own, other := range map[string]string{"m1": "m2", "m2": "m1"} {
			lis := n.listen(own)
			run(t, t.Context(), own, func(ctx context.Context) error {
				return rpctest.New(s, rpctest.Options{ClientURL: "http://" + own, LeaderName: other, LeaderAddr: other}).Run(ctx, lis)
			})
		}
		cfg := w.config(n, "m1", "m2")
		cfg.DialOptions = []grpc.DialOption{grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			asked.Add(1)
			return n.dial(ctx, addr)
		})}
		run(t, t.Context(), "session", rpc.NewSession(cfg).Run)
		pass(10 * time.Second)
		if got := asked.Load(); got < 10 || got > 100 {
			t.Errorf("%d connections in ten seconds", got)
		}
	})
}

func TestBrokenChainAsksForTheCompleteSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, w, b := &network{}, newWorker(), &scripted{}
		srv := grpc.NewServer()
		clusterpb.RegisterSessionsServer(srv, b)
		lis := n.listen("m1")
		go func() { _ = srv.Serve(lis) }()
		t.Cleanup(srv.Stop)
		run(t, t.Context(), "session", rpc.NewSession(w.config(n, "m1")).Run)
		pass(10 * time.Second)
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.hellos) != 2 {
			t.Fatalf("%d hellos", len(b.hellos))
		}
		if h := b.hellos[1]; h.GetHaveIndex() != 0 || h.GetSessionId() != 7 || h.GetClusterId() != "c" {
			t.Errorf("the second hello is %v", h)
		}
		if a := w.last(t); a.Index != 10 || len(a.Subtasks) != 1 {
			t.Errorf("the worker ended with %+v", a)
		}
		if got := w.expirations(); len(got) != 0 {
			t.Errorf("the lease expired at %v", got)
		}
	})
}

// TestOperationsGiveUpWaiting: a worker that never answers does not hold the
// operator's command for longer than DM would, and the answer says what is known.
func TestOperationsGiveUpWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n, w := rpctest.Open(t), &network{}, newWorker()
		lis := n.listen("m1")
		run(t, t.Context(), "master", func(ctx context.Context) error {
			return rpctest.New(s, rpctest.Options{ClientURL: "http://m1"}).Run(ctx, lis)
		})
		run(t, t.Context(), "scheduler", s.Schedule)
		run(t, t.Context(), "session", rpc.NewSession(w.config(n, "m1")).Run) // reports nothing of what it is assigned
		s.Must(t, fsm.PutSource{ID: "source-1", Config: "config"})
		s.Must(t, fsm.StartTask{Name: "t1", Sources: map[fsm.SourceID]string{"source-1": "file"}})
		pass(time.Second)
		conn, err := rpc.Dial("m1", grpc.WithContextDialer(n.dial))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		firstC := make(chan *pb.OperateTaskResponse, 1)
		began := time.Now()
		operate := func() *pb.OperateTaskResponse {
			resp, err := pb.NewMasterClient(conn).OperateTask(t.Context(), &pb.OperateTaskRequest{Op: pb.TaskOp_Resume, Name: "t1"})
			if err != nil {
				t.Error(err)
			}
			return resp
		}
		go func() { firstC <- operate() }()
		synctest.Wait()
		if second := operate(); second.GetResult() || !strings.HasPrefix(second.GetMsg(), "[code=46024:") {
			t.Errorf("while one operation is under way another one answers %v", second)
		}
		first := <-firstC
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("the answer came after %v", took)
		}
		if !first.GetResult() || first.GetSources()[0].GetResult() || !strings.HasPrefix(first.GetSources()[0].GetMsg(), "[code=38045:") {
			t.Errorf("the answer is %v", first)
		}
		if third := operate(); !third.GetResult() {
			t.Errorf("after the operation ended another one answers %v", third)
		}
	})
}
