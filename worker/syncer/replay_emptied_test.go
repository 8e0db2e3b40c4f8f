package syncer

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/dump"
	"github.com/raftdm/raftdm/worker/load"
)

// TestEmptiedWhileDumped interrupts a dump and empties tables before it goes on:
// one that is dumped to its end, one of which a part is, and a partition. A
// MariaDB shows no trace of that but in its binlog.
func TestEmptiedWhileDumped(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		modes(t, func(t *testing.T, gtid bool) {
			b := newBench(t, up, down, gtid)
			exec := func(statements ...string) {
				for _, s := range statements {
					b.exec(strings.ReplaceAll(s, "%s", b.schema()))
				}
			}
			exec("CREATE DATABASE IF NOT EXISTS %s", "CREATE TABLE %s.large (id INT PRIMARY KEY, v VARCHAR(200))", "INSERT INTO %s.large SELECT seq, REPEAT('v', 100) FROM %s.seq_1_to_6000",
				"CREATE TABLE %s.small (id INT PRIMARY KEY, v INT)", "INSERT INTO %s.small VALUES (1, 1), (2, 2), (3, 3)",
				"CREATE TABLE %s.part (id INT PRIMARY KEY, v INT) PARTITION BY RANGE (id) (PARTITION low VALUES LESS THAN (10), PARTITION high VALUES LESS THAN MAXVALUE)",
				"INSERT INTO %s.part SELECT seq, seq FROM %s.seq_1_to_20")
			b.interruptedLoad(func() {
				exec("TRUNCATE TABLE %s.small", "INSERT INTO %s.small VALUES (2, 20), (4, 4)", "ALTER TABLE %s.part TRUNCATE PARTITION low", "INSERT INTO %s.part VALUES (3, 30)",
					"UPDATE %s.large SET v = 'before' WHERE id < 100", "TRUNCATE TABLE %s.large", "INSERT INTO %s.large VALUES (1, 'behind'), (5999, 'behind')")
			})
			r := b.start()
			exec("INSERT INTO %s.large VALUES (7, 'last')", "DELETE FROM %s.small WHERE id = 4")
			r.caughtUp()
			r.end()
			b.equal()
		})
	})
}

// TestExchangedWhileDumped: whose rows a table has changed between two snapshots of
// the dump, which nothing shows either. The task says so instead of going on.
func TestExchangedWhileDumped(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), false)
	s := b.schema()
	b.exec("CREATE DATABASE IF NOT EXISTS "+s, "CREATE TABLE "+s+".large (id INT PRIMARY KEY)", "INSERT INTO "+s+".large SELECT seq FROM "+s+".seq_1_to_6000",
		"CREATE TABLE "+s+".one (id INT PRIMARY KEY)", "INSERT INTO "+s+".one VALUES (1)",
		"CREATE TABLE "+s+".part (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION low VALUES LESS THAN (10), PARTITION high VALUES LESS THAN MAXVALUE)",
		"INSERT INTO "+s+".part VALUES (2), (20)")
	b.interruptedLoad(func() { b.exec("ALTER TABLE " + s + ".part EXCHANGE PARTITION low WITH TABLE " + s + ".one") })
	if f := b.start().ends(t); !strings.Contains(f.Error(), "EXCHANGE") {
		t.Errorf("it does not name the statement: %v", f)
	}
}

// interruptedLoad is fullLoad with a dump that is interrupted when all tables but
// one are dumped to their end and a part of the other is; what changes then is behind
// the first of its moments.
func (b *bench) interruptedLoad(change func()) {
	b.t.Helper()
	ctx, interrupt := context.WithCancel(b.t.Context())
	defer interrupt()
	b.sub.Mode, b.sub.Start = config.ModeAll, nil
	b.sub.Dump = config.Dump{Threads: 2, ChunkBytes: 1 << 20, StatementSize: 20_000, Rows: 200, MaxRows: 2000}
	b.sub.Load = config.Load{PoolSize: 2, Dir: filepath.Join(b.t.TempDir(), "dump")}
	x := &xaSessions{bench: b}
	db, meta := x.phase()
	defer db.Close()
	cfg := dump.Config{Subtask: b.sub, Meta: meta, Log: slog.New(slog.DiscardHandler), Resume: true}
	first := dump.New(cfg)
	done := make(chan error, 1)
	go func() { done <- first.Run(ctx) }()
	for {
		var s status.Subtask
		first.Fill(&s)
		if d := s.Dump; d != nil && d.TotalTables > 0 && d.CompletedTables > float64(d.TotalTables-1) {
			break
		}
		select {
		case err := <-done:
			b.t.Fatalf("the dump ended before it could be interrupted: %v", err)
		default:
			pause(b.t.Context(), 5*time.Millisecond)
		}
	}
	interrupt()
	if err := <-done; err == nil {
		b.t.Fatal("the dump was complete before it could be interrupted")
	}
	change()
	cfg.Subtask.Dump.MaxRows = 0
	b.must(dump.New(cfg).Run(b.t.Context()))
	b.must(load.New(load.Config{Subtask: b.sub, Meta: meta, Log: cfg.Log}).Run(b.t.Context()))
	b.epoch++
}
