package worker

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
)

func TestMain(m *testing.M) {
	// Package expr brings a library with a logger of its own.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/golang/glog.(*fileSink).flushDaemon"))
}

const sourceText = "source-id: s1\nflavor: mariadb\nserver-id: 7\nfrom: {host: 127.0.0.1, port: 1, user: u, password: ''}\n"

// assigned is what the masters want: one task of source s1.
func assigned(epoch fsm.Epoch, revision fsm.Index, stage status.Stage, config string) fsm.Assignment {
	return fsm.Assignment{Index: revision, Epoch: epoch, Source: &fsm.Source{ID: "s1", Config: sourceText},
		Subtasks: []fsm.Subtask{{Task: "t", Source: "s1", Config: config, Stage: stage, Revision: revision}}}
}

// running gives a worker whose loop runs in the bubble of a synctest; end stops
// it and waits.
func running(t *testing.T) (w *Worker, end func()) {
	t.Helper()
	w = New(Config{Name: "w1", Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	return w, func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
	}
}

// one gives the report's only subtask once everything has settled.
func one(t *testing.T, w *Worker) status.Subtask {
	t.Helper()
	synctest.Wait()
	r := w.Report()
	if len(r.Subtasks) != 1 {
		t.Fatalf("the report has %d subtasks, want 1", len(r.Subtasks))
	}
	return r.Subtasks[0]
}

func TestAnUnreadableTaskIsPausedWithItsReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, end := running(t)
		defer end()
		w.Assign(assigned(3, 10, status.StageRunning, "name: t\nno-such-key: 1\n"))
		st := one(t, w)
		if st.Stage != status.StagePaused || !fault.Is(st.Err, fault.Invalid) || st.Revision != 10 {
			t.Fatalf("got stage %s, revision %d, error %v", st.Stage, st.Revision, st.Err)
		}
		if r := w.Report(); r.Source != "s1" || r.Epoch != 3 {
			t.Errorf("the report is about source %q, epoch %d", r.Source, r.Epoch)
		}
		// Nothing can make it readable but a person: it is not tried again by itself.
		time.Sleep(time.Hour)
		if st := one(t, w); st.Stage != status.StagePaused || st.Revision != 10 {
			t.Errorf("an hour later: stage %s, revision %d", st.Stage, st.Revision)
		}
		// resume-task asks for another try, and its answer can be told apart.
		w.Assign(assigned(3, 11, status.StageRunning, "name: t\nno-such-key: 1\n"))
		if st := one(t, w); st.Stage != status.StagePaused || st.Revision != 11 {
			t.Errorf("after a resume: stage %s, revision %d", st.Stage, st.Revision)
		}
	})
}

func TestAPausedTaskStartsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, end := running(t)
		defer end()
		w.Assign(assigned(3, 10, status.StagePaused, "name: t\nno-such-key: 1\n"))
		if st := one(t, w); st.Stage != status.StagePaused || st.Err != nil || st.Revision != 10 {
			t.Errorf("got stage %s, revision %d, error %v", st.Stage, st.Revision, st.Err)
		}
	})
}

func TestALostLeaseForgetsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, end := running(t)
		defer end()
		w.Assign(assigned(3, 10, status.StageRunning, "name: t\nno-such-key: 1\n"))
		one(t, w)
		w.Expire()
		synctest.Wait()
		if r := w.Report(); r.Source != "" || len(r.Subtasks) != 0 {
			t.Errorf("after the lease ended the report is %+v", r)
		}
		// The next epoch brings it back.
		w.Assign(assigned(12, 10, status.StageRunning, "name: t\nno-such-key: 1\n"))
		if st := one(t, w); st.Stage != status.StagePaused || st.Err == nil {
			t.Errorf("under a new epoch: stage %s, error %v", st.Stage, st.Err)
		}
	})
}
