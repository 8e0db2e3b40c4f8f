package syncer

import (
	"testing"

	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestAlterInTwoPhases: an ALTER TABLE that a source writes when it begins and again
// when it ends is executed once, where it has ended, and not at all if it has
// failed.
func TestAlterInTwoPhases(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		modes(t, func(t *testing.T, gtid bool) {
			b := newBench(t, up, down, gtid)
			s := b.schema()
			r := b.start()
			b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY, v INT, w VARCHAR(9) DEFAULT 'x')", "INSERT INTO "+s+".a VALUES (1, 7, 'a'), (2, 7, 'b')")
			conn, err := up.Session(t.Context())
			b.must(err)
			defer conn.Close()
			for _, c := range []struct {
				q     string
				fails bool
			}{
				{q: "USE " + s},
				{q: "SET SESSION binlog_alter_two_phase = 1"},
				{q: "ALTER TABLE a ADD COLUMN y INT, ADD UNIQUE u (v)", fails: true},
				{q: "ALTER TABLE a RENAME COLUMN v TO x, ADD COLUMN v INT DEFAULT 5 FIRST"},
				{q: "INSERT INTO a (id, x) VALUES (3, 3)"},
				{q: "ALTER TABLE a DROP COLUMN v"},
				{q: "CREATE INDEX k ON a (w, x)"},
				{q: "ALTER TABLE a RENAME COLUMN x TO v, ADD COLUMN x INT"},
				{q: "UPDATE a SET x = id"},
			} {
				if _, err := conn.ExecContext(t.Context(), c.q); (err != nil) != c.fails {
					t.Fatalf("%s: %v", c.q, err)
				}
			}
			r.caughtUp()
			r.end()
			b.equal()
		})
	})
}

// TestGroupAlterInTwoPhases: rows between the two are as the table was before, so the
// statement is at the second place; the GTIDs of both count.
func TestGroupAlterInTwoPhases(t *testing.T) {
	const alone = replication.BINLOG_MARIADB_FL_STANDALONE | replication.BINLOG_MARIADB_FL_DDL
	p := newTape(t, binlog.MariaDB, true, 1<<20)
	alter := func(seq uint64, flags byte, part ...byte) {
		body := append(make([]byte, 12), flags)
		if flags&replication.BINLOG_MARIADB_FL_GROUP_COMMIT_ID != 0 {
			body = append(body, 1, 2, 3, 4, 5, 6, 7, 8)
		}
		e := rawEvent(replication.MARIADB_GTID_EVENT, append(body, part...))
		d := newDecoder(binlog.MariaDB, p.g.include)
		_, err := d.event(e, func(h *replication.EventHeader, content any) error {
			switch e := content.(type) {
			case *voidGTID:
				e.GTID.SequenceNumber, e.GTID.ServerID = seq, 1
			case *replication.MariadbGTIDEvent:
				e.GTID.SequenceNumber, e.GTID.ServerID = seq, 1
			}
			p.put(h.EventType, content)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	alter(1, alone, startAlter, 0, 0, 0, 0, 0)
	p.query("ALTER TABLE a ADD x INT")
	alter(2, alone|replication.BINLOG_MARIADB_FL_GROUP_COMMIT_ID, startAlter)
	p.query("ALTER TABLE b ADD x INT")
	p.maria(3, 0)
	p.rows("a", 5)
	p.xid()
	alter(4, alone|replication.BINLOG_MARIADB_FL_GROUP_COMMIT_ID, rollbackAlter, 2, 0, 0, 0, 0, 0, 0, 0)
	p.query("ALTER TABLE b ADD x INT")
	alter(5, alone, 4, 1, 0, 0, 0, 0, 0, 0, 0)
	p.query("ALTER TABLE a ADD x INT")
	alter(6, alone, 0, 0, 0, 0, 0, 0)
	p.query("ALTER TABLE c ADD x INT")
	p.want(
		"4-204 0-1-1 of {0-1-1}",
		"204-404 0-1-2 of {0-1-2}",
		"404-704 0-1-3 of {0-1-3} insert [5]",
		"704-904 0-1-4 of {0-1-4}",
		"904-1104 0-1-5 of {0-1-5} \"ALTER TABLE a ADD x INT\"",
		"1104-1304 0-1-6 of {0-1-6} \"ALTER TABLE c ADD x INT\"",
	)
}
