package checkpoint_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

var servers testbed.Shared

func TestMain(m *testing.M) { os.Exit(servers.Main(m)) }

// onBoth runs a test against MariaDB and TiDB in both of its transaction modes.
func onBoth(t *testing.T, f func(t *testing.T, db *dbconn.DB)) {
	t.Helper()
	for _, c := range []struct{ name, txn string }{{"mariadb", ""}, {"tidb optimistic", "optimistic"}, {"tidb pessimistic", "pessimistic"}} {
		t.Run(c.name, func(t *testing.T) {
			var s *testbed.Server
			if c.txn == "" {
				s = servers.MariaDB(t)
			} else {
				s = servers.TiDB(t)
			}
			f(t, open(t, s.Config(), c.txn))
		})
	}
}

func open(t *testing.T, cfg config.Database, txn string) *dbconn.DB {
	t.Helper()
	db, err := dbconn.Open(t.Context(), fault.Downstream, cfg, dbconn.Options{MaxConns: 8, TxnMode: txn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func subtask(t *testing.T, source string) config.Subtask {
	name := strings.NewReplacer("/", "_", " ", "_").Replace(t.Name())
	return config.Subtask{Task: "t`" + name[len(name)-12:], SourceID: source, MetaSchema: "meta-" + name[:min(len(name), 50)]}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// inTx runs f in a transaction and commits.
func inTx(ctx context.Context, db *dbconn.DB, f func(checkpoint.Execer) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// TestPhaseSurvives: a phase comes back as it was written, by a later opening too.
func TestPhaseSurvives(t *testing.T) {
	onBoth(t, func(t *testing.T, db *dbconn.DB) {
		ctx, sub := t.Context(), subtask(t, "s1")
		m, err := checkpoint.Open(ctx, db, sub, 5)
		must(t, err)
		if p, err := m.Phase(ctx); err != nil || p.Unit != status.UnitInvalid {
			t.Fatalf("phase of a new subtask: %+v, %v", p, err)
		}
		set, err := binlog.ParseGTIDSet(binlog.MariaDB, "0-1-100")
		must(t, err)
		want := checkpoint.Phase{Unit: status.UnitLoad, Finished: true, DumpID: "abc",
			Snapshot: binlog.Location{Position: binlog.Position{Name: "bin.000002", Pos: 99}, GTID: set}}
		must(t, inTx(ctx, db, func(ex checkpoint.Execer) error { return m.SetPhase(ctx, ex, want) }))
		m, err = checkpoint.Open(ctx, db, sub, 6)
		must(t, err)
		got, err := m.Phase(ctx)
		must(t, err)
		if got.Unit != want.Unit || !got.Finished || got.DumpID != want.DumpID || got.Snapshot.String() != want.Snapshot.String() {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

// TestOldEpochWritesNothing is peer-bugs 4: after a take-over every fenced
// write of the old epoch fails, and its transaction leaves no trace.
func TestOldEpochWritesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, db *dbconn.DB) {
		ctx, sub := t.Context(), subtask(t, "s1")
		old, err := checkpoint.Open(ctx, db, sub, 5)
		must(t, err)
		must(t, old.AddChunks(ctx, "d", []string{"a", "b"}, nil))
		fresh, err := checkpoint.Open(ctx, db, sub, 6)
		must(t, err)
		writes := map[string]func(checkpoint.Execer) error{
			"phase": func(ex checkpoint.Execer) error {
				return old.SetPhase(ctx, ex, checkpoint.Phase{Unit: status.UnitSync})
			},
			"structure": func(ex checkpoint.Execer) error {
				return errors.Join(old.SaveStructure(ctx, ex, schema.Name{Schema: "a", Table: "b"}, "x"),
					old.SetPhase(ctx, ex, checkpoint.Phase{Unit: status.UnitSync}))
			},
			"new chunks": func(checkpoint.Execer) error { return old.AddChunks(ctx, "d", []string{"c"}, nil) },
			"read back": func(checkpoint.Execer) error {
				_, err := old.ReadChunk(ctx, "a")
				return err
			},
		}
		for name, w := range writes {
			if err := inTx(ctx, db, w); !errors.Is(err, checkpoint.ErrFenced) {
				t.Errorf("%s: %v, want ErrFenced", name, err)
			}
		}
		c := checkpoint.Chunk{File: "a", DumpID: "d", Offset: 10}
		if err := inTx(ctx, db, func(ex checkpoint.Execer) error { return old.AdvanceChunk(ctx, ex, c) }); !errors.Is(err, checkpoint.ErrChunkMoved) {
			t.Errorf("advance: %v, want ErrChunkMoved", err)
		}
		if _, err := checkpoint.Open(ctx, db, sub, 5); !errors.Is(err, checkpoint.ErrFenced) {
			t.Errorf("opening with the old epoch: %v, want ErrFenced", err)
		}
		chunks, err := fresh.Chunks(ctx)
		must(t, err)
		structures, err := fresh.Structures(ctx)
		must(t, err)
		p, err := fresh.Phase(ctx)
		if err != nil || len(chunks) != 2 || chunks["a"].Offset != 0 || len(structures) != 0 || p.Unit != status.UnitInvalid {
			t.Errorf("the old epoch left a trace: %v %v %+v %v", chunks, structures, p, err)
		}
	})
}

// TestTakeOverFromASuspendedWorker is peer-bugs 4: a process that was suspended
// in the middle of a transaction holds its locks, and nobody tells the server.
// Whoever takes over waits some seconds, not hours, and the rest of the old
// transaction is refused.
func TestTakeOverFromASuspendedWorker(t *testing.T) {
	onBoth(t, func(t *testing.T, db *dbconn.DB) {
		t.Parallel()
		ctx, sub := t.Context(), subtask(t, "s1")
		old, err := checkpoint.Open(ctx, db, sub, 5)
		must(t, err)
		tx, err := db.BeginTx(ctx, nil)
		must(t, err)
		defer tx.Rollback() //nolint:errcheck // the server has ended the session
		must(t, old.SetPhase(ctx, tx, checkpoint.Phase{Unit: status.UnitLoad}))
		limited, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		fresh, err := checkpoint.Open(limited, db, sub, 6)
		must(t, err)
		if err := tx.Commit(); err == nil {
			t.Error("the transaction of the old epoch was committed")
		}
		if p, err := fresh.Phase(ctx); err != nil || p.Unit != status.UnitInvalid {
			t.Errorf("it left a trace: %+v, %v", p, err)
		}
	})
}

// TestLostCommitIsDecided: a chunk row read back is final, whether the lost
// transaction was committed or is still open.
func TestLostCommitIsDecided(t *testing.T) {
	onBoth(t, func(t *testing.T, db *dbconn.DB) {
		ctx := t.Context()
		m, err := checkpoint.Open(ctx, db, subtask(t, "s1"), 1)
		must(t, err)
		must(t, m.AddChunks(ctx, "d", []string{"a"}, nil))
		chunks, err := m.Chunks(ctx)
		must(t, err)
		c := chunks["a"]
		next := c
		next.Offset, next.Rows = 10, 2
		must(t, inTx(ctx, db, func(ex checkpoint.Execer) error { return m.AdvanceChunk(ctx, ex, next) }))
		got, err := m.ReadChunk(ctx, "a")
		if err != nil || got.Offset != 10 || got.Rows != 2 || got.Attempt <= c.Attempt {
			t.Fatalf("read back %+v, %v", got, err)
		}
		// The same statement again, as by a transaction that was thought lost.
		if err := inTx(ctx, db, func(ex checkpoint.Execer) error { return m.AdvanceChunk(ctx, ex, next) }); !errors.Is(err, checkpoint.ErrChunkMoved) {
			t.Errorf("a stale transaction answered %v, want ErrChunkMoved", err)
		}
		again := got
		again.Offset = 20
		must(t, inTx(ctx, db, func(ex checkpoint.Execer) error { return m.AdvanceChunk(ctx, ex, again) }))
		must(t, m.AddChunks(ctx, "d", []string{"a", "b"}, nil))
		if chunks, err = m.Chunks(ctx); err != nil || chunks["a"].Offset != 20 || len(chunks) != 2 {
			t.Errorf("adding known files changed them: %v, %v", chunks, err)
		}
		must(t, inTx(ctx, db, func(ex checkpoint.Execer) error { return m.ForgetChunks(ctx, ex) }))
		if chunks, err = m.Chunks(ctx); err != nil || len(chunks) != 0 {
			t.Errorf("forgotten chunks: %v, %v", chunks, err)
		}
	})
}

// TestChunksSettleBehindWhatIsInFlight: what a pass begins from is final, however
// a transaction of the pass before it, whose end nobody has seen, comes out.
func TestChunksSettleBehindWhatIsInFlight(t *testing.T) {
	onBoth(t, func(t *testing.T, db *dbconn.DB) {
		ctx := t.Context()
		m, err := checkpoint.Open(ctx, db, subtask(t, "s1"), 1)
		must(t, err)
		must(t, m.AddChunks(ctx, "d", []string{"a"}, nil))
		known, err := m.SettleChunks(ctx)
		must(t, err)
		committed := 0
		for round := range 20 {
			next := known["a"]
			next.Offset++
			tx, err := db.BeginTx(ctx, nil)
			must(t, err)
			early := round%2 == 0 // it has its lock before the next pass begins
			if early {
				must(t, m.AdvanceChunk(ctx, tx, next))
			}
			ended := make(chan error, 1)
			go func() {
				var err error
				if !early {
					err = m.AdvanceChunk(ctx, tx, next)
				}
				if err == nil {
					err = tx.Commit()
				}
				ended <- err
			}()
			settled, err := m.SettleChunks(ctx)
			for fault.Transient(err) { // optimistic: the other was first
				settled, err = m.SettleChunks(ctx)
			}
			must(t, err)
			in := <-ended == nil
			tx.Rollback() //nolint:errcheck // after a commit it does nothing
			last, err := m.Chunks(ctx)
			must(t, err)
			if settled["a"] != last["a"] || in != (last["a"].Offset == next.Offset) {
				t.Fatalf("round %d, committed %t: settled at %+v, it is at %+v", round, in, settled["a"], last["a"])
			}
			if last["a"].Offset == next.Offset {
				committed++
			}
			known = last
		}
		t.Logf("%d of 20 were committed first", committed)
	})
}

// TestSourcesAreApart is peer-bugs 37: what one source does touches no row of another.
func TestSourcesAreApart(t *testing.T) {
	onBoth(t, func(t *testing.T, db *dbconn.DB) {
		ctx := t.Context()
		sub := subtask(t, "s1")
		one, err := checkpoint.Open(ctx, db, sub, 1)
		must(t, err)
		if alone, err := one.Alone(ctx); err != nil || !alone {
			t.Errorf("alone: %v, %v", alone, err)
		}
		sub.SourceID = "S1"
		two, err := checkpoint.Open(ctx, db, sub, 1)
		must(t, err)
		if alone, err := one.Alone(ctx); err != nil || alone {
			t.Errorf("alone with another source: %v, %v", alone, err)
		}
		n := schema.Name{Schema: "d`b", Table: "t'1"}
		must(t, one.AddChunks(ctx, "d", []string{"a"}, nil))
		must(t, two.AddChunks(ctx, "d", []string{"a"}, nil))
		must(t, inTx(ctx, db, func(ex checkpoint.Execer) error {
			return errors.Join(one.SetPhase(ctx, ex, checkpoint.Phase{Unit: status.UnitSync}), one.ForgetChunks(ctx, ex),
				one.SaveStructure(ctx, ex, n, "CREATE 1"), one.SaveStructure(ctx, ex, n, "CREATE 2"))
		}))
		got, err := one.Structures(ctx)
		must(t, err)
		if d := cmp.Diff(map[schema.Name]string{n: "CREATE 2"}, got); d != "" {
			t.Error(d)
		}
		chunks, err := two.Chunks(ctx)
		must(t, err)
		others, err := two.Structures(ctx)
		must(t, err)
		if p, err := two.Phase(ctx); err != nil || len(chunks) != 1 || len(others) != 0 || p.Unit != status.UnitInvalid {
			t.Errorf("the other source: %v %v %+v %v", chunks, others, p, err)
		}
		must(t, inTx(ctx, db, func(ex checkpoint.Execer) error { return one.SaveStructure(ctx, ex, n, "") }))
		if got, err = one.Structures(ctx); err != nil || len(got) != 0 {
			t.Errorf("dropped structure: %v, %v", got, err)
		}
	})
}

// TestRemove drops every table of the task, and nothing of another one.
func TestRemove(t *testing.T) {
	onBoth(t, func(t *testing.T, db *dbconn.DB) {
		ctx, sub := t.Context(), subtask(t, "s1")
		must(t, checkpoint.Remove(ctx, db, sub.MetaSchema, sub.Task)) // no schema yet
		_, err := checkpoint.Open(ctx, db, sub, 1)
		must(t, err)
		other := sub
		other.Task += "2"
		_, err = checkpoint.Open(ctx, db, other, 1)
		must(t, err)
		must(t, checkpoint.Remove(ctx, db, sub.MetaSchema, sub.Task))
		rows, err := db.QueryContext(ctx, "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?", sub.MetaSchema)
		must(t, err)
		defer rows.Close()
		left := 0
		for rows.Next() {
			var name string
			must(t, rows.Scan(&name))
			if !strings.HasPrefix(strings.ToLower(name), strings.ToLower(other.Task+"_")) {
				t.Errorf("table %s is left", name)
			}
			left++
		}
		if left < 6 {
			t.Errorf("%d tables of the other task are left", left)
		}
	})
}

func TestLongTaskNamesAreRefused(t *testing.T) {
	for n, ok := range map[int]bool{46: true, 47: false} {
		sub := config.Subtask{Task: strings.Repeat("ü", n), SourceID: "s", MetaSchema: "meta_long"}
		_, err := checkpoint.Open(t.Context(), open(t, servers.MariaDB(t).Config(), ""), sub, 1)
		if (err == nil) != ok || err != nil && (!fault.Is(err, fault.Invalid) || fault.HintOf(err) == "") {
			t.Errorf("%d characters: %v", n, err)
		}
	}
}

// TestMissingRights names the GRANT; with tables that somebody else has made no
// right to create is needed.
func TestMissingRights(t *testing.T) {
	s := servers.MariaDB(t)
	must(t, s.Exec(t.Context(), "CREATE USER poor@'%' IDENTIFIED BY 'x'", "CREATE DATABASE meta_poor",
		"GRANT SELECT, INSERT, UPDATE, DELETE ON meta_poor.* TO poor@'%'"))
	cfg := s.Config()
	cfg.User, cfg.Password = "poor", "x"
	sub := config.Subtask{Task: "poor", SourceID: "s", MetaSchema: "meta_poor"}
	db := open(t, cfg, "")
	_, err := checkpoint.Open(t.Context(), db, sub, 1)
	if want := fmt.Sprintf("ON %s.*", dbconn.Ident("meta_poor")); !strings.Contains(fault.HintOf(err), "GRANT CREATE") ||
		!strings.Contains(fault.HintOf(err), want) {
		t.Errorf("error %v, hint %q", err, fault.HintOf(err))
	}
	_, err = checkpoint.Open(t.Context(), open(t, s.Config(), ""), sub, 1)
	must(t, err)
	if _, err = checkpoint.Open(t.Context(), db, sub, 2); err != nil {
		t.Errorf("with ready tables: %v", err)
	}
}
