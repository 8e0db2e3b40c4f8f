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

// A worker that holds a source and says nothing is named, and how long that can
// last: there is nothing else an operator could look at.
func TestQueryStatusNamesASilentWorker(t *testing.T) {
	s := rpctest.Open(t)
	for _, c := range []fsm.Command{fsm.PutSource{ID: "source-1"}, fsm.RegisterWorker{Name: "w1", Addr: "w1:1"},
		fsm.OpenSession{Worker: "w1", TTLSeconds: 77}, fsm.BindSource{Source: "source-1", Worker: "w1"}} {
		s.Must(t, c)
	}
	_, c := client(t, rpctest.Start(t, s, rpctest.Options{}))
	st, err := c.QueryStatus(t.Context(), &pb.QueryStatusListRequest{})
	if err != nil || len(st.GetSources()) != 1 {
		t.Fatalf("%v, %v", st, err)
	}
	src := st.GetSources()[0]
	if msg := src.GetMsg(); src.GetResult() || !strings.Contains(msg, "worker w1 ") || !strings.Contains(msg, "lease of 77 s") {
		t.Errorf("got %v", src)
	}
}

// TestReportsOfAFormerTermAreNotShown: a master that leads again knows of a
// worker what it was told when it led before. That may be hours old.
func TestReportsOfAFormerTermAreNotShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n, w := rpctest.Open(t), &network{}, newWorker()
		var deposed atomic.Bool
		run(t, t.Context(), "master", func(ctx context.Context) error {
			o := rpctest.Options{ClientURL: "http://m1", Elected: func() bool { return !deposed.Load() }}
			return rpctest.New(s, o).Run(ctx, n.listen("m1"))
		})
		run(t, t.Context(), "scheduler", s.Schedule)
		run(t, t.Context(), "session", rpc.NewSession(w.config(n, "m1")).Run)
		s.Must(t, fsm.PutSource{ID: "source-1", Config: "config"})
		pass(2 * time.Second)
		w.mu.Lock()
		w.report = status.Report{Source: "source-1", Epoch: uint64(w.assigned[len(w.assigned)-1].Epoch)}
		w.mu.Unlock()
		pass(2 * time.Second)
		conn, err := rpc.Dial("m1", grpc.WithContextDialer(n.dial))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		known := func() bool {
			t.Helper()
			st, err := pb.NewMasterClient(conn).QueryStatus(t.Context(), &pb.QueryStatusListRequest{})
			if err != nil || len(st.GetSources()) != 1 {
				t.Fatalf("%v, %v", st, err)
			}
			return st.GetSources()[0].GetResult()
		}
		if !known() {
			t.Fatal("the worker's report is not shown")
		}
		deposed.Store(true)
		pass(3 * time.Second)
		deposed.Store(false)
		if known() {
			t.Error("a report of the former term is shown")
		}
		pass(2 * time.Second)
		if !known() {
			t.Error("the worker's new report is not shown")
		}
	})
}
