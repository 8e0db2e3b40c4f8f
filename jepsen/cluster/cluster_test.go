package cluster

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/raftdm/raftdm/internal/testbed"
)

var servers testbed.Shared

func TestMain(m *testing.M) { os.Exit(servers.Main(m)) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A cluster starts, replicates, and the book names the worker of each commit,
// in the next life of the target too.
func TestClusterReplicatesAndKeepsTheBook(t *testing.T) {
	testbed.SkipIfShort(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	began := time.Now()
	c, err := Open(ctx, Config{Dir: t.TempDir(), Binaries: servers.Binaries(t), Masters: 3, Workers: 2, Sources: 1, TTL: 5 * time.Second})
	t.Cleanup(func() {
		if err := c.Close(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	})
	must(t, err)
	must(t, c.Upstreams[0].Exec(ctx, "CREATE DATABASE b", "CREATE TABLE b.t (id INT PRIMARY KEY)"))
	must(t, c.StartTask(ctx, "t1", 0, "b"))
	must(t, c.AwaitHealth(ctx))
	t.Logf("set up in %s", time.Since(began).Round(time.Millisecond))
	must(t, c.Upstreams[0].Exec(ctx, "INSERT INTO b.t VALUES (1)"))
	must(t, c.AwaitHealth(ctx))
	c.Target.Kill()
	must(t, c.Target.Start(ctx))
	must(t, c.Upstreams[0].Exec(ctx, "INSERT INTO b.t VALUES (2)"))
	must(t, c.AwaitHealth(ctx))
	book, err := c.Audit(ctx)
	must(t, err)
	owner := c.Owners(ctx)[SourceName(0)]
	lives := map[uint64]bool{}
	for _, r := range book.Rows {
		lives[r.Conn>>lifeShift] = true
		if r.Worker == "" || r.Worker != owner {
			t.Errorf("%+v was written by %q; the source is at %q", r, r.Worker, owner)
		}
	}
	if !lives[1] || !lives[2] {
		t.Errorf("commits of the lives %v of the target, want two: %+v", lives, book.Rows)
	}
	must(t, c.Kill(c.Masters()[0]))
	must(t, c.StopAll(ctx))
}

// A file that bbolt finds damaged is an error.
func TestDamagedStoreIsFound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	db, err := bbolt.Open(path, 0o600, nil)
	must(t, err)
	must(t, db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucket([]byte("b"))
		if err != nil {
			return err
		}
		for i := range 2000 {
			if err := b.Put([]byte{byte(i >> 8), byte(i)}, make([]byte, 50)); err != nil {
				return err
			}
		}
		return nil
	}))
	must(t, db.Close())
	must(t, checkBolt(path))
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	// The head of a page in the middle: its own number no longer fits.
	_, err = f.WriteAt([]byte{255, 255, 255}, 10*4096)
	must(t, err)
	must(t, f.Close())
	defer func() { _ = recover() }() // bbolt itself may give up with a panic
	if err := checkBolt(path); err == nil {
		t.Error("a damaged page was not noticed")
	}
}
