package rpc_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/rpc/clusterpb"
	"github.com/raftdm/raftdm/rpc/pb"
	"github.com/raftdm/raftdm/rpc/rpctest"
)

// network connects workers to masters by address, inside a synctest bubble.
type network struct {
	mu        sync.Mutex
	listeners map[string]*bufconn.Listener // guarded by mu
	conns     []net.Conn                   // guarded by mu; open connections of clients
}

func (n *network) listen(addr string) *bufconn.Listener {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners == nil {
		n.listeners = map[string]*bufconn.Listener{}
	}
	n.listeners[addr] = bufconn.Listen(1 << 20)
	return n.listeners[addr]
}

// cut makes an address unreachable and breaks every connection.
func (n *network) cut(addr string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.listeners, addr)
	for _, c := range n.conns {
		_ = c.Close()
	}
	n.conns = nil
}

// heal makes a master that went on listening reachable again.
func (n *network) heal(addr string, lis *bufconn.Listener) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listeners[addr] = lis
}

func (n *network) dial(ctx context.Context, addr string) (net.Conn, error) {
	n.mu.Lock()
	lis := n.listeners[addr]
	n.mu.Unlock()
	if lis == nil {
		return nil, errors.New("connection refused")
	}
	c, err := lis.DialContext(ctx)
	if err == nil {
		n.mu.Lock()
		n.conns = append(n.conns, c)
		n.mu.Unlock()
	}
	return c, err
}

// run starts something that ends with the test and whose error is checked.
func run(t *testing.T, ctx context.Context, what string, fn func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	endC := make(chan error, 1)
	go func() { endC <- fn(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-endC; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", what, err)
		}
	})
}

// worker records what a session tells it, with the time since the test began.
type worker struct {
	began time.Time

	mu       sync.Mutex
	assigned []fsm.Assignment // guarded by mu
	expired  []time.Duration  // guarded by mu
	report   status.Report    // guarded by mu
	changedC chan struct{}
}

func newWorker() *worker { return &worker{began: time.Now(), changedC: make(chan struct{}, 1)} }

func (w *worker) config(n *network, join ...string) rpc.SessionConfig {
	return rpc.SessionConfig{Name: "worker-1", Addr: "127.0.0.1:8262", Join: join, TTL: 12 * time.Second,
		Assign: func(a fsm.Assignment) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.assigned = append(w.assigned, a)
		},
		Expire: func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.expired = append(w.expired, time.Since(w.began))
		},
		Report: func() status.Report {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.report
		},
		Changed: w.changedC, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		DialOptions: []grpc.DialOption{grpc.WithContextDialer(n.dial)},
	}
}

func (w *worker) last(t *testing.T) fsm.Assignment {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.assigned) == 0 {
		t.Fatal("nothing was assigned")
	}
	return w.assigned[len(w.assigned)-1]
}

func (w *worker) expirations() []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]time.Duration(nil), w.expired...)
}

func (w *worker) assignments() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.assigned)
}

// pass lets fake time go by and then waits until everybody is idle.
func pass(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
	synctest.Wait()
}

// wants gives what the state says a worker has to do.
func wants(t *testing.T, s *rpctest.State, name fsm.WorkerName) fsm.Assignment {
	t.Helper()
	var a fsm.Assignment
	if err := s.View(func(v *fsm.View) error { a = v.Assignment(name); return nil }); err != nil {
		t.Fatal(err)
	}
	a.Index = 0
	return a
}

func sessionOf(t *testing.T, s *rpctest.State, name fsm.WorkerName) fsm.SessionID {
	t.Helper()
	var id fsm.SessionID
	if err := s.View(func(v *fsm.View) error { w, _ := v.Worker(name); id = w.Session; return nil }); err != nil {
		t.Fatal(err)
	}
	return id
}

func sameOrders(t *testing.T, got, want fsm.Assignment) {
	t.Helper()
	got.Index = 0
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("assignment (-want +got):\n%s", diff)
	}
}

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
		if !errors.As(err, &f) || f.Kind != fault.Conflict || f.Hint == "" {
			t.Errorf("a worker whose name is taken ended with %v", err)
		}
	})
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

// scripted is a master that misbehaves: it sends an update that continues
// something the worker never had, or falls silent after the first assignment.
type scripted struct {
	clusterpb.UnimplementedSessionsServer
	silent bool

	mu     sync.Mutex
	hellos []*clusterpb.Hello // guarded by mu
}

func (b *scripted) Session(stream clusterpb.Sessions_SessionServer) error {
	m, err := stream.Recv()
	if err != nil {
		return err
	}
	b.mu.Lock()
	b.hellos = append(b.hellos, m.GetHello())
	attempt := len(b.hellos)
	b.mu.Unlock()
	source := &clusterpb.Source{Id: "source-1"}
	messages := []*clusterpb.SessionResponse{
		{Message: &clusterpb.SessionResponse_Welcome{Welcome: &clusterpb.Welcome{SessionId: 7, TtlSeconds: 12, ClusterId: "c"}}},
		{Message: &clusterpb.SessionResponse_Assign{Assign: &clusterpb.Assign{Index: 10, Source: source, Epoch: 3,
			Subtasks: []*clusterpb.Subtask{{Task: "t1", Source: "source-1"}}}}},
	}
	if attempt == 1 && !b.silent {
		messages = append(messages, &clusterpb.SessionResponse{Message: &clusterpb.SessionResponse_Update{
			Update: &clusterpb.Update{AppliesTo: 11, ResultsIn: 12, Removed: []string{"t1"}}}})
	}
	if attempt > 1 && b.silent {
		messages = nil
	}
	for _, m := range messages {
		if err := stream.Send(m); err != nil {
			return err
		}
	}
	for {
		m, err := stream.Recv()
		if err != nil {
			return err
		}
		if r := m.GetRenew(); r != nil && !b.silent {
			if err := stream.Send(&clusterpb.SessionResponse{Message: &clusterpb.SessionResponse_Renewed{
				Renewed: &clusterpb.Renewed{Seq: r.GetSeq()}}}); err != nil {
				return err
			}
		}
	}
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
