package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/testbed"
)

// An incremental task replays everything after its start point, structures
// included, into an empty target. peer-bugs 3.
func TestIncrementalFromPosition(t *testing.T) {
	incremental(t, false, func(p testbed.BinlogPosition) *config.StartPoint {
		return &config.StartPoint{BinlogName: p.Name, BinlogPos: p.Pos}
	})
}

func TestIncrementalFromGTID(t *testing.T) {
	incremental(t, true, func(p testbed.BinlogPosition) *config.StartPoint {
		return &config.StartPoint{BinlogGTID: p.GTID}
	})
}

func incremental(t *testing.T, gtid bool, start func(testbed.BinlogPosition) *config.StartPoint) {
	s := newStand(t, testbed.TiDB)
	must(t, s.up.Exec(t.Context(), "CREATE DATABASE before_the_start"))
	from, err := testbed.BinlogEnd(t.Context(), s.up.DB())
	must(t, err)
	w := &testbed.Workload{DB: s.up.DB(), Schema: schemaName, SysbenchTables: 2, DDL: true}
	must(t, w.Load(t.Context(), 5_000, s.seed))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	w.Pace = 20 * time.Millisecond
	_, err = w.Writers(ctx, 8, s.seed)
	must(t, err)
	t.Logf("traffic: %+v", w.Counts())

	s.createSource(gtid)
	file := s.task("incremental")
	file.Start = start(from)
	s.startTask(file)
	s.await(time.Minute, "it replicates", running)
	// More traffic, new files and a restart in the middle of a file.
	traffic := startWriters(t, w, 4, s.seed+1)
	must(t, s.up.Exec(t.Context(), "FLUSH BINARY LOGS"))
	must(t, s.worker.Stop(t.Context()))
	must(t, s.worker.Start(t.Context()))
	must(t, s.up.Exec(t.Context(), "FLUSH BINARY LOGS"))
	s.await(time.Minute, "it replicates after a restart", running)
	traffic.stop()
	s.wantEqual()
	var n int
	must(t, s.down.DB().QueryRowContext(t.Context(),
		"SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'before_the_start'").Scan(&n))
	if n != 0 {
		t.Error("the task replayed what was before its start point, or outside its block-allow-list")
	}
}
