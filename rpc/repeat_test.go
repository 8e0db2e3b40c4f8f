package rpc_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/rpc/pb"
	"github.com/raftdm/raftdm/rpc/rpctest"
)

const taskYAML = "name: t1\ntask-mode: all\ntarget-database:\n  host: 127.0.0.1\n  port: 4000\n  user: root\nmysql-instances:\n  - source-id: source-1\n"

// deposed carries each kind of command out once and then no longer leads, before
// the client was answered.
type deposed struct {
	rpc.Proposer
	calls map[string]*atomic.Int32
}

func (d deposed) Propose(ctx context.Context, m fsm.Meta, c fsm.Command) (fsm.Result, error) {
	kind := ""
	switch c.(type) {
	case fsm.StartTask:
		kind = "start"
	case fsm.StopTask:
		kind = "stop"
	case fsm.PutSource:
		kind = "put"
	case fsm.RemoveSource:
		kind = "remove"
	default:
		return d.Proposer.Propose(ctx, m, c)
	}
	res, err := d.Proposer.Propose(ctx, m, c)
	switch d.calls[kind].Add(1) {
	case 1:
		return fsm.Result{}, fault.New(fault.Unavailable, "leadership lost")
	case 2:
		return fsm.Result{}, fault.New(fault.NotLeader, "not the leader")
	}
	return res, err
}

// TestRepeatedHandlersAreOneRequest: a handler that is run again, because its
// first run lost the leadership, gives the answer that the first run would have
// given, also where it does more than propose one command.
func TestRepeatedHandlersAreOneRequest(t *testing.T) {
	s := rpctest.Open(t)
	d := deposed{calls: map[string]*atomic.Int32{"start": {}, "stop": {}, "put": {}, "remove": {}}}
	var removed, sourceChecks, taskChecks atomic.Int32
	addr := rpctest.Start(t, s, rpctest.Options{
		// The databases go away after the first run has looked at them: what was
		// agreed on must not be answered as refused.
		CheckSource: func(src config.Source) (config.Source, error) {
			src.Flavor, src.ServerID = "mysql", 429500000
			return src, away(sourceChecks.Add(1))
		},
		CheckTask: func([]config.Subtask, int, int) error { return away(taskChecks.Add(1)) },
		Wrap:      func(p rpc.Proposer) rpc.Proposer { d.Proposer = p; return d },
		Removed:   func(string) { removed.Add(1) },
	})
	_, c := client(t, addr)
	create, err := c.OperateSource(t.Context(), &pb.OperateSourceRequest{Op: pb.SourceOp_StartSource, Config: []string{sourceYAML}})
	if err != nil || !create.GetResult() {
		t.Fatalf("create: %v, %v", create, err)
	}
	run(t, t.Context(), "session", rpc.NewSession(reportingWorker("w", "w:1", addr)).Run)
	awaitBound(t, s)
	start, err := c.StartTask(t.Context(), &pb.StartTaskRequest{Task: taskYAML, RemoveMeta: true})
	if err != nil || !start.GetResult() {
		t.Errorf("start-task --remove-meta: %v, %v", start, err)
	}
	if n := removed.Load(); n != 1 {
		t.Errorf("the meta tables were removed %d times, the second time under a task that runs", n)
	}
	stop, err := c.OperateTask(t.Context(), &pb.OperateTaskRequest{Op: pb.TaskOp_Stop, Name: "t1"})
	if err != nil || !stop.GetResult() || len(stop.GetSources()) != 1 {
		t.Errorf("stop-task: %v, %v", stop, err)
	}
	remove, err := c.OperateSource(t.Context(), &pb.OperateSourceRequest{Op: pb.SourceOp_StopSource, SourceID: []string{"source-1"}})
	if err != nil || !remove.GetResult() || len(remove.GetSources()) != 1 {
		t.Errorf("operate-source stop: %v, %v", remove, err)
	}
	for kind, n := range d.calls {
		if n.Load() != 3 {
			t.Errorf("%s was proposed %d times: the test did not depose the leader as meant", kind, n.Load())
		}
	}
	// The same again is another request.
	again, err := c.OperateTask(t.Context(), &pb.OperateTaskRequest{Op: pb.TaskOp_Stop, Name: "t1"})
	if err != nil || again.GetResult() {
		t.Errorf("stopping it again: %v, %v", again, err)
	}
}

// away is the error of every call but the first.
func away(call int32) error {
	if call == 1 {
		return nil
	}
	return fault.New(fault.Unavailable, "the database is away")
}

func awaitBound(t *testing.T, s *rpctest.State) {
	t.Helper()
	sub, err := s.Feed.Subscribe(s.Feed.Index())
	if err != nil {
		t.Fatal(err)
	}
	for {
		bound := false
		if err := s.View(func(v *fsm.View) error { _, bound = v.Binding("source-1"); return nil }); err != nil {
			t.Fatal(err)
		}
		if bound {
			return
		}
		if _, err := sub.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
