package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/rpc/pb"
	"github.com/raftdm/raftdm/rpc/rpctest"
)

const sourceYAML = "source-id: source-1\nfrom:\n  host: 127.0.0.1\n  port: 3306\n  user: root\n"

func client(t *testing.T, addr string) (*grpc.ClientConn, pb.MasterClient) {
	t.Helper()
	conn, err := rpc.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn, pb.NewMasterClient(conn)
}

// TestEveryMethodAnswers: whatever DM's tools call gets an answer in its own
// shape, and what is not there yet says so.
func TestEveryMethodAnswers(t *testing.T) {
	served := map[string]bool{"StartTask": true, "OperateTask": true, "QueryStatus": true, "CheckTask": true, "OperateSource": true,
		"RegisterWorker": true, "ListMember": true, "GetMasterCfg": true, "OfflineMember": true, "OperateLeader": true, "TransferSource": true,
		"UpdateTask": true, "GetCfg": true, "HandleError": true, "OperateSchema": true, "Encrypt": true}
	s := rpctest.Open(t)
	conn, _ := client(t, rpctest.Start(t, s, rpctest.Options{}))
	methods := pb.File_dmmaster_proto.Services().Get(0).Methods()
	for i := range methods.Len() {
		m := methods.Get(i)
		name := string(m.Name())
		reply := dynamicpb.NewMessage(m.Output())
		err := conn.Invoke(t.Context(), "/pb.Master/"+name, dynamicpb.NewMessage(m.Input()), reply)
		msg := m.Output().Fields().ByName("msg")
		switch {
		case served[name] && err != nil:
			t.Errorf("%s: %v", name, err)
		case served[name]:
		case msg == nil:
			if grpcstatus.Code(err) != codes.Unimplemented {
				t.Errorf("%s, which has no msg, answered %v", name, err)
			}
		case err != nil || reply.Get(msg).String() != "not supported yet: "+name || reply.Get(m.Output().Fields().ByName("result")).Bool():
			t.Errorf("%s answered %v, %v", name, reply, err)
		}
	}
}

func TestRefusalRepeatsTheOperation(t *testing.T) {
	s := rpctest.Open(t)
	_, c := client(t, rpctest.Start(t, s, rpctest.Options{}))
	resp, err := c.OperateTask(t.Context(), &pb.OperateTaskRequest{Op: pb.TaskOp_Pause, Name: "none"})
	if err != nil || resp.GetOp() != pb.TaskOp_Pause || resp.GetResult() {
		t.Errorf("%v, %v", resp, err)
	}
}

func TestPagesShareThePort(t *testing.T) {
	s := rpctest.Open(t)
	addr := rpctest.Start(t, s, rpctest.Options{})
	_, c := client(t, addr)
	if _, err := c.ListMember(t.Context(), &pb.ListMemberRequest{}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/status": "Release Version: test", "/health": `{"health":"true"}`, "/debug/pprof/": "goroutine",
		"/metrics": `grpc_server_handled_total{grpc_code="OK",grpc_method="ListMember",grpc_service="pb.Master",grpc_type="unary"} 1`,
	} {
		resp, err := http.Get("http://" + addr + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%s: %s, %v; want %q in:\n%s", path, resp.Status, err, want, body)
		}
	}
}

func TestUnhealthySaysWhy(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := rpc.NewWorker("worker-1", reporter{}, nil)
	srv := rpc.NewServer(rpc.ServerConfig{Register: w.Register, Metrics: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
		Health: func(context.Context) error { return errors.New("the store is closed") }})
	run(t, t.Context(), "worker", func(ctx context.Context) error { return srv.Run(ctx, lis) })
	resp, err := http.Get("http://" + lis.Addr().String() + "/health")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), "the store is closed") {
		t.Errorf("%s: %s", resp.Status, body)
	}
	conn, err := rpc.Dial(lis.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	st, err := pb.NewWorkerClient(conn).QueryStatus(t.Context(), &pb.QueryStatusRequest{Name: "t1"})
	if err != nil || !st.GetResult() || len(st.GetSubTaskStatus()) != 1 || st.GetSubTaskStatus()[0].GetDump().GetProgress() != "25 %" ||
		st.GetSourceStatus().GetWorker() != "worker-1" || st.GetSourceStatus().GetSource() != "source-1" {
		t.Errorf("the worker answered %v, %v", st, err)
	}
	purge, err := pb.NewWorkerClient(conn).PurgeRelay(t.Context(), &pb.PurgeRelayRequest{})
	if err != nil || purge.GetResult() || purge.GetMsg() != "not supported yet: PurgeRelay" {
		t.Errorf("purging the relay answered %v, %v", purge, err)
	}
}

type reporter struct{}

func (reporter) Report() status.Report {
	return status.Report{Source: "source-1", Subtasks: []status.Subtask{
		{Task: "t1", Stage: status.StageRunning, Unit: status.UnitDump, Dump: &status.Dump{Progress: "25 %"}}, {Task: "t2"}}}
}

func TestPanicIsAnAnswer(t *testing.T) {
	s := rpctest.Open(t)
	_, c := client(t, rpctest.Start(t, s, rpctest.Options{CheckSource: func(config.Source) (config.Source, error) { panic("at the disco") }}))
	resp, err := c.OperateSource(t.Context(), &pb.OperateSourceRequest{Op: pb.SourceOp_StartSource, Config: []string{sourceYAML}})
	if err != nil || resp.GetResult() || !strings.Contains(resp.GetMsg(), "unexpectedly") || strings.Contains(resp.GetMsg(), "disco") {
		t.Errorf("%v, %v", resp, err)
	}
	if _, err := c.ListMember(t.Context(), &pb.ListMemberRequest{}); err != nil {
		t.Errorf("after the panic: %v", err)
	}
}

func TestRequestsAreBounded(t *testing.T) {
	s := rpctest.Open(t)
	_, c := client(t, rpctest.Start(t, s, rpctest.Options{}))
	_, err := c.StartTask(t.Context(), &pb.StartTaskRequest{Task: strings.Repeat("x", 33<<20)})
	if grpcstatus.Code(err) != codes.ResourceExhausted {
		t.Errorf("a request of 33 MiB: %v", err)
	}
}

// flaky loses its leadership a few times after it has carried a command out.
type flaky struct {
	rpc.Proposer
	left  atomic.Int32
	calls atomic.Int32
	kind  fault.Kind
}

func (f *flaky) Propose(ctx context.Context, m fsm.Meta, c fsm.Command) (fsm.Result, error) {
	f.calls.Add(1)
	if f.kind == fault.NotLeader {
		return fsm.Result{}, fault.New(fault.NotLeader, "not the leader")
	}
	res, err := f.Proposer.Propose(ctx, m, c)
	if f.left.Add(-1) >= 0 {
		return fsm.Result{}, fault.New(f.kind, "leadership lost")
	}
	return res, err
}

// TestUnknownOutcomeIsAskedAgain: what was carried out before the leadership
// was lost is neither done twice nor reported as failed.
func TestUnknownOutcomeIsAskedAgain(t *testing.T) {
	s := rpctest.Open(t)
	f := &flaky{kind: fault.Unavailable}
	f.left.Store(2)
	_, c := client(t, rpctest.Start(t, s, rpctest.Options{Wrap: func(p rpc.Proposer) rpc.Proposer { f.Proposer = p; return f }}))
	resp, err := c.OperateSource(t.Context(), &pb.OperateSourceRequest{Op: pb.SourceOp_StartSource, Config: []string{sourceYAML}})
	if err != nil || !resp.GetResult() || f.calls.Load() != 3 {
		t.Errorf("%v, %v after %d proposals", resp, err, f.calls.Load())
	}
}

// TestWithoutALeaderTheAnswerComesInTime: a master that takes itself for the
// leader and is none does not try for ever, and says what is the matter.
func TestWithoutALeaderTheAnswerComesInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		lis := n.listen("m1")
		f := &flaky{kind: fault.NotLeader}
		run(t, t.Context(), "master", func(ctx context.Context) error {
			return rpctest.New(rpctest.Open(t), rpctest.Options{ClientURL: "http://m1",
				Wrap: func(p rpc.Proposer) rpc.Proposer { f.Proposer = p; return f }}).Run(ctx, lis)
		})
		conn, err := rpc.Dial("m1", grpc.WithContextDialer(n.dial))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		began := time.Now()
		resp, err := pb.NewMasterClient(conn).OperateSource(t.Context(), &pb.OperateSourceRequest{Op: pb.SourceOp_StartSource, Config: []string{sourceYAML}})
		if err != nil || resp.GetResult() || !strings.HasPrefix(resp.GetMsg(), "[code=38043:") || strings.Contains(resp.GetMsg(), "may or may not") {
			t.Errorf("%v, %v", resp, err)
		}
		if took := time.Since(began); took > 4*time.Second || f.calls.Load() < 2 {
			t.Errorf("%v and %d proposals", took, f.calls.Load())
		}
	})
}

func TestFollowersForwardOnce(t *testing.T) {
	s := rpctest.Open(t)
	leader := rpctest.Start(t, s, rpctest.Options{})
	_, c := client(t, rpctest.Start(t, rpctest.Open(t), rpctest.Options{LeaderName: "m1", LeaderAddr: leader}))
	resp, err := c.RegisterWorker(t.Context(), &pb.RegisterWorkerRequest{Name: "w", Address: "a:1"})
	if err != nil || !resp.GetResult() {
		t.Errorf("%v, %v", resp, err)
	}
	if err := s.View(func(v *fsm.View) error {
		if _, ok := v.Worker("w"); !ok {
			return fmt.Errorf("the leader did not get the request")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	// Two masters that each believe in the other.
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	lost := rpctest.Start(t, rpctest.Open(t), rpctest.Options{LeaderName: "m2", LeaderAddr: lis.Addr().String()})
	other := rpctest.New(rpctest.Open(t), rpctest.Options{LeaderName: "m1", LeaderAddr: lost, ClientURL: "http://" + lis.Addr().String()})
	run(t, t.Context(), "other", func(ctx context.Context) error { return other.Run(ctx, lis) })
	_, c = client(t, lost)
	list, err := c.ListMember(t.Context(), &pb.ListMemberRequest{})
	if err != nil || list.GetResult() || !strings.HasPrefix(list.GetMsg(), "[code=38043:") || !strings.Contains(list.GetMsg(), "master m2 does not lead") {
		t.Errorf("%v, %v", list, err)
	}
	_, c = client(t, rpctest.Start(t, rpctest.Open(t), rpctest.Options{LeaderName: "none"}))
	list, err = c.ListMember(t.Context(), &pb.ListMemberRequest{})
	if err != nil || list.GetResult() || !strings.HasPrefix(list.GetMsg(), "[code=38043:") || !strings.Contains(list.GetMsg(), "the log of dm-master says why") {
		t.Errorf("%v, %v", list, err)
	}
}

// TestRequestsWaitForAnElection: who asks a master that has just been started
// gets its answer, not the news that nobody leads yet.
func TestRequestsWaitForAnElection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		n := &network{}
		lis := n.listen("m1")
		run(t, t.Context(), "master", func(ctx context.Context) error {
			return rpctest.New(rpctest.Open(t), rpctest.Options{ClientURL: "http://m1",
				Elected: func() bool { return time.Since(began) > 900*time.Millisecond }}).Run(ctx, lis)
		})
		conn, err := rpc.Dial("m1", grpc.WithContextDialer(n.dial))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		resp, err := pb.NewMasterClient(conn).QueryStatus(t.Context(), &pb.QueryStatusListRequest{})
		if err != nil || !resp.GetResult() || time.Since(began) > time.Second {
			t.Errorf("after %v: %v, %v", time.Since(began), resp, err)
		}
	})
}

// TestServerStopsInTime: open sessions do not keep a master from stopping, and
// neither does a call that does not end.
func TestServerStopsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n, w := rpctest.Open(t), &network{}, newWorker()
		hang := make(chan struct{})
		m := rpctest.New(s, rpctest.Options{ClientURL: "http://m1",
			CheckSource: func(src config.Source) (config.Source, error) { <-hang; return src, nil }})
		ctx, stop := context.WithCancel(t.Context())
		endC := make(chan error, 1)
		lis := n.listen("m1")
		go func() { endC <- m.Run(ctx, lis) }()
		run(t, t.Context(), "session", rpc.NewSession(w.config(n, "m1")).Run)
		conn, err := rpc.Dial("m1", grpc.WithContextDialer(n.dial))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		callC := make(chan error, 1)
		go func() {
			_, err := pb.NewMasterClient(conn).OperateSource(t.Context(),
				&pb.OperateSourceRequest{Op: pb.SourceOp_StartSource, Config: []string{sourceYAML}})
			callC <- err
		}()
		pass(time.Second)
		began := time.Now()
		stop()
		if err := <-callC; err == nil {
			t.Error("the call that hangs was answered")
		}
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("after %v the call was still open", took)
		}
		close(hang)
		if err := <-endC; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
