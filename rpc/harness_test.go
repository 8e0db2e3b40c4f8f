package rpc_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/rpc/clusterpb"
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
