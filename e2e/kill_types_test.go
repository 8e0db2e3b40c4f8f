package e2e

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/testbed"
)

// A small all-mode task over every type, in tables with a key, in tables without
// one whose rows are alike, and as the key itself, is migrated by 16 lanes while
// its worker is killed with kill -9 at random moments; then both sides are equal
// byte by byte. One seed is one task on the same servers. Without RAFTDM_SEED there
// are a few of them, RAFTDM_SEEDS says how many. peer-bugs 1, 2, 5, 13, 14, 17, 31.
func TestKilledOverTypesIntoMariaDB(t *testing.T) {
	killedOverTypes(t, anotherMariaDB, 2, tempo{full: 900 * time.Millisecond, pace: 8 * time.Millisecond})
}

func TestKilledOverTypesIntoTiDB(t *testing.T) {
	killedOverTypes(t, testbed.TiDB, 1, tempo{full: 2 * time.Second, pace: 20 * time.Millisecond})
}

// tempo is how fast a target is: about how long a full phase takes, and the pause
// of a writer with which the target keeps up.
type tempo struct{ full, pace time.Duration }

func killedOverTypes(t *testing.T, target func(testing.TB) *testbed.Server, seeds int, speed tempo) {
	s := newStand(t, target)
	if os.Getenv("RAFTDM_SEED") != "" {
		seeds = 1
	}
	if text := os.Getenv("RAFTDM_SEEDS"); text != "" {
		var err error
		seeds, err = strconv.Atoi(text)
		must(t, err)
	}
	failed := 0
	for seed := s.seed; seed < s.seed+uint64(seeds) && failed < 3; seed++ {
		ok := t.Run(fmt.Sprint(seed), func(t *testing.T) {
			one := *s
			one.t, one.seed = t, seed
			(&migration{stand: &one, name: fmt.Sprintf("k%d", seed), rnd: rand.New(rand.NewPCG(seed, 99))}).run(speed)
		})
		if !ok {
			failed++
		}
	}
}

// migration is one task on a stand that has others before and behind it.
type migration struct {
	*stand
	name string // of the task, its source and its schema
	rnd  *rand.Rand
	work *typeTables
	at   place // at the last kill
}

func (m *migration) run(speed tempo) {
	t := m.t
	began := time.Now()
	m.work = newTypeTables(m.up, m.down, m.name, m.rnd)
	t.Cleanup(m.remove)
	m.work.fill(t, m.rnd)
	stop := m.work.write(t, 4, speed.pace, m.seed)
	m.do("operate-source", "create", m.write("source.yaml", testbed.SourceFile{ID: m.name, GTID: m.rnd.IntN(2) == 0, From: m.up.Config()}.YAML()))
	file := m.write(m.name+".yaml", m.file().YAML())
	started := make(chan error, 1)
	go func() {
		_, err := m.Do(t.Context(), "start-task", file)
		started <- err
	}()
	// Two kills in the full phase if it is not over by then, and some while it
	// replicates; now and then one more while a life begins.
	for range 2 + m.rnd.IntN(3) {
		from, after := m.life(""), time.Duration(m.rnd.Int64N(int64(speed.full)))
		if m.rnd.IntN(2) == 0 {
			m.killWithDisk(from, after)
		} else {
			m.kill(from, after)
		}
	}
	for range 1 + m.rnd.IntN(2) {
		if m.rnd.IntN(3) == 0 {
			m.kill(m.at, time.Duration(m.rnd.IntN(500))*time.Millisecond)
		}
		m.kill(m.life("Sync"), time.Duration(m.rnd.IntN(1000))*time.Millisecond)
	}
	if err := <-started; err != nil {
		t.Logf("start-task: %v", err) // the status says whether there is a task
	}
	m.until("it replicates after the last kill", running)
	stop()
	end, err := testbed.BinlogEnd(t.Context(), m.up.DB())
	must(t, err)
	st := m.until("it has caught up", func(st testbed.TaskStatus) bool { return st.Caught() && st.Sync.MasterBinlog == end.String() })
	m.work.compare(t)
	t.Logf("equal after %s: %s", time.Since(began).Round(time.Millisecond), st)
}

// place is where the meta tables of the target say that a task is: which life of
// the worker, and what it does.
type place struct {
	epoch uint64
	unit  string
}

func (p place) String() string {
	return fmt.Sprintf("%s of life %d", cmp.Or(p.unit, "the start"), p.epoch%1000)
}

// look reads the place; before there is any it is zero.
func (m *migration) look() (p place) {
	m.t.Helper()
	err := m.down.DB().QueryRowContext(m.t.Context(), "SELECT epoch, unit FROM dm_meta."+m.name+"_raftdm_subtask WHERE source = ?", m.name).Scan(&p.epoch, &p.unit)
	var none *mysql.MySQLError
	if err != nil && !errors.Is(err, sql.ErrNoRows) && !errors.As(err, &none) {
		m.t.Fatal(err)
	}
	return p
}

// life waits until the life after the last kill has begun and does what unit says,
// or anything.
func (m *migration) life(unit string) place {
	m.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); ; <-tick.C {
		p := m.look()
		if p.epoch > m.at.epoch && (unit == "" || unit == p.unit) {
			return p
		}
		if time.Since(began) > time.Minute {
			m.t.Fatalf("still in %s, last was %s", p, m.at)
		}
	}
}

// killWithDisk kills the worker and removes its dump files, as when another worker
// goes on.
func (m *migration) killWithDisk(from place, after time.Duration) {
	m.t.Helper()
	pause(m.t.Context(), after)
	m.at = m.look()
	m.worker.Kill()
	must(m.t, os.RemoveAll(filepath.Join(m.dir, "dump."+m.name)))
	m.t.Logf("killed with its disk %s after %s, in %s", after.Round(time.Millisecond), from, m.at)
	must(m.t, m.worker.Launch())
}

// kill kills the worker some time after it was in a place, and starts it again.
func (m *migration) kill(from place, after time.Duration) {
	m.t.Helper()
	pause(m.t.Context(), after)
	m.at = m.look()
	m.worker.Kill()
	m.t.Logf("killed %s after %s, in %s", after.Round(time.Millisecond), from, m.at)
	must(m.t, m.worker.Launch())
}

// until waits for a state of the task. One that stays paused does not come there.
func (m *migration) until(what string, ok func(testbed.TaskStatus) bool) testbed.TaskStatus {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), time.Minute)
	defer cancel()
	paused := time.Time{}
	st, err := m.Await(ctx, m.name, func(st testbed.TaskStatus) (bool, error) {
		switch {
		case st.Stage != "Paused":
			paused = time.Time{}
		case paused.IsZero():
			paused = time.Now()
		case time.Since(paused) > 10*time.Second: // what resumes by itself has done so
			return false, errors.New(st.String())
		}
		return ok(st), nil
	})
	if err != nil {
		m.t.Fatalf("waiting until %s: %v", what, err)
	}
	return st
}

// file is the task, whose settings are those of the seed.
func (m *migration) file() testbed.TaskFile {
	pick := func(list ...int) int { return list[m.rnd.IntN(len(list))] }
	file := m.task("all")
	file.Name, file.Source, file.Schemas = m.name, m.name, []string{m.name}
	file.Dump = []string{fmt.Sprintf("threads: %d", pick(1, 4)), fmt.Sprintf("statement-size: %d", pick(1000, 1_000_000)),
		fmt.Sprintf("rows: %d", pick(0, 10, 100))}
	file.Load = []string{fmt.Sprintf("dir: %q", filepath.Join(m.dir, "dump")), fmt.Sprintf("pool-size: %d", pick(1, 16))}
	file.Sync = []string{"worker-count: 16", "strict: true", fmt.Sprintf("batch: %d", pick(1, 20, 100)),
		fmt.Sprintf("compact: %t", pick(0, 1) == 1), fmt.Sprintf("multiple-rows: %t", pick(0, 1) == 1), "checkpoint-flush-interval: 1"}
	m.t.Logf("dump %v, load %v, sync %v", file.Dump, file.Load, file.Sync)
	return file
}

// remove ends the task and clears the servers for the next one.
func (m *migration) remove() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if m.t.Failed() {
		m.t.Logf("to repeat: RAFTDM_SEED=%d go test ./e2e -count=5 -run '^%s$'", m.seed, filepath.Dir(m.t.Name()))
		m.t.Logf("the end of %s:\n%s", m.worker.LogFile(), m.worker.LogTail())
	}
	for _, command := range [][]string{{"stop-task", m.name}, {"operate-source", "stop", m.name}} {
		if _, err := m.Do(ctx, command...); err != nil {
			m.t.Error(err)
		}
	}
	if err := m.work.drop(ctx); err != nil {
		m.t.Error(err)
	}
}
