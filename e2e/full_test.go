package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// A worker is killed again and again in a full phase that is made to last, now
// and then with its disk, while the source changes; tables without a key
// included. It loads while it dumps, on a bounded disk in the one mode. What is
// loaded stays, what is missing is read at a later moment, no more than the
// chunks in flight are loaded twice, and both sides are equal in the end.
// RAFTDM_KILLS says how many kills. peer-bugs 1, 2, 5.
func TestFullPhaseKilled(t *testing.T) {
	kills := 5
	if text := os.Getenv("RAFTDM_KILLS"); text != "" {
		var err error
		kills, err = strconv.Atoi(text)
		must(t, err)
	}
	s := newStand(t, anotherMariaDB)
	for _, mode := range []string{"all", "full"} {
		t.Run(mode, func(t *testing.T) {
			one := *s
			one.t = t
			(&fullPhase{stand: &one, mode: mode, rnd: rand.New(rand.NewPCG(s.seed, 7))}).run(kills)
		})
	}
}

// Nobody is stopped: the rows are of no one moment, and a worker is killed, with
// its disk, in such a dump, too. The syncer brings them to one, in mode full as
// far as the last snapshot.
func TestFullPhaseWithoutALock(t *testing.T) {
	s := newStand(t, anotherMariaDB)
	for _, mode := range []string{"all", "full"} {
		t.Run(mode, func(t *testing.T) {
			one := *s
			one.t = t
			(&fullPhase{stand: &one, mode: mode, lockless: true, rnd: rand.New(rand.NewPCG(s.seed, 9))}).run(2)
		})
	}
}

// Mixed tables of 100 MiB go through, and the worker holds little of them at a
// time. bench -full has more of the same.
func TestFullPhaseHoldsLittle(t *testing.T) {
	const mostMiB = 400
	s := newStand(t, anotherMariaDB)
	const text = "CONCAT(SHA2(seq, 256), SHA1(seq))"
	names := []string{"one", "two", "mixed", "nokey"}
	must(t, s.up.Exec(t.Context(), "CREATE DATABASE "+schemaName, "USE "+schemaName,
		"CREATE TABLE one (id INT PRIMARY KEY AUTO_INCREMENT, k INT NOT NULL, c CHAR(120), pad CHAR(60), KEY (k))", "CREATE TABLE two LIKE one",
		"INSERT INTO one SELECT seq, CRC32(seq) DIV 4, "+text+", SHA1(-seq) FROM seq_1_to_180000", "INSERT INTO two SELECT * FROM one",
		"CREATE TABLE mixed (id BIGINT UNSIGNED PRIMARY KEY, d DECIMAL(20,4), f DOUBLE, t DATETIME(3), s VARCHAR(100) UNIQUE, b BLOB, x TEXT, e ENUM('a','b','c'), n INT)",
		"INSERT INTO mixed SELECT seq * 3, seq / 7, seq / 3, '2024-01-01' + INTERVAL seq SECOND, CONCAT('s', seq), UNHEX(SHA2(seq, 256)), REPEAT("+text+", 2), 1 + seq % 3, NULLIF(seq % 10, 0) FROM seq_1_to_60000",
		"CREATE TABLE nokey (a INT, b VARCHAR(200))", "INSERT INTO nokey SELECT seq DIV 2, "+text+" FROM seq_1_to_80000"))
	s.createSource(false)
	s.startTask(s.task("full"))
	s.await(5*time.Minute, "it has finished", func(st testbed.TaskStatus) bool { return st.Stage == "Finished" })
	for _, name := range names {
		var table string
		var want, got int64
		q := "CHECKSUM TABLE " + schemaName + "." + name
		must(t, s.up.DB().QueryRowContext(t.Context(), q).Scan(&table, &want))
		must(t, s.down.DB().QueryRowContext(t.Context(), q).Scan(&table, &got))
		if got != want {
			t.Errorf("%s: the target's checksum is %d, want %d", name, got, want)
		}
	}
	held, err := s.worker.MostHeld()
	must(t, err)
	if held >= mostMiB {
		t.Errorf("the worker held %d MiB, want less than %d", held, mostMiB)
	}
	t.Logf("the worker held at most %d MiB", held)
}

// fullPhase is one task.
type fullPhase struct {
	*stand
	mode string
	// lockless dumps with --consistency none, which tables without a key forbid.
	lockless bool
	rnd      *rand.Rand
	name     string // of the task, its source and its schema
	disk     string
	lost     int // disks
}

// lanes is the pool-size: so many chunks are in flight.
const lanes = 4

func (f *fullPhase) run(kills int) {
	t := f.t
	const rows = 12_000
	perSecond := rows / 2 / max(kills, 5) // so that most of the load is still to come
	f.name = "full_" + f.mode
	f.disk = filepath.Join(f.dir, "dump."+f.name)
	w := &testbed.Workload{DB: f.up.DB(), Schema: f.name, SysbenchTables: 3, SysbenchOnly: f.lockless, Pace: 10 * time.Millisecond}
	must(t, w.Load(t.Context(), rows, f.seed))
	f.do("operate-source", "create", f.write("source.yaml", testbed.SourceFile{ID: f.name, GTID: f.rnd.IntN(2) == 0, From: f.up.Config()}.YAML()))
	// A writer that waits for a row of another, whom the dump's lock stops, keeps the
	// dump waiting for so long, too.
	must(t, f.up.Exec(t.Context(), "SET GLOBAL innodb_lock_wait_timeout = 3"))
	traffic := startWriters(t, w, 4, f.seed)
	file := f.task(f.mode)
	file.Name, file.Source, file.Schemas = f.name, f.name, []string{f.name}
	file.Dump = []string{"threads: 2", "rows: 500", "chunk-filesize: 1"}
	if f.lockless {
		file.Dump = append(file.Dump, `extra-args: "--consistency none"`)
	}
	file.Load = []string{fmt.Sprintf("dir: %q", filepath.Join(f.dir, "dump")), fmt.Sprintf("pool-size: %d", lanes), fmt.Sprintf("max-rows-per-second: %d", perSecond)}
	if f.mode == "full" {
		file.Load = append(file.Load, "max-disk-mb: 1")
	} else {
		file.Dump = append(file.Dump, fmt.Sprintf("max-rows-per-second: %d", perSecond*3/2)) // so that half of the load is beside it
	}
	file.Sync = []string{"worker-count: 16", "strict: true"}
	f.do("start-task", f.write(f.name+".yaml", file.YAML()))
	f.countForgotten()
	f.until("rows are on the target", func(st testbed.TaskStatus) bool { // else the kills show little
		return st.Unit != "InvalidUnit" && (st.Dump == nil || st.Dump.LoadedBytes > 0)
	})
	for i := range kills {
		if f.mode == "full" && i == kills/2 {
			// What is equal in the end is the source of the last snapshot: here the worker
			// has to take one behind the last change.
			f.kill(f.moment(), true, func() {
				traffic.stop()
				f.unfinished()
			})
		} else {
			f.kill(f.moment(), f.rnd.IntN(3) == 0, func() {})
		}
	}
	if f.mode == "full" {
		f.until("it has finished", func(st testbed.TaskStatus) bool { return st.Stage == "Finished" })
	} else {
		traffic.stop()
		f.until("it replicates", running)
		_, err := f.AwaitCaughtUp(t.Context(), f.name, f.up.DB())
		must(t, err)
	}
	tables, err := testbed.Tables(t.Context(), f.up.DB(), f.name)
	must(t, err)
	diffs, err := testbed.Compare(t.Context(), f.up.DB(), f.down.DB(), tables)
	must(t, err)
	for _, d := range diffs {
		t.Error(d)
	}
	if n := f.forgotten(); n > f.lost*lanes {
		t.Errorf("%d chunks with rows on the target were read again after %d disks were lost, %d were in flight each time", n, f.lost, lanes)
	} else {
		t.Logf("%d chunks with rows on the target were read again after %d disks were lost", n, f.lost)
	}
	f.do("stop-task", f.name)
	f.do("operate-source", "stop", f.name)
}

// moment is how long the worker works until it is killed.
func (f *fullPhase) moment() time.Duration {
	return time.Duration(100+f.rnd.IntN(1300)) * time.Millisecond
}

// unfinished sees that the load is not complete while no worker runs.
func (f *fullPhase) unfinished() {
	f.t.Helper()
	var unit string
	must(f.t, f.down.DB().QueryRowContext(f.t.Context(), "SELECT unit FROM dm_meta."+f.name+"_raftdm_subtask").Scan(&unit))
	if unit != "Dump" && unit != "Load" {
		f.t.Fatalf("the load was over too early: the unit is %s", unit)
	}
}

// kill ends the worker, with its disk or not, and launches it behind meanwhile.
func (f *fullPhase) kill(after time.Duration, disk bool, meanwhile func()) {
	f.t.Helper()
	f.until("it works", func(st testbed.TaskStatus) bool { return st.Unit != "InvalidUnit" })
	pause(f.t.Context(), after)
	unit := "?"
	if list, err := f.QueryStatus(f.t.Context(), f.name); err == nil && len(list) > 0 {
		if unit = list[0].String(); list[0].Dump != nil {
			unit += fmt.Sprintf(", %d bytes loaded, %d on the disk", list[0].Dump.LoadedBytes, list[0].Dump.DiskBytes)
		}
	}
	f.worker.Kill()
	meanwhile()
	if disk {
		must(f.t, os.RemoveAll(f.disk))
		f.lost++
	}
	f.t.Logf("killed after %s, with its disk %t: %s", after, disk, unit)
	must(f.t, f.worker.Launch())
}

// countForgotten makes the target itself count which chunks are forgotten although
// rows of them are there: the progress of a file is removed while the subtask is in
// the dump.
func (f *fullPhase) countForgotten() {
	f.t.Helper()
	at := "dm_meta." + f.name + "_raftdm_"
	for f.down.Exec(f.t.Context(), "DO (SELECT COUNT(*) FROM "+at+"chunk)") != nil { // the worker makes it
		pause(f.t.Context(), 10*time.Millisecond)
	}
	must(f.t, f.down.Exec(f.t.Context(),
		"CREATE TABLE dm_meta."+f.name+"_forgotten (dump VARCHAR(64), file VARCHAR(255))",
		"CREATE TRIGGER dm_meta."+f.name+"_forget AFTER DELETE ON "+at+"chunk FOR EACH ROW INSERT INTO dm_meta."+f.name+"_forgotten"+
			" SELECT OLD.dump_id, OLD.file FROM "+at+"subtask WHERE source = OLD.source AND unit = 'Dump' AND OLD.byte_offset > 0"))
}

// forgotten counts them. The files of one chunk differ behind its number.
func (f *fullPhase) forgotten() int {
	f.t.Helper()
	var n int
	must(f.t, f.down.DB().QueryRowContext(f.t.Context(),
		"SELECT COUNT(DISTINCT dump, SUBSTRING_INDEX(file, '.', 3)) FROM dm_meta."+f.name+"_forgotten").Scan(&n))
	return n
}

// until waits for a state of the task.
func (f *fullPhase) until(what string, ok func(testbed.TaskStatus) bool) {
	f.t.Helper()
	(&migration{stand: f.stand, name: f.name}).until(what, ok)
}
