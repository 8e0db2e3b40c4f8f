package syncer

import (
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/operation"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestStatementsRolledBack: a transaction with statements, of which a source writes
// that it was rolled back since not all of it could be, is no error: its rows that were
// not handed on are dropped, and the statements are what they are.
func TestStatementsRolledBack(t *testing.T) {
	testbed.SkipIfShort(t)
	modes(t, func(t *testing.T, gtid bool) {
		b := newBench(t, servers.MariaDB(t), secondMariaDB(t), gtid)
		s := b.schema()
		b.exec("CREATE DATABASE "+s+"_not", "CREATE TABLE "+s+"_not.t (id INT)")
		t.Cleanup(func() { b.exec("DROP DATABASE " + s + "_not") })
		r := b.start()
		b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY, v VARCHAR(40))")
		r.caughtUp()
		b.session("SET SESSION binlog_format = 'MIXED'", "BEGIN", "INSERT INTO "+s+"_not.t VALUES (1)", "CREATE TEMPORARY TABLE tt (id INT)",
			"INSERT INTO a VALUES (1, UUID())", "ROLLBACK", "INSERT INTO a VALUES (2, UUID())")
		r.caughtUp()
		b.session("SET SESSION binlog_format = 'MIXED'", "BEGIN", "INSERT INTO a VALUES (1, UUID())", "CREATE TEMPORARY TABLE tt (id INT)", "INSERT INTO tt VALUES (1)", "ROLLBACK")
		b.session("CREATE TABLE c (id INT PRIMARY KEY)", "INSERT INTO c VALUES (1)")
		if err := b.up.Exec(t.Context(), "CREATE OR REPLACE TABLE "+s+".c (PRIMARY KEY (id)) SELECT 1 AS id UNION ALL SELECT 1"); err == nil {
			t.Error("the source has made a table with a duplicate row")
		}
		r.caughtUp()
		b.session("SET SESSION binlog_format = 'MIXED'", "BEGIN", "INSERT INTO a VALUES (3, 'x')", "CREATE TEMPORARY TABLE tt (id INT)", "ROLLBACK", "INSERT INTO a VALUES (4, UUID())")
		if f := r.ends(t); f.Code != codeDML {
			t.Errorf("code %d: %v", f.Code, r.err)
		}
		b.mustOperate(r, operation.Skip, "")
		r = b.again()
		r.caughtUp()
		r.end()
		b.equal()
	})
}

// TestGroupRollback: rows that were handed on cannot be taken back, whatever is
// handed on beside them.
func TestGroupRollback(t *testing.T) {
	p := newTape(t, binlog.MariaDB, false, 2*(rowOverhead+valueOverhead+5))
	p.maria(1, 0)
	p.query("CREATE TEMPORARY TABLE x (i int)")
	p.rows("a", 1)
	p.query("ROLLBACK")
	p.want(
		`4-0 0-1-1 of {} part 1 after 0 rows "CREATE TEMPORARY TABLE x (i int)" ...`,
		"4-404 0-1-1 of {0-1-1} part 2 after 0 rows",
	)
	p.maria(2, 0)
	p.rows("a", 1, 2, 3)
	p.query("CREATE TEMPORARY TABLE x (i int)")
	p.query("ROLLBACK")
	if p.err == nil || !strings.Contains(p.err.Error(), "3 of its rows were applied already") {
		t.Errorf("error: %v", p.err)
	}
}
