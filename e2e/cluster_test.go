package e2e

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// newClusterStand is a stand with several masters and workers; the target is a
// MariaDB, which is quick to start.
func newClusterStand(t *testing.T, masters, workers int) *stand {
	t.Helper()
	testbed.SkipIfShort(t)
	return newClusterStandInto(t, anotherMariaDB(t), masters, workers)
}

func newClusterStandInto(t *testing.T, down *testbed.Server, masters, workers int) *stand {
	t.Helper()
	s := &stand{t: t, dir: t.TempDir(), seed: seed(t), up: testbed.MariaDB(t), down: down}
	s.Cluster = testbed.NewCluster(filepath.Join(s.dir, "dm"), shared.Binaries(t))
	s.closeAtEnd()
	var err error
	s.masters, err = s.StartMasters(t.Context(), masters)
	must(t, err)
	for i := range workers {
		// The lease is the default, so that nothing here profits from a short one.
		w, err := s.StartWorker(t.Context(), "worker-"+string(rune('1'+i)), "--keepalive-ttl=60")
		must(t, err)
		s.workers = append(s.workers, w)
	}
	return s
}

func named(t *testing.T, list []*testbed.Process, name string) *testbed.Process {
	t.Helper()
	i := slices.IndexFunc(list, func(p *testbed.Process) bool { return p.Name == name })
	if i < 0 {
		t.Fatalf("there is no process %q", name)
	}
	return list[i]
}

// replicating creates the source, starts the task and lets writers write.
func (s *stand) replicating() (*testbed.Workload, *writers) {
	s.t.Helper()
	w := &testbed.Workload{DB: s.up.DB(), Schema: schemaName, SysbenchTables: 2, Pace: 10 * time.Millisecond}
	must(s.t, w.Load(s.t.Context(), 10_000, s.seed))
	s.createSource(true)
	s.startTask(s.task("all"))
	s.await(time.Minute, "it replicates", running)
	return w, startWriters(s.t, w, 4, s.seed)
}

// Masters are restarted one after the other, as for an upgrade, while an
// operator works: each command succeeds, and replication does not notice.
func TestRollingRestart(t *testing.T) {
	s := newClusterStand(t, 3, 1)
	_, traffic := s.replicating()
	ctx, stop := context.WithCancel(t.Context())
	worked := make(chan int, 1)
	go func() {
		n := 0
		for ; ctx.Err() == nil; n++ {
			command := []string{"pause-task", "resume-task"}[n%2]
			if _, err := s.Do(ctx, command, taskName); err != nil && ctx.Err() == nil {
				t.Errorf("%s, command number %d of the operator: %v", command, n, err)
				break
			}
		}
		worked <- n
	}()
	for _, m := range s.masters {
		must(t, m.Stop(t.Context()))
		must(t, m.Start(t.Context()))
	}
	stop()
	t.Logf("the operator's commands meanwhile: %d", <-worked)
	s.do("resume-task", taskName)
	s.await(30*time.Second, "it replicates after all", running)
	traffic.stop()
	s.wantEqual()
}

// A worker dies: another one serves its source within seconds although the
// lease of the dead one is a minute, and loses and doubles nothing.
func TestWorkerFailover(t *testing.T) {
	s := newClusterStand(t, 1, 2)
	_, traffic := s.replicating()
	for range 3 {
		st := s.await(30*time.Second, "it replicates", running)
		victim := named(t, s.workers, st.Worker)
		victim.Kill()
		s.await(30*time.Second, "another worker replicates", func(now testbed.TaskStatus) bool {
			return running(now) && now.Worker != victim.Name
		})
		must(t, victim.Start(t.Context()))
	}
	traffic.stop()
	s.wantEqual()
}

// The leader and the worker die together (peer-bugs 21): the next leader has
// never heard of the worker and gives its source away nevertheless.
func TestLeaderAndWorkerDieTogether(t *testing.T) {
	s := newClusterStand(t, 3, 2)
	_, traffic := s.replicating()
	st := s.await(30*time.Second, "it replicates", running)
	m, err := s.ListMember(t.Context())
	must(t, err)
	leader, worker := named(t, s.masters, m.Leader), named(t, s.workers, st.Worker)
	leader.Kill()
	worker.Kill()
	s.await(30*time.Second, "another worker replicates", func(now testbed.TaskStatus) bool {
		return running(now) && now.Worker != worker.Name
	})
	must(t, leader.Start(t.Context()))
	must(t, worker.Start(t.Context()))
	traffic.stop()
	s.wantEqual()
}

// No worker is left: the task hangs, says why, and goes on with the first
// worker that comes.
func TestTaskHangsWithoutWorkers(t *testing.T) {
	s := newClusterStand(t, 1, 1)
	_, traffic := s.replicating()
	s.workers[0].Kill()
	s.await(30*time.Second, "query-status says that nobody serves the source", func(st testbed.TaskStatus) bool {
		return st.Worker == "" || st.Trouble() != ""
	})
	w, err := s.StartWorker(t.Context(), "worker-2")
	must(t, err)
	s.workers = append(s.workers, w)
	s.await(30*time.Second, "the new worker replicates", func(st testbed.TaskStatus) bool { return running(st) && st.Worker == "worker-2" })
	traffic.stop()
	s.wantEqual()
}

// A cluster grows from one master to three and moves to other machines: the
// first one leaves, and what was agreed on stays.
func TestMastersJoinAndLeave(t *testing.T) {
	s := newClusterStand(t, 1, 1)
	_, traffic := s.replicating()
	for _, name := range []string{"master-b", "master-c"} {
		m, err := s.JoinMaster(t.Context(), name)
		must(t, err)
		s.masters = append(s.masters, m)
	}
	first := s.masters[0]
	must(t, first.Stop(t.Context()))
	s.do("offline-member", "--master", "--name", first.Name)
	s.masters[1].Kill()
	must(t, s.masters[1].Start(t.Context()))
	s.do("pause-task", taskName)
	s.do("resume-task", taskName)
	s.await(30*time.Second, "it replicates with the new masters", running)
	traffic.stop()
	s.wantEqual()
}

// A source is moved by hand; a running task is in the way.
func TestTransferSource(t *testing.T) {
	s := newClusterStand(t, 1, 2)
	_, traffic := s.replicating()
	st := s.await(30*time.Second, "it replicates", running)
	other := "worker-1"
	if st.Worker == other {
		other = "worker-2"
	}
	if _, err := s.Do(t.Context(), "transfer-source", sourceName, other); err == nil {
		t.Error("a source with a running task was transferred")
	}
	s.do("pause-task", taskName)
	s.do("transfer-source", sourceName, other)
	s.do("resume-task", taskName)
	s.await(30*time.Second, "the other worker replicates", func(st testbed.TaskStatus) bool { return running(st) && st.Worker == other })
	traffic.stop()
	s.wantEqual()
}
