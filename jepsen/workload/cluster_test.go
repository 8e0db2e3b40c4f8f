package workload

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/jepsen/check"
	"github.com/raftdm/raftdm/jepsen/cluster"
	"github.com/raftdm/raftdm/jepsen/history"
)

var shared testbed.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

// All workloads run for some seconds against a small cluster without faults:
// each leaves operations of its kinds in the history, with hardly a failure,
// and no promise is broken. Then the target is spoiled, and that is noticed.
func TestAllOnAHealthyCluster(t *testing.T) {
	testbed.SkipIfShort(t)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	c, err := cluster.Open(ctx, cluster.Config{Dir: filepath.Join(t.TempDir(), "c"), Binaries: shared.Binaries(t), Masters: 1, Workers: 2, Sources: 1, TTL: 10 * time.Second})
	t.Cleanup(func() {
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	rates := DefaultRates()
	rates.OperatePause = 200 * time.Millisecond
	load := With(rates)
	for _, w := range load {
		if err := w.Setup(ctx, c); err != nil {
			t.Fatalf("%s: %v", w.Name(), err)
		}
	}
	rec := history.NewRecorder(nil)
	runFor(ctx, t, 15*time.Second, load, c, rec)
	final(ctx, t, load, c, rec)
	h := rec.History()
	counts := map[history.Kind]map[history.Outcome]int{}
	for _, op := range h.Ops {
		if counts[op.Kind] == nil {
			counts[op.Kind] = map[history.Outcome]int{}
		}
		counts[op.Kind][op.Outcome]++
		if op.Outcome == history.Unknown {
			t.Errorf("without a fault an outcome is unknown: %s", op)
		}
	}
	t.Logf("%v", counts)
	for kind, least := range map[history.Kind]int{history.BankTransfer: 100, history.BankRead: 30, history.BankFinal: 1, history.RowsWrite: 100,
		history.RowsRead: 30, history.RowsFinal: 1, history.Control: 15, history.FeedBatch: 10} {
		if counts[kind][history.OK] < least {
			t.Errorf("%d operations %s were OK, want %d at least", counts[kind][history.OK], kind, least)
		}
	}
	covered(t, h)
	for _, err := range check.All(h) {
		t.Error(err)
	}
	spoiled(ctx, t, load, c)
}

func runFor(ctx context.Context, t *testing.T, d time.Duration, load []Workload, c Env, rec *history.Recorder) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var wg sync.WaitGroup
	for i, w := range load {
		wg.Go(func() {
			if err := w.Run(ctx, c, rand.New(rand.NewPCG(1, uint64(i))), rec); err != nil {
				t.Errorf("%s: %v", w.Name(), err)
			}
		})
	}
	wg.Wait()
}

func final(ctx context.Context, t *testing.T, load []Workload, c Env, rec *history.Recorder) {
	t.Helper()
	for _, w := range load {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		if err := w.Final(ctx, c, rec); err != nil {
			t.Errorf("%s: %v", w.Name(), err)
		}
		cancel()
	}
}

// covered insists that the positions were seen at work: otherwise the check of
// the watermark would be green for want of anything to check.
func covered(t *testing.T, h history.History) {
	t.Helper()
	published, lanes, gtids := 0, 0, 0
	for _, op := range h.Ops {
		switch out := op.Out.(type) {
		case history.Rows:
			if out.Published != "" {
				published++
			}
			for _, l := range out.Lanes {
				if l.Watermark != "" {
					lanes++
				}
			}
		case history.Committed:
			if out.GTID != "" {
				gtids++
			}
		}
	}
	if published < 20 || lanes < 20 || gtids < 100 {
		t.Errorf("%d snapshots with a published position, %d watermarks of lanes, %d GTIDs of commits: too few to check anything", published, lanes, gtids)
	}
}

// spoiled changes the target behind the product's back and looks again.
func spoiled(ctx context.Context, t *testing.T, load []Workload, c Env) {
	t.Helper()
	err := c.Target.Exec(ctx, "UPDATE bank1.accounts SET balance = balance + 1 WHERE id = 3", "DELETE FROM rows1.keyless LIMIT 1",
		"INSERT INTO rows1.keyed VALUES (99, 1, 1)")
	if err != nil {
		t.Fatal(err)
	}
	rec := history.NewRecorder(nil)
	for _, w := range load[1:3] {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		if err := w.Final(ctx, c, rec); err != nil {
			t.Errorf("%s: %v", w.Name(), err)
		}
		cancel()
	}
	if n := len(check.All(rec.History())); n < 2 {
		t.Errorf("a spoiled target breaks %d promises, want those of the bank and of the rows", n)
	}
}
