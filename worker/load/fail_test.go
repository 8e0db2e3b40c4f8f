package load_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/checkpoint"
	"github.com/raftdm/raftdm/worker/load"
)

// TestFullDiskOfTheTarget: the load ends with that and no other reason, and goes
// on where it was when there is room.
func TestFullDiskOfTheTarget(t *testing.T) {
	testbed.SkipIfShort(t)
	dir := filepath.Join(t.TempDir(), "disk")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=300m"); errors.Is(err, syscall.EPERM) {
		t.Skip("a small disk is made by root only")
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	dst, err := testbed.StartMariaDB(t.Context(), filepath.Join(dir, "server"), testbed.WithoutBinlog(),
		// The undo log has its room beforehand: without any the server itself ends.
		testbed.WithArgs("--innodb-data-file-path=ibdata1:12M;ibdata2:60M:autoextend"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if text, err := os.ReadFile(filepath.Join(dst.Dir, "mariadbd.log")); t.Failed() && err == nil {
			t.Logf("the server says:\n%s", text[max(0, len(text)-4000):])
		}
		_ = dst.Close()
	})
	const name = "fulldisk"
	b := newBed(t, name, servers.MariaDB(t), dst)
	b.sysbench(name, 1, 40_000)
	b.keyless(name, 40_000)
	b.dumpNow()
	filler := filepath.Join(dir, "filler")
	m, closeMeta := b.meta(t.Context())
	if err := fill(filler, 6<<20); err != nil {
		t.Fatal(err)
	}
	err = b.firstTrouble(m)
	closeMeta()
	alive := dst.Alive() // some full disks end the server itself
	if !fault.Is(err, fault.Unavailable) || alive && !strings.Contains(fault.HintOf(err), "make room") {
		t.Fatalf("error %v, hint %q", err, fault.HintOf(err))
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if !alive {
		dst.Kill()
		if err := dst.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.loadInto(); err != nil {
		t.Fatal(err)
	}
	b.equal(name, "sbtest1", "nokey")
}

// firstTrouble loads until that ends, or shows what it retries.
func (b *bed) firstTrouble(m *checkpoint.Meta) error {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	defer cancel()
	u := load.New(load.Config{Subtask: b.sub, Meta: m, Log: b.log()})
	done := make(chan error, 1)
	go func() { done <- u.Run(ctx) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-tick.C:
			var s status.Subtask
			if u.Fill(&s); s.Err != nil {
				cancel()
				<-done
				return s.Err
			}
		}
	}
}

// fill writes a file until so many bytes are left on its disk.
func fill(path string, left int64) error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &st); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for n := int64(st.Bavail)*st.Bsize - left; n > 0; n -= int64(len(block)) {
		if _, err := f.Write(block[:min(n, int64(len(block)))]); err != nil {
			return err
		}
	}
	return nil
}

// TestTableThatIsGone: dropped or emptied in the middle, it is loaded from its
// beginning; rows of other tables stay as they are.
func TestTableThatIsGone(t *testing.T) {
	src, dst := servers.MariaDB(t), mariaTarget(t)
	for i, statement := range []string{"DROP TABLE %s.nokey", "TRUNCATE TABLE %s.nokey"} {
		name := fmt.Sprintf("gone%d", i)
		b := newBed(t, name, src, dst)
		b.sysbench(name, 1, 3000)
		b.keyless(name, 40_000)
		b.sub.Load.PoolSize, b.sub.Load.MaxMB = 1, 1
		b.dumpNow()
		m, closeMeta := b.meta(t.Context())
		b.loadSome(m, name)
		for b.count(dst, name+".nokey") == 0 {
			b.loadSome(m, name)
		}
		closeMeta()
		b.sub.Load.MaxMB = 0
		b.exec(dst, fmt.Sprintf(statement, name))
		if _, err := b.loadInto(); err != nil {
			t.Fatalf("%v (%s)", err, fault.HintOf(err))
		}
		b.equal(name, "sbtest1", "nokey")
	}
}

// TestTableDroppedUnderTheLoad: the error says what a resume will do.
func TestTableDroppedUnderTheLoad(t *testing.T) {
	const name = "dropped"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	b.keyless(b.fresh(name), 60_000)
	b.sub.Load.PoolSize, b.sub.Load.MaxMB = 1, 1
	b.dumpNow()
	m, closeMeta := b.meta(t.Context())
	defer closeMeta()
	u := load.New(load.Config{Subtask: b.sub, Meta: m, Log: b.log()})
	done := make(chan error, 1)
	go func() { done <- u.Run(t.Context()) }()
	b.awaitRows(u, done, 0)
	b.exec(b.dst, "DROP TABLE "+name+".nokey")
	if err := <-done; !fault.Is(err, fault.NotFound) || !strings.Contains(fault.HintOf(err), "from its beginning") {
		t.Fatalf("error %v, hint %q", err, fault.HintOf(err))
	}
	b.sub.Load.MaxMB = 0
	if err := b.load(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	b.equal(name, "nokey")
}

// TestRefusedRowIsLoadedOnceItFits: after the repair nothing is missing and
// nothing there twice.
func TestRefusedRowIsLoadedOnceItFits(t *testing.T) {
	const name = "refit"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	b.keyless(b.fresh(name), 20_000)
	b.exec(b.src, "INSERT INTO "+name+".nokey VALUES (1, REPEAT('w', 99))")
	b.exec(b.dst, "CREATE DATABASE "+name, "CREATE TABLE "+name+".nokey (a INT, b VARCHAR(60))")
	b.sub.Load.OnDuplicate = config.DuplicateReplace
	b.dumpNow()
	if _, err := b.loadInto(); !fault.Is(err, fault.Data) || !strings.Contains(err.Error(), "statement at byte") {
		t.Fatalf("error %v", err)
	}
	b.exec(b.dst, "ALTER TABLE "+name+".nokey MODIFY b VARCHAR(100)")
	if _, err := b.loadInto(); err != nil {
		t.Fatal(err)
	}
	b.equal(name, "nokey")
}
