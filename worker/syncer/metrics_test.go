package syncer

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestSamplerIsFair: whatever the order of two kinds of events, what is measured
// stands for about as many of each as there were, and for all of them together.
func TestSamplerIsFair(t *testing.T) {
	for period := 1; period <= 12; period++ {
		s := &sampler{}
		var counted [2]uint64
		measured := 0
		const events = 200_000
		for i := range events {
			if i%50_000 == 0 {
				s.refill()
			}
			kind := 0
			if i%period == 0 || period == 1 && rand.IntN(3) == 0 {
				kind = 1
			}
			if n := s.due(); n > 0 {
				counted[kind] += n
				measured++
			}
		}
		if all := counted[0] + counted[1] + s.unseen; all != events {
			t.Errorf("period %d: %d events are counted as %d", period, events, all)
		}
		if most := events/stride + 4*measuredFirst + 1; measured > most {
			t.Errorf("period %d: %d events are measured, want %d at most", period, measured, most)
		}
		if want := float64(events) / float64(period); period > 1 && math.Abs(float64(counted[1])-want) > 0.05*want {
			t.Errorf("period %d: %d of one kind, want about %.0f", period, counted[1], want)
		}
	}
}

func TestSamplerSeesAQuietSource(t *testing.T) {
	s := &sampler{}
	s.refill()
	for i := range measuredFirst {
		if n := s.due(); n != 1 {
			t.Fatalf("event %d stands for %d", i, n)
		}
	}
}

func TestBytesThatAreLeft(t *testing.T) {
	files := binlogFiles{{"b.1", 100}, {"b.2", 200}, {"b.3", 300}}
	at := func(name string, pos uint32) binlog.Position { return binlog.Position{Name: name, Pos: pos} }
	for _, c := range []struct {
		from, to binlog.Position
		bytes    int64
		known    bool
	}{
		{at("b.9", 5), at("b.9", 8), 3, true},
		{at("b.9", 8), at("b.9", 5), 0, true},
		{at("b.1", 40), at("b.2", 7), 67, true},
		{at("b.1", 40), at("b.3", 7), 267, true},
		{at("b.2", 40), at("b.4", 7), 467, true}, // begun since the source was asked
		{at("b.0", 40), at("b.3", 7), 7, false},  // purged
		{at("", 0), at("b.3", 7), 0, false},
	} {
		bytes, known := files.between(c.from, c.to)
		if known != c.known || known && bytes != c.bytes {
			t.Errorf("from %s to %s: %d, %v", c.from, c.to, bytes, known)
		}
	}
}

func TestTimeThatIsLeft(t *testing.T) {
	var l left
	now := time.Now()
	if l.look(now, 0); !math.IsInf(l.seconds(10), 1) {
		t.Error("there is a forecast without a speed")
	}
	for i := range 60 {
		l.look(now.Add(time.Duration(i+1)*time.Second), uint64(i+1)*1000)
	}
	if got := l.seconds(5000); math.Abs(got-5) > 0.01 {
		t.Errorf("%f seconds for 5000 bytes at 1000 a second", got)
	}
	for i := range 120 {
		l.look(now.Add(time.Duration(i+61)*time.Second), 60_000)
	}
	if got := l.seconds(5000); !math.IsInf(got, 1) {
		t.Errorf("%f seconds though nothing is read", got)
	}
}

func TestTablesOfAGroup(t *testing.T) {
	var group []*Txn
	for i := range 12 {
		n := schema.Name{Schema: "s", Table: fmt.Sprint("t", i)}
		group = append(group, &Txn{Rows: []Row{{Table: n}, {Table: n}, {Table: schema.Name{Schema: "s", Table: "t0"}}}})
	}
	want := "s.t0 (14), s.t1 (2), s.t2 (2), s.t3 (2), s.t4 (2), s.t5 (2), s.t6 (2), s.t7 (2), s.t8 (2), s.t9 (2), and 2 more"
	if got := tablesOf(group); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// series are all that a registry shows, by name and the values of the labels.
type series map[string]*dto.Metric

func gather(t *testing.T, reg *prometheus.Registry) series {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := series{}
	for _, f := range families {
		for _, m := range f.Metric {
			key := strings.TrimPrefix(f.GetName(), "dm_syncer_")
			for _, l := range m.Label {
				if name := l.GetName(); name != "task" && name != "source_id" && name != "worker" && l.GetValue() != "" {
					key += " " + l.GetValue()
				}
			}
			out[key] = m
		}
	}
	return out
}

// sum adds the counts of all series that begin so.
func (s series) sum(prefix string) (n float64) {
	for key, m := range s {
		if strings.HasPrefix(key+" ", prefix+" ") {
			n += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return n
}

// TestMetricsAreTrue compares what a run exports with what it has done.
func TestMetricsAreTrue(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), true)
	reg := prometheus.NewRegistry()
	b.metrics = reg
	s := b.schema()
	b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY, v INT)", "CREATE DATABASE IF NOT EXISTS "+s+"_other", "CREATE TABLE "+s+"_other.a (id INT PRIMARY KEY)")
	t.Cleanup(func() { _ = b.up.Exec(context.Background(), "DROP DATABASE "+s+"_other") })
	r := b.start()
	r.caughtUp()
	const txns, others = 500, 150
	b.relaxed(func(exec func(string)) {
		for i := range txns {
			exec(fmt.Sprintf("INSERT INTO %s.a VALUES (%d, 1), (%d, 1)", s, 2*i, 2*i+1))
		}
		for i := range others {
			exec(fmt.Sprintf("INSERT INTO %s_other.a VALUES (%d)", s, i))
		}
	})
	b.exec("UPDATE "+s+".a SET v = 2 WHERE id < 100", "DELETE FROM "+s+".a WHERE id < 10")
	r.caughtUp()
	r.until("the gauges say that all is done", 10*time.Second, func() bool {
		got := gather(t, reg)
		return r.status().Synced && got["remaining_time"].GetGauge().GetValue() == 0 && got.sum("queue_size") == 0 && got.sum("flush_checkpoints_time_interval") > 1
	})
	got := gather(t, reg)
	for name, want := range map[string]float64{"insert": 2 * txns, "update": 100, "delete": 10, "ddl": 2} {
		for _, what := range []string{"added_jobs_total", "finished_jobs_total"} {
			n := 0.0
			for key, m := range got {
				if strings.HasPrefix(key, what) && strings.Contains(key+" ", " "+name+" ") {
					n += m.GetCounter().GetValue()
				}
			}
			if n != want {
				t.Errorf("%s of %s: %.0f, want %.0f", what, name, n, want)
			}
		}
	}
	equal := func(a, b string) {
		t.Helper()
		if x, y := got.sum(a), got.sum(b); x != y || x == 0 {
			t.Errorf("%s is %.0f, %s is %.0f", a, x, b, y)
		}
	}
	equal("finished_transaction_total", "txn_duration_time")
	equal("finished_transaction_total", "stmt_duration_time commit")
	equal("finished_transaction_total", "binlog_transform_cost dml-exec")
	equal("query_duration_time", "binlog_transform_cost ddl-exec")
	about := func(what string, n, want float64) {
		t.Helper()
		if math.Abs(n-want) > 0.5*want { // what is not measured is estimated
			t.Errorf("%s: %.0f, want about %.0f", what, n, want)
		}
	}
	size := got["binlog_event_size"].GetHistogram()
	about("bytes of events", size.GetSampleSum(), float64(r.status().IOTotalBytes))
	about("events read", got.sum("read_binlog_duration"), float64(size.GetSampleCount()))
	about("transactions in order", got.sum("conflict_detect_duration"), txns)
	about("rows events", got.sum("binlog_transform_cost gen-write-rows"), txns)
	about("rows", got["binlog_event_row"].GetHistogram().GetSampleSum(), 2*txns)
	about("rows events of others", got.sum("skip_binlog_duration rows"), others)
	if got["ideal_qps"].GetGauge().GetValue() <= 0 || got.sum("add_job_duration") == 0 || got.sum("dispatch_binlog_duration") == 0 ||
		got.sum("replication_lag") == 0 || got.sum("binlog_transform_cost gen-query") == 0 {
		t.Errorf("something is not measured: %v", got)
	}
	r.end()
	if after := gather(t, reg); len(after) != 1 || after["exit_with_error_count"] == nil {
		t.Errorf("behind the run there are %v", after)
	}
}
