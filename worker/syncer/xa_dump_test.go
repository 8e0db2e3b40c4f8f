package syncer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/checkpoint"
	"github.com/raftdm/raftdm/worker/dump"
)

// TestXAAcrossTheDump copies a source on which XA transactions are prepared and
// committed all the time, so that some are prepared in the moment of the
// snapshot, and stops the syncer while it reads what comes before it.
func TestXAAcrossTheDump(t *testing.T) {
	targets(t, func(t *testing.T, _, down *testbed.Server) {
		up := testbed.MariaDB(t)
		modes(t, func(t *testing.T, gtid bool) { xaAcrossTheDump(t, up, down, gtid) })
	})
}

func xaAcrossTheDump(t *testing.T, up, down *testbed.Server, gtid bool) {
	for tries := 1; ; tries++ {
		x := newXASessions(newBench(t, up, down, gtid))
		x.tables()
		ctx, cancel := context.WithCancel(t.Context())
		var writers sync.WaitGroup
		for w := range 6 {
			writers.Go(func() { x.writer(ctx, w) })
		}
		pause(t.Context(), 200*time.Millisecond)
		x.fullLoad()
		db, meta := x.phase()
		p, err := meta.Phase(t.Context())
		x.must(errors.Join(err, db.Close()))
		for range 3 {
			r := x.start()
			r.until("it has begun", 20*time.Second, func() bool { return r.status().SyncerBinlog != "" })
			r.end()
			x.epoch++
		}
		cancel()
		writers.Wait()
		r := x.start()
		r.caughtUp()
		x.nothingStored()
		r.end()
		x.equal()
		if !p.Prepared.IsZero() {
			t.Logf("the snapshot is at %s, and reading began at %s", p.Snapshot, p.Prepared)
			return
		}
		if tries == 5 {
			t.Error("nothing was prepared when the snapshots were taken")
			return
		}
	}
}

// phase opens the meta tables.
func (x *xaSessions) phase() (*dbconn.DB, *checkpoint.Meta) {
	x.t.Helper()
	db, err := dbconn.Open(x.t.Context(), fault.Downstream, x.meta, dbconn.Options{MaxConns: 4, TimeZone: utc})
	x.must(err)
	meta, err := checkpoint.Open(x.t.Context(), db, x.sub, x.epoch)
	x.must(err)
	return db, meta
}

// writer commits short XA transactions, and others, until ctx ends.
func (x *xaSessions) writer(ctx context.Context, w int) {
	conn, err := x.up.Session(context.WithoutCancel(ctx))
	if err != nil {
		x.t.Error(err)
		return
	}
	defer leave(conn)
	s := x.schema()
	for i := 0; ctx.Err() == nil; i++ {
		name, id := fmt.Sprintf("'%s%d','%d'", x.sub.Task, w, i), 1000*w+i%50
		list := []string{"XA START " + name, fmt.Sprintf("REPLACE INTO %s.a (id, v) VALUES (%d, '%d')", s, id, i),
			fmt.Sprintf("INSERT INTO %s.nokey VALUES (%d, 'w%d')", s, i, w), "XA END " + name, "XA PREPARE " + name, "DO SLEEP(0.02)",
			"XA COMMIT " + name, fmt.Sprintf("REPLACE INTO %s.a (id, v) VALUES (%d, 'o%d')", s, id+1, i)}
		if i%5 == 4 {
			list[6] = "XA ROLLBACK " + name
		}
		for _, q := range list {
			if _, err := conn.ExecContext(context.WithoutCancel(ctx), q); err != nil {
				x.t.Errorf("%s: %v", q, err)
				return
			}
		}
	}
}

// TestXABeforeTheDump: one that is prepared for long keeps the dump waiting, which
// says so.
func TestXABeforeTheDump(t *testing.T) {
	testbed.SkipIfShort(t)
	x := newXASessions(newBench(t, testbed.MariaDB(t), secondMariaDB(t), true))
	x.tables()
	name := x.prepare("INSERT INTO " + x.schema() + ".a VALUES (1, 'one', 1)")
	x.sub.Mode, x.sub.Start = config.ModeAll, nil
	x.sub.Dump = config.Dump{Threads: 1}
	x.sub.Load = config.Load{PoolSize: 1, Dir: filepath.Join(t.TempDir(), "dump")}
	db, meta := x.phase()
	defer db.Close()
	d := dump.New(dump.Config{Subtask: x.sub, Meta: meta, Log: slog.New(slog.DiscardHandler)})
	done := make(chan error, 1)
	go func() { done <- d.Run(t.Context()) }()
	late := time.After(20 * time.Second)
	for {
		var s status.Subtask
		d.Fill(&s)
		if s.Err != nil {
			t.Logf("%v\n  hint: %s", s.Err, fault.HintOf(s.Err))
			if fault.HintOf(s.Err) == "" {
				t.Error("no hint")
			}
			break
		}
		select {
		case err := <-done:
			t.Fatalf("the dump ended with %v", err)
		case <-late:
			t.Fatal("the dump says nothing")
		case <-time.After(10 * time.Millisecond):
		}
	}
	x.finish(name, "COMMIT")
	x.must(<-done)
}
