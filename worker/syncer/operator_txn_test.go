package syncer

import (
	"errors"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/operation"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestOperatorsOfOneTransaction: of a transaction with several statements each has an
// operator of its own, however it is named.
func TestOperatorsOfOneTransaction(t *testing.T) {
	testbed.SkipIfShort(t)
	modes(t, func(t *testing.T, gtid bool) {
		b := newBench(t, servers.MariaDB(t), secondMariaDB(t), gtid)
		s := b.schema()
		b.sub.Sync.Strict = false // what is passed over makes rows that are deleted
		r := b.start()
		b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY, v VARCHAR(40))", "CREATE TABLE "+s+".b (id INT PRIMARY KEY, v INT)")
		r.caughtUp()
		statements := []string{"INSERT INTO a VALUES (1, 'x')", "INSERT INTO b VALUES (1, 1)", "UPDATE a SET v = 'y' WHERE id = 1", "INSERT INTO b VALUES (2, 2)"}
		b.session(append(append([]string{"SET SESSION binlog_format = 'MIXED'", "BEGIN"}, statements...), "COMMIT", "SET SESSION binlog_format = 'ROW'", "DELETE FROM a", "DELETE FROM b")...)
		for i, q := range statements {
			if f := r.ends(t); f.Code != codeDML || !strings.Contains(r.err.Error(), q) {
				t.Fatalf("at statement %d: code %d: %v", i+1, f.Code, r.err)
			}
			pos := ""
			if i == 1 {
				pos = positionID(asDDL(r.err).Place.Event)
			}
			b.mustOperate(r, operation.Skip, pos)
			if got := b.mustOperate(r, operation.List, ""); strings.Count(got, `"op"`) == 0 {
				t.Errorf("listed: %s", got)
			}
			if i == 2 { // and again, with another mind
				b.mustOperate(r, operation.Revert, "")
				r = b.again()
				r.ends(t)
				b.mustOperate(r, operation.Skip, "")
			}
			r = b.again()
		}
		r.caughtUp()
		r.end()
		b.equal()
	})
}

func asDDL(err error) *DDLError {
	var out *DDLError
	_ = errors.As(err, &out)
	return out
}

// TestOperatorTakesThePlaceOfAnother: what a person wants last of the statement that
// has stopped the task counts, whichever place each has named.
func TestOperatorTakesThePlaceOfAnother(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), true)
	s := b.schema()
	r := b.start()
	b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)")
	r.caughtUp()
	refused, _ := b.addsUnique("a")
	b.exec(refused)
	b.transactions("a", 1, 3, "#, #, 0")
	r.ends(t)
	place := asDDL(r.err).Place
	nothing := "ALTER TABLE " + s + ".a ADD KEY k (nothing)"
	for _, pos := range []string{positionID(place.Event), "", positionID(place.Event), positionID(place.Begin)} {
		b.mustOperate(nil, operation.Replace, positionID(place.Event), nothing) // as in advance
		b.mustOperate(r, operation.Skip, pos)
		if got := b.mustOperate(r, operation.List, ""); strings.Count(got, `"op"`) != 1 || !strings.Contains(got, "skip") {
			t.Errorf("by %q: listed %s", pos, got)
		}
		b.mustOperate(r, operation.Revert, pos)
		if got := b.mustOperate(r, operation.List, ""); got != "[]" {
			t.Errorf("by %q: listed behind revert %s", pos, got)
		}
	}
	b.mustOperate(nil, operation.Replace, positionID(place.Event), nothing)
	r = b.again()
	r.ends(t)
	b.must(b.down.Exec(t.Context(), "ALTER TABLE "+s+".a ADD COLUMN x INT"))
	b.mustOperate(r, operation.Skip, "")
	r = b.again()
	r.caughtUp()
	r.end()
	if n := b.rowsOf("a"); n != 3 {
		t.Errorf("%d rows", n)
	}
}
