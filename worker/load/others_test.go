package load_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/worker/dump"
	"github.com/raftdm/raftdm/worker/load"
)

// TestRowsOfAnotherTaskStay: two tasks fill one table of the target, each with
// what a where filter leaves it. One is interrupted and has to load the table
// anew: the rows of the other are none of its own, and stay.
func TestRowsOfAnotherTaskStay(t *testing.T) {
	for _, others := range []int{0, 1} {
		name := fmt.Sprintf("othersrows%d", others)
		b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
		b.sub.Dump.Where = "id > 1"
		b.sysbench(name, 1, 20_000)
		m, closeMeta := b.meta(t.Context())
		if err := b.dump(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		b.loadSome(m, name+".sbtest1")
		if others > 0 {
			b.exec(b.dst, "INSERT INTO "+name+".sbtest1 (id, k, c, pad) VALUES (1, 1, 'of another task', '')")
		}
		b.sub.Load.Dir = filepath.Join(t.TempDir(), "elsewhere") // the files are lost
		if err := b.load(t.Context(), m); !errors.Is(err, load.ErrDumpAgain) {
			t.Fatalf("load without the rest of its dump: %v", err)
		}
		again := dump.New(dump.Config{Subtask: b.sub, Meta: m, Log: b.log(), Resume: true})
		if err := again.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		err := b.load(t.Context(), m)
		if others == 0 && err != nil {
			t.Errorf("with rows of its own alone: %v", err)
		}
		if others > 0 && (!fault.Is(err, fault.Conflict) || fault.HintOf(err) == "") {
			t.Errorf("with a row of another task: %v", err)
		}
		if n := b.count(b.dst, name+".sbtest1 WHERE id = 1"); n != others {
			t.Errorf("%d rows of the other task, want %d", n, others)
		}
		closeMeta()
	}
}

// TestRowsOfAnotherTaskStayBesideTheDump: the same where the files are still here
// and the table begins anew because the source's has another structure.
func TestRowsOfAnotherTaskStayBesideTheDump(t *testing.T) {
	for _, others := range []int{0, 1} {
		name := fmt.Sprintf("besiderows%d", others)
		b := overlapping(newBed(t, name, servers.MariaDB(t), mariaTarget(t)))
		b.sysbench(name, 1, 8_000)
		b.exec(b.src, "ANALYZE TABLE "+name+".sbtest1")
		b.sub.Dump.Rows, b.sub.Dump.MaxRows, b.sub.Load.PoolSize = 300, 4_000, 2
		b.interrupted(1_000)
		if others > 0 {
			b.exec(b.dst, "INSERT INTO "+name+".sbtest1 (id, k, c, pad) VALUES (1000000, 1, 'of another task', '')")
		}
		b.exec(b.src, "ALTER TABLE "+name+".sbtest1 ADD COLUMN more INT")
		b.sub.Dump.MaxRows = 0
		if others == 0 {
			b.toTheEnd()
			b.equal(name, "sbtest1")
			continue
		}
		m, closeMeta := b.meta(t.Context())
		if err := b.step(t.Context(), m, nil); !fault.Is(err, fault.Conflict) || fault.HintOf(err) == "" {
			t.Errorf("with a row of another task: %v", err)
		}
		closeMeta()
		if n := b.count(b.dst, name+".sbtest1 WHERE id = 1000000"); n != others {
			t.Errorf("%d rows of the other task, want %d", n, others)
		}
	}
}
