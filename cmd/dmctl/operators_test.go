package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/operation"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/rpc/rpctest"
)

// operatedWorker is the half of a worker that masters ask: it notes what it is
// asked and answers what a test wants.
type operatedWorker struct {
	name   string
	answer func(source, what string) (string, error)

	mu    sync.Mutex
	asked []string // guarded by mu
}

func (w *operatedWorker) Report() status.Report { return status.Report{} }

func (w *operatedWorker) note(whom operation.Whom, what string) (string, error) {
	if whom.Epoch == 0 || whom.ID == "" {
		return "", fault.New(fault.Internal, fmt.Sprintf("asked for %+v", whom))
	}
	w.mu.Lock()
	w.asked = append(w.asked, whom.Task+" "+whom.Source+" "+what)
	w.mu.Unlock()
	return w.answer(whom.Source, what)
}

func (w *operatedWorker) HandleError(_ context.Context, whom operation.Whom, req operation.Operator) (string, error) {
	return w.note(whom, strings.TrimSpace(fmt.Sprintf("%s %s %s", req.Kind, req.Position, strings.Join(req.Statements, " | "))))
}

func (w *operatedWorker) OperateSchema(_ context.Context, whom operation.Whom, req operation.Structure) (string, error) {
	return w.note(whom, fmt.Sprintf("%s %s.%s %q source=%v target=%v sync=%v noflush=%v", req.Verb, req.Table.Schema, req.Table.Table, req.Text,
		req.FromSource, req.FromTarget, req.Sync, req.NoFlush))
}

// serve gives the worker an address at which it answers until the test ends.
func (w *operatedWorker) serve(t *testing.T) string {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	handlers := rpc.NewWorker(w.name, w, w)
	server := rpc.NewServer(rpc.ServerConfig{Register: func(s grpc.ServiceRegistrar) { handlers.Register(s) },
		Metrics: prometheus.NewRegistry(), Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	ctx, cancel := context.WithCancel(context.Background())
	endC := make(chan error, 1)
	go func() { endC <- server.Run(ctx, lis) }()
	t.Cleanup(func() {
		cancel()
		if err := <-endC; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return lis.Addr().String()
}

// TestGoldenOperators: the commands about DDL and structures, in both spellings.
func TestGoldenOperators(t *testing.T) {
	s := rpctest.Open(t)
	tr := &transcript{t: t, addr: rpctest.Start(t, s, rpctest.Options{})}
	answer := func(source, what string) (string, error) {
		switch {
		case source == "mysql-replica-02" && strings.HasPrefix(what, "skip"):
			return "", fault.New(fault.Conflict, "source 'mysql-replica-02' has no error")
		case strings.HasPrefix(what, "revert"):
			return "", &fault.Error{Kind: fault.NotFound, Code: 36065, Msg: "error operator not exist, position: mysql-bin.000003:3270", Hint: "binlog list shows what is pending"}
		case strings.HasPrefix(what, "list"):
			return `[{"op":"skip","binlogPos":"mysql-bin.000003:3270"}]`, nil
		case strings.HasPrefix(what, "get"):
			return "CREATE TABLE `t1` ( `c1` int(11) NOT NULL, PRIMARY KEY (`c1`)) ENGINE=InnoDB", nil
		case strings.HasPrefix(what, "remove"):
			return "", &fault.Error{Kind: fault.Conflict, Code: 40051, Msg: "current stage is Running but not paused, invalid", Hint: "pause-task first"}
		}
		return "", nil
	}
	first := &operatedWorker{name: "worker-1", answer: answer}
	second := &operatedWorker{name: "worker-2", answer: answer}
	joinAt(t, s, tr.addr, "worker-1", first.serve(t), nil)
	tr.must("operate-source", "create", "testdata/source-1.yaml")
	tr.must("operate-source", "create", "testdata/source-2.yaml")
	joinAt(t, s, tr.addr, "worker-2", second.serve(t), nil)
	tr.must("start-task", "testdata/task.yaml")

	tr.do("binlog", "skip", "test")
	tr.do("handle-error", "testdata/task.yaml", "skip", "-s", "mysql-replica-01", "-b", "mysql-bin|000001.000003:3270")
	tr.do("binlog", "replace", "test", "ALTER TABLE `db1`.`tb11` ADD COLUMN `new_col` INT;ALTER TABLE `db1`.`tb11` ADD UNIQUE(`new_col`);")
	tr.do("handle-error", "test", "-s", "mysql-replica-01", "replace", `"DROP TABLE db.a;"`, "DROP TABLE db.b")
	tr.do("binlog", "inject", "test", "-b", "mysql-bin.000003:3270", "DROP", "TABLE", "db.c")
	tr.do("binlog", "revert", "test", "-s", "mysql-replica-01")
	tr.do("binlog", "list", "test", "-s", "mysql-replica-01,mysql-replica-09")
	tr.do("binlog", "skip", "nothing")
	tr.do("binlog", "replace", "test")
	tr.do("binlog", "replace", "test", "DROP TABLE `a")
	tr.do("binlog", "skip", "test", "DROP TABLE a.b")
	tr.do("binlog", "remove", "test")
	tr.do("handle-error", "test")
	tr.do("handle-error", "test", "delete")
	tr.do("operate-schema", "get", "-s", "mysql-replica-01", "test", "-d", "db", "-t", "t1")
	tr.do("operate-schema", "set", "-s", "mysql-replica-01", "-s", "mysql-replica-02", "test", "-d", "db", "-t", "t1", "testdata/t1-schema.sql", "--sync")
	tr.do("operate-schema", "remove", "-s", "mysql-replica-01", "test", "-d", "db", "-t", "t1")
	tr.do("binlog-schema", "test", "db", "t1", "-s", "mysql-replica-01")
	tr.do("binlog-schema", "update", "test", "db", "t1", "testdata/t1-schema.sql", "--flush=false")
	tr.do("binlog-schema", "update", "test", "db", "t1", "--from-source", "-s", "mysql-replica-02")
	tr.do("binlog-schema", "update", "test", "db", "t1", "--from-target", "-s", "mysql-replica-02")
	tr.do("binlog-schema", "delete", "test", "db", "t1")
	tr.do("operate-schema", "get", "test", "-d", "db", "-t", "t1")
	tr.do("operate-schema", "get", "-s", "mysql-replica-01", "test", "-d", "db")
	tr.do("operate-schema", "set", "-s", "mysql-replica-01", "test", "-d", "db", "-t", "t1")
	tr.do("operate-schema", "set", "-s", "mysql-replica-01", "test", "-d", "db", "-t", "t1", "testdata/missing.sql")
	tr.do("operate-schema", "show", "-s", "mysql-replica-01", "test", "-d", "db", "-t", "t1")
	tr.do("operate-schema", "get", "-s", "mysql-replica-01", "test", "-d", "db", "-t", "t1", "testdata/t1-schema.sql")
	tr.do("binlog-schema", "update", "test", "db", "t1", "testdata/t1-schema.sql", "--from-source")
	tr.do("binlog-schema", "test", "db")
	for _, w := range []*operatedWorker{first, second} {
		slices.Sort(w.asked)
		fmt.Fprintf(&tr.text, "%s was asked:\n  %s\n\n", w.name, strings.Join(w.asked, "\n  "))
	}
	tr.compare("operators.txt")
}

// must runs a command that is not in the transcript.
func (tr *transcript) must(args ...string) {
	tr.t.Helper()
	quiet := &transcript{t: tr.t, addr: tr.addr}
	quiet.do(append([]string{"--fail"}, args...)...)
	if strings.Contains(quiet.text.String(), "exit code") {
		tr.t.Fatal(quiet.text.String())
	}
}
