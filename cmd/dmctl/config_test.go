package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/rpc/rpctest"
)

// edited writes a test file with something in it replaced, and gives its path.
func edited(t *testing.T, name, old, new string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(data, []byte(old)) {
		t.Fatalf("%s does not contain %q", name, old)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, bytes.Replace(data, []byte(old), []byte(new), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var (
	times = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]{12}Z`)
	users = regexp.MustCompile(`dmctl [A-Za-z0-9._-]+( +127|",)`)
	ports = regexp.MustCompile(`127\.0\.0\.1:\d{5}`)
	lines = regexp.MustCompile(`(?m)^(TIME|20\d\d-).*$`)
	wide  = regexp.MustCompile(` {2,}`)
	tmps  = regexp.MustCompile(`[^ ` + "`" + `"\n]*/00\d(/)?`)
)

// steady replaces what differs from run to run.
func (tr *transcript) steady() *transcript {
	text := strings.ReplaceAll(tr.text.String(), tr.addr, "MASTER")
	text = times.ReplaceAllString(text, "2026-01-02T03:04:05.678Z")
	text = users.ReplaceAllString(text, "dmctl USER$1")
	text = ports.ReplaceAllString(text, "127.0.0.1:PORT")
	text = lines.ReplaceAllStringFunc(text, func(l string) string { return wide.ReplaceAllString(l, "  ") }) // names have any length
	text = tmps.ReplaceAllString(text, "TMP$1")
	tr.text.Reset()
	tr.text.WriteString(text)
	return tr
}

// TestGoldenConfig: what is shown, changed and refused.
func TestGoldenConfig(t *testing.T) {
	s := rpctest.Open(t)
	s.Must(t, fsm.RegisterWorker{Name: "worker-9", Addr: "127.0.0.1:1"})
	findings := false
	tr := &transcript{t: t, addr: rpctest.Start(t, s, rpctest.Options{CheckTask: checks(&findings)})}
	join(t, s, tr.addr, "worker-1", nil)
	join(t, s, tr.addr, "worker-2", map[string]status.Subtask{"test": {Stage: status.StageRunning, Unit: status.UnitLoad, Load: &status.Load{Progress: "5.00 %"}}})
	tr.do("operate-source", "create", "testdata/config-source.yaml")
	tr.do("operate-source", "create", "testdata/source-2.yaml")
	tr.do("start-task", "testdata/config-task.yaml")
	tr.do("config", "source", "mysql-replica-01")
	tr.do("get-config", "source", "nobody")
	tr.do("config", "task", "test")
	tr.do("get-task-config", "nobody")
	tr.do("config", "master", "master-1")
	tr.do("config", "master", "nobody")
	tr.do("config", "worker", "worker-9")
	tr.do("config", "worker", "nobody")
	file := filepath.Join(t.TempDir(), "out.yaml")
	tr.do("get-config", "task", "test", "--file", file)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	tr.do("config", "task", "test", "-p", filepath.Join(file, "below"))
	password := edited(t, "config-task.yaml", "password:", "password: changed #")
	filter := edited(t, "config-task.yaml", "task-mode:", "block-allow-list: {b: {do-dbs: [x]}}\ntask-mode:")
	filter = rewriteFile(t, filter, "source-id: mysql-replica-02", "source-id: mysql-replica-02\n    block-allow-list: b")
	mode := edited(t, "config-task.yaml", "task-mode: all", "task-mode: full")
	tr.do("config", "task", "update", password)
	tr.do("pause-task", "test")
	tr.do("config", "task", "update", password)
	tr.do("config", "task", "update", filter)
	tr.do("config", "task", "update", "-s", "mysql-replica-01", filter)
	tr.do("config", "task", "update", mode)
	tr.do("config", "task", "update", "-s", "mysql-replica-07", mode)
	tr.do("config", "task", "update", edited(t, "config-task.yaml", "name: test", "name: other"))
	findings = true
	tr.do("config", "task", "update", password)
	tr.do("config", "source", "update", edited(t, "config-source.yaml", "password:", "password: changed #"))
	tr.do("config", "source", "update", edited(t, "config-source.yaml", "enable-gtid: true", "enable-gtid: false"))
	tr.do("config", "source", "update", edited(t, "config-source.yaml", "mysql-replica-01", "nobody"))
	tr.do("resume-task", "-s", "mysql-replica-01", "test")
	tr.do("config", "source", "update", "testdata/config-source.yaml")
	tr.do("--fail", "history", "-s", "mysql-replica-01")
	tr.steady().compare("config.txt")
}

// TestGoldenUpdateOfStopped: a task that has stopped on an error is Paused to
// whoever looks, and the new file is often what mends it.
func TestGoldenUpdateOfStopped(t *testing.T) {
	s := rpctest.Open(t)
	findings := false
	tr := &transcript{t: t, addr: rpctest.Start(t, s, rpctest.Options{CheckTask: checks(&findings)})}
	denied := status.Subtask{Stage: status.StagePaused, Unit: status.UnitSync, Sync: &status.Sync{},
		Err: &fault.Error{Kind: fault.Invalid, Side: fault.Downstream, Msg: "access denied"}}
	runs := running()
	join(t, s, tr.addr, "worker-1", map[string]status.Subtask{"test": denied})
	join(t, s, tr.addr, "worker-2", map[string]status.Subtask{"test": runs})
	tr.do("operate-source", "create", "testdata/config-source.yaml")
	tr.do("operate-source", "create", "testdata/source-2.yaml")
	tr.do("start-task", "testdata/config-task.yaml")
	password := edited(t, "config-task.yaml", "password:", "password: changed #")
	tr.do("config", "task", "update", password)
	if st, _ := subtaskOf(t, s, "test", "mysql-replica-01"); st.Stage != status.StageRunning {
		t.Error("the update was refused, and has paused a part of the task")
	}
	findings = true
	tr.do("config", "task", "update", "-s", "mysql-replica-01", password)
	findings = false
	if st, _ := subtaskOf(t, s, "test", "mysql-replica-01"); st.Stage != status.StageRunning {
		t.Error("the update was refused, and has paused the task")
	}
	tr.do("config", "task", "update", "-s", "mysql-replica-01", password)
	tr.do("query-status", "-s", "mysql-replica-01", "test")
	tr.do("resume-task", "-s", "mysql-replica-01", "test")
	tr.do("config", "source", "update", edited(t, "config-source.yaml", "password:", "password: changed #"))
	tr.steady().compare("config-stopped.txt")
}

func subtaskOf(t *testing.T, s *rpctest.State, task fsm.TaskName, source fsm.SourceID) (st fsm.Subtask, ok bool) {
	t.Helper()
	if err := s.View(func(v *fsm.View) error { st, ok = v.Subtask(task, source); return nil }); err != nil {
		t.Fatal(err)
	}
	return st, ok
}

// checks is a pre-check that fails when findings says so.
func checks(findings *bool) func([]config.Subtask, int, int) error {
	return func([]config.Subtask, int, int) error {
		if *findings {
			return &fault.Error{Kind: fault.Invalid, Code: 26005, Msg: checkFailed + ": check was failed, please see detail\n detail: {\n\t\"results\": []\n}"}
		}
		return nil
	}
}

func rewriteFile(t *testing.T, path, old, new string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(data, []byte(old)) {
		t.Fatalf("%s does not contain %q:\n%s", path, old, data)
	}
	if err := os.WriteFile(path, bytes.Replace(data, []byte(old), []byte(new), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestGoldenExport: export, import into a cluster that has nothing, export
// again: the same files. Nobody else may read them.
func TestGoldenExport(t *testing.T) {
	s := rpctest.Open(t)
	tr := &transcript{t: t, addr: rpctest.Start(t, s, rpctest.Options{})}
	join(t, s, tr.addr, "worker-1", nil)
	join(t, s, tr.addr, "worker-2", nil)
	first, second := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "second")
	tr.do("config", "import", "--dir", first)
	for _, f := range []string{"config-source.yaml", "source-2.yaml"} {
		tr.do("operate-source", "create", "testdata/"+f)
	}
	tr.do("start-task", "testdata/config-task.yaml")
	tr.do("config", "export", "-d", first)
	leftOver := filepath.Join(first, "tasks", "gone.yaml")
	if err := os.WriteFile(leftOver, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	tr.do("config", "export", "-p", first)
	if err := os.Remove(leftOver); err != nil {
		t.Fatal(err)
	}

	fresh := rpctest.Open(t)
	to := &transcript{t: t, addr: rpctest.Start(t, fresh, rpctest.Options{})}
	to.do("config", "import", "--dir", first) // no worker: the task cannot start
	join(t, fresh, to.addr, "worker-1", nil)
	join(t, fresh, to.addr, "worker-2", nil)
	to.do("config", "import", "--dir", first)
	to.do("config", "import", "--dir", first) // all is there
	to.do("config", "export", "--dir", second)
	to.do("config", "export", "--dir", filepath.Join(second, "tasks", "test.yaml"))
	to.do("history", "--format", "json", "-n", "2")
	a, b := readTree(t, first), readTree(t, second)
	if diff := cmp.Diff(a, b); diff != "" || len(a) != 3 {
		t.Errorf("%d files (-exported +imported and exported):\n%s", len(a), diff)
	}
	for name, text := range a {
		if strings.Contains(text, "123456") {
			t.Errorf("%s holds a password in plain text", name)
		}
	}
	tr.text.WriteString(strings.ReplaceAll(to.steady().text.String(), to.addr, "MASTER"))
	tr.steady().compare("export.txt")
}

// readTree gives the files below a directory.
func readTree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if info, err := d.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
		text, err := os.ReadFile(path)
		out[strings.TrimPrefix(path, dir)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
