package load_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
)

// TestInterruptedWithoutTransactions: in a table of the target that has neither
// transactions nor a unique key no row is there twice, however often the load is
// stopped. What it cannot know it leaves to the operator, and the hint leads on.
func TestInterruptedWithoutTransactions(t *testing.T) {
	const name = "plainengine"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	b.exec(b.src, "CREATE DATABASE "+name, "CREATE TABLE "+name+".t (a INT, b VARCHAR(100)) ENGINE = MyISAM",
		"INSERT INTO "+name+".t SELECT seq, REPEAT('x', 80) FROM "+name+".seq_1_to_60000", "CREATE TABLE "+name+".u (a INT) ENGINE = Aria", "INSERT INTO "+name+".u VALUES (1), (1)")
	m, closeMeta := b.meta(t.Context())
	defer closeMeta()
	if err := b.dump(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	refusals := 0
	for wait := 20 * time.Millisecond; ; wait += 20 * time.Millisecond {
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		err := b.load(ctx, m)
		cancel()
		if err == nil {
			break
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			if table, ok := truncated(err, name); ok && fault.Is(err, fault.Conflict) {
				refusals++
				b.exec(b.dst, "TRUNCATE TABLE "+table)
				continue
			}
			t.Fatalf("%v (%s)", err, fault.HintOf(err))
		}
	}
	t.Logf("%d times the rows of an interrupted transaction were there", refusals)
	b.equal(name, "t", "u")
	if p, err := m.Phase(t.Context()); err != nil || p.Unit != status.UnitSync {
		t.Errorf("phase %+v, %v", p, err)
	}
}

// truncated gives the table that the hint of an error wants emptied.
func truncated(err error, schema string) (table string, ok bool) {
	for _, tbl := range []string{"t", "u"} {
		table = "`" + schema + "`.`" + tbl + "`"
		if strings.Contains(fault.HintOf(err), "TRUNCATE TABLE "+table) {
			return table, true
		}
	}
	return "", false
}
