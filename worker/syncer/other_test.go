package syncer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/checkpoint"
	"github.com/raftdm/raftdm/worker/dump"
	"github.com/raftdm/raftdm/worker/load"
)

// otherTables have, by name, a structure on the source, another one on the
// target, and the columns that both have.
func otherTables() map[string][3]string {
	return map[string][3]string{
		"wide":  {"id INT PRIMARY KEY, u INT UNIQUE, v VARCHAR(9)", "x INT NOT NULL DEFAULT 7, id INT PRIMARY KEY, u INT UNIQUE, v VARCHAR(9), y DATETIME", "id, u, v"},
		"moved": {"id INT PRIMARY KEY, u INT UNIQUE, v VARCHAR(9)", "v VARCHAR(9), u INT UNIQUE, id INT PRIMARY KEY", "id, u, v"},
		"other": {"id INT PRIMARY KEY, u INT NOT NULL, v VARCHAR(9)", "id INT NOT NULL, u INT NOT NULL, v VARCHAR(9), PRIMARY KEY (u, id)", "id, u, v"},
		"own":   {"id INT PRIMARY KEY, u INT UNIQUE, v VARCHAR(9)", "tid BIGINT AUTO_INCREMENT PRIMARY KEY, id INT NOT NULL, u INT, v VARCHAR(9), UNIQUE (id), UNIQUE (u)", "id, u, v"},
		"lax":   {"id INT PRIMARY KEY, u INT UNIQUE, v VARCHAR(9)", "id INT NOT NULL, u INT, v VARCHAR(9), KEY (id)", "id, u, v"},
		"keyed": {"id INT NOT NULL, u INT, v VARCHAR(9)", "id INT NOT NULL PRIMARY KEY, u INT, v VARCHAR(9)", "id, u, v"},
	}
}

// TestTargetsWithOtherStructure follows changes into tables with more columns,
// another order of columns, and other keys, in every way of writing rows.
func TestTargetsWithOtherStructure(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		for _, safe := range []bool{false, true} {
			for _, all := range []bool{false, true} {
				t.Run(fmt.Sprintf("safe=%t,all=%t", safe, all), func(t *testing.T) { followOther(t, up, down, safe, all) })
			}
		}
	})
}

func followOther(t *testing.T, up, down *testbed.Server, safe, all bool) {
	b := newBench(t, up, down, true)
	b.sub.Sync.SafeMode, b.sub.Sync.Compact, b.sub.Sync.MultipleRows = safe, true, true
	tables := otherTables()
	b.exec("CREATE DATABASE " + b.schema())
	for name, three := range tables {
		b.exec("CREATE TABLE " + b.schema() + "." + name + " (" + three[0] + ")")
	}
	if all {
		b.must(down.Exec(t.Context(), "CREATE DATABASE "+b.schema()))
	} else {
		r := b.start() // the tables come through the binlog, which records their structures
		r.caughtUp()
		r.end()
		b.epoch++
	}
	for name, three := range tables {
		full := b.schema() + "." + name
		b.must(down.Exec(t.Context(), "DROP TABLE IF EXISTS "+full, "CREATE TABLE "+full+" ("+three[1]+")"))
	}
	change := func(from int) {
		for name := range tables {
			full := b.schema() + "." + name
			for i := from; i < from+12; i++ {
				b.exec(fmt.Sprintf("INSERT INTO %s (id, u, v) VALUES (%d, %d, 'a'), (%d, %d, 'b')", full, i, i, i+100, i+100))
			}
			b.exec(fmt.Sprintf("UPDATE %s SET v = 'c' WHERE id > %d", full, from+5), fmt.Sprintf("UPDATE %s SET v = 'd' WHERE id > %d", full, from+8),
				fmt.Sprintf("DELETE FROM %s WHERE id BETWEEN %d AND %d", full, from+2, from+4),
				fmt.Sprintf("UPDATE %s SET id = id + 1000, u = u + 1000 WHERE id BETWEEN %d AND %d", full, from, from+1))
			if from > 0 {
				b.exec(fmt.Sprintf("UPDATE %s SET w = 'e' WHERE id > %d", full, from+6))
			}
		}
	}
	same := func() {
		t.Helper()
		for name, three := range tables {
			query := fmt.Sprintf("SELECT %s FROM %s.%s ORDER BY 1, 2, 3", three[2], b.schema(), name)
			if diff := cmp.Diff(b.text(up, query), b.text(down, query)); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
	if all {
		change(-40)
		b.fullLoad()
		same()
	}
	r := b.start()
	change(0)
	r.caughtUp()
	same()
	for name := range tables {
		b.exec("ALTER TABLE " + b.schema() + "." + name + " ADD COLUMN w VARCHAR(9)")
		three := tables[name]
		three[2] += ", w"
		tables[name] = three
	}
	change(20)
	r.caughtUp()
	same()
	r.end()
	b.epoch++
	r = b.start()
	change(40)
	r.caughtUp()
	r.end()
	same()
}

// fullLoad dumps and loads, as a task in mode all does first.
func (b *bench) fullLoad() {
	b.t.Helper()
	ctx := b.t.Context()
	b.sub.Mode, b.sub.Start = config.ModeAll, nil
	b.sub.Dump = config.Dump{Threads: 2, ChunkBytes: 1 << 20, StatementSize: 20_000}
	b.sub.Load = config.Load{PoolSize: 2, Dir: filepath.Join(b.t.TempDir(), "dump")}
	db, err := dbconn.Open(ctx, fault.Downstream, b.meta, dbconn.Options{MaxConns: 4, TimeZone: utc})
	b.must(err)
	defer db.Close()
	meta, err := checkpoint.Open(ctx, db, b.sub, b.epoch)
	b.must(err)
	log := slog.New(slog.DiscardHandler)
	b.must(dump.New(dump.Config{Subtask: b.sub, Meta: meta, Log: log}).Run(ctx))
	b.must(load.New(load.Config{Subtask: b.sub, Meta: meta, Log: log}).Run(ctx))
	b.epoch++
}

// text gives the rows of a query as lines.
func (b *bench) text(s *testbed.Server, query string) []string {
	b.t.Helper()
	rows, err := s.DB().QueryContext(context.Background(), query)
	b.must(err)
	defer rows.Close()
	names, err := rows.Columns()
	b.must(err)
	var out []string
	for rows.Next() {
		values, into := make([]*string, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		b.must(rows.Scan(into...))
		line := ""
		for _, v := range values {
			if v == nil {
				line += "NULL|"
			} else {
				line += *v + "|"
			}
		}
		out = append(out, line)
	}
	b.must(rows.Err())
	return out
}

// TestReplayIntoWiderTarget replays a piece of the binlog in safe mode, without
// any record of structures, into a table that has more columns. One whose
// columns stand in another order is refused: nothing tells the order of the rows.
func TestReplayIntoWiderTarget(t *testing.T) {
	testbed.SkipIfShort(t)
	up, down := servers.MariaDB(t), secondMariaDB(t)
	b := newBench(t, up, down, true)
	b.sub.Sync.SafeMode = true
	full := b.schema() + ".t"
	b.exec("CREATE DATABASE "+b.schema(), "CREATE TABLE "+full+" (id INT PRIMARY KEY, a INT, b INT)")
	at := b.master()
	b.sub.Start.BinlogName, b.sub.Start.BinlogPos, b.sub.Start.BinlogGTID = at.Position.Name, at.Position.Pos, at.GTID.String()
	b.exec("INSERT INTO "+full+" VALUES (1, 1, 1), (2, 2, 2)", "UPDATE "+full+" SET id = 3, a = 3 WHERE id = 1", "DELETE FROM "+full+" WHERE id = 2")
	b.must(down.Exec(t.Context(), "CREATE DATABASE "+b.schema(), "CREATE TABLE "+full+" (x INT DEFAULT 7, id INT PRIMARY KEY, a INT, b INT)",
		"INSERT INTO "+full+" VALUES (9, 3, 3, 1)"))
	r := b.start()
	r.caughtUp()
	r.end()
	query := "SELECT id, a, b FROM " + full
	if diff := cmp.Diff(b.text(up, query), b.text(down, query)); diff != "" {
		t.Error(diff)
	}
	b.must(down.Exec(t.Context(), "DROP TABLE "+full, "CREATE TABLE "+full+" (id INT PRIMARY KEY, b INT, a INT)"))
	b.epoch++
	b.exec("INSERT INTO " + full + " VALUES (5, 1, 2)")
	r = b.start()
	<-r.done
	if err := r.stop(); !fault.Is(err, fault.Schema) || !strings.Contains(err.Error(), "another order") {
		t.Errorf("the run ended with %v", err)
	}
}

// TestSafeModeNeverReplacesAnotherRow: a unique key that only the target has
// would make REPLACE delete a row that the source knows nothing about. The task
// stops, and names the row that cannot be written and the one that stands there
// (peer-bugs 32).
func TestSafeModeNeverReplacesAnotherRow(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		for _, safe := range []bool{true, false} {
			b := newBench(t, up, down, true)
			b.sub.Sync.SafeMode, b.sub.Sync.MultipleRows, b.sub.Sync.Compact = safe, true, true
			full := b.schema() + ".t"
			b.exec("CREATE DATABASE "+b.schema(), "CREATE TABLE "+full+" (id INT PRIMARY KEY, name VARCHAR(20))")
			r := b.start()
			r.caughtUp()
			b.must(down.Exec(t.Context(), "ALTER TABLE "+full+" ADD UNIQUE KEY only_here (name)"))
			b.exec("INSERT INTO "+full+" VALUES (1, 'one'), (2, 'two')", "UPDATE "+full+" SET name = 'uno' WHERE id = 1",
				"INSERT INTO "+full+" VALUES (3, 'one')") // its value is free by now
			r.caughtUp()
			b.exec("INSERT INTO " + full + " VALUES (4, 'two')")
			<-r.done
			err := r.stop()
			if err == nil || errors.Is(err, context.Canceled) {
				t.Fatalf("safe=%t: the run ended with %v", safe, err)
			}
			for _, part := range []string{"WHERE `id` = 4", "WHERE `id` = \"2\"", "`only_here`"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("safe=%t: %q is missing in %v", safe, part, err)
				}
			}
			if !strings.Contains(fault.HintOf(err), "no such unique key") {
				t.Errorf("hint %q", fault.HintOf(err))
			}
			want := []string{"1|uno|", "2|two|", "3|one|"}
			if diff := cmp.Diff(want, b.text(down, "SELECT id, name FROM "+full+" ORDER BY id")); diff != "" {
				t.Errorf("safe=%t: %s", safe, diff)
			}
		}
	})
}

// TestParentsBeforeChildren follows four writers into a target that checks
// foreign keys.
func TestParentsBeforeChildren(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), true)
	b.sub.Target.Session = map[string]string{"foreign_key_checks": "1"}
	b.sub.Sync.WorkerCount, b.sub.Sync.MultipleRows, b.sub.Sync.Compact = 8, true, true
	s := b.schema()
	b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".parent (id INT PRIMARY KEY)",
		"CREATE TABLE "+s+".child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id))",
		"CREATE TABLE "+s+".free (id INT PRIMARY KEY)")
	for i := range 60 {
		b.exec(fmt.Sprintf("INSERT INTO %s.parent VALUES (%d)", s, i), fmt.Sprintf("INSERT INTO %s.child VALUES (%d, %d)", s, i, i),
			fmt.Sprintf("INSERT INTO %s.free VALUES (%d)", s, i))
		if i%3 == 0 {
			b.exec(fmt.Sprintf("DELETE FROM %s.child WHERE p = %d", s, i), fmt.Sprintf("DELETE FROM %s.parent WHERE id = %d", s, i))
		}
	}
	r := b.start()
	r.caughtUp()
	r.end()
	b.equal()
}

// TestFollowRewritten is TestFollow with statements of several rows and
// compacted groups.
func TestFollowRewritten(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, true)
		b.sub.Sync.Compact, b.sub.Sync.MultipleRows, b.sub.Sync.Batch = true, true, 100
		w := &testbed.Workload{DB: up.DB(), Schema: b.schema(), SysbenchTables: 2, DDL: true}
		b.must(w.Load(context.Background(), 1000, 2))
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		_, err := w.Writers(ctx, 8, 2)
		b.must(err)
		r := b.start()
		r.caughtUp()
		if n := r.status().UnmatchedRows; n != 0 {
			t.Errorf("%d rows were not matched", n)
		}
		r.end()
		b.equal()
	})
}

// TestSafeModeIntoLooserCollation: texts that differ on the source are equal on
// the target. Neither INSERT, UPDATE nor DELETE in safe mode takes away the row
// of another text: what fits is written, and what does not stops the task.
func TestSafeModeIntoLooserCollation(t *testing.T) {
	testbed.SkipIfShort(t)
	for _, key := range []string{"PRIMARY KEY (k)", "UNIQUE (k)", "UNIQUE (k(5))", "PRIMARY KEY (v), UNIQUE (k)"} {
		for _, last := range []string{"INSERT INTO %s VALUES ('A', 3)", "UPDATE %s SET k = 'A' WHERE k = 'b'", "UPDATE %s SET k = 'a', v = 9 WHERE k = 'c'"} {
			fits := strings.Contains(last, "'a'")
			if fits && strings.Contains(key, "(v)") {
				continue // the row is found by v, and is the source's
			}
			b := newBench(t, servers.MariaDB(t), secondMariaDB(t), true)
			full := b.schema() + ".t"
			b.exec("CREATE DATABASE "+b.schema(), "CREATE TABLE "+full+" (k VARCHAR(20) COLLATE utf8mb4_bin NOT NULL, v INT, "+key+") CHARSET utf8mb4")
			r := b.start()
			r.caughtUp()
			r.end()
			b.must(b.down.Exec(t.Context(), "ALTER TABLE "+full+" MODIFY k VARCHAR(20) COLLATE utf8mb4_general_ci NOT NULL"))
			b.sub.Sync.SafeMode = true
			b.exec("INSERT INTO "+full+" VALUES ('a', 1), ('b', 2), ('c', 4)", "UPDATE "+full+" SET k = 'b ' WHERE v = 2", "UPDATE "+full+" SET k = 'b' WHERE v = 2")
			r = b.again()
			r.caughtUp()
			if fits { // the row 'A' of the target is not the source's 'a'
				b.must(b.down.Exec(t.Context(), "UPDATE "+full+" SET k = 'A' WHERE k = 'a'"))
				b.exec("DELETE FROM " + full + " WHERE k = 'a'")
			}
			b.exec(fmt.Sprintf(last, full))
			select {
			case <-r.done:
			case <-time.After(10 * time.Second):
				t.Errorf("%s, %s: the run goes on", key, last)
			}
			err := r.stop()
			if !fault.Is(err, fault.Data) {
				t.Errorf("%s, %s: the run ended with %v", key, last, err)
			}
			want := []string{"a|1|", "b|2|", "c|4|"}
			if fits {
				want[0] = "A|1|"
			}
			if diff := cmp.Diff(want, b.text(b.down, "SELECT k, v FROM "+full+" ORDER BY k")); diff != "" {
				t.Errorf("%s, %s: %s", key, last, diff)
			}
		}
	}
}
