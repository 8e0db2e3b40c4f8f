package rpc_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/metadata"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/rpc/clusterpb"
	"github.com/raftdm/raftdm/rpc/pb"
	"github.com/raftdm/raftdm/rpc/rpctest"
)

// told is an entry of the history without what differs from run to run.
type told struct{ Actor, Action, Task, Sources, Member, Msg string }

func history(t *testing.T, c clusterpb.OperatorClient, req *clusterpb.HistoryRequest) []told {
	t.Helper()
	resp, err := c.History(t.Context(), req)
	if err != nil || !resp.GetResult() {
		t.Fatalf("%v, %v", resp, err)
	}
	var out []told
	for _, e := range resp.GetEntries() {
		if e.GetActor() != "" && (e.GetAtUnixMilli() == 0 || e.GetAddr() == "") && e.GetActor() != "scheduler" {
			t.Errorf("an entry without time or place: %v", e)
		}
		x := told{Actor: e.GetActor(), Action: e.GetAction(), Task: e.GetTask(), Member: e.GetMember(), Msg: e.GetMsg()}
		for _, s := range e.GetSources() {
			x.Sources += s + " "
		}
		out = append(out, x)
	}
	return out
}

// TestHistoryTellsWhoDidWhat: what was done and what was refused, by whom, once
// however often it was repeated; what the cluster does by itself only on demand.
func TestHistoryTellsWhoDidWhat(t *testing.T) {
	s := rpctest.Open(t)
	conn, master := client(t, rpctest.Start(t, s, rpctest.Options{}))
	c := clusterpb.NewOperatorClient(conn)
	as := func(who, request string) context.Context {
		return metadata.AppendToOutgoingContext(t.Context(), "raftdm-actor", who, "raftdm-request-id", request)
	}
	create := &pb.OperateSourceRequest{Op: pb.SourceOp_StartSource, Config: []string{sourceYAML}}
	for _, ctx := range []context.Context{as("user-1", "r1"), as("user-1", "r1"), as("user-2", "r2"), as("user-2", "r3")} {
		if _, err := master.OperateSource(ctx, create); err != nil {
			t.Fatal(err)
		}
	}
	pause := &pb.OperateTaskRequest{Op: pb.TaskOp_Pause, Name: "nothing", Sources: []string{"source-1"}}
	if _, err := master.OperateTask(as("user-1", "r4"), pause); err != nil {
		t.Fatal(err)
	}
	if _, err := master.QueryStatus(as("user-1", "r5"), &pb.QueryStatusListRequest{Name: "nothing"}); err != nil {
		t.Fatal(err)
	}
	const exists = "[code=46007:class=scheduler:scope=internal:level=medium], Message: source source-1 exists already, Workaround: operate-source show lists the sources"
	const missing = "task nothing has no source or not exist, please check the task name and status"
	want := []told{
		{Actor: "user-1", Action: "operate-source create", Sources: "source-1 "},
		{Actor: "user-2", Action: "operate-source create", Sources: "source-1 ", Msg: exists},
		{Actor: "user-1", Action: "pause-task", Task: "nothing", Sources: "source-1 ", Msg: missing},
	}
	if diff := cmp.Diff(want, history(t, c, &clusterpb.HistoryRequest{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[2:], history(t, c, &clusterpb.HistoryRequest{Task: "nothing"})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want[2:], history(t, c, &clusterpb.HistoryRequest{Limit: 1})); diff != "" {
		t.Error(diff)
	}
	if got := history(t, c, &clusterpb.HistoryRequest{Source: "source-2"}); len(got) != 0 {
		t.Errorf("of a source that nobody named: %v", got)
	}
	if _, err := master.RegisterWorker(as("worker w", "r6"), &pb.RegisterWorkerRequest{Name: "w", Address: "a:1"}); err != nil {
		t.Fatal(err)
	}
	want = append(want, told{Actor: "worker w", Action: "register-worker", Member: "w"})
	if diff := cmp.Diff(want[:3], history(t, c, &clusterpb.HistoryRequest{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, history(t, c, &clusterpb.HistoryRequest{Cluster: true})); diff != "" {
		t.Errorf("with what the cluster did: %s", diff)
	}
}

// unsure is a proposer that loses every answer but those about notes.
type unsure struct{ rpc.Proposer }

func (u unsure) Propose(ctx context.Context, m fsm.Meta, c fsm.Command) (fsm.Result, error) {
	if _, ok := c.(fsm.Note); ok {
		return u.Proposer.Propose(ctx, m, c)
	}
	return fsm.Result{}, fault.New(fault.NotLeader, "no")
}

// TestNobodyKnowsIsNoRefusal: what may have been carried out is not written
// down as refused.
func TestNobodyKnowsIsNoRefusal(t *testing.T) {
	s := rpctest.Open(t)
	_, master := client(t, rpctest.Start(t, s, rpctest.Options{Wrap: func(p rpc.Proposer) rpc.Proposer { return unsure{p} }}))
	if resp, err := master.OperateTask(t.Context(), &pb.OperateTaskRequest{Op: pb.TaskOp_Stop, Name: "t"}); err != nil || resp.GetResult() {
		t.Fatalf("%v, %v", resp, err)
	}
	err := s.View(func(v *fsm.View) error {
		v.ChangesBack(func(c fsm.Change) bool {
			if c.Kind == "Note" {
				t.Errorf("noted: %+v", c.Note)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// stays is a group in which nobody takes over from the leader.
type stays struct{ rpc.Group }

func (stays) Evict(context.Context) error {
	return &fault.Error{Op: "evict", Kind: fault.Unavailable, Msg: "nobody takes over"}
}

// TestAnEvictionThatFailed is in the history as what it was, once however often the
// request was repeated.
func TestAnEvictionThatFailed(t *testing.T) {
	s := rpctest.Open(t)
	conn, master := client(t, rpctest.Start(t, s, rpctest.Options{Group: stays{}}))
	ctx := metadata.AppendToOutgoingContext(t.Context(), "raftdm-actor", "user-1", "raftdm-request-id", "r1")
	for range 2 {
		if resp, err := master.OperateLeader(ctx, &pb.OperateLeaderRequest{Op: pb.LeaderOp_EvictLeaderOp}); err != nil || resp.GetResult() {
			t.Fatalf("%v, %v", resp, err)
		}
	}
	resp, err := clusterpb.NewOperatorClient(conn).History(t.Context(), &clusterpb.HistoryRequest{})
	if err != nil || len(resp.GetEntries()) != 1 {
		t.Fatalf("%v, %v", resp, err)
	}
	if e := resp.GetEntries()[0]; !e.GetRefused() || e.GetActor() != "user-1" || e.GetAction() != "operate-leader evict" || e.GetMember() == "" ||
		e.GetMsg() != "[code=38008:class=dm-master:scope=internal:level=high], Message: evict: nobody takes over" {
		t.Errorf("%v", e)
	}
}
