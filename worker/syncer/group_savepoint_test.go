package syncer

import (
	"testing"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestRolledBackToSavepoint: rows behind a savepoint that a transaction goes back to
// never were, those of tables without transactions remain.
func TestRolledBackToSavepoint(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		modes(t, func(t *testing.T, gtid bool) {
			b := newBench(t, up, down, gtid)
			s := b.schema()
			r := b.start()
			b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY, v INT)", "CREATE TABLE "+s+".m (id INT PRIMARY KEY) ENGINE=MyISAM")
			b.session("BEGIN", "INSERT INTO a VALUES (1, 1)", "INSERT INTO m VALUES (1)", "SAVEPOINT `x y`", "INSERT INTO a VALUES (2, 2)", "INSERT INTO m VALUES (2)",
				"SAVEPOINT b", "UPDATE a SET v = 5", "rollback work to savepoint B", "DELETE FROM a WHERE id = 1", "ROLLBACK TO `x y`", "INSERT INTO a VALUES (3, 3)", "COMMIT",
				"BEGIN", "INSERT INTO m VALUES (3)", "SAVEPOINT x", "INSERT INTO a VALUES (4, 4)", "ROLLBACK TO x", "INSERT INTO a VALUES (5, 5)", "SAVEPOINT x", "DELETE FROM a", "ROLLBACK TO x", "COMMIT",
				"XA START 'q'", "INSERT INTO a VALUES (6, 6)", "INSERT INTO m VALUES (6)", "SAVEPOINT x", "UPDATE a SET v = 9", "ROLLBACK TO x", "INSERT INTO a VALUES (7, 7)", "XA END 'q'", "XA PREPARE 'q'", "XA COMMIT 'q'")
			r.caughtUp()
			r.end()
			b.equal()
		})
	})
}

// TestGroupSavepoint: what was handed on is not taken back.
func TestGroupSavepoint(t *testing.T) {
	p := newTape(t, binlog.MariaDB, false, 2*(rowOverhead+valueOverhead+5))
	p.maria(1, 0)
	p.rows("a", 1)
	p.query("SAVEPOINT `x`")
	p.rows("a", 2)
	p.query("ROLLBACK TO x")
	p.rows("a", 3)
	p.xid()
	p.want("4-704 0-1-1 of {0-1-1} insert [1] insert [3]")
	p.maria(2, 0)
	p.query("SAVEPOINT `x`")
	p.rows("other", 1)
	p.query("ROLLBACK TO y")
	p.rows("a", 1, 2, 3)
	if p.err != nil {
		t.Error(p.err)
	}
	if p.query("ROLLBACK TO x"); p.err == nil {
		t.Error("rows that were handed on are taken back")
	}
}
