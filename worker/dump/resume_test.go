package dump

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/checkpoint"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
)

// bed is the dump of one schema, whose meta tables are on the same server.
type bed struct {
	t     testing.TB
	src   *testbed.Server
	name  string
	sub   config.Subtask
	epoch uint64
}

func newBed(t testing.TB, src *testbed.Server, name string, statements ...string) *bed {
	t.Helper()
	b := &bed{t: t, src: src, name: name, sub: config.Subtask{
		Task: name, SourceID: "src", Mode: config.ModeAll, MetaSchema: "meta_" + name,
		Source: config.Source{SourceID: "src", From: src.Config()}, Target: src.Config(), Filter: oneSchema(name),
		Dump: config.Dump{Threads: 3, ChunkBytes: 1 << 20, StatementSize: 4000},
		Load: config.Load{Dir: filepath.Join(t.TempDir(), "dump")},
	}}
	b.exec("CREATE DATABASE " + name)
	b.exec(statements...)
	return b
}

func (b *bed) exec(statements ...string) {
	b.t.Helper()
	for i := range statements {
		statements[i] = b.src.Numbers(strings.ReplaceAll(statements[i], "%s", b.name))
	}
	if err := b.src.Exec(b.t.Context(), statements...); err != nil {
		b.t.Fatal(err)
	}
}

// errKilled ends an attempt as the end of the process would.
var errKilled = errors.New("killed")

// run makes one attempt, as a worker does that has taken the task over.
func (b *bed) run(setup func(*Unit)) error {
	b.t.Helper()
	db, err := dbconn.Open(b.t.Context(), fault.Downstream, b.sub.Target, dbconn.Options{MaxConns: 4})
	if err != nil {
		b.t.Fatal(err)
	}
	defer db.Close()
	b.epoch++
	m, err := checkpoint.Open(b.t.Context(), db, b.sub, b.epoch)
	if err != nil {
		b.t.Fatal(err)
	}
	u := New(Config{Subtask: b.sub, Meta: m, Resume: true, Log: slog.New(slog.NewTextHandler(b.t.Output(), nil))})
	if setup != nil {
		setup(u)
	}
	return u.Run(b.t.Context())
}

// killAfter ends the attempt behind so many complete chunks.
func killAfter(n int) func(*Unit) {
	return func(u *Unit) {
		var mu sync.Mutex
		u.noted = func(_ schema.Name, c dumpdir.Chunk) error {
			mu.Lock()
			defer mu.Unlock()
			if !c.Done {
				return nil
			}
			if n--; n < 0 {
				return errKilled
			}
			return nil
		}
	}
}

func (b *bed) manifest() *dumpdir.Manifest {
	b.t.Helper()
	m, err := dumpdir.ReadManifest(b.sub.Load.Dir, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}

// load puts the files into the schema to, as they are.
func (b *bed) load(m *dumpdir.Manifest, to string) {
	b.t.Helper()
	var q []string
	for _, t := range m.Tables {
		text, err := t.Create(b.sub.Load.Dir)
		if err != nil {
			b.t.Fatal(err)
		}
		q = append(q, text)
		for _, f := range t.Data {
			if err := f.Check(b.sub.Load.Dir); err != nil {
				b.t.Fatal(err)
			}
			data, err := os.ReadFile(filepath.Join(b.sub.Load.Dir, f.Name))
			if err != nil {
				b.t.Fatal(err)
			}
			for s := range strings.SplitSeq(string(data), ";\n") {
				if m.Mixed(t) {
					s = strings.Replace(s, "INSERT ", "REPLACE ", 1)
				}
				q = append(q, s)
			}
		}
	}
	conn, err := b.src.Session(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	defer conn.Close()
	for _, s := range append([]string{"DROP DATABASE IF EXISTS " + to, "CREATE DATABASE " + to, "USE " + to}, q...) {
		if s == "" {
			continue
		}
		if _, err := conn.ExecContext(b.t.Context(), s); err != nil {
			b.t.Fatalf("%.200s: %v", s, err)
		}
	}
}

// rows gives the rows of a table as sorted text.
func (b *bed) rows(tbl string) []string {
	b.t.Helper()
	rows, err := b.src.DB().QueryContext(b.t.Context(), "SELECT * FROM "+tbl)
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		row, err := dbconn.ScanNamed(rows)
		if err != nil {
			b.t.Fatal(err)
		}
		out = append(out, fmt.Sprint(row))
	}
	if err := rows.Err(); err != nil {
		b.t.Fatal(err)
	}
	sort.Strings(out)
	return out
}

// rowOf gives the first row of a result.
func (b *bed) rowOf(query string) map[string]string {
	b.t.Helper()
	rows, err := b.src.DB().QueryContext(b.t.Context(), query)
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close()
	if !rows.Next() {
		b.t.Fatal(rows.Err())
	}
	row, err := dbconn.ScanNamed(rows)
	if err != nil {
		b.t.Fatal(err)
	}
	return row
}

// history is what a source has gone through while it was dumped: the changes
// of round i happened behind the i-th snapshot.
type history struct {
	*bed
	rnd     *rand.Rand
	changed []map[string]bool // per round: "table key"
	keyless [][]string        // rows of the table without a key, per snapshot
}

func resumeTables() []string {
	return []string{
		"CREATE TABLE %s.a (id INT PRIMARY KEY, u INT, v INT, UNIQUE (u))",
		"INSERT INTO %s.a SELECT seq, seq, 0 FROM %s.seq_1_to_3000",
		"CREATE TABLE %s.b (id VARCHAR(20) PRIMARY KEY, u INT, v INT, UNIQUE (u))",
		"INSERT INTO %s.b SELECT CONCAT('k', seq), seq, 0 FROM %s.seq_1_to_3000",
		"CREATE TABLE %s.keyless (v INT, w INT)",
		"INSERT INTO %s.keyless SELECT seq MOD 50, 0 FROM %s.seq_1_to_2000",
		"CREATE TABLE %s.altered (id INT PRIMARY KEY, v INT)",
		"INSERT INTO %s.altered SELECT seq, 0 FROM %s.seq_1_to_3000",
		"CREATE TABLE %s.dropped (id INT PRIMARY KEY)",
		"INSERT INTO %s.dropped SELECT seq FROM %s.seq_1_to_3000",
		"CREATE TABLE %s.empty (id INT PRIMARY KEY)",
		"ANALYZE TABLE %s.a, %s.b, %s.keyless, %s.altered, %s.dropped",
	}
}

// change makes the changes of one round.
func (h *history) change(round int) {
	h.keyless = append(h.keyless, h.rows(h.name+".keyless"))
	touched := map[string]bool{}
	for _, t := range []string{"a", "b"} {
		key := func(n int) string {
			touched[fmt.Sprintf("%s k%d", t, n)] = true
			if t == "b" {
				return fmt.Sprintf("'k%d'", n)
			}
			return fmt.Sprint(n)
		}
		for range 20 {
			x, y := 1+h.rnd.IntN(3000), 1+h.rnd.IntN(3000)
			kx, ky := key(x), key(y)
			// Unique values change hands between rows that are far from each other.
			h.exec(fmt.Sprintf("SET @u = (SELECT u FROM %%s.%s WHERE id = %s), @w = (SELECT u FROM %%s.%s WHERE id = %s);"+
				"DELETE FROM %%s.%s WHERE id IN (%s, %s); INSERT IGNORE INTO %%s.%s VALUES (%s, @w, %d)",
				t, kx, t, ky, t, kx, ky, t, kx, round), fmt.Sprintf("INSERT IGNORE INTO %%s.%s VALUES (%s, %d, %d)", t, ky, 10000+round*1000+x%1000, round),
				fmt.Sprintf("DELETE FROM %%s.%s WHERE id = %s", t, key(1+h.rnd.IntN(3000))))
		}
	}
	h.changed = append(h.changed, touched)
	h.exec("DELETE FROM %s.keyless LIMIT 5", fmt.Sprintf("INSERT INTO %%s.keyless VALUES (%d, 1), (%d, 1)", round, round))
	switch round {
	case 0:
		h.exec("ALTER TABLE %s.altered ADD COLUMN w INT DEFAULT 5 FIRST")
	case 1:
		h.exec("DROP TABLE %s.dropped", "CREATE TABLE %s.added (id INT PRIMARY KEY)", "INSERT INTO %s.added SELECT seq FROM %s.seq_1_to_3000")
	}
}

// replay brings the rows that have changed since a table's oldest snapshot to
// their present state, as an idempotent replay of the binlog does.
func (h *history) replay(m *dumpdir.Manifest, to string) {
	for _, t := range m.Tables {
		var keys []string
		for _, round := range h.changed[min(t.Oldest, len(h.changed)):] {
			for k := range round {
				if tbl, k, _ := strings.Cut(k, " "); tbl == t.Name {
					keys = append(keys, "'"+k+"'", "'"+k[1:]+"'")
				}
			}
		}
		if len(keys) == 0 {
			continue
		}
		in := strings.Join(keys, ",")
		h.exec(fmt.Sprintf("DELETE FROM %s.%s WHERE CAST(id AS CHAR) IN (%s)", to, t.Name, in),
			fmt.Sprintf("REPLACE INTO %s.%s SELECT * FROM %%s.%s WHERE CAST(id AS CHAR) IN (%s)", to, t.Name, t.Name, in))
	}
}

// TestResumedDump interrupts dumps anywhere, changes rows and tables, and goes
// on: what was read stays, and rows that did not change since a table's oldest
// snapshot are there exactly once.
func TestResumedDump(t *testing.T) { resumedDump(t, servers.MariaDB(t)) }

func resumedDump(t *testing.T, src *testbed.Server) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			h := &history{bed: newBed(t, src, fmt.Sprintf("resume%d", seed), resumeTables()...), rnd: rand.New(rand.NewPCG(seed, 1))}
			h.sub.Dump.Rows = 100
			done := 0
			for round := range 3 {
				if err := h.run(killAfter(5 + h.rnd.IntN(30))); !errors.Is(err, errKilled) {
					t.Fatalf("round %d: %v", round, err)
				}
				j, state, err := dumpdir.Resume(h.sub.Load.Dir, h.sub.Task, h.sub.SourceID, h.dumpID(), nil, nil)
				if err != nil {
					t.Fatal(err)
				}
				j.Close()
				if n := countDone(state); n < done && round != 1 && round != 2 {
					t.Errorf("round %d: %d chunks are complete, %d were before", round, n, done)
				} else {
					done = n
				}
				h.change(round)
			}
			if err := h.run(nil); err != nil {
				t.Fatal(err)
			}
			h.check()
		})
	}
}

func (b *bed) dumpID() string {
	b.t.Helper()
	var id string
	if err := b.src.DB().QueryRowContext(b.t.Context(), "SELECT dump_id FROM "+b.sub.MetaSchema+"."+b.sub.Task+"_raftdm_subtask").Scan(&id); err != nil {
		b.t.Fatal(err)
	}
	return id
}

func countDone(s *dumpdir.State) int {
	n := 0
	for _, t := range s.Tables {
		for _, c := range t.Chunks {
			if c.Done {
				n++
			}
		}
	}
	return n
}

// check compares the finished dump with the source.
func (h *history) check() {
	h.t.Helper()
	m, to := h.manifest(), h.name+"_copy"
	if len(m.Snapshots) != 4 {
		h.t.Errorf("%d snapshots", len(m.Snapshots))
	}
	var names []string
	mixed := 0
	for _, t := range m.Tables {
		names = append(names, t.Name)
		if m.Mixed(t) {
			mixed++
		}
		if m.Mixed(t) && !t.Keyed {
			h.t.Errorf("table %s without a key is of snapshots %d to %d", t.Name, t.Oldest, t.Newest)
		}
	}
	slices.Sort(names)
	if want := []string{"a", "added", "altered", "b", "empty", "keyless"}; !slices.Equal(names, want) {
		h.t.Errorf("tables %v, want %v", names, want)
	}
	if mixed == 0 {
		h.t.Error("no table is of several snapshots, so nothing was resumed")
	}
	h.load(m, to)
	h.replay(m, to)
	h.keyless = append(h.keyless, h.rows(h.name+".keyless"))
	for _, t := range m.Tables {
		want := h.rows(h.name + "." + t.Name)
		if t.Name == "keyless" {
			want = h.keyless[t.Newest]
		}
		if got := h.rows(to + "." + t.Name); !slices.Equal(got, want) {
			h.t.Errorf("table %s of snapshots %d to %d: %d rows in the dump, %d in the source", t.Name, t.Oldest, t.Newest, len(got), len(want))
		}
	}
}

// TestDumpBeginsAnew: where an earlier attempt cannot be brought to the present
// state, nothing of it is used.
func TestDumpBeginsAnew(t *testing.T) { dumpBeginsAnew(t, servers.MariaDB(t)) }

func dumpBeginsAnew(t *testing.T, src *testbed.Server) {
	for _, c := range []struct {
		name   string
		before func(*bed)
	}{
		{"where", func(b *bed) { b.sub.Dump.Where = "id > 0" }},
		{"purged", func(b *bed) {
			b.exec("FLUSH BINARY LOGS")
			end, err := testbed.BinlogEnd(t.Context(), src.DB())
			if err != nil {
				t.Fatal(err)
			}
			for b.rowOf("SHOW BINARY LOGS")["LOG_NAME"] != end.Name { // the server may need a while to let go of a file
				b.exec("PURGE BINARY LOGS TO '"+end.Name+"'", "DO SLEEP(0.05)")
			}
		}},
		{"journal", func(b *bed) {
			if err := os.WriteFile(filepath.Join(b.sub.Load.Dir, "raftdm-journal.jsonl"), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		b := newBed(t, src, "anew_"+c.name, "CREATE TABLE %s.t (id INT PRIMARY KEY)", "INSERT INTO %s.t SELECT seq FROM %s.seq_1_to_1000", "ANALYZE TABLE %s.t")
		b.sub.Dump.Rows = 100
		if err := b.run(killAfter(3)); !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		before := b.dumpID()
		c.before(b)
		if err := b.run(nil); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		m := b.manifest()
		if m.DumpID == before || len(m.Snapshots) != 1 {
			t.Errorf("%s: dump %s with %d snapshots goes on as %s", c.name, before, len(m.Snapshots), m.DumpID)
		}
		b.load(m, b.name+"_copy")
		if got, want := b.rows(b.name+"_copy.t"), b.rows(b.name+".t"); !slices.Equal(got, want) {
			t.Errorf("%s: %d rows, want %d", c.name, len(got), len(want))
		}
	}
}

// TestDumpOfWhatIsMissing: the files of a dump are lost, some of its chunks are
// on the target, and another worker dumps the others.
func TestDumpOfWhatIsMissing(t *testing.T) { dumpOfWhatIsMissing(t, servers.MariaDB(t)) }

func dumpOfWhatIsMissing(t *testing.T, src *testbed.Server) {
	b := newBed(t, src, "missing", "CREATE TABLE %s.t (id VARCHAR(10) PRIMARY KEY)", "INSERT INTO %s.t SELECT seq FROM %s.seq_1_to_3000", "ANALYZE TABLE %s.t")
	b.sub.Dump.Rows = 100
	if err := b.run(killAfter(12)); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	j, prior, err := dumpdir.Resume(b.sub.Load.Dir, b.sub.Task, b.sub.SourceID, b.dumpID(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	j.Close()
	tbl := prior.Tables[schema.Name{Schema: "missing", Table: "t"}]
	elsewhere := 0
	b.exec("CREATE DATABASE missing_loaded", "CREATE TABLE missing_loaded.t LIKE %s.t")
	for i := range tbl.Chunks {
		c := &tbl.Chunks[i]
		if c.Done && i%2 == 0 {
			c.Elsewhere = true
			elsewhere++
			k := key{columns: []keyColumn{{name: "id"}}}
			b.exec("INSERT INTO missing_loaded.t SELECT * FROM %s.t WHERE " + k.condition(keyRange{from: c.From, to: c.To}))
		} else {
			c.Done = false
		}
		c.Files = nil
	}
	b.sub.Load.Dir = filepath.Join(t.TempDir(), "other")
	prior.DumpID = dumpdir.NewID()
	text, err := prior.Text()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.run(func(u *Unit) { // as the load leaves it
		meta, ctx := u.cfg.Meta, context.WithoutCancel(t.Context())
		phase := checkpoint.Phase{Unit: status.UnitDump, DumpID: prior.DumpID}
		if err := errors.Join(meta.SetPhase(ctx, meta.DB, phase), meta.SaveDump(ctx, meta.DB, text)); err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	m := b.manifest()
	if elsewhere == 0 || m.DumpID == prior.DumpID || !m.Mixed(m.Tables[0]) {
		t.Errorf("%d chunks elsewhere, dump %s, and %s was the one that is lost", elsewhere, m.DumpID, prior.DumpID)
	}
	b.load(m, "missing_copy")
	b.exec("INSERT INTO missing_copy.t SELECT * FROM missing_loaded.t") // no row is there twice
	if got, want := b.rows("missing_copy.t"), b.rows("missing.t"); !slices.Equal(got, want) {
		t.Errorf("%d rows, want %d", len(got), len(want))
	}
	db, err := dbconn.Open(t.Context(), fault.Downstream, b.sub.Target, dbconn.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	meta, err := checkpoint.Open(context.WithoutCancel(t.Context()), db, b.sub, b.epoch+1)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := meta.Phase(t.Context()); err != nil || p.Unit != status.UnitLoad || p.DumpID != m.DumpID {
		t.Errorf("phase %+v, %v", p, err)
	}
}
