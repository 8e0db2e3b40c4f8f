package scheduler

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/status"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// script builds a state out of lines like "bind s1 w1".
type script struct {
	t     *testing.T
	store *fsm.Store
	index fsm.Index
}

func newScript(t *testing.T) *script {
	t.Helper()
	s, err := fsm.Open(filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &script{t: t, store: s}
}

func (s *script) apply(c fsm.Command) fsm.Result {
	s.t.Helper()
	data, err := fsm.Encode(fsm.Meta{UnixMilli: time.Now().UnixMilli()}, c)
	if err != nil {
		s.t.Fatal(err)
	}
	s.index++
	res, err := s.store.Apply([]fsm.Entry{{Index: s.index, Data: data}})
	if err != nil {
		s.t.Fatal(err)
	}
	if res[0].Err != nil {
		s.t.Fatalf("%T: %v", c, res[0].Err)
	}
	return res[0]
}

func (s *script) run(line string) {
	s.t.Helper()
	w := strings.Fields(line)
	switch w[0] {
	case "worker":
		s.apply(fsm.RegisterWorker{Name: fsm.WorkerName(w[1]), Addr: w[1] + ":8262"})
	case "online":
		s.apply(fsm.OpenSession{Worker: fsm.WorkerName(w[1]), TTLSeconds: 60})
	case "offline":
		s.apply(fsm.ExpireSession{Worker: fsm.WorkerName(w[1]), Session: s.session(w[1])})
	case "source":
		s.apply(fsm.PutSource{ID: fsm.SourceID(w[1])})
	case "bind":
		s.apply(fsm.BindSource{Source: fsm.SourceID(w[1]), Worker: fsm.WorkerName(w[2])})
	case "unbind":
		s.apply(fsm.UnbindSource{Source: fsm.SourceID(w[1])})
	case "transfer":
		s.apply(fsm.TransferSource{Source: fsm.SourceID(w[1]), Worker: fsm.WorkerName(w[2])})
	case "remove":
		s.apply(fsm.RemoveSource{ID: fsm.SourceID(w[1])})
	case "hold": // task source worker
		s.apply(fsm.HoldLoadFiles{Task: fsm.TaskName(w[1]), Source: fsm.SourceID(w[2]), Worker: fsm.WorkerName(w[3])})
	case "drop":
		s.apply(fsm.DropLoadFiles{Task: fsm.TaskName(w[1]), Source: fsm.SourceID(w[2]), Worker: fsm.WorkerName(w[3])})
	case "pause":
		s.apply(fsm.SetStage{Task: fsm.TaskName(w[1]), Stage: status.StagePaused})
	case "resume":
		s.apply(fsm.SetStage{Task: fsm.TaskName(w[1]), Stage: status.StageRunning})
	case "task":
		cfg := map[fsm.SourceID]string{}
		for _, id := range w[2:] {
			cfg[fsm.SourceID(id)] = "config"
		}
		s.apply(fsm.StartTask{Name: fsm.TaskName(w[1]), Sources: cfg})
	case "subtask":
		s.apply(fsm.PutSubtask{Task: fsm.TaskName(w[1]), Source: fsm.SourceID(w[2])})
	default:
		s.t.Fatalf("line %q is not understood", line)
	}
}

func (s *script) session(w string) (id fsm.SessionID) {
	s.view(func(v *fsm.View) {
		got, _ := v.Worker(fsm.WorkerName(w))
		id = got.Session
	})
	return id
}

func (s *script) view(fn func(*fsm.View)) {
	s.t.Helper()
	if err := s.store.View(func(v *fsm.View) error { fn(v); return nil }); err != nil {
		s.t.Fatal(err)
	}
}

// outcome is the plan, and why sources have no worker before it and after it.
func (s *script) outcome() string {
	var out strings.Builder
	var todo []fsm.Command
	s.view(func(v *fsm.View) {
		todo = plan(v)
		if again := plan(v); !cmp.Equal(todo, again) {
			s.t.Errorf("the same view gave another plan: %v, %v", todo, again)
		}
	})
	for _, c := range todo {
		fmt.Fprintln(&out, describe(c))
		s.apply(c) // none may be refused
	}
	s.view(func(v *fsm.View) {
		if more := plan(v); len(more) > 0 {
			s.t.Errorf("the plan left something undone: %v", more)
		}
		for _, src := range v.Sources() {
			if why := WhyUnbound(v, src.ID); why != "" {
				fmt.Fprintf(&out, "%s stays unbound: %s\n", src.ID, why)
			}
		}
	})
	return out.String()
}

// TestPlan runs testdata/plan/*.txt: the state above the line, what is
// proposed below it. "go test -run TestPlan -rewrite" writes the lower parts.
func TestPlan(t *testing.T) {
	files, err := filepath.Glob("testdata/plan/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			given, want, found := strings.Cut(string(raw), "----\n")
			if !found && !*rewrite {
				t.Fatal("there is no line ----")
			}
			s := newScript(t)
			for line := range strings.Lines(given) {
				if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
					s.run(line)
				}
			}
			got := s.outcome()
			if *rewrite {
				if err := os.WriteFile(file, []byte(given+"----\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhyUnbound(t *testing.T) {
	s := newScript(t)
	s.run("source s1")
	s.run("source s2")
	check := func(id fsm.SourceID, want string) {
		t.Helper()
		s.view(func(v *fsm.View) {
			if got := WhyUnbound(v, id); got != want {
				t.Errorf("%s: %q, want %q", id, got, want)
			}
		})
	}
	check("s9", "source s9 does not exist")
	check("s1", "no worker is registered")
	s.run("worker w1")
	check("s1", "no free worker: w1 is offline")
	s.run("online w1")
	check("s1", "worker w1 is free and about to be bound")
	s.run("bind s1 w1")
	check("s1", "")
	for i := range 7 {
		s.run(fmt.Sprintf("worker x%d", i))
	}
	check("s2", "no free worker: w1 serves s1, x0 is offline, x1 is offline, x2 is offline, x3 is offline, and 3 more")
	// Who has the load files is named, however many others there are.
	s.run("task t s1")
	s.run("worker z")
	s.run("online z")
	s.run("unbind s1")
	s.run("bind s1 z")
	s.run("hold t s1 z")
	s.run("offline z")
	s.run("bind s2 w1")
	check("s1", "no free worker: z is offline and has load files of task t, w1 serves s2, x0 is offline, x1 is offline, x2 is offline, and 4 more")
}
