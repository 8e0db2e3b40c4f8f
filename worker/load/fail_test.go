package load_test

import (
	"context"
	"errors"
	"fmt"
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
// on where it was when there is room. A MariaDB may end by itself without room, at once
// or later, so it is started anew before that.
func TestFullDiskOfTheTarget(t *testing.T) {
	testbed.SkipIfShort(t)
	dst := mariaTarget(t)
	for i, of := range []string{"rows", "meta tables"} { // in the latter LOAD DATA is tried
		t.Run(of, func(t *testing.T) {
			name := fmt.Sprintf("fulldisk%d", i)
			b := newBed(t, name, servers.MariaDB(t), dst)
			room := roomFor(t, dst, []string{name, b.sub.MetaSchema}[i])
			b.sysbench(name, 1, 40_000)
			b.keyless(name, 40_000)
			b.dumpNow()
			m, closeMeta := b.meta(t.Context())
			room([]int64{6 << 20, 1 << 20}[i])
			err := b.firstTrouble(m)
			closeMeta()
			if told := strings.Contains(fault.HintOf(err), "make room"); !fault.Is(err, fault.Unavailable) || !told && !ends(dst) {
				t.Fatalf("error %v, hint %q", err, fault.HintOf(err))
			}
			dst.Kill()
			room(200 << 20)
			if err := dst.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := b.loadInto(); err != nil {
				t.Fatal(err)
			}
			b.equal(name, "sbtest1", "nokey")
		})
	}
}

// ends waits for the end of a server that seems to end by itself.
func ends(s *testbed.Server) bool {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range 400 {
		if !s.Alive() {
			return true
		}
		<-tick.C
	}
	return false
}

// roomFor gives a new schema a disk of its own, on which room limits how much more
// it takes.
func roomFor(t *testing.T, s *testbed.Server, schema string) (room func(bytes int64)) {
	t.Helper()
	if err := s.Exec(t.Context(), "CREATE DATABASE "+schema); err != nil {
		t.Fatal(err)
	}
	disk := filepath.Join(s.DataDir(), schema)
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "mode=777"); errors.Is(err, syscall.EPERM) {
		t.Skip("a small disk is made by root only")
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return func(bytes int64) {
		t.Helper()
		var st syscall.Statfs_t
		err := syscall.Statfs(disk, &st)
		if err == nil {
			used := int64(st.Blocks-st.Bfree) * st.Bsize
			err = syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf("size=%d", used+bytes))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
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
