package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// shared builds the three programs once for all tests.
var shared testbed.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

const (
	taskName   = "t1"
	sourceName = "mariadb-01"
	schemaName = "shop"
)

// stand is one source, one target, one master and one worker.
type stand struct {
	t        *testing.T
	dir      string
	seed     uint64
	up, down *testbed.Server
	*testbed.Cluster
	master, worker *testbed.Process
	// Of a stand with several of them.
	masters, workers []*testbed.Process
}

// newStand starts everything; the test ends it. target is testbed.TiDB or a
// function that gives another server.
func newStand(t *testing.T, target func(testing.TB) *testbed.Server, opts ...testbed.MariaDBOption) *stand {
	t.Helper()
	testbed.SkipIfShort(t)
	return newStandWith(t, testbed.MariaDB(t, opts...), target(t))
}

// newStandWith adds a cluster to servers that a test has started.
func newStandWith(t *testing.T, up, down *testbed.Server) *stand {
	t.Helper()
	s := &stand{t: t, dir: t.TempDir(), seed: seed(t), up: up, down: down}
	s.startCluster()
	return s
}

func (s *stand) startCluster() {
	t := s.t
	t.Helper()
	s.Cluster = testbed.NewCluster(filepath.Join(s.dir, "dm"), shared.Binaries(t))
	s.closeAtEnd()
	var err error
	if s.master, err = s.StartMaster(t.Context(), "master-1"); err != nil {
		t.Fatal(err)
	}
	if s.worker, err = s.StartWorker(t.Context(), "worker-1"); err != nil {
		t.Fatal(err)
	}
}

// closeAtEnd ends the cluster with the test.
func (s *stand) closeAtEnd() {
	t := s.t
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			for _, p := range s.Processes() {
				t.Logf("the end of %s:\n%s", p.LogFile(), p.LogTail())
			}
		}
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// anotherMariaDB is a target for newStand.
func anotherMariaDB(t testing.TB) *testbed.Server {
	return testbed.MariaDB(t, testbed.WithoutBinlog())
}

// seed gives RAFTDM_SEED, or a new one, and prints how to repeat the test.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := uint64(time.Now().UnixNano()) % 1_000_000
	if s := os.Getenv("RAFTDM_SEED"); s != "" {
		var err error
		n, err = strconv.ParseUint(s, 10, 64)
		must(t, err)
	}
	t.Logf("to repeat: RAFTDM_SEED=%d go test ./e2e -run '^%s$'", n, strings.Split(t.Name(), "/")[0])
	return n
}

// source writes a source file for the stand's upstream and creates the source.
func (s *stand) createSource(gtid bool) {
	s.t.Helper()
	path := s.write("source.yaml", testbed.SourceFile{ID: sourceName, GTID: gtid, From: s.up.Config()}.YAML())
	s.do("operate-source", "create", path)
}

// task gives a task file of the stand with the usual settings.
func (s *stand) task(mode string) testbed.TaskFile {
	return testbed.TaskFile{
		Name: taskName, Mode: mode, Source: sourceName, Target: s.down.Config(), Schemas: []string{schemaName},
		Load: []string{fmt.Sprintf("dir: %q", filepath.Join(s.dir, "dump"))},
	}
}

func (s *stand) startTask(f testbed.TaskFile) {
	s.t.Helper()
	s.do("start-task", s.write(f.Name+".yaml", f.YAML()))
}

func (s *stand) write(name, content string) string {
	s.t.Helper()
	path, err := s.WriteFile(name, content)
	must(s.t, err)
	return path
}

// do runs dmctl, which has to succeed.
func (s *stand) do(args ...string) {
	s.t.Helper()
	_, err := s.Do(s.t.Context(), args...)
	must(s.t, err)
}

// await waits for a state of the task.
func (s *stand) await(limit time.Duration, what string, ok func(testbed.TaskStatus) bool) testbed.TaskStatus {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), limit)
	defer cancel()
	st, err := s.Await(ctx, taskName, func(st testbed.TaskStatus) (bool, error) { return ok(st), nil })
	if err != nil {
		s.t.Fatalf("waiting until %s: %v", what, err)
	}
	return st
}

// running tells that the task replicates and complains about nothing.
func running(st testbed.TaskStatus) bool {
	return st.Stage == "Running" && st.Unit == "Sync" && st.Trouble() == ""
}

// wantEqual waits until the target has everything and compares all rows.
func (s *stand) wantEqual() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	if _, err := s.AwaitCaughtUp(ctx, taskName, s.up.DB()); err != nil {
		s.t.Fatal(err)
	}
	s.compare()
}

func (s *stand) compare() {
	s.t.Helper()
	tables, err := testbed.Tables(s.t.Context(), s.up.DB(), schemaName)
	must(s.t, err)
	if len(tables) == 0 {
		s.t.Fatal("the upstream has no tables: nothing would be compared")
	}
	diffs, err := testbed.Compare(s.t.Context(), s.up.DB(), s.down.DB(), tables)
	must(s.t, err)
	for _, d := range diffs {
		s.t.Error(d)
	}
}

// writers is traffic in the background.
type writers struct {
	t      *testing.T
	cancel context.CancelFunc
	done   chan error
	work   *testbed.Workload
}

func startWriters(t *testing.T, w *testbed.Workload, n int, seed uint64) *writers {
	ctx, cancel := context.WithCancel(t.Context())
	b := &writers{t: t, cancel: cancel, done: make(chan error, 1), work: w}
	go func() {
		_, err := w.Writers(ctx, n, seed)
		b.done <- err
	}()
	return b
}

// stop ends the traffic, which must not have failed.
func (w *writers) stop() {
	w.t.Helper()
	w.cancel()
	must(w.t, <-w.done)
	w.t.Logf("traffic: %+v", w.work.Counts())
}

// pause waits for a time that is part of a test's plan, not for an event.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
