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
