package rpc_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/rpc/pb"
	"github.com/raftdm/raftdm/rpc/rpctest"
)

// BenchmarkQueryStatus1000 asks for the status of 1,000 running tasks over real
// sockets: all of one source, and each of a source of its own.
func BenchmarkQueryStatus1000(b *testing.B) {
	for _, sources := range []int{1, 1000} {
		b.Run(fmt.Sprintf("sources=%d", sources), func(b *testing.B) { benchmarkQueryStatus(b, sources, 1000/sources) })
	}
}

func benchmarkQueryStatus(b *testing.B, sources, tasksOfEach int) {
	s := rpctest.Open(b)
	addr := rpctest.Start(b, s, rpctest.Options{})
	config := "name: task\n" + strings.Repeat("# as long as a task file with a few routes and filters\n", 60)
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	for i := range sources {
		source, worker := fsm.SourceID(fmt.Sprintf("source-%04d", i)), fmt.Sprintf("worker-%04d", i)
		s.Must(b, fsm.PutSource{ID: source, Config: config})
		for j := range tasksOfEach {
			task := fsm.TaskName(fmt.Sprintf("task-%04d-%04d", i, j))
			s.Must(b, fsm.StartTask{Name: task, Sources: map[fsm.SourceID]string{source: config}})
		}
		session := rpc.NewSession(reportingWorker(worker, fmt.Sprintf("w:%d", i), addr))
		go func() { _ = session.Run(ctx) }()
	}
	conn, err := rpc.Dial(addr)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	c := pb.NewMasterClient(conn)
	awaitRows(b, c, sources*tasksOfEach)
	for b.Loop() {
		if n := rows(b, c); n != sources*tasksOfEach {
			b.Fatalf("%d rows", n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/query")
}

// reportingWorker runs whatever it is assigned and says so.
func reportingWorker(name, addr, master string) rpc.SessionConfig {
	orders := make(chan fsm.Assignment, 1)
	orders <- fsm.Assignment{}
	changedC := make(chan struct{}, 1)
	return rpc.SessionConfig{Name: name, Addr: addr, Join: []string{master}, TTL: time.Minute, Expire: func() {},
		Changed: changedC, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Assign: func(a fsm.Assignment) {
			<-orders
			orders <- a
			select {
			case changedC <- struct{}{}:
			default:
			}
		},
		Report: func() status.Report {
			a := <-orders
			orders <- a
			if a.Source == nil {
				return status.Report{}
			}
			r := status.Report{Source: string(a.Source.ID), Epoch: uint64(a.Epoch)}
			for _, x := range a.Subtasks {
				r.Subtasks = append(r.Subtasks, status.Subtask{Task: string(x.Task), Stage: x.Stage, Unit: status.UnitSync, Revision: uint64(x.Revision),
					Sync: &status.Sync{TotalEvents: 12345, MasterBinlog: "(mysql-bin.000123, 456789)", SyncerBinlog: "(mysql-bin.000123, 456789)",
						SyncerBinlogGTID: "8a1f9d3c-0000-11ee-9b1e-0242ac110002:1-123456", Synced: true, BinlogType: "remote"}})
			}
			return r
		}}
}

func rows(b *testing.B, c pb.MasterClient) int {
	b.Helper()
	resp, err := c.QueryStatus(b.Context(), &pb.QueryStatusListRequest{})
	if err != nil || !resp.GetResult() {
		b.Fatal(resp.GetMsg(), err)
	}
	n := 0
	for _, src := range resp.GetSources() {
		for _, row := range src.GetSubTaskStatus() {
			if row.GetSync() != nil {
				n++
			}
		}
	}
	return n
}

func awaitRows(b *testing.B, c pb.MasterClient, want int) {
	b.Helper()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	deadline := time.Now().Add(3 * time.Minute)
	for rows(b, c) != want {
		if time.Now().After(deadline) {
			b.Fatalf("after three minutes %d rows of %d", rows(b, c), want)
		}
		<-look.C
	}
}
