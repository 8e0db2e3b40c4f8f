//go:build mysql

package syncer

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
)

// strangers are the names of servers that no test runs.
const strangers = "3e11fa47-71ca-11e1-9e33-c80aa94295"

// replicateMySQL makes next a replica of first, by GTID.
func replicateMySQL(t *testing.T, next, first *testbed.Server) {
	t.Helper()
	err := next.Exec(t.Context(), fmt.Sprintf("CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = %d, SOURCE_USER = '%s', SOURCE_PASSWORD = '%s',"+
		" SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1", first.Port, first.User, first.Password), "START REPLICA")
	if err != nil {
		t.Fatal(err)
	}
}

// hasAll waits until a MySQL has executed a set.
func hasAll(t *testing.T, s *testbed.Server, set string) {
	t.Helper()
	var late int
	if err := s.DB().QueryRowContext(t.Context(), "SELECT WAIT_FOR_EXECUTED_GTID_SET(?, 60)", set).Scan(&late); err != nil || late != 0 {
		t.Fatalf("the replica did not catch up: %v", err)
	}
}

// gapped writes transactions under names of other servers, out of order and with
// gaps, as they are where several sources come together or binlogs were replayed.
func (b *bench) gapped(server string, numbers ...int) {
	b.t.Helper()
	var text []string
	for _, n := range numbers {
		text = append(text, fmt.Sprintf("SET GTID_NEXT = '%s%s:%d'", strangers, server, n), fmt.Sprintf("INSERT INTO gaps VALUES ('%s', %d)", server, n))
	}
	b.session(append(text, "SET GTID_NEXT = 'AUTOMATIC'")...)
}

// TestMySQLAnotherServerOfTheGroup is TestAnotherServerOfTheGroup with GTID sets
// that have gaps, and a new source with transactions of its own that the former
// one never had (peer-bugs 18).
func TestMySQLAnotherServerOfTheGroup(t *testing.T) {
	first, next, down := testbed.MySQL(t), testbed.MySQL(t), servers.TiDB(t)
	replicateMySQL(t, next, first)
	b := newBench(t, first, down, true)
	s := b.schema()
	b.exec("CREATE DATABASE first")
	at := b.master()
	b.sub.Start.BinlogName, b.sub.Start.BinlogPos, b.sub.Start.BinlogGTID = at.Position.Name, at.Position.Pos, at.GTID.String()
	for range 4 {
		b.exec("FLUSH BINARY LOGS")
	}
	w := &testbed.Workload{DB: first.DB(), Schema: s, SysbenchTables: 1, DDL: true}
	b.must(w.Load(t.Context(), 500, 5))
	b.exec("CREATE TABLE " + s + ".gaps (server CHAR(2), n INT, PRIMARY KEY (server, n))")
	r := b.start()
	b.gapped("01", 1, 2, 5, 4, 9)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	_, err := w.Writers(ctx, 4, 5)
	b.must(err)
	b.gapped("02", 1000, 3)
	_ = r.stop()
	b.gapped("01", 3, 7)
	hasAll(t, next, b.master().GTID.String())
	first.Kill()
	b.must(next.Exec(t.Context(), "STOP REPLICA", "RESET REPLICA ALL"))
	b.up, b.sub.Source.From = next, next.Config()
	b.exec("CREATE DATABASE errant", "CREATE TABLE errant.x (id INT PRIMARY KEY)", "INSERT INTO "+s+".gaps VALUES ('er', 1)")
	for i := range 3 { // and more from checkpoints of the new source
		b.epoch++
		r = b.start()
		b.gapped("01", 20+i, 40-i)
		b.exec(fmt.Sprintf("INSERT INTO %s.gaps VALUES ('ne', %d)", s, i))
		r.executed()
		r.end()
		b.equal()
	}
}

// TestMySQLLaggingServerOfTheGroup: a new source that lacks what was applied is
// not read before it has caught up; what it lacks is shown (peer-bugs 18).
func TestMySQLLaggingServerOfTheGroup(t *testing.T) {
	first, next, down := testbed.MySQL(t), testbed.MySQL(t), secondMariaDB(t)
	replicateMySQL(t, next, first)
	b := newBench(t, first, down, true)
	s := b.schema()
	b.exec("CREATE DATABASE first")
	at := b.master()
	b.sub.Start.BinlogName, b.sub.Start.BinlogPos, b.sub.Start.BinlogGTID = at.Position.Name, at.Position.Pos, at.GTID.String()
	r := b.start()
	b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY, v INT)", "INSERT INTO "+s+".a VALUES (1, 1)")
	hasAll(t, next, b.master().GTID.String())
	b.must(next.Exec(t.Context(), "STOP REPLICA"))
	b.exec("UPDATE " + s + ".a SET v = 2")
	r.executed()
	r.end()
	var uuid string
	b.must(first.DB().QueryRowContext(t.Context(), "SELECT @@server_uuid").Scan(&uuid))
	b.up, b.sub.Source.From = next, next.Config()
	b.epoch++
	r = b.start()
	r.until("it shows what the source lacks", time.Minute, func() bool { return r.unit.trouble.first() != nil })
	if err := r.unit.trouble.first(); !strings.Contains(err.Error(), uuid+":5") || !strings.Contains(fault.HintOf(err), "caught up") {
		t.Errorf("shown: %v, hint: %s", err, fault.HintOf(err))
	}
	b.must(next.Exec(t.Context(), "START REPLICA"))
	hasAll(t, next, uuid+":1-5")
	b.exec("INSERT INTO " + s + ".a VALUES (2, 2)")
	r.executed()
	r.until("the trouble is over", time.Minute, func() bool { return r.unit.trouble.first() == nil })
	r.end()
	b.equal()
}

// ofOne gives a MySQL with something before the task, and the task.
func ofOne(t *testing.T, up *testbed.Server, gtid bool) *bench {
	t.Helper()
	if err := up.Exec(t.Context(), "CREATE DATABASE IF NOT EXISTS first"); err != nil { // an empty set is none at all
		t.Fatal(err)
	}
	return newBench(t, up, servers.TiDB(t), gtid)
}

// TestMySQLPurgedBinlogStops is TestPurgedBinlogStops with a MySQL, and with a
// server of the group whose own transactions are purged (peer-bugs 34).
func TestMySQLPurgedBinlogStops(t *testing.T) {
	up := testbed.MySQL(t)
	t.Run("errant", func(t *testing.T) {
		next := testbed.MySQL(t)
		replicateMySQL(t, next, up)
		b := ofOne(t, up, true)
		r := b.start()
		b.exec("CREATE DATABASE "+b.schema(), "CREATE TABLE "+b.schema()+".a (id INT PRIMARY KEY)")
		r.executed()
		r.end()
		hasAll(t, next, b.master().GTID.String())
		b.must(next.Exec(t.Context(), "STOP REPLICA", "CREATE DATABASE errant", "FLUSH BINARY LOGS"))
		b.up, b.sub.Source.From = next, next.Config()
		b.exec("PURGE BINARY LOGS TO '" + b.master().Position.Name + "'")
		b.epoch++
		if f := b.start().ends(t); f.Code != codeGetEvent {
			t.Errorf("code %d", f.Code)
		}
	})
	modes(t, func(t *testing.T, gtid bool) {
		b := ofOne(t, up, gtid)
		s := b.schema()
		r := b.start()
		b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)")
		r.caughtUp()
		r.end()
		b.exec("INSERT INTO "+s+".a VALUES (1)", "FLUSH BINARY LOGS", "INSERT INTO "+s+".a VALUES (2)", "FLUSH BINARY LOGS")
		b.exec("PURGE BINARY LOGS TO '" + b.master().Position.Name + "'")
		b.epoch++
		f := b.start().ends(t)
		if f.Code != codeGetEvent || !strings.Contains(fault.HintOf(f), "copy the data anew") {
			t.Errorf("code %d, hint %s", f.Code, fault.HintOf(f))
		}
	})
}

// TestMySQLPurgedAtTheStart: a source that was restored from a backup has
// transactions that no binlog of its holds. A full copy and a start point that names
// them begin all the same; one that does not is refused (peer-bugs 42).
func TestMySQLPurgedAtTheStart(t *testing.T) {
	modes(t, func(t *testing.T, gtid bool) {
		up := testbed.MySQL(t)
		purged := strangers + "07:1-100:200-300"
		b := ofOne(t, up, gtid)
		b.must(up.Exec(t.Context(), "SET GLOBAL gtid_purged = '+"+purged+"'"))
		s := b.schema()
		b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY, v INT)", "INSERT INTO "+s+".a VALUES (1, 1), (2, 2)")
		b.fullLoad()
		for i := range 2 {
			r := b.start()
			b.exec(fmt.Sprintf("INSERT INTO %s.a VALUES (%d, 0)", s, 10+i), "UPDATE "+s+".a SET v = v + 1")
			r.caughtUp()
			r.end()
			b.epoch++
			b.equal()
		}
		if !gtid {
			return
		}
		c := ofOne(t, up, true) // an incremental task from the present set
		if !strings.Contains(c.sub.Start.BinlogGTID, purged) {
			t.Fatalf("starts at %s", c.sub.Start.BinlogGTID)
		}
		r := c.start()
		c.exec("CREATE DATABASE "+c.schema(), "CREATE TABLE "+c.schema()+".a (id INT PRIMARY KEY)", "INSERT INTO "+c.schema()+".a VALUES (1)")
		r.executed()
		r.end()
		c.equal()
		d := ofOne(t, up, true)
		d.sub.Start.BinlogGTID = strings.Replace(d.sub.Start.BinlogGTID, purged, strangers+"07:1-100", 1)
		if f := d.start().ends(t); f.Code != codeGetEvent {
			t.Errorf("code %d", f.Code)
		}
	})
}

// TestMySQLTaggedGTIDs: transactions with tags, which MySQL has since 8.3, are
// transactions of their own: through a full copy, and a restart behind each.
func TestMySQLTaggedGTIDs(t *testing.T) {
	up := testbed.MySQL(t)
	modes(t, func(t *testing.T, gtid bool) {
		b := ofOne(t, up, gtid)
		s := b.schema()
		b.exec("CREATE DATABASE " + s)
		b.session("SET GTID_NEXT = 'AUTOMATIC:before'", "CREATE TABLE a (id INT PRIMARY KEY, v INT)", "INSERT INTO a VALUES (1, 1)", "SET GTID_NEXT = 'AUTOMATIC'")
		b.fullLoad()
		for i, tag := range []string{":blue", "", ":green", ":blue", ":before", "", ":blue"} {
			r := b.start()
			b.session("SET GTID_NEXT = 'AUTOMATIC"+tag+"'", fmt.Sprintf("INSERT INTO a VALUES (%d, 0)", 10+i), fmt.Sprintf("UPDATE a SET v = v + 1, id = id + 100 WHERE id < %d", 10+i),
				fmt.Sprintf("CREATE TABLE b%d (id INT PRIMARY KEY)", i), fmt.Sprintf("INSERT INTO b%d VALUES (1)", i), "SET GTID_NEXT = 'AUTOMATIC'")
			r.executedOrCaughtUp(gtid)
			r.end()
			b.epoch++
			b.equal()
		}
		if set := b.master().GTID.String(); !strings.Contains(set, ":blue:") {
			t.Errorf("the source has %s: no tags", set)
		}
	})
}

func (r *running) executedOrCaughtUp(gtid bool) {
	r.b.t.Helper()
	r.caughtUp()
	if gtid {
		r.executed()
	}
}

// TestMySQLCompressedTransactions: a payload holds a whole transaction, and no
// position inside it can be read from. It is cut in pieces all the same, and the
// task stops inside it (peer-bugs 31).
func TestMySQLCompressedTransactions(t *testing.T) {
	up := testbed.MySQL(t, "--binlog-transaction-compression=ON")
	for name, down := range map[string]*testbed.Server{"mariadb": secondMariaDB(t), "tidb": servers.TiDB(t)} {
		t.Run(name, func(t *testing.T) {
			modes(t, func(t *testing.T, gtid bool) { compressed(t, up, down, gtid) })
		})
	}
}

func compressed(t *testing.T, up, down *testbed.Server, gtid bool) {
	b := ofOne(t, up, gtid)
	b.down, b.sub.Target, b.meta = down, down.Config(), down.Config()
	b.maxTxn = 10_000
	s := b.schema()
	r := b.start()
	b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".k (x INT, y VARCHAR(100))", "CREATE TABLE "+s+".p (id INT PRIMARY KEY)")
	r.caughtUp()
	b.session("SET SESSION cte_max_recursion_depth = 10000", "INSERT INTO p VALUES (1)",
		"INSERT INTO k WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 6000) SELECT n % 7, REPEAT('y', 50) FROM s",
		"INSERT INTO p VALUES (2)", "BEGIN", "DELETE FROM k WHERE x = 3", "UPDATE p SET id = id + 10", "COMMIT", "CREATE TABLE q AS SELECT * FROM p")
	var payloads int
	b.must(up.DB().QueryRowContext(t.Context(), "SELECT SUM(transaction_counter) FROM performance_schema.binary_log_transaction_compression_stats"+
		" WHERE log_type = 'BINARY' AND compression_type = 'ZSTD'").Scan(&payloads))
	if payloads < 4 {
		t.Fatalf("%d compressed transactions", payloads)
	}
	end := b.master()
	stops := 0
	for reached := false; !reached; stops++ {
		r.until("some rows of the large transaction are applied", time.Minute, func() bool {
			reached = r.at().Compare(end.Position) >= 0
			return reached || r.status().TotalRows > 500
		})
		r.end()
		b.epoch++
		r = b.start()
	}
	if stops < 3 {
		t.Errorf("stopped inside the transaction only %d times", stops)
	}
	r.caughtUp()
	r.end()
	b.equal()
}
