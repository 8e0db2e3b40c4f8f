package load_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/checkpoint"
	"github.com/raftdm/raftdm/worker/dump"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
	"github.com/raftdm/raftdm/worker/load"
)

// TestStopAndStartLosesAndDoublesNothing is peer-bugs 5 and 28: dump and load
// are stopped at random moments and begun again by fresh units, until done.
func TestStopAndStartLosesAndDoublesNothing(t *testing.T) {
	intoEach(t, stopAndStart)
}

func stopAndStart(t *testing.T, src, dst *testbed.Server) {
	name := "stops_" + dst.Name
	b := newBed(t, name, src, dst)
	if dst.Name == "mariadb" { // offsets are those of the contents
		b.sub.Dump.Compress = "zstd"
	}
	tables := b.sysbench(name, 2, 20_000)
	b.keyless(name, 10_000)
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	stops := b.untilDone(rand.New(rand.NewPCG(uint64(seed), 0)))
	t.Logf("%d stops", stops)
	b.equal(name, append(tables, "nokey")...)
}

// untilDone runs whatever unit is next, each for a random while, and answers
// how often one was stopped. The whiles grow, so that it ends.
//
// A stop of the load costs the transactions in flight and nothing else: no file
// goes back, none begins anew, and at most so many as there are lanes are half
// loaded.
func (b *bed) untilDone(rng *rand.Rand) int {
	b.t.Helper()
	before := map[string]checkpoint.Chunk{}
	for stops := 0; ; stops++ {
		done := func() bool {
			m, closeMeta := b.meta(b.t.Context())
			defer closeMeta()
			ctx, cancel := context.WithTimeout(b.t.Context(), time.Duration(rng.IntN(200)+30*stops)*time.Millisecond)
			defer cancel()
			p, err := m.Phase(b.t.Context())
			if err != nil {
				b.t.Fatal(err)
			}
			switch p.Unit {
			case status.UnitSync:
				return true
			case status.UnitLoad:
				err = b.load(ctx, m)
			default:
				err = b.dump(ctx, m)
			}
			if err != nil && ctx.Err() == nil {
				b.t.Fatalf("stop %d, unit %v: %v", stops, p.Unit, err)
			}
			if p.Unit == status.UnitLoad && err != nil {
				before = b.stopped(m, before)
			}
			return false
		}()
		if done {
			return stops
		}
	}
}

// stopped compares the chunk rows after a stop of the load with those after the
// stop before.
func (b *bed) stopped(m *checkpoint.Meta, before map[string]checkpoint.Chunk) map[string]checkpoint.Chunk {
	b.t.Helper()
	now, err := m.Chunks(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	if len(now) == 0 {
		return now // the load was complete, or had not begun
	}
	halves := 0
	for name, c := range now {
		if old, ok := before[name]; ok && old.DumpID == c.DumpID && (c.Offset < old.Offset || c.Rows < old.Rows) {
			b.t.Errorf("file %s went back from byte %d (row %d) to %d (%d)", name, old.Offset, old.Rows, c.Offset, c.Rows)
		}
		if c.Offset > 0 && c.Offset < fileSize(b.t, filepath.Join(b.sub.Load.Dir, name)) {
			halves++
		}
	}
	if halves > b.sub.Load.PoolSize {
		b.t.Errorf("%d files are half loaded by %d lanes", halves, b.sub.Load.PoolSize)
	}
	return now
}

// TestFencedLoadAddsNothing is peer-bugs 4 for the full phase: a worker whose
// source was taken over stops without adding a row.
func TestFencedLoadAddsNothing(t *testing.T) {
	const name = "fenced"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	tables := b.sysbench(name, 1, 5_000)
	b.keyless(name, 5_000)
	old, closeOld := b.meta(t.Context())
	defer closeOld()
	if err := b.dump(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	fresh, closeFresh := b.meta(t.Context())
	defer closeFresh()
	if err := b.load(t.Context(), old); !errors.Is(err, checkpoint.ErrFenced) {
		t.Fatalf("the old worker's load answered %v, want ErrFenced", err)
	}
	if err := b.load(t.Context(), fresh); err != nil {
		t.Fatal(err)
	}
	b.equal(name, append(tables, "nokey")...)
}

// TestTheEndOfALoad: phase, structures and files are what the syncer and an
// operator expect.
func TestTheEndOfALoad(t *testing.T) {
	const name = "theend"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	b.sub.CleanDumpFile = true
	b.sysbench(name, 2, 100)
	m, closeMeta := b.meta(t.Context())
	defer closeMeta()
	if err := b.dump(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	metadata, err := os.ReadFile(filepath.Join(b.sub.Load.Dir, dumpdir.MetadataName))
	if err != nil {
		t.Fatal(err)
	}
	p, err := m.Phase(t.Context())
	if err != nil || p.Unit != status.UnitLoad {
		t.Fatalf("phase %+v, %v", p, err)
	}
	if !strings.Contains(string(metadata), "\tLog: "+p.Snapshot.Position.Name+"\n") {
		t.Errorf("metadata does not name the binlog file %s:\n%s", p.Snapshot.Position.Name, metadata)
	}
	u := load.New(load.Config{Subtask: b.sub, Meta: m, Log: b.log()})
	if err := u.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var s status.Subtask
	u.Fill(&s)
	if s.Unit != status.UnitLoad || s.Err != nil || s.Load.Progress != "100.00 %" || s.Load.FinishedRows != 200 ||
		s.Load.FinishedBytes != s.Load.TotalBytes || s.Load.MetaBinlog != p.Snapshot.Position.String() {
		t.Errorf("status at the end: %+v", *s.Load)
	}
	if p, err = m.Phase(t.Context()); err != nil || p.Unit != status.UnitSync || p.Snapshot.IsZero() {
		t.Errorf("phase at the end: %+v, %v", p, err)
	}
	structures, err := m.Structures(t.Context())
	if err != nil || len(structures) != 2 {
		t.Errorf("structures: %v, %v", structures, err)
	}
	for n, text := range structures {
		if !strings.HasPrefix(text, "CREATE TABLE `"+n.Table+"` (") {
			t.Errorf("structure of %v: %s", n, text)
		}
	}
	if chunks, err := m.Chunks(t.Context()); err != nil || len(chunks) != 0 {
		t.Errorf("chunk rows left: %v, %v", chunks, err)
	}
	left, _ := filepath.Glob(filepath.Join(b.sub.Load.Dir, "*"))
	if len(left) != 5 { // marker (hidden by no dot), metadata, one schema, two tables
		t.Errorf("files left: %s", quoted(left))
	}
	if err := b.dump(t.Context(), m); err != nil {
		t.Errorf("a dump behind the load: %v", err)
	}
}

// TestLostDump is peer-bugs 5: a load never goes on without its files.
func TestLostDump(t *testing.T) {
	const name = "lostdump"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	b.sysbench(name, 1, 20_000)
	m, closeMeta := b.meta(t.Context())
	defer closeMeta()
	if err := b.dump(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	saved := filepath.Join(t.TempDir(), "saved")
	copyDir(t, b.sub.Load.Dir, saved)

	t.Run("damaged before anything was loaded", func(t *testing.T) {
		files, _ := filepath.Glob(filepath.Join(b.sub.Load.Dir, "*.000000000.sql"))
		data, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 1
		if err := os.WriteFile(files[0], data, 0o600); err != nil {
			t.Fatal(err)
		}
		b.sub.Load.PoolSize = 1
		if err := b.load(t.Context(), m); !errors.Is(err, dumpdir.ErrDamaged) || fault.HintOf(err) == "" {
			t.Fatalf("load of a damaged file: %v", err)
		}
		if n := b.count(b.dst, name+".sbtest1"); n != 0 {
			t.Errorf("%d rows of a damaged file were loaded", n)
		}
	})
	t.Run("gone before anything was loaded", func(t *testing.T) {
		if err := os.Remove(filepath.Join(b.sub.Load.Dir, dumpdir.ManifestName)); err != nil {
			t.Fatal(err)
		}
		if err := b.load(t.Context(), m); !errors.Is(err, dumpdir.ErrMissing) {
			t.Fatalf("load without a dump: %v", err)
		}
		if p, err := m.Phase(t.Context()); err != nil || p.Unit != status.UnitDump {
			t.Fatalf("phase %+v, %v: want the dump again", p, err)
		}
		if err := b.dump(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("gone when half is loaded", func(t *testing.T) {
		b.loadSome(m, name+".sbtest1")
		before, err := m.Phase(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b.sub.Load.Dir = filepath.Join(t.TempDir(), "elsewhere")
		if err := b.load(t.Context(), m); !errors.Is(err, load.ErrDumpAgain) {
			t.Fatalf("load without the rest of its dump: %v", err)
		}
		if p, err := m.Phase(t.Context()); err != nil || p.Unit != status.UnitDump || p.DumpID != before.DumpID {
			t.Fatalf("phase %+v, %v: want the dump of what is missing", p, err)
		}
		again := dump.New(dump.Config{Subtask: b.sub, Meta: m, Log: b.log(), Resume: true})
		if err := again.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := b.load(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		b.equal(name, "sbtest1")
	})
}

// loadSome stops the load as soon as some rows are on the target.
func (b *bed) loadSome(m *checkpoint.Meta, table string) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	defer cancel()
	chunks, err := m.Chunks(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	var before int64
	for _, c := range chunks {
		before += c.Rows
	}
	u := load.New(load.Config{Subtask: b.sub, Meta: m, Log: b.log()})
	done := make(chan error, 1)
	go func() { done <- u.Run(ctx) }()
	b.awaitRows(u, done, before)
	cancel()
	if err := <-done; err == nil {
		b.t.Fatalf("the load of %s was complete before it could be stopped", table)
	}
}

// awaitRows waits until a running load has committed more rows than before.
func (b *bed) awaitRows(u *load.Unit, done <-chan error, before int64) {
	b.t.Helper()
	for {
		var s status.Subtask
		u.Fill(&s)
		if s.Load.FinishedRows > before {
			return
		}
		select {
		case err := <-done:
			b.t.Fatalf("the load ended by itself: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
}

// TestSnapshotIsOneMoment is peer-bugs 33 and 35: the sum over all accounts is
// the same in the dump although money moves between tables meanwhile.
func TestSnapshotIsOneMoment(t *testing.T) {
	const name = "bank"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	b.exec(b.src, "CREATE DATABASE "+name)
	for _, tbl := range []string{"a", "b"} {
		b.exec(b.src, "CREATE TABLE "+name+"."+tbl+" (id INT PRIMARY KEY, money INT NOT NULL, pad CHAR(200) NOT NULL DEFAULT 'p')",
			"INSERT INTO "+name+"."+tbl+" (id, money) SELECT seq, 100 FROM "+name+".seq_1_to_20000", "ANALYZE TABLE "+name+"."+tbl)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- transfer(ctx, b.src, name) }()
	b.run()
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	var sum int
	q := "SELECT (SELECT SUM(money) FROM bank.a) + (SELECT SUM(money) FROM bank.b)"
	if err := b.dst.DB().QueryRowContext(t.Context(), q).Scan(&sum); err != nil {
		t.Fatal(err)
	}
	if sum != 4_000_000 {
		t.Errorf("the dump holds %d, want 4000000: it is not of one moment", sum)
	}
}

// transfer moves money between the two tables until ctx ends.
func transfer(ctx context.Context, s *testbed.Server, name string) error {
	for i := 0; ctx.Err() == nil; i++ {
		tx, err := s.DB().BeginTx(ctx, nil)
		if err != nil {
			break
		}
		from, to := 1+i%20000, 1+(i*7919)%20000
		_, err1 := tx.ExecContext(ctx, "UPDATE "+name+".a SET money = money - 1 WHERE id = ?", from)
		_, err2 := tx.ExecContext(ctx, "UPDATE "+name+".b SET money = money + 1 WHERE id = ?", to)
		if err := errors.Join(err1, err2, tx.Commit()); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// TestDumpIsMydumperShaped looks at the files themselves.
func TestDumpIsMydumperShaped(t *testing.T) {
	const name = "shape"
	src := servers.MariaDB(t)
	b := newBed(t, name, src, mariaTarget(t))
	b.exec(src, "CREATE DATABASE "+name, "CREATE TABLE "+name+".t (id INT PRIMARY KEY, v VARCHAR(20))",
		"INSERT INTO "+name+".t VALUES (1, 'a''b'), (2, NULL)")
	m, closeMeta := b.meta(t.Context())
	defer closeMeta()
	u := dump.New(dump.Config{Subtask: b.sub, Meta: m, Log: b.log()})
	if err := u.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(b.sub.Load.Dir, name+".t.000000000.sql"))
	if err != nil {
		t.Fatal(err)
	}
	want := dumpdir.FileHead + "INSERT INTO `t` (`id`,`v`) VALUES\n(1,'a\\'b'),\n(2,NULL);\n"
	if string(data) != want {
		t.Errorf("data file:\n%s\nwant:\n%s", data, want)
	}
	var s status.Subtask
	u.Fill(&s)
	if s.Dump.Progress != "100.00 %" || s.Dump.FinishedRows != 2 || s.Dump.TotalTables != 1 || s.Dump.CompletedTables != 1 {
		t.Errorf("status at the end: %+v", *s.Dump)
	}
	info, err := os.Stat(b.sub.Load.Dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory mode %v, %v", info.Mode(), err)
	}
}
