package dump

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
)

// written counts the commits to a schema that are in the binlog behind a place.
func written(b *bed, at binlog.Location) int {
	b.t.Helper()
	n := 0
	file, pos := at.Position.Name, at.Position.Pos
	rows, err := b.src.DB().QueryContext(b.t.Context(), fmt.Sprintf("SHOW BINLOG EVENTS IN '%s' FROM %d", file, pos))
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		row, err := dbconn.ScanNamed(rows)
		if err != nil {
			b.t.Fatal(err)
		}
		if row["EVENT_TYPE"] == "Table_map" && strings.Contains(row["INFO"], b.name+".one") {
			n++
		}
	}
	if err := rows.Err(); err != nil {
		b.t.Fatal(err)
	}
	return n
}

// TestConsistency: while rows are written to two tables, each transaction to
// both, a dump has the transactions up to its place in the binlog and no
// others; without a lock those up to some place inside its window.
func TestConsistency(t *testing.T) {
	src := testbed.MariaDB(t)
	for _, mode := range []string{"", config.ConsistencyFlush, config.ConsistencyLock, config.ConsistencyNone} {
		b := newBed(t, src, "cons_"+mode, "CREATE TABLE %s.one (id INT AUTO_INCREMENT PRIMARY KEY, v INT)", "CREATE TABLE %s.two LIKE %s.one")
		b.sub.Dump.Consistency = mode
		b.sub.Dump.Threads = 8
		ctx, stop := context.WithCancel(t.Context())
		var writers errgroup.Group
		for range 3 {
			writers.Go(func() error {
				for ctx.Err() == nil {
					if err := src.Exec(context.WithoutCancel(ctx), "BEGIN; INSERT INTO "+b.name+".one (v) VALUES (1); INSERT INTO "+b.name+".two (v) VALUES (1); COMMIT"); err != nil {
						return err
					}
				}
				return nil
			})
		}
		err := b.run(nil)
		stop()
		if werr := writers.Wait(); werr != nil {
			t.Fatal(werr)
		}
		if err != nil {
			t.Fatalf("%s: %v", mode, err)
		}
		m := b.manifest()
		counts := map[string]int{}
		for _, tbl := range m.Tables {
			for _, f := range tbl.Data {
				counts[tbl.Name] += int(f.Rows)
			}
			from, to := m.Window(tbl)
			total := len(b.rows(b.name + "." + tbl.Name))
			least, most := total-written(b, from), total-written(b, to)
			if n := counts[tbl.Name]; n < least || n > most || mode != config.ConsistencyNone && least != most {
				t.Errorf("%s: %d rows of table %s are in the dump, its place says %d to %d", mode, n, tbl.Name, least, most)
			}
		}
		if mode != config.ConsistencyNone && counts["one"] != counts["two"] {
			t.Errorf("%s: %d and %d rows: the tables are not of one moment", mode, counts["one"], counts["two"])
		}
	}
}

// TestWritersDoNotWaitForALongStatement: what holds up the read lock does not hold
// up all writers for as long, which wait behind the one that waits for the lock.
func TestWritersDoNotWaitForALongStatement(t *testing.T) {
	src := servers.MariaDB(t)
	b := newBed(t, src, "waiting", "CREATE TABLE %s.t (id INT PRIMARY KEY)")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(src.Exec(t.Context(), "CREATE DATABASE held", "CREATE TABLE held.t (id INT)"))
	t.Cleanup(func() { _ = src.Exec(context.Background(), "DROP DATABASE held") })
	holder, err := src.Session(t.Context())
	must(err)
	defer holder.Close()
	_, err = holder.ExecContext(t.Context(), "LOCK TABLES held.t WRITE")
	must(err)
	dump, ctx := errgroup.WithContext(t.Context())
	dump.Go(func() error { return b.run(nil) })
	for waits := 0; waits == 0; { // ctx ends when the dump fails
		must(src.DB().QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'FLUSH TABLES%' AND SLEEP(0.01) = 0").Scan(&waits))
	}
	const patient = 4 * lockWaitSeconds
	must(src.Exec(t.Context(), fmt.Sprintf("SET STATEMENT lock_wait_timeout = %d FOR INSERT INTO %s.t VALUES (1)", patient, b.name)))
	_, err = holder.ExecContext(t.Context(), "UNLOCK TABLES")
	must(err)
	must(dump.Wait())
}

// TestTableCreatedBeforeTheLock: tables that come while the others are being
// locked are locked, too, and dumped.
func TestTableCreatedBeforeTheLock(t *testing.T) {
	src := servers.MariaDB(t)
	b := newBed(t, src, "late", "CREATE TABLE %s.t (id INT PRIMARY KEY)")
	db, err := dbconn.Open(t.Context(), fault.Upstream, src.Config(), dbconn.Options{MaxConns: 4, SQLMode: sessionMode})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	filter := &growing{oneSchema: "late", grow: func() { b.exec("CREATE TABLE IF NOT EXISTS %s.new (id INT PRIMARY KEY)") }}
	cat := &catalogue{filter: filter, consistency: config.ConsistencyLock, threads: 2}
	if err := cat.read(t.Context(), db, config.Dump{Threads: 2}); err != nil {
		t.Fatal(err)
	}
	snap, err := connect(t.Context(), db, src.Config(), 2)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.close()
	if err := snap.take(t.Context(), db, cat, slog.New(slog.DiscardHandler), func(ctx context.Context) error {
		for _, tbl := range []string{"t", "new"} {
			if _, err := db.ExecContext(ctx, "SET STATEMENT lock_wait_timeout = 0 FOR INSERT INTO late."+tbl+" VALUES (1)"); err == nil {
				t.Errorf("table %s is not locked", tbl)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(snap.tables) != 2 {
		t.Errorf("%d tables", len(snap.tables))
	}
}

// growing makes a table behind the list that the lock is made of.
type growing struct {
	oneSchema
	grow  func()
	asked int
}

func (g *growing) MatchTable(s, t string) bool {
	is := g.oneSchema.MatchTable(s, t)
	if is {
		if g.asked++; g.asked == 2 {
			g.grow()
		}
	}
	return is
}

// TestNoLockNeedsKeys: without a lock the moment of the rows is not exact, and
// a table without a key cannot be brought to one.
func TestNoLockNeedsKeys(t *testing.T) {
	s := snapshot{tables: []*table{{engine: "InnoDB", keyed: true}}, until: binlog.Location{Position: binlog.Position{Name: "b.1", Pos: 5}}}
	if err := s.inexact(); err != nil {
		t.Error(err)
	}
	for _, bad := range []*table{{engine: "InnoDB"}, {engine: "MyISAM", keyed: true}} {
		s.tables = append(s.tables[:1], bad)
		if err := s.inexact(); !fault.Is(err, fault.Unsupported) || fault.HintOf(err) == "" {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	s.until = binlog.Location{}
	if err := s.inexact(); err != nil {
		t.Errorf("nothing was written meanwhile: %v", err)
	}
	m := dumpdir.Manifest{Snapshots: []dumpdir.Snapshot{{Until: binlog.Location{Position: binlog.Position{Pos: 5}}}}}
	if !m.Mixed(dumpdir.Table{}) {
		t.Error("a snapshot that is not exact makes a table that is")
	}
}
