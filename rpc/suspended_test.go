package rpc_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/rpc/pb"
	"github.com/raftdm/raftdm/rpc/rpctest"
)

// TestAnOldReportIsNotSynced: a worker that is suspended does not say that the
// source has written more.
func TestAnOldReportIsNotSynced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n, w := rpctest.Open(t), &network{}, newWorker()
		run(t, t.Context(), "master", func(ctx context.Context) error {
			return rpctest.New(s, rpctest.Options{ClientURL: "http://m1"}).Run(ctx, n.listen("m1"))
		})
		run(t, t.Context(), "scheduler", s.Schedule)
		var suspended atomic.Bool
		awakeC := make(chan struct{})
		cfg := w.config(n, "m1")
		report := cfg.Report
		cfg.Report = func() status.Report {
			if suspended.Load() {
				<-awakeC
			}
			return report()
		}
		run(t, t.Context(), "session", rpc.NewSession(cfg).Run)
		s.Must(t, fsm.PutSource{ID: "source-1", Config: "config"})
		pass(2 * time.Second)
		w.mu.Lock()
		w.report = status.Report{Source: "source-1", Epoch: uint64(w.assigned[len(w.assigned)-1].Epoch),
			Subtasks: []status.Subtask{{Task: "t", Stage: status.StageRunning, Unit: status.UnitSync, Sync: &status.Sync{Synced: true}}}}
		w.mu.Unlock()
		pass(2 * time.Second)
		conn, err := rpc.Dial("m1", grpc.WithContextDialer(n.dial))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		want := func(synced bool) {
			t.Helper()
			st, err := pb.NewMasterClient(conn).QueryStatus(t.Context(), &pb.QueryStatusListRequest{})
			if err != nil || len(st.GetSources()) != 1 || len(st.GetSources()[0].GetSubTaskStatus()) != 1 {
				t.Fatalf("%v, %v", st, err)
			}
			if got := st.GetSources()[0]; got.GetSubTaskStatus()[0].GetSync().GetSynced() != synced {
				t.Errorf("want synced %t, got %v", synced, got)
			}
		}
		want(true)
		suspended.Store(true)
		pass(8 * time.Second)
		want(false)
		suspended.Store(false)
		close(awakeC)
		pass(2 * time.Second)
		want(true)
	})
}

// TestMetaStaysUnderAWorkerThatMayRun: a worker that has not heard of stop-task
// would go on with the task of the same name that is started behind it. Its meta
// data is not removed before the worker has said that it runs nothing of it.
func TestMetaStaysUnderAWorkerThatMayRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n, w := rpctest.Open(t), &network{}, newWorker()
		var removed, suspended atomic.Int32
		run(t, t.Context(), "master", func(ctx context.Context) error {
			o := rpctest.Options{ClientURL: "http://m1", Removed: func(string) { removed.Add(1) }}
			return rpctest.New(s, o).Run(ctx, n.listen("m1"))
		})
		run(t, t.Context(), "scheduler", s.Schedule)
		awakeC := make(chan struct{})
		cfg := w.config(n, "m1")
		cfg.TTL = time.Hour
		cfg.Report = func() status.Report {
			if suspended.Load() > 0 {
				<-awakeC
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			var r status.Report
			if len(w.assigned) > 0 {
				a := w.assigned[len(w.assigned)-1]
				r = status.Report{Source: "source-1", Epoch: uint64(a.Epoch)}
				for _, x := range a.Subtasks {
					r.Subtasks = append(r.Subtasks, status.Subtask{Task: string(x.Task), Stage: x.Stage, Revision: uint64(x.Revision)})
				}
			}
			return r
		}
		run(t, t.Context(), "session", rpc.NewSession(cfg).Run)
		s.Must(t, fsm.PutSource{ID: "source-1", Config: sourceYAML})
		pass(2 * time.Second)
		conn, err := rpc.Dial("m1", grpc.WithContextDialer(n.dial))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		c := pb.NewMasterClient(conn)
		start := func() (bool, string) {
			t.Helper()
			r, err := c.StartTask(t.Context(), &pb.StartTaskRequest{Task: taskYAML, RemoveMeta: true})
			if err != nil {
				t.Fatal(err)
			}
			return r.GetResult(), r.GetMsg()
		}
		if ok, msg := start(); !ok || removed.Load() != 1 {
			t.Fatalf("started %t, removed %d times: %s", ok, removed.Load(), msg)
		}
		suspended.Store(1)
		pass(time.Second)
		stop, err := c.OperateTask(t.Context(), &pb.OperateTaskRequest{Op: pb.TaskOp_Stop, Name: "t1"})
		if err != nil || !stop.GetResult() || stop.GetSources()[0].GetResult() {
			t.Fatalf("stop-task while the worker is suspended: %v, %v", stop, err)
		}
		if ok, msg := start(); ok || removed.Load() != 1 || !strings.Contains(msg, "worker-1") {
			t.Errorf("while the worker is suspended: started %t, removed %d times: %s", ok, removed.Load(), msg)
		}
		suspended.Store(0)
		close(awakeC)
		pass(2 * time.Second)
		if ok, msg := start(); !ok || removed.Load() != 2 {
			t.Errorf("when the worker is back: started %t, removed %d times: %s", ok, removed.Load(), msg)
		}
	})
}
