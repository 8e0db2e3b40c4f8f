package syncer

import (
	"context"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// TestASlowSourceIsWaitedFor: a source that needs longer to begin than a reader
// waits at first (a GTID that is searched in many files) is given more time with
// each attempt, and not searched anew for ever (peer-bugs 42).
func TestASlowSourceIsWaitedFor(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), false)
	from := b.master()
	b.exec("CREATE DATABASE " + b.schema())
	proxy, cfg := breakable(t, b.up)
	proxy.Delay(150 * time.Millisecond) // each way
	var shown trouble
	r := &reader{source: cfg, flavor: from.GTID.Flavor(), version: "10.11", id: replicaID(4242, b.sub.Task, 1), trouble: &shown, ahead: newBudget(),
		patience: 100 * time.Millisecond, group: newGrouper(from, from.GTID.Flavor(), false, 0, inSchema(b.schema()).MatchTable)}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, done := make(chan *Txn, 1), make(chan error, 1)
	go func() { done <- r.run(ctx, out) }()
	if tx := <-out; tx == nil || tx.DDL == nil {
		t.Fatalf("read %+v, %v", tx, <-done)
	}
	if r.patience < 300*time.Millisecond {
		t.Errorf("it came within %s, which the delay does not allow", r.patience)
	}
	cancel()
	for range out { //nolint:revive // until it is closed
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
