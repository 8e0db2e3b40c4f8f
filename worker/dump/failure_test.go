package dump

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
)

// TestWrongWhere: a filter that does not fit is one error, before writers are
// stopped, and after its repair the dump has the rows that it selects.
func TestWrongWhere(t *testing.T) {
	src := servers.MariaDB(t)
	b := newBed(t, src, "wherebed", "CREATE TABLE %s.a (id INT PRIMARY KEY, v INT)", "INSERT INTO %s.a SELECT seq, seq MOD 3 FROM %s.seq_1_to_300",
		"CREATE TABLE %s.b (id INT PRIMARY KEY)", "INSERT INTO %s.b VALUES (1), (2)")
	for _, where := range []string{"v = 1", "id >", "nope(id) = 1", "id = 1) OR (1"} {
		b.sub.Dump.Where = where
		err := b.run(nil)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.HintOf(err), "where") || !strings.Contains(err.Error(), "wherebed.") {
			t.Errorf("%s: %v (hint %s)", where, err, fault.HintOf(err))
		}
	}
	b.sub.Dump.Where = "id <= 10 OR id = 0"
	if err := b.run(nil); err != nil {
		t.Fatal(err)
	}
	rows := map[string]int64{}
	for _, tbl := range b.manifest().Tables {
		for _, f := range tbl.Data {
			rows[tbl.Name] += f.Rows
		}
	}
	if rows["a"] != 10 || rows["b"] != 2 {
		t.Errorf("rows %v", rows)
	}
}

// smallDisk mounts a file system of that size, which a test fills up.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a file system can be mounted by root only: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestFullDisk: a full disk is one error that names the directory; with room the
// dump goes on, and what was read is not read again.
func TestFullDisk(t *testing.T) {
	src := servers.MariaDB(t)
	b := newBed(t, src, "fulldisk", "CREATE TABLE %s.t (id INT PRIMARY KEY, v VARCHAR(200))",
		"INSERT INTO %s.t SELECT seq, REPEAT('x', 200) FROM %s.seq_1_to_10000", "ANALYZE TABLE %s.t")
	b.sub.Dump.Rows = 200
	b.sub.Load.Dir = smallDisk(t, "1m")
	err := b.run(nil)
	if !errors.Is(err, syscall.ENOSPC) || !fault.Is(err, fault.Unavailable) || !strings.Contains(fault.HintOf(err), b.sub.Load.Dir) {
		t.Fatalf("full disk: %v (hint %s)", err, fault.HintOf(err))
	}
	j, state, err := dumpdir.Resume(b.sub.Load.Dir, b.sub.Task, b.sub.SourceID, b.dumpID(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	j.Close()
	before := countDone(state)
	if out, err := exec.CommandContext(t.Context(), "mount", "-o", "remount,size=64m", b.sub.Load.Dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := b.run(nil); err != nil {
		t.Fatal(err)
	}
	m := b.manifest()
	kept := 0
	for _, c := range m.Tables[0].Chunks {
		if c.Snapshot == 0 {
			kept++
		}
	}
	if before == 0 || kept != before {
		t.Errorf("%d chunks were complete, %d of them were kept", before, kept)
	}
	b.load(m, "fulldisk_copy")
	if got, want := b.rows("fulldisk_copy.t"), b.rows("fulldisk.t"); !slices.Equal(got, want) {
		t.Errorf("%d rows, want %d", len(got), len(want))
	}
}

// TestReadOnlyDirectory: a directory that cannot be made is one error.
func TestReadOnlyDirectory(t *testing.T) {
	src := servers.MariaDB(t)
	b := newBed(t, src, "nodir")
	if err := os.WriteFile(b.sub.Load.Dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.run(nil); !fault.Is(err, fault.Unavailable) || !strings.Contains(fault.HintOf(err), b.sub.Load.Dir) {
		t.Errorf("%v (hint %s)", err, fault.HintOf(err))
	}
}

// TestTableDroppedInTheMiddle: the dump goes on without the table, by itself.
func TestTableDroppedInTheMiddle(t *testing.T) {
	src := servers.MariaDB(t)
	for _, ddl := range []string{"DROP TABLE %s.big", "DROP DATABASE %s"} {
		name := "middle_" + strings.ToLower(ddl[:4])
		if strings.Contains(ddl, "DATABASE") {
			name += "db"
		}
		b := newBed(t, src, name, "CREATE TABLE %s.big (id INT PRIMARY KEY)", "INSERT INTO %s.big SELECT seq FROM %s.seq_1_to_5000",
			"CREATE TABLE %s.small (id INT PRIMARY KEY)", "INSERT INTO %s.small VALUES (1)", "ANALYZE TABLE %s.big, %s.small")
		b.sub.Dump.Rows, b.sub.Dump.Threads = 100, 1
		var done errgroup.Group
		if err := b.run(func(u *Unit) {
			u.noted = onceDone(func() error {
				gone := make(chan struct{})
				done.Go(func() error {
					defer close(gone)
					return src.Exec(context.WithoutCancel(t.Context()), strings.ReplaceAll(ddl, "%s", name))
				})
				// It waits for the table that is being read, and then comes first; or waits
				// for nothing and is done.
				for {
					var waits int
					if err := src.DB().QueryRowContext(t.Context(), "SELECT COUNT(*) FROM information_schema.PROCESSLIST"+
						" WHERE STATE LIKE 'Waiting for table metadata lock' AND INFO LIKE 'DROP%' AND SLEEP(0.01) = 0").Scan(&waits); err != nil || waits > 0 {
						return err
					}
					select {
					case <-gone:
						return nil
					default:
					}
				}
			})
		}); err != nil {
			t.Fatalf("%s: %v", ddl, err)
		}
		if err := done.Wait(); err != nil {
			t.Fatal(err)
		}
		m := b.manifest()
		var rows int64
		names := map[string]bool{}
		for _, tbl := range m.Tables {
			names[tbl.Name] = true
			for _, f := range tbl.Data {
				rows += f.Rows
			}
		}
		switch {
		case strings.HasPrefix(ddl, "DROP TABLE") && (names["big"] || !names["small"] || rows != 1),
			strings.HasPrefix(ddl, "DROP DATABASE") && len(m.Tables)+len(m.Schemas) > 0:
			t.Errorf("%s: tables %v with %d rows, schemas %v", ddl, names, rows, m.Schemas)
		}
	}
}

// TestChunkIsNotedBehindItsFiles: when the journal says that a chunk is complete,
// its files are, whatever holds back their ends; else a process that is killed
// here would leave a journal that promises too much.
func TestChunkIsNotedBehindItsFiles(t *testing.T) {
	src := servers.MariaDB(t)
	for _, compression := range []string{"", "gzip", "zstd"} {
		b := newBed(t, src, "noted"+compression, "CREATE TABLE %s.t (id INT PRIMARY KEY, c CHAR(200))",
			"INSERT INTO %s.t SELECT seq, SHA2(seq, 512) FROM %s.seq_1_to_9000", "ANALYZE TABLE %s.t")
		b.sub.Dump.Rows, b.sub.Dump.ChunkBytes, b.sub.Dump.Compress = 3000, 200_000, compression
		var files atomic.Int64
		if err := b.run(func(u *Unit) {
			u.noted = func(_ schema.Name, c dumpdir.Chunk) error {
				for _, f := range c.Files {
					files.Add(1)
					if err := f.Check(b.sub.Load.Dir); err != nil {
						return err
					}
				}
				return nil
			}
		}); err != nil {
			t.Errorf("%q: %v", compression, err)
		}
		if n := files.Load(); n < 6 {
			t.Errorf("%q: %d files", compression, n)
		}
	}
}

// onceDone calls f when the first chunk is complete and its table still locked.
func onceDone(f func() error) func(schema.Name, dumpdir.Chunk) error {
	var once sync.Once
	return func(_ schema.Name, c dumpdir.Chunk) (err error) {
		if c.Done {
			once.Do(func() { err = f() })
		}
		return err
	}
}
