package rpc_test

import (
	"context"
	"fmt"
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

// counting counts the commands about load files.
type counting struct {
	rpc.Proposer
	files *atomic.Int32
}

func (c counting) Propose(ctx context.Context, m fsm.Meta, cmd fsm.Command) (fsm.Result, error) {
	switch cmd.(type) {
	case fsm.HoldLoadFiles, fsm.DropLoadFiles:
		c.files.Add(1)
	}
	return c.Proposer.Propose(ctx, m, cmd)
}

// TestLoadFilesAreNotedOnce: who has load files on its disk is agreed on when it
// changes, not with every report.
func TestLoadFilesAreNotedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n, w := rpctest.Open(t), &network{}, newWorker()
		var files atomic.Int32
		lis := n.listen("m1")
		run(t, t.Context(), "master", func(ctx context.Context) error {
			return rpctest.New(s, rpctest.Options{ClientURL: "http://m1",
				Wrap: func(p rpc.Proposer) rpc.Proposer { return counting{p, &files} }}).Run(ctx, lis)
		})
		run(t, t.Context(), "scheduler", s.Schedule)
		cfg := w.config(n, "m1")
		var row atomic.Pointer[status.Subtask]
		row.Store(&status.Subtask{Task: "t1", Stage: status.StageRunning})
		cfg.Report = func() status.Report {
			if w.assignments() == 0 {
				return status.Report{}
			}
			a := w.last(t)
			if a.Source == nil {
				return status.Report{}
			}
			return status.Report{Source: string(a.Source.ID), Epoch: uint64(a.Epoch), Subtasks: []status.Subtask{*row.Load()}}
		}
		run(t, t.Context(), "session", rpc.NewSession(cfg).Run)
		s.Must(t, fsm.PutSource{ID: "source-1", Config: "config"})
		s.Must(t, fsm.StartTask{Name: "t1", Sources: map[fsm.SourceID]string{"source-1": "file"}})
		for _, step := range []struct {
			row  status.Subtask
			held bool
			sum  int32
		}{
			{status.Subtask{Task: "t1", Stage: status.StageRunning}, false, 0},
			{status.Subtask{Task: "t1", Stage: status.StageRunning, Unit: status.UnitDump}, true, 1},
			{status.Subtask{Task: "t1", Stage: status.StageRunning, Unit: status.UnitLoad}, true, 1},
			{status.Subtask{Task: "t1", Stage: status.StagePaused, Unit: status.UnitLoad}, true, 1},
			{status.Subtask{Task: "t1", Stage: status.StageRunning, Unit: status.UnitSync}, false, 2},
			{status.Subtask{Task: "t1", Stage: status.StageRunning, Unit: status.UnitDump}, true, 3},
			{status.Subtask{Task: "t1", Stage: status.StageFinished, Unit: status.UnitLoad}, false, 4},
			{status.Subtask{Task: "t1", Stage: status.StageFinished, Unit: status.UnitLoad}, false, 4},
		} {
			row.Store(&step.row)
			pass(5 * time.Second) // five reports
			var held []fsm.LoadFiles
			if err := s.View(func(v *fsm.View) error { held = v.LoadFiles(); return nil }); err != nil {
				t.Fatal(err)
			}
			if (len(held) == 1) != step.held || files.Load() != step.sum {
				t.Errorf("%s in unit %s: %v is held after %d commands", step.row.Stage, step.row.Unit, held, files.Load())
			}
			if step.held && (held[0] != fsm.LoadFiles{Task: "t1", Source: "source-1", Worker: "worker-1"}) {
				t.Errorf("held: %v", held)
			}
		}
	})
}

// TestTransferWaitsForTheNewWorker: the answer comes when the new worker has
// taken the source, and names it when it does not.
func TestTransferWaitsForTheNewWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n := rpctest.Open(t), &network{}
		lis := n.listen("m1")
		run(t, t.Context(), "master", func(ctx context.Context) error {
			return rpctest.New(s, rpctest.Options{ClientURL: "http://m1"}).Run(ctx, lis)
		})
		s.Must(t, fsm.PutSource{ID: "source-1", Config: "config"})
		for i := range 3 {
			w := newWorker()
			cfg := w.config(n, "m1")
			cfg.Name, cfg.Addr = fmt.Sprint("worker-", i+1), fmt.Sprint("w:", i+1)
			cfg.Report = func() status.Report {
				if w.assignments() == 0 || cfg.Name == "worker-3" {
					return status.Report{}
				}
				a := w.last(t)
				if a.Source == nil {
					return status.Report{}
				}
				return status.Report{Source: string(a.Source.ID), Epoch: uint64(a.Epoch)}
			}
			run(t, t.Context(), "session", rpc.NewSession(cfg).Run)
		}
		pass(1500 * time.Millisecond)
		conn, err := rpc.Dial("m1", grpc.WithContextDialer(n.dial))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		c := pb.NewMasterClient(conn)
		for _, step := range []struct {
			worker string
			ok     bool
			msg    string
		}{
			{"worker-1", true, ""},
			{"worker-2", true, ""},
			{"worker-2", true, ""}, // it is there already
			{"worker-9", false, "[code=46004:"},
			{"worker-3", false, "[code=38045:"}, // agreed on, and the worker says nothing
		} {
			resp, err := c.TransferSource(t.Context(), &pb.TransferSourceRequest{Source: "source-1", Worker: step.worker})
			if err != nil || resp.GetResult() != step.ok || !strings.HasPrefix(resp.GetMsg(), step.msg) {
				t.Errorf("to %s: %v, %v", step.worker, resp, err)
			}
			if !step.ok {
				continue
			}
			st, err := c.QueryStatus(t.Context(), &pb.QueryStatusListRequest{})
			if err != nil || !st.GetSources()[0].GetResult() || st.GetSources()[0].GetSourceStatus().GetWorker() != step.worker {
				t.Errorf("after the transfer to %s query-status says %v, %v", step.worker, st, err)
			}
		}
		s.Must(t, fsm.StartTask{Name: "t1", Sources: map[fsm.SourceID]string{"source-1": "file"}})
		resp, err := c.TransferSource(t.Context(), &pb.TransferSourceRequest{Source: "source-1", Worker: "worker-1"})
		if err != nil || resp.GetResult() || !strings.HasPrefix(resp.GetMsg(), "[code=46019:") || !strings.Contains(resp.GetMsg(), "pause-task") {
			t.Errorf("with a running task: %v, %v", resp, err)
		}
	})
}
