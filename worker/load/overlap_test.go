package load_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/worker/checkpoint"
	"github.com/raftdm/raftdm/worker/dump"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
	"github.com/raftdm/raftdm/worker/load"
)

// pair is a dump and what loads it meanwhile.
type pair struct {
	dump *dump.Unit
	// loading is told of each load beside an attempt of the dump.
	loading func(*dumpdir.Live, *load.Unit)
}

// overlap dumps and loads at the same time, as a worker does.
func (b *bed) overlap(ctx context.Context, m *checkpoint.Meta, loading func(*dumpdir.Live, *load.Unit)) (*pair, error) {
	p := &pair{loading: loading}
	p.dump = dump.New(dump.Config{Subtask: b.sub, Meta: m, Log: b.log(), Resume: true, Beside: func(ctx context.Context, live *dumpdir.Live) error {
		u := load.New(load.Config{Subtask: b.sub, Meta: m, Log: b.log(), Live: live})
		if p.loading != nil {
			p.loading(live, u)
		}
		return u.Run(ctx)
	}})
	return p, p.dump.Run(ctx)
}

// overlapping makes a task whose two halves run at the same time.
func overlapping(b *bed) *bed {
	b.sub.Load.Overlap, b.sub.CleanDumpFile = true, true
	return b
}

// dataFiles lists the files with rows.
func (b *bed) dataFiles() []string {
	b.t.Helper()
	all, err := filepath.Glob(filepath.Join(b.sub.Load.Dir, "*.0*.sql"))
	if err != nil {
		b.t.Fatal(err)
	}
	return all
}

// TestDiskIsBoundedWhileBothGoOn: a dump many times larger than the disk may
// hold goes through, with chunks and a table without a key that are larger than
// the bound; neither waits for the other for ever.
func TestDiskIsBoundedWhileBothGoOn(t *testing.T) {
	src, dst := servers.MariaDB(t), mariaTarget(t)
	for _, c := range []struct {
		name  string
		bound int64
		where string
	}{{name: "bounded", bound: 1 << 20}, {name: "tooSmall", bound: 1}, {name: "filtered", bound: 1, where: "id > 10"}} {
		t.Run(c.name, func(t *testing.T) {
			b := overlapping(newBed(t, c.name, src, dst))
			b.sysbench(c.name, 2, 12_000)
			b.sub.Dump.Rows, b.sub.Dump.Where, b.sub.Load.MaxDisk = 1500, c.where, c.bound
			if c.where == "" {
				b.keyless(c.name, 8_000)
			}
			b.exec(src, "ANALYZE TABLE "+c.name+".sbtest1, "+c.name+".sbtest2")
			m, closeMeta := b.meta(t.Context())
			defer closeMeta()
			var most atomic.Int64
			stop, over := make(chan struct{}), make(chan struct{})
			defer func() { close(stop); <-over }()
			_, err := b.overlap(t.Context(), m, func(live *dumpdir.Live, _ *load.Unit) {
				go func() {
					defer close(over)
					for {
						used, _, _ := live.Disk()
						most.Store(max(most.Load(), used))
						select {
						case <-stop:
							return
						case <-time.After(time.Millisecond):
						}
					}
				}()
			})
			if err != nil {
				t.Fatalf("%v (%s)", err, fault.HintOf(err))
			}
			if c.where != "" {
				if n := b.count(dst, c.name+".sbtest1"); n != 11_990 {
					t.Errorf("%d rows behind the filter", n)
				}
				return
			}
			b.equal(c.name, "sbtest1", "sbtest2", "nokey")
			if more := int64(700 << 10); most.Load() > c.bound+more { // the table without a key has one file of that size
				t.Errorf("%d bytes were on the disk, the bound is %d", most.Load(), c.bound)
			}
			if left := b.dataFiles(); len(left) > 0 {
				t.Errorf("%d files are left", len(left))
			}
			p, err := m.Phase(t.Context())
			if err != nil || p.Unit != status.UnitSync || p.Replay != nil || p.Snapshot.IsZero() {
				t.Errorf("phase %+v, %v", p, err)
			}
		})
	}
}

// TestInterruptedWhileBothGoOn stops both halves anywhere, with and without the
// disk, changes structures on the source and drops tables on the target: in the
// end every row is there once.
func TestInterruptedWhileBothGoOn(t *testing.T) {
	src, dst := servers.MariaDB(t), mariaTarget(t)
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			name := fmt.Sprintf("both%d", seed)
			rnd := rand.New(rand.NewPCG(seed, 5))
			b := overlapping(newBed(t, name, src, dst))
			b.sysbench(name, 2, 6_000)
			b.keyless(name, 3_000)
			b.exec(src, "ANALYZE TABLE "+name+".sbtest1, "+name+".sbtest2")
			b.sub.Dump.Rows, b.sub.Load.MaxRows, b.sub.Load.PoolSize = 300, 8_000, 3
			if seed == 1 {
				b.sub.Load.MaxDisk = 200 << 10
			}
			for round := range 5 {
				b.interrupted(int64(500 + rnd.IntN(4_000)))
				what := rnd.IntN(4)
				t.Logf("round %d: %d", round, what)
				switch what {
				case 0:
					if err := os.RemoveAll(b.sub.Load.Dir); err != nil {
						t.Fatal(err)
					}
				case 1:
					table := []string{"sbtest1", "nokey"}[rnd.IntN(2)]
					b.exec(src, fmt.Sprintf("ALTER TABLE %s.%s ADD COLUMN x%d INT NOT NULL DEFAULT %d", name, table, round, round))
				case 2:
					b.exec(dst, fmt.Sprintf("DROP TABLE IF EXISTS %s.%s", name, []string{"sbtest2", "nokey"}[rnd.IntN(2)]))
				}
			}
			b.sub.Load.MaxRows = 0
			b.toTheEnd()
			b.equal(name, "sbtest1", "sbtest2", "nokey")
		})
	}
}

// interrupted runs both halves as a new worker, until so many rows more are on
// the target or all is done.
func (b *bed) interrupted(rows int64) {
	b.t.Helper()
	m, closeMeta := b.meta(b.t.Context())
	defer closeMeta()
	ctx, cancel := context.WithCancel(b.t.Context())
	defer cancel()
	before := int64(-1)
	err := b.step(ctx, m, func(u *load.Unit) {
		for ctx.Err() == nil {
			var s status.Subtask
			u.Fill(&s)
			if n := s.Load.FinishedRows; before < 0 {
				before = n
			} else if n > before+rows {
				cancel()
			}
			select {
			case <-ctx.Done():
			case <-time.After(time.Millisecond):
			}
		}
	})
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, load.ErrDumpAgain) {
		b.t.Fatalf("%v (%s)", err, fault.HintOf(err))
	}
}

// step runs the unit that the phase says; watch runs beside each load.
func (b *bed) step(ctx context.Context, m *checkpoint.Meta, watch func(*load.Unit)) error {
	b.t.Helper()
	p, err := m.Phase(ctx)
	if err != nil {
		return err
	}
	if p.Unit == status.UnitLoad {
		u := load.New(load.Config{Subtask: b.sub, Meta: m, Log: b.log()})
		if watch != nil {
			go watch(u)
		}
		return u.Run(ctx)
	}
	_, err = b.overlap(ctx, m, func(_ *dumpdir.Live, u *load.Unit) {
		if watch != nil {
			go watch(u)
		}
	})
	return err
}

// toTheEnd runs what the phase says until the syncer is next.
func (b *bed) toTheEnd() {
	b.t.Helper()
	m, closeMeta := b.meta(b.t.Context())
	defer closeMeta()
	for {
		if p, err := m.Phase(b.t.Context()); err != nil || p.Unit == status.UnitSync {
			if err != nil {
				b.t.Fatal(err)
			}
			return
		}
		if err := b.step(b.t.Context(), m, nil); err != nil && !errors.Is(err, load.ErrDumpAgain) {
			b.t.Fatalf("%v (%s)", err, fault.HintOf(err))
		}
	}
}

// TestFilesThatGoMissing: files that were not loaded go, and their chunks are
// read again; what they had loaded is not there twice.
func TestFilesThatGoMissing(t *testing.T) {
	const name = "missingfiles"
	b := overlapping(newBed(t, name, servers.MariaDB(t), mariaTarget(t)))
	b.sysbench(name, 1, 8_000)
	b.exec(b.src, "ANALYZE TABLE "+name+".sbtest1")
	b.sub.Dump.Rows, b.sub.Load.MaxRows, b.sub.Load.PoolSize = 1000, 4_000, 2
	b.interrupted(1500)
	files := b.dataFiles()
	if len(files) == 0 {
		t.Fatal("nothing is left to be loaded")
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	b.sub.Load.MaxRows = 0
	b.toTheEnd()
	b.equal(name, "sbtest1")
}

// TestSeveralSourcesWaitForTheEnd: where nobody could tell whose rows are to be
// removed, nothing is loaded before the dump is complete.
func TestSeveralSourcesWaitForTheEnd(t *testing.T) {
	const name = "severalsources"
	b := overlapping(newBed(t, name, servers.MariaDB(t), mariaTarget(t)))
	b.sysbench(name, 1, 20_000)
	b.exec(b.src, "ANALYZE TABLE "+name+".sbtest1")
	b.sub.Sources, b.sub.Dump.Rows, b.sub.Load.MaxDisk = 2, 500, 1
	m, closeMeta := b.meta(t.Context())
	defer closeMeta()
	var early int64
	p := &pair{}
	watched := make(chan struct{})
	p, err := b.overlap(t.Context(), m, func(live *dumpdir.Live, u *load.Unit) {
		go func() {
			defer close(watched)
			for live.Manifest() == nil {
				var s status.Subtask
				u.Fill(&s)
				if live.Manifest() == nil {
					early = max(early, s.Load.FinishedRows)
				}
			}
		}()
	})
	if err != nil {
		t.Fatal(err)
	}
	<-watched
	if !p.dump.Recorded() || early > 0 {
		t.Errorf("%d rows were loaded before the dump was complete", early)
	}
	b.equal(name, "sbtest1")
}

// TestFencedWhileBothGoOn: a worker that has lost the source adds nothing more.
func TestFencedWhileBothGoOn(t *testing.T) {
	const name = "bothfenced"
	b := overlapping(newBed(t, name, servers.MariaDB(t), mariaTarget(t)))
	b.sysbench(name, 1, 8_000)
	b.exec(b.src, "ANALYZE TABLE "+name+".sbtest1")
	b.sub.Dump.Rows, b.sub.Load.MaxRows = 200, 2_000
	m, closeMeta := b.meta(t.Context())
	defer closeMeta()
	done := make(chan error, 1)
	began := make(chan *load.Unit, 10)
	go func() {
		_, err := b.overlap(t.Context(), m, func(_ *dumpdir.Live, u *load.Unit) { began <- u })
		done <- err
	}()
	b.awaitRows(<-began, done, 0)
	_, closeOther := b.meta(t.Context()) // another worker has it now
	defer closeOther()
	n := b.count(b.dst, name+".sbtest1")
	if err := <-done; !errors.Is(err, checkpoint.ErrFenced) {
		t.Fatalf("the former worker ends with %v", err)
	}
	if now := b.count(b.dst, name+".sbtest1"); now != n {
		t.Errorf("%d rows, %d when the source was taken over", now, n)
	}
}

// TestTargetKnowsWhatItHas: at any moment of both halves, the record on the target
// explains each row there: the rows of a file that has begun are of a chunk whose
// range is known.
func TestTargetKnowsWhatItHas(t *testing.T) {
	const name = "explained"
	b := overlapping(newBed(t, name, servers.MariaDB(t), mariaTarget(t)))
	b.sysbench(name, 2, 6_000)
	b.exec(b.src, "ANALYZE TABLE "+name+".sbtest1, "+name+".sbtest2")
	b.sub.Dump.Rows, b.sub.Load.MaxRows, b.sub.Load.PoolSize = 100, 6_000, 4
	for range 3 {
		b.interrupted(1500)
		m, closeMeta := b.meta(t.Context())
		text, err := m.Dump(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s, err := dumpdir.ReadState(text)
		if err != nil {
			t.Fatal(err)
		}
		chunks, err := m.Chunks(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		closeMeta()
		known := map[string]int64{}
		for _, p := range s.Tables {
			for _, c := range p.Chunks {
				for _, f := range c.Files {
					known[f.Name] = f.Rows
				}
			}
		}
		var loaded int64
		for f, c := range chunks {
			if rows, ok := known[f]; c.Offset > 0 && (!ok || c.Rows > rows) {
				t.Errorf("%d rows of %s are on the target, and the record knows %d", c.Rows, f, rows)
			}
			loaded += c.Rows
		}
		if n := b.count(b.dst, name+".sbtest1") + b.count(b.dst, name+".sbtest2"); int64(n) != loaded {
			t.Errorf("%d rows on the target, %d by the progress of files", n, loaded)
		}
	}
}
