package load

import (
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
)

// TestGaugesOfALoadBesideTheDump: how much it will be is known when the dump is
// complete, not before, and nothing is loaded to its end until then.
func TestGaugesOfALoadBesideTheDump(t *testing.T) {
	u := New(Config{Subtask: config.Subtask{Task: "t", SourceID: "s"}, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	dir := t.TempDir()
	journal, err := dumpdir.Begin(dir, dumpdir.Header{DumpID: "x", Task: "t", Source: "s"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer journal.Close()
	live := journal.Follow(dir, nil, 0)
	a, b := &table{Name: schema.Name{Schema: "d", Table: "a"}}, &table{Name: schema.Name{Schema: "d", Table: "b"}}
	u.content = &content{live: live, own: true, tables: []*table{a, b}}
	want := func(progress, bytes, files float64) {
		t.Helper()
		u.exportNow()
		for name, c := range map[string]struct {
			gauge prometheus.Gauge
			want  float64
		}{"progress": {u.metrics.progress, progress}, "bytes": {u.metrics.bytes, bytes}, "files": {u.metrics.files, files}} {
			if got := testutil.ToFloat64(c.gauge); got != c.want {
				t.Errorf("%s: %v, want %v", name, got, c.want)
			}
		}
	}
	want(0, 0, 0)
	u.count(a, 300, 3)
	want(0, 0, 0)
	live.Close(&dumpdir.Manifest{Snapshots: []dumpdir.Snapshot{{}}, Tables: []dumpdir.Table{
		{Schema: "d", Name: "a", Data: []dumpdir.File{{Bytes: 200}, {Bytes: 400}}}, {Schema: "d", Name: "b", Data: []dumpdir.File{{Bytes: 200}}},
	}})
	want(300./800, 800, 3)
	for table, seconds := range map[*table]float64{a: 3, b: 2} {
		if got := table.remaining(100); got != seconds {
			t.Errorf("table %s: %v seconds are left, want %v", table.Table, got, seconds)
		}
	}
	u.count(a, 300, 3)
	u.count(b, 200, 2)
	want(1, 800, 3)
	for _, name := range []string{"a", "b"} {
		if got := testutil.ToFloat64(u.metrics.remaining.WithLabelValues("t", "", "s", "d", name)); got != 0 {
			t.Errorf("table %s: %v seconds are left of a load that is complete", name, got)
		}
	}
}
