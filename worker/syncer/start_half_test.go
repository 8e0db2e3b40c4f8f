package syncer

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/dump"
)

// TestStartPointBehindAFullPhaseThatDidNotEnd: a task that has dumped, and whose
// rows others have loaded, begins in mode incremental where its file says, and not
// at its dump.
func TestStartPointBehindAFullPhaseThatDidNotEnd(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, false)
		table := b.schema() + ".t"
		b.exec("CREATE DATABASE IF NOT EXISTS "+b.schema(), "CREATE TABLE "+table+" (id INT PRIMARY KEY)", "INSERT INTO "+table+" VALUES (1)")
		b.sub.Mode = config.ModeDump
		b.sub.Dump = config.Dump{Threads: 2, ChunkBytes: 1 << 20, StatementSize: 20_000}
		b.sub.Load = config.Load{Dir: filepath.Join(t.TempDir(), "dump")}
		db, meta := (&xaSessions{bench: b}).phase()
		defer db.Close()
		b.must(dump.New(dump.Config{Subtask: b.sub, Meta: meta, Log: slog.New(slog.DiscardHandler)}).Run(t.Context()))
		b.exec("INSERT INTO " + table + " VALUES (2)")
		b.must(down.Exec(t.Context(), "CREATE DATABASE IF NOT EXISTS "+b.schema(), "CREATE TABLE "+table+" (id INT PRIMARY KEY)", "INSERT INTO "+table+" VALUES (1), (2)"))
		at := b.master()
		b.sub.Mode, b.sub.Start = config.ModeIncremental, &config.StartPoint{BinlogName: at.Position.Name, BinlogPos: at.Position.Pos, BinlogGTID: at.GTID.String()}
		b.exec("INSERT INTO " + table + " VALUES (3)")
		r := b.start()
		r.caughtUp()
		r.end()
		b.equal()
	})
}
