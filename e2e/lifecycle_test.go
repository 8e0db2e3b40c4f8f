package e2e

import (
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// Pause, resume, stop and start again, with traffic going on: the task does
// what it is told and continues where it was.
func TestPauseResumeStopStart(t *testing.T) {
	s := newStand(t, testbed.TiDB)
	w := &testbed.Workload{DB: s.up.DB(), Schema: schemaName, SysbenchTables: 2, Pace: 10 * time.Millisecond}
	must(t, w.Load(t.Context(), 10_000, s.seed))
	s.createSource(false)
	file := s.task("all")
	s.startTask(file)
	s.await(time.Minute, "it replicates", running)
	traffic := startWriters(t, w, 4, s.seed)

	s.do("pause-task", taskName)
	s.await(20*time.Second, "it is paused", func(st testbed.TaskStatus) bool { return st.Stage == "Paused" })
	before := s.targetRows()
	written := w.Counts().Inserts
	for w.Counts().Inserts < written+100 {
		pause(t.Context(), 20*time.Millisecond)
	}
	if after := s.targetRows(); after != before {
		t.Errorf("a paused task went on: %d rows, then %d", before, after)
	}
	s.do("resume-task", taskName)
	s.await(20*time.Second, "it replicates again", running)

	s.do("stop-task", taskName)
	if list, err := s.QueryStatus(t.Context(), taskName); err == nil {
		t.Errorf("a stopped task has a status: %v", list)
	}
	s.startTask(file)
	s.await(time.Minute, "it replicates after stop and start", running)
	must(t, s.worker.Stop(t.Context()))
	must(t, s.master.Stop(t.Context()))
	must(t, s.master.Start(t.Context()))
	must(t, s.worker.Start(t.Context()))
	s.await(time.Minute, "it replicates after an orderly restart of everything", running)
	traffic.stop()
	s.wantEqual()
}

// A full-mode task ends by itself with everything loaded.
func TestFullModeFinishes(t *testing.T) {
	s := newStand(t, testbed.TiDB)
	w := &testbed.Workload{DB: s.up.DB(), Schema: schemaName, SysbenchTables: 2}
	must(t, w.Load(t.Context(), 10_000, s.seed))
	s.createSource(false)
	s.startTask(s.task("full"))
	s.await(time.Minute, "it has finished", func(st testbed.TaskStatus) bool { return st.Stage == "Finished" })
	s.compare()

	// Started again in mode all it replicates from where it was loaded.
	s.do("stop-task", taskName)
	must(t, s.up.Exec(t.Context(), "DELETE FROM `"+schemaName+"`.sbtest1 WHERE id % 2 = 0"))
	s.startTask(s.task("all"))
	s.await(time.Minute, "it replicates", running)
	s.wantEqual()

	// The same in halves: one task writes the files, another loads them.
	s.do("stop-task", taskName)
	must(t, s.down.Exec(t.Context(), "DROP DATABASE `"+schemaName+"`"))
	finished := func(unit string) func(testbed.TaskStatus) bool {
		return func(st testbed.TaskStatus) bool { return st.Stage == "Finished" && st.Unit == unit }
	}
	half := s.task("dump")
	s.do("start-task", "--remove-meta", s.write(half.Name+".yaml", half.YAML()))
	s.await(time.Minute, "it has dumped", finished("Dump"))
	s.worker.Kill()
	must(t, s.worker.Start(t.Context()))
	s.await(time.Minute, "it is known to have dumped", finished("Dump"))
	s.do("stop-task", taskName)
	s.startTask(s.task("load"))
	s.await(time.Minute, "it has loaded", finished("Load"))
	s.compare()
}

// targetRows counts the rows of the table that only ever grows and shrinks by
// the task.
func (s *stand) targetRows() (n int) {
	s.t.Helper()
	must(s.t, s.down.DB().QueryRowContext(s.t.Context(), "SELECT COUNT(*) FROM `"+schemaName+"`.sbtest1").Scan(&n))
	return n
}
