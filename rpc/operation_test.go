package rpc_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/operation"
	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/rpc/pb"
	"github.com/raftdm/raftdm/rpc/rpctest"
)

// forgetful is a worker of which the answers get lost at first.
type forgetful struct {
	pb.UnimplementedWorkerServer
	lose int

	mu  sync.Mutex
	ids []string // guarded by mu: of the requests that came
}

func (f *forgetful) HandleError(ctx context.Context, _ *pb.HandleWorkerErrorRequest) (*pb.CommonWorkerResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ids = append(f.ids, strings.Join(append(md.Get("raftdm-request-id"), md.Get("raftdm-epoch")...), " "))
	if len(f.ids) <= f.lose {
		return nil, grpcstatus.Error(codes.Unavailable, "the connection broke")
	}
	return &pb.CommonWorkerResponse{Result: true, Msg: "done"}, nil
}

// bound gives a state in which a worker at an address serves a source of task t.
func bound(t *testing.T, addr string) *rpctest.State {
	t.Helper()
	s := rpctest.Open(t)
	s.Must(t, fsm.PutSource{ID: "s1", Config: "config"})
	s.Must(t, fsm.PutSource{ID: "s2", Config: "config"})
	s.Must(t, fsm.RegisterWorker{Name: "w1", Addr: addr})
	s.Must(t, fsm.OpenSession{Worker: "w1", TTLSeconds: 60})
	s.Must(t, fsm.BindSource{Source: "s1", Worker: "w1"})
	s.Must(t, fsm.StartTask{Name: "t", Sources: map[fsm.SourceID]string{"s1": "file", "s2": "file"}})
	return s
}

func handleError(t *testing.T, addr string) []*pb.CommonWorkerResponse {
	t.Helper()
	conn, err := rpc.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	resp, err := pb.NewMasterClient(conn).HandleError(t.Context(), &pb.HandleErrorRequest{Op: pb.ErrorOp_Skip, Task: "t"})
	if err != nil || !resp.GetResult() || len(resp.GetSources()) != 2 {
		t.Fatalf("%v %v", resp, err)
	}
	return resp.GetSources()
}

// TestAnswersThatGetLost: a worker is asked again under the same id, and not for ever.
func TestAnswersThatGetLost(t *testing.T) {
	for _, lose := range []int{0, 2, 3} {
		lis, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		w := &forgetful{lose: lose}
		srv := grpc.NewServer()
		pb.RegisterWorkerServer(srv, w)
		go func() { _ = srv.Serve(lis) }()
		lines := handleError(t, rpctest.Start(t, bound(t, lis.Addr().String()), rpctest.Options{}))
		srv.Stop()
		if ok := lose < 3; lines[0].GetResult() != ok || ok && lines[0].GetMsg() != "done" || !ok && !strings.Contains(lines[0].GetMsg(), "may or may not have been carried out") {
			t.Errorf("with %d answers lost: %v", lose, lines[0])
		}
		if lines[0].GetWorker() != "w1" || lines[1].GetResult() || !strings.Contains(lines[1].GetMsg(), "code=38021") {
			t.Errorf("lines: %v", lines)
		}
		for _, id := range w.ids {
			if id != w.ids[0] || !strings.HasSuffix(id, "/s1 6") {
				t.Errorf("request ids: %q", w.ids)
			}
		}
	}
}

// TestWorkerIsAway: a worker that cannot be reached was not asked.
func TestWorkerIsAway(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = lis.Close()
	lines := handleError(t, rpctest.Start(t, bound(t, lis.Addr().String()), rpctest.Options{}))
	if lines[0].GetResult() || !strings.Contains(lines[0].GetMsg(), "cannot be reached") || !strings.Contains(lines[0].GetMsg(), "code=38008") {
		t.Errorf("%v", lines[0])
	}
}

// TestOnlyMastersAskWorkers: without the epoch of a binding a worker does nothing.
func TestOnlyMastersAskWorkers(t *testing.T) {
	w := rpc.NewWorker("w1", reporter{}, never{t})
	if _, err := w.HandleError(t.Context(), &pb.HandleWorkerErrorRequest{Op: pb.ErrorOp_Skip, Task: "t"}); err == nil {
		t.Error("a request of nobody was carried out")
	}
	if _, err := w.OperateSchema(t.Context(), &pb.OperateWorkerSchemaRequest{Op: pb.SchemaOp_GetSchema, Task: "t"}); err == nil {
		t.Error("a request of nobody was carried out")
	}
}

type never struct{ t *testing.T }

func (n never) HandleError(context.Context, operation.Whom, operation.Operator) (string, error) {
	n.t.Error("asked")
	return "", nil
}

func (n never) OperateSchema(context.Context, operation.Whom, operation.Structure) (string, error) {
	n.t.Error("asked")
	return "", nil
}
