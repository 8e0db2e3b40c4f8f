package e2e

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// outage is how long a server is away: 20 s, or RAFTDM_OUTAGE.
func outage(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("RAFTDM_OUTAGE")
	if text == "" {
		return 20 * time.Second
	}
	d, err := time.ParseDuration(text)
	must(t, err)
	return d
}

// While the upstream or the target is away, query-status names it; the task
// goes on by itself when it is back. peer-bugs 1, 30.
func TestOutages(t *testing.T) {
	s := newStand(t, testbed.TiDB)
	w := &testbed.Workload{DB: s.up.DB(), Schema: schemaName, SysbenchTables: 2, Pace: 10 * time.Millisecond}
	must(t, w.Load(t.Context(), 10_000, s.seed))
	s.createSource(false)
	s.startTask(s.task("all"))
	s.await(time.Minute, "it replicates", running)
	traffic := startWriters(t, w, 4, s.seed)
	for _, c := range []struct {
		scope  string
		server *testbed.Server
	}{{"upstream", s.up}, {"downstream", s.down}} {
		gone := time.NewTimer(outage(t))
		must(t, c.server.Stop(t.Context()))
		t.Logf("the %s is gone", c.scope)
		st := s.await(outage(t), "query-status names the "+c.scope, func(st testbed.TaskStatus) bool {
			return st.Result != nil && len(st.Result.Errors) > 0 && st.Result.Errors[0].ErrScope == c.scope
		})
		if !strings.Contains(st.Trouble(), c.server.Addr()) {
			t.Errorf("the %s is away, and its address %s is not in: %s", c.scope, c.server.Addr(), st.Trouble())
		}
		<-gone.C
		must(t, c.server.Start(t.Context()))
		s.await(time.Minute, "it goes on after the outage of the "+c.scope, running)
	}
	traffic.stop()
	s.wantEqual()
}

// Without its master a worker cannot be asked; it goes on when the master is back.
func TestMasterOutage(t *testing.T) {
	s := newStand(t, testbed.TiDB)
	w := &testbed.Workload{DB: s.up.DB(), Schema: schemaName, SysbenchTables: 2, Pace: 10 * time.Millisecond}
	must(t, w.Load(t.Context(), 10_000, s.seed))
	s.createSource(false)
	s.startTask(s.task("all"))
	s.await(time.Minute, "it replicates", running)
	traffic := startWriters(t, w, 4, s.seed)
	must(t, s.master.Stop(t.Context()))
	gone := time.NewTimer(outage(t))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out, err := s.Dmctl(ctx, "query-status", taskName)
	must(t, err)
	if text := out.Stdout + out.Stderr; out.Code != 1 || !strings.Contains(text, s.master.Addr) {
		t.Errorf("without a master dmctl ended with code %d and: %s", out.Code, text)
	}
	<-gone.C
	must(t, s.master.Start(t.Context()))
	s.await(time.Minute, "it goes on after the outage of the master", running)
	traffic.stop()
	s.wantEqual()
}
