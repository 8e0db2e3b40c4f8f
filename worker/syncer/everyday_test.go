package syncer

import (
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// TestEverydayTroubles: a target that ends idle connections and is read-only for
// a while, a wide row, savepoints, REPLACE, another worker-count, a table that is
// dropped and made anew while its rows are in flight, a source that restarts.
func TestEverydayTroubles(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, testbed.MariaDB(t), testbed.MariaDB(t, testbed.WithoutBinlog()), true)
	b.must(b.down.Exec(t.Context(), "SET GLOBAL wait_timeout=1", "SET GLOBAL interactive_timeout=1", "CREATE USER w@'%' IDENTIFIED BY 'x'", "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES ON *.* TO w@'%'"))
	c := b.down.Config()
	c.User, c.Password = "w", "x"
	b.sub.Target, b.meta = c, c
	s := b.schema()
	r := b.start()
	b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY, b LONGTEXT)", "INSERT INTO "+s+".a VALUES (1,REPEAT('x', 9*1024*1024))")
	r.caughtUp()
	b.exec("DO SLEEP(3)", "INSERT INTO "+s+".a VALUES (2,'y')")
	r.caughtUp()
	b.must(b.down.Exec(t.Context(), "SET GLOBAL read_only=1"))
	b.exec("INSERT INTO " + s + ".a VALUES (3,'y')")
	r.until("the read-only target is shown", 10*time.Second, func() bool { return r.unit.trouble.first() != nil })
	b.must(b.down.Exec(t.Context(), "SET GLOBAL read_only=0"))
	r.caughtUp()
	b.relaxed(func(exec func(string)) {
		for _, q := range []string{"BEGIN", "INSERT INTO " + s + ".a VALUES (4,'y')", "SAVEPOINT x", "INSERT INTO " + s + ".a VALUES (5,'y')", "ROLLBACK TO SAVEPOINT x", "REPLACE INTO " + s + ".a VALUES (2,'z')", "INSERT INTO " + s + ".a VALUES (3,'q') ON DUPLICATE KEY UPDATE b='dup'", "COMMIT"} {
			exec(q)
		}
	})
	b.exec("FLUSH BINARY LOGS", "INSERT INTO "+s+".a VALUES (6,'y')")
	r.caughtUp()
	r.end()
	b.epoch++
	b.sub.Sync.WorkerCount = 1
	r = b.start()
	b.exec("UPDATE " + s + ".a SET id = id + 100 ORDER BY id DESC")
	b.exec("DROP TABLE "+s+".a", "CREATE TABLE "+s+".a (k VARCHAR(10) PRIMARY KEY)", "INSERT INTO "+s+".a VALUES ('p')")
	r.caughtUp()
	b.must(b.up.Stop(t.Context()))
	b.must(b.up.Start(t.Context()))
	b.exec("INSERT INTO " + s + ".a VALUES ('q')")
	r.caughtUp()
	r.until("synced", 10*time.Second, func() bool { return r.status().Synced })
	r.end()
	b.equal()
}

// TestARestIsNotSynced: a task that is paused, or has stopped on an error, does
// not ask the source any more. What was synced when it stopped says nothing about
// what the source has written since.
func TestARestIsNotSynced(t *testing.T) {
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), false)
	s := b.schema()
	b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)")
	r := b.start()
	r.caughtUp()
	r.until("synced", 10*time.Second, func() bool { return r.status().Synced })
	r.end()
	b.exec("INSERT INTO " + s + ".a VALUES (1)")
	if got := r.status(); got.Synced {
		t.Errorf("paused, with a row that is not on the target: %+v", got)
	}

	b.epoch++
	r = b.start()
	r.caughtUp()
	r.until("synced", 10*time.Second, func() bool { return r.status().Synced })
	b.must(b.down.Exec(t.Context(), "INSERT INTO "+s+".a VALUES (2)"))
	b.exec("INSERT INTO " + s + ".a VALUES (2)")
	<-r.done
	if got := r.status(); got.Synced {
		t.Errorf("stopped on an error, with a row that is not on the target: %+v", got)
	}
	r.cancel()
}

// TestWhereItStandsWithoutItsSource: a run that cannot reach the source shows what
// the last one has come to.
func TestWhereItStandsWithoutItsSource(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, testbed.MariaDB(t), secondMariaDB(t), true)
	b.exec("CREATE DATABASE " + b.schema())
	r := b.start()
	r.caughtUp()
	r.end()
	want := r.status()
	b.must(b.up.Stop(t.Context()))
	r = b.again()
	r.until("the source is missed", time.Minute, func() bool { return r.unit.trouble.first() != nil })
	if got := r.status(); got.SyncerBinlog != want.SyncerBinlog || got.SyncerBinlogGTID != want.SyncerBinlogGTID || got.Synced {
		t.Errorf("it shows %s %s, synced %t; it stands at %s %s", got.SyncerBinlog, got.SyncerBinlogGTID, got.Synced, want.SyncerBinlog, want.SyncerBinlogGTID)
	}
	_ = r.stop()
	b.must(b.up.Start(t.Context()))
}
