package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/operation"
)

// TestRequestsAreCarriedOutOnce: who asks again gets the first answer, also while
// the request is carried out; what has failed may be asked again.
func TestRequestsAreCarriedOutOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r requests
		calls, goOn := 0, make(chan struct{})
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				msg, err := r.once(t.Context(), "a", func() (string, error) { calls++; <-goOn; return "done", nil })
				if msg != "done" || err != nil {
					t.Errorf("%q %v", msg, err)
				}
			})
		}
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := r.once(ctx, "a", nil); !errors.Is(err, context.Canceled) {
			t.Errorf("who gives up gets %v", err)
		}
		close(goOn)
		wg.Wait()
		failed := errors.New("failed")
		fail := func() (string, error) { calls++; return "", failed }
		for range 2 {
			if _, err := r.once(t.Context(), "b", fail); !errors.Is(err, failed) {
				t.Errorf("%v", err)
			}
			_, _ = r.once(t.Context(), "", fail)
		}
		if calls != 5 {
			t.Errorf("%d calls", calls)
		}
		for n := range 3 * rememberedRequests {
			_, _ = r.once(t.Context(), string(rune('A'+n)), func() (string, error) { return "", nil })
		}
		if len(r.known) > rememberedRequests || len(r.order) > rememberedRequests {
			t.Errorf("%d requests are remembered", len(r.known))
		}
	})
}

// TestClaims: a worker deals only with the subtasks of the binding that it has, and
// begins no attempt while it does.
func TestClaims(t *testing.T) {
	w := New(Config{Name: "w", Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	w.source, w.epoch = "s1", 7
	for _, c := range []struct {
		whom operation.Whom
		code int
	}{
		{operation.Whom{Task: "t", Source: "s1", Epoch: 6}, codeSourceNoMatch},
		{operation.Whom{Task: "t", Source: "s2", Epoch: 7}, codeSourceNoMatch},
		{operation.Whom{Task: "t", Source: "s1", Epoch: 7}, codeNoSubtask},
	} {
		for what, ask := range map[string]func() (string, error){
			"handle-error": func() (string, error) {
				return w.HandleError(t.Context(), c.whom, operation.Operator{Kind: operation.Skip})
			},
			"operate-schema": func() (string, error) {
				return w.OperateSchema(t.Context(), c.whom, operation.Structure{Verb: operation.Get})
			},
		} {
			f := (*fault.Error)(nil)
			if _, err := ask(); !errors.As(err, &f) || f.Code != c.code || fault.HintOf(err) == "" {
				t.Errorf("%s %+v: %v", what, c.whom, err)
			}
		}
	}
}
