package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/rpc/rpctest"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// transcript is what a person would see who types commands one after the other.
type transcript struct {
	t    *testing.T
	addr string
	text strings.Builder
}

// do runs one command against the master.
func (tr *transcript) do(args ...string) {
	tr.run(append([]string{"--master-addr", tr.addr}, args...), args)
}

func (tr *transcript) run(args, shown []string) {
	var stdout, stderr bytes.Buffer
	p := program{Args: args, Getenv: func(string) string { return "" }, Stdout: &stdout, Stderr: &stderr}
	code := p.Run(tr.t.Context())
	for tries := 0; tries < 1000 && strings.Contains(stdout.String(), "reports every second"); tries++ {
		stdout.Reset() // the worker's first report is on its way
		code = p.Run(tr.t.Context())
	}
	fmt.Fprintf(&tr.text, "$ dmctl %s\n%s", strings.Join(shown, " "), stdout.String())
	if stderr.Len() > 0 {
		fmt.Fprintf(&tr.text, "stderr: %s", stderr.String())
	}
	if code != 0 {
		fmt.Fprintf(&tr.text, "exit code %d\n", code)
	}
	tr.text.WriteByte('\n')
}

func (tr *transcript) compare(name string) {
	tr.t.Helper()
	got := tr.text.String()
	if tr.addr != "" {
		got = strings.ReplaceAll(got, tr.addr, "MASTER")
	}
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			tr.t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		tr.t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		tr.t.Errorf("%s (-want +got, -rewrite accepts it):\n%s", path, diff)
	}
}

// fakeWorker does at once what it is assigned, and reports what a test wants.
type fakeWorker struct {
	changedC chan struct{}

	mu     sync.Mutex
	report status.Report
	rows   map[string]status.Subtask // what to report of a task, instead of a syncer that runs
}

func (w *fakeWorker) assign(a fsm.Assignment) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.report = status.Report{Epoch: uint64(a.Epoch)}
	if a.Source != nil {
		w.report.Source = string(a.Source.ID)
	}
	for _, s := range a.Subtasks {
		row, special := w.rows[string(s.Task)]
		if !special {
			row = running()
		}
		if s.Stage == status.StagePaused {
			row.Stage = status.StagePaused
		}
		row.Task, row.Revision = string(s.Task), uint64(s.Revision)
		w.report.Subtasks = append(w.report.Subtasks, row)
	}
	select {
	case w.changedC <- struct{}{}:
	default:
	}
}

func (w *fakeWorker) get() status.Report {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.report
}

func running() status.Subtask {
	return status.Subtask{Stage: status.StageRunning, Unit: status.UnitSync, Sync: &status.Sync{TotalEvents: 12, TotalTPS: 3, RecentTPS: 2,
		MasterBinlog: "(mysql-bin.000001, 2022)", MasterBinlogGTID: "a-b-c:1-9", SyncerBinlog: "(mysql-bin.000001, 1985)",
		SyncerBinlogGTID: "a-b-c:1-8", BinlogType: "remote", SecondsBehindMaster: 1, TotalRows: 40, TotalRPS: 4, RecentRPS: 5, IOTotalBytes: 4096,
		Lanes: 16, LanesApplying: 3, LanesWaiting: 2, QueuedRows: 70, Held: "the DDL at (mysql-bin.000001, 1985) is being executed: ALTER TABLE t ADD x INT, for 4 s"}}
}

// join starts a worker that lives as long as the test, and waits until it is
// online and serves a source if one is without a worker.
func join(t *testing.T, s *rpctest.State, addr, name string, rows map[string]status.Subtask) {
	t.Helper()
	joinAt(t, s, addr, name, name+":8262", rows)
}

// joinAt is join for a worker that can be asked at an address.
func joinAt(t *testing.T, s *rpctest.State, addr, name, at string, rows map[string]status.Subtask) {
	t.Helper()
	w := &fakeWorker{changedC: make(chan struct{}, 1), rows: rows}
	session := rpc.NewSession(rpc.SessionConfig{Name: name, Addr: at, Join: []string{addr}, TTL: time.Minute,
		Assign: w.assign, Expire: func() { w.assign(fsm.Assignment{}) }, Report: w.get, Changed: w.changedC,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	ctx, cancel := context.WithCancel(context.Background())
	endC := make(chan error, 1)
	go func() { endC <- session.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-endC; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	sub, err := s.Feed.Subscribe(s.Feed.Index())
	for err == nil {
		var ready bool
		verr := s.View(func(v *fsm.View) error {
			x, _ := v.Worker(fsm.WorkerName(name))
			_, bound := v.BindingOf(x.Name)
			ready = x.Session != 0 && (bound || len(v.Bindings()) == len(v.Sources()))
			return nil
		})
		if verr != nil {
			t.Fatal(verr)
		}
		if ready {
			return
		}
		_, err = sub.Next(t.Context())
	}
	t.Fatal(err)
}

// unreachable is what the pre-check answers for one of the source files.
func unreachable(src config.Source) (config.Source, error) {
	if src.SourceID == "mysql-replica-03" {
		return src, &fault.Error{Op: "check source " + src.SourceID, Kind: fault.Unavailable, Side: fault.Upstream, Code: 10001, Msg: "cannot connect to 127.0.0.1:3308",
			Hint: "is the server up, and may this host reach it?", Err: errors.New("connection refused")}
	}
	src.Flavor, src.ServerID = "mysql", 429500000
	return src, nil
}

func TestGoldenSources(t *testing.T) {
	s := rpctest.Open(t)
	tr := &transcript{t: t, addr: rpctest.Start(t, s, rpctest.Options{CheckSource: unreachable})}
	join(t, s, tr.addr, "worker-1", nil)
	tr.do("operate-source", "create", "testdata/source-1.yaml")
	tr.do("operate-source", "create", "testdata/source-1.yaml")
	tr.do("operate-source", "create", "testdata/source-2.yaml", "testdata/source-bad.yaml")
	tr.do("operate-source", "create", "testdata/source-2.yaml")
	tr.do("operate-source", "create", "testdata/source-typo.yaml")
	tr.do("operate-source", "create", "testdata/missing.yaml")
	tr.do("operate-source", "update", "testdata/source-1.yaml")
	tr.do("operate-source", "show")
	tr.do("operate-source", "show", "-s", "mysql-replica-02")
	tr.do("operate-source", "show", "nobody")
	tr.do("query-status")
	tr.do("list-member")
	tr.do("list-member", "--worker", "--name", "nobody")
	tr.do("operate-source", "stop", "testdata/source-2.yaml", "mysql-replica-02")
	tr.do("operate-source", "stop", "mysql-replica-01", "mysql-replica-02")
	tr.do("operate-source", "show")
	tr.compare("sources.txt")
}

func TestGoldenTasks(t *testing.T) {
	s := rpctest.Open(t)
	var dropped []string
	findings := 0 // what the pre-check finds
	tr := &transcript{t: t, addr: rpctest.Start(t, s, rpctest.Options{
		Removed: func(task string) { dropped = append(dropped, task) },
		CheckTask: func(_ []config.Subtask, failures, warnings int) error {
			if findings == 0 {
				return nil
			}
			return &fault.Error{Kind: fault.Invalid, Code: 26005, Hint: "follow the instructions",
				Msg: fmt.Sprintf("%s: check was failed, please see detail\n detail: {\n\t\"results\": [],\n\t\"shown\": [%d, %d]\n}",
					checkFailed, failures, warnings)}
		}})}
	join(t, s, tr.addr, "worker-1", nil)
	tr.do("operate-source", "create", "testdata/source-1.yaml")
	tr.do("start-task", "testdata/task.yaml")
	tr.do("operate-source", "create", "testdata/source-2.yaml")
	tr.do("start-task", "testdata/task.yaml")
	tr.do("-s", "mysql-replica-09", "start-task", "testdata/task.yaml")
	join(t, s, tr.addr, "worker-2", map[string]status.Subtask{"test": {Stage: status.StagePaused, Unit: status.UnitSync,
		Err: &fault.Error{Op: "sync task=test source=mysql-replica-02 pos=bin.000007:4410", Kind: fault.Schema, Side: fault.Downstream,
			Code: 10006, Msg: "execute the transaction", Hint: "add the column on the target, then resume-task test",
			Err: errors.New("Error 1054 (42S22): Unknown column 'v' in 'field list'")},
		Sync: &status.Sync{BinlogType: "remote", UnmatchedRows: 2, LastUnmatched: "`db`.`t` id=7 at (bin.000007, 4400)",
			Cascades: []string{"table `db`.`c` foreign key `f`"}}}})
	tr.do("query-status", "-s", "mysql-replica-01")
	tr.do("query-status", "--format", "xml")
	tr.do("query-status", "--format", "table")
	tr.do("check-task", "testdata/task.yaml")
	findings = 1
	tr.do("check-task", "-e", "3", "--warn=0", "testdata/task.yaml")
	tr.do("check-task", "-e", "-1", "testdata/task.yaml")
	tr.do("start-task", "testdata/task.yaml")
	findings = 0
	tr.do("start-task", "--remove-meta", "testdata/task.yaml")
	tr.do("query-status")
	tr.do("query-status", "testdata/task.yaml")
	tr.do("query-status", "--format", "table", "test")
	tr.do("query-status", "--format", "table", "unknown")
	tr.do("operate-source", "stop", "mysql-replica-01")
	tr.do("start-task", "--remove-meta", "testdata/task.yaml")
	tr.do("pause-task", "test")
	tr.do("query-status", "test", "-s", "mysql-replica-01")
	tr.do("query-status", "test", "-s", "mysql-replica-02")
	tr.do("resume-task", "test", "-s", "mysql-replica-01")
	tr.do("pause-task", "-s", "mysql-replica-01")
	tr.do("--fail", "resume-task", "nothing")
	tr.do("stop-task", "test")
	tr.do("query-status", "test")
	tr.do("query-status", "--more")
	tr.do("query-status")
	tr.compare("tasks.txt")
	if diff := cmp.Diff([]string{"test"}, dropped); diff != "" {
		t.Errorf("meta tables dropped (-want +got):\n%s", diff)
	}
}

func TestGoldenCommandLine(t *testing.T) {
	tr := &transcript{t: t}
	for _, line := range []string{
		"query-status", "start-task --master-addr 127.0.0.1:1", "start-task missing.yaml --master-addr 127.0.0.1:1",
		"query-status a b --master-addr 127.0.0.1:1", "operate-source", "operate-source destroy x", "operate-source create -s x",
		"pause-task", "list-member --unknown", "unknown", "", "-ssl-ca=x query-status", "shard-ddl-lock", "unlock-ddl-lock id",
		"--rpc-timeout 0s --master-addr 127.0.0.1:1 query-status", "--master-addr nonsense query-status", "--config missing.toml query-status",
		"decrypt nonsense", "start-task testdata/latin1.yaml", "operate-source create testdata/latin1.yaml", "operate-source stop",
		"transfer-source s1", "transfer-source s1 w1 w2", "transfer-source -s s1 w1 w2", "operate-leader", "operate-leader remove", "operate-leader evict m1",
		"offline-member", "offline-member m1", "offline-member --master", "offline-member -m -w -n m1", "offline-member --worker -n", "offline-member -n m1",
		"list-member m1", "list-member -n", "transfer-source --help", "operate-leader --help", "offline-member --help", "list-member --help",
		"config", "config nothing", "config task", "config task a b --master-addr 127.0.0.1:1", "config export x", "config import x", "config import --dir missing --master-addr 127.0.0.1:1",
		"config task update", "config source update a b", "config source update missing.yaml", "get-config", "get-config relay x", "history a b", "history --format yaml",
		"history -s a -s b", "help", "help history", "help nothing", "config --help", "encrypt", "decrypt a b", "start-relay -s a b", "get-task-config --help",
		"binlog", "binlog replace --help", "handle-error --help", "operate-schema --help", "binlog-schema --help", "binlog-schema update --help",
	} {
		tr.run(strings.Fields(line), strings.Fields(line))
	}
	tr.compare("command-line.txt")
}

func TestUnreachableMaster(t *testing.T) {
	var stderr bytes.Buffer
	p := program{Args: []string{"query-status", "-master-addr=127.0.0.1:1"}, Getenv: func(string) string { return "" }, Stdout: io.Discard, Stderr: &stderr}
	if code := p.Run(t.Context()); code != 1 {
		t.Errorf("exit code %d", code)
	}
	want := "Error: [code=48001:class=dmctl:scope=internal:level=high], Message: can't connect to 127.0.0.1:1, RawCause: context deadline exceeded"
	if got := stderr.String(); !strings.HasPrefix(got, want) || !strings.Contains(got, "Workaround: Please check your network connection.") {
		t.Errorf("stderr: %s", got)
	}
}

// TestImpatience: a master that takes its time is not called unreachable.
func TestImpatience(t *testing.T) {
	s := rpctest.Open(t)
	ctx, interrupt := context.WithCancel(t.Context())
	hang := make(chan struct{})
	addr := rpctest.Start(t, s, rpctest.Options{CheckSource: func(src config.Source) (config.Source, error) {
		interrupt()
		<-hang
		return src, nil
	}})
	defer close(hang)
	for _, c := range []struct {
		ctx           context.Context
		timeout, want string
	}{
		{ctx, "10m", "Error: interrupted; what was asked for may be carried out nevertheless\n"},
		{t.Context(), "300ms", "Error: [code=38008:class=dm-master:scope=internal:level=high], Message: the master " + addr +
			" did not answer within the rpc-timeout of 300ms; the request may or may not have been carried out, " +
			"Workaround: look with query-status or list-member what became of it\n"},
	} {
		var stderr bytes.Buffer
		p := program{Args: []string{"operate-source", "create", "testdata/source-1.yaml", "--master-addr", addr, "--rpc-timeout", c.timeout},
			Getenv: func(string) string { return "" }, Stdout: io.Discard, Stderr: &stderr}
		if code := p.Run(c.ctx); code != 1 || stderr.String() != c.want {
			t.Errorf("exit code %d, %s", code, stderr.String())
		}
	}
}

func TestEncryptAndBack(t *testing.T) {
	out := func(env string, args ...string) string {
		var stdout bytes.Buffer
		p := program{Args: args, Getenv: func(string) string { return env }, Stdout: &stdout, Stderr: io.Discard}
		if code := p.Run(t.Context()); code != 0 {
			t.Fatalf("%v: exit code %d", args, code)
		}
		return strings.TrimSpace(stdout.String())
	}
	for _, form := range [][2]string{{"encrypt", "decrypt"}, {"--encrypt", "--decrypt"}, {"-encrypt", "-decrypt"}} {
		if got := out("", form[1], out("", form[0], "secret")); got != "secret" {
			t.Errorf("%v: %q", form, got)
		}
	}
	path := filepath.Join(t.TempDir(), "secret.key")
	if err := os.WriteFile(path, []byte(strings.Repeat("0a", 32)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := config.ReadSecretKey(path)
	if err != nil {
		t.Fatal(err)
	}
	s := rpctest.Open(t)
	addr := rpctest.Start(t, s, rpctest.Options{Key: key})
	for what, sealed := range map[string]string{"a master": out(addr, "encrypt", "secret"), "an older form": out(addr, "--encrypt", "secret"),
		"the file": out("", "encrypt", "--secret-key-path", path, "secret")} {
		if got := out("", "decrypt", "--secret-key-path", path, sealed); got != "secret" || !strings.HasPrefix(sealed, "keyed.") {
			t.Errorf("encrypted by %s: %q from %s", what, got, sealed)
		}
	}
	if got := out("", "decrypt", out("127.0.0.1:1", "encrypt", "secret")); got != "secret" {
		t.Errorf("encrypted while no master answers: %q", got)
	}
	if got := out("127.0.0.1:1,"+addr, "list-member", "-l"); !strings.Contains(got, addr) {
		t.Errorf("with addresses from the environment, of which the second answers: %s", got)
	}
}
