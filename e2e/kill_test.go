package e2e

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// An all-mode task with eight writers ends equal although the worker is killed
// with kill -9 at twenty random moments; tables without a key included.
// peer-bugs 1, 2, 5, 17, 33.
func TestKilledTwentyTimesIntoTiDB(t *testing.T) { killed(t, testbed.TiDB, 60_000, 20) }

func TestKilledTwentyTimesIntoMariaDB(t *testing.T) { killed(t, anotherMariaDB, 20_000, 20) }

func killed(t *testing.T, target func(testing.TB) *testbed.Server, rows, kills int) {
	s := newStand(t, target)
	r := rand.New(rand.NewPCG(s.seed, 99))
	w := &testbed.Workload{DB: s.up.DB(), Schema: schemaName, SysbenchTables: 4, Pace: 20 * time.Millisecond}
	must(t, w.Load(t.Context(), rows, s.seed))
	s.createSource(false)
	traffic := startWriters(t, w, 8, s.seed)
	s.startTask(s.task("all"))
	for i := range kills {
		// Short lives hit the start and the full phase, long ones the replication.
		life := time.Duration(100+r.IntN(1500)) * time.Millisecond
		if i >= kills/3 {
			life = time.Duration(200+r.IntN(2800)) * time.Millisecond
		}
		pause(t.Context(), life)
		unit := "?"
		if list, err := s.QueryStatus(t.Context(), taskName); err == nil && len(list) > 0 {
			unit = list[0].String()
		}
		s.worker.Kill()
		t.Logf("kill %d after %s: %s", i+1, life, unit)
		must(t, s.worker.Launch())
	}
	s.await(90*time.Second, "it replicates after the last kill", running)
	traffic.stop()
	s.wantEqual()
}

// The master is killed as well, with the worker and alone: sources, tasks and
// the place where the work was survive.
func TestMasterAndWorkerKilled(t *testing.T) {
	s := newStand(t, testbed.TiDB)
	w := &testbed.Workload{DB: s.up.DB(), Schema: schemaName, SysbenchTables: 2, Pace: 20 * time.Millisecond}
	must(t, w.Load(t.Context(), 10_000, s.seed))
	s.createSource(false)
	traffic := startWriters(t, w, 4, s.seed)
	s.startTask(s.task("all"))
	s.master.Kill()
	must(t, s.master.Start(t.Context()))
	s.await(time.Minute, "it replicates after the master was killed", running)
	s.master.Kill()
	s.worker.Kill()
	must(t, s.worker.Launch()) // it waits for the master by itself
	must(t, s.master.Start(t.Context()))
	s.await(time.Minute, "it replicates after both were killed", running)
	traffic.stop()
	s.wantEqual()
}

// The worker is killed while structures change: each DDL runs exactly once and
// between the right rows. peer-bugs 9, 22.
func TestKilledDuringDDL(t *testing.T) {
	s := newStand(t, testbed.TiDB)
	r := rand.New(rand.NewPCG(s.seed, 99))
	w := &testbed.Workload{DB: s.up.DB(), Schema: schemaName, SysbenchTables: 3, Pace: 20 * time.Millisecond, DDL: true}
	must(t, w.Load(t.Context(), 5_000, s.seed))
	s.createSource(false)
	s.startTask(s.task("all"))
	s.await(time.Minute, "it replicates", running)
	traffic := startWriters(t, w, 4, s.seed)
	for i := range 10 {
		life := time.Duration(1000+r.IntN(2000)) * time.Millisecond
		pause(t.Context(), life)
		s.worker.Kill()
		t.Logf("kill %d after %s", i+1, life)
		must(t, s.worker.Launch())
	}
	s.await(90*time.Second, "it replicates after the last kill", running)
	traffic.stop()
	s.wantEqual()
}
