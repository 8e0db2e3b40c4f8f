package load_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/worker/load"
)

// TestStatementsLargerThanThePacket: statements that the target does not take
// are cut between rows, whoever wrote them; only a row is never cut.
func TestStatementsLargerThanThePacket(t *testing.T) {
	const name = "packets"
	dst := mariaTarget(t)
	b := newBed(t, name, servers.MariaDB(t), dst)
	b.sysbench(name, 1, 10_000)
	b.keyless(name, 10_000)
	b.sub.Dump.StatementSize = 1_000_000
	b.exec(dst, "SET GLOBAL max_allowed_packet = 131072", "SET GLOBAL local_infile = 0") // LOAD DATA has no such limit
	b.dumpNow()
	s, err := b.loadInto()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.Held, "max_allowed_packet") {
		t.Errorf("held: %q", s.Held)
	}
	b.equal(name, "sbtest1", "nokey")
	b.exec(dst, "DROP DATABASE "+name)
	b.sub.Task += "md"
	b.loadOnly(b.mydumper(name))
	b.loadAlone()
	b.equal(name, "sbtest1", "nokey")
}

// TestTransactionsLargerThanTiDBAllows shrink until they fit, and nothing is lost
// or doubled on the way.
func TestTransactionsLargerThanTiDBAllows(t *testing.T) {
	const name = "quota"
	dst := servers.TiDB(t)
	b := newBed(t, name, servers.MariaDB(t), dst)
	b.keyless(b.fresh(name), 20_000)
	b.sub.Dump.StatementSize = 1_000_000
	b.sub.Target.Session = map[string]string{"tidb_mem_quota_query": "2097152"}
	b.exec(dst, "SET GLOBAL tidb_mem_oom_action = 'CANCEL'")
	t.Cleanup(func() { _ = dst.Exec(context.Background(), "SET GLOBAL tidb_mem_oom_action = DEFAULT") })
	b.dumpNow()
	s, err := b.loadInto()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.Held, "made smaller") {
		t.Errorf("held: %q", s.Held)
	}
	b.equal(name, "nokey")
}

// TestLimitsOfTheLoad are kept and named while they hold the load up.
func TestLimitsOfTheLoad(t *testing.T) {
	const name = "limited"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	b.keyless(b.fresh(name), 12_000) // in four files, each one transaction
	b.sub.Load.MaxRows = 8_000
	b.dumpNow()
	m, closeMeta := b.meta(t.Context())
	defer closeMeta()
	u := load.New(load.Config{Subtask: b.sub, Meta: m, Log: b.log()})
	done := make(chan error, 1)
	began := time.Now()
	go func() { done <- u.Run(t.Context()) }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	held := ""
	for running := true; running; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		case <-tick.C:
			var s status.Subtask
			if u.Fill(&s); s.Load.Held != "" {
				held = s.Load.Held
			}
		}
	}
	b.equal(name, "nokey")
	if took := time.Since(began); took < time.Second || !strings.Contains(held, "8000 rows/s") {
		t.Errorf("it took %s, held: %q", took, held)
	}
}
