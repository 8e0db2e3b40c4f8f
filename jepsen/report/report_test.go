package report

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/jepsen/history"
)

func sample(t *testing.T, r *Report) history.History {
	t.Helper()
	rec := history.NewRecorder(r.History())
	rec.Call("a", history.Control, history.Request{Verb: history.QueryTask}).OK(history.Answer{})
	rec.Call("a", history.Control, history.Request{Verb: history.QueryTask}).Unknown(errors.New("lost"))
	end := rec.Fault("kill-<leader>")
	end()
	rec.Fault("kill-<leader>")
	return rec.History()
}

func TestAGoodRunLeavesNothing(t *testing.T) {
	base := t.TempDir()
	r, err := Open(base, "good")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(sample(t, r), nil, false); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(base); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestABadRunLeavesEverything(t *testing.T) {
	r, err := Open(t.TempDir(), "a/b")
	if err != nil {
		t.Fatal(err)
	}
	r.Logf("hello")
	h := sample(t, r)
	if err := r.Close(h, []error{errors.New("a row is <gone>")}, false); err != nil {
		t.Error(err)
	}
	for file, want := range map[string]string{"run.log": "hello", "history.jsonl": "query-task", "timeline.html": "a row is &lt;gone&gt;"} {
		text, err := os.ReadFile(filepath.Join(r.Dir, file))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %q is not in it: %v", file, want, err)
		}
	}
	want := "operations: control 1 ok 0 failed 1 unknown; faults (2): kill-<leader> 2"
	if got := Summary(h); got != want {
		t.Errorf("summary %q, want %q", got, want)
	}
}

func TestAgain(t *testing.T) {
	got := Again("TestRegression/two-leaders", map[string]string{"JEPSEN_SEED": "7", "JEPSEN_TIME": ""})
	if want := "JEPSEN_SEED=7 go test ./jepsen -count=1 -timeout=0 -run '^TestRegression$/^two-leaders$'"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
