package syncer

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// words are what servers call the parts of semi-synchronous replication.
type words struct{ enabled, timeout, point, clients, status, without, stop, start string }

// TestSemiSync: with a source that waits for a replica's word the task is no such
// replica. The source neither counts nor waits for it, its packets have no flag
// byte, and what it holds back from its own clients until a replica has it arrives
// all the same, since no row is read from the source again (peer-bugs 35).
func TestSemiSync(t *testing.T) {
	testbed.SkipIfShort(t)
	up, replica := testbed.MariaDB(t), testbed.MariaDB(t, testbed.WithArgs("--rpl-semi-sync-slave-enabled=ON"))
	err := replica.Exec(t.Context(), fmt.Sprintf("CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = %d, MASTER_USER = '%s', MASTER_PASSWORD = '%s', MASTER_USE_GTID = slave_pos",
		up.Port, up.User, up.Password), "START SLAVE")
	if err != nil {
		t.Fatal(err)
	}
	semiSync(t, up, replica, words{enabled: "rpl_semi_sync_master_enabled", timeout: "rpl_semi_sync_master_timeout", point: "rpl_semi_sync_master_wait_point",
		clients: "Rpl_semi_sync_master_clients", status: "Rpl_semi_sync_master_status", without: "Rpl_semi_sync_master_no_tx", stop: "STOP SLAVE IO_THREAD", start: "START SLAVE IO_THREAD"})
}

func semiSync(t *testing.T, up, replica *testbed.Server, w words) {
	const wait = 20 * time.Second // for a replica's word, before the source goes on without it
	b := newBench(t, up, secondMariaDB(t), false)
	s := b.schema()
	b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY, v INT)")
	at := b.master()
	b.sub.Start.BinlogName, b.sub.Start.BinlogPos, b.sub.Start.BinlogGTID = at.Position.Name, at.Position.Pos, at.GTID.String()
	b.must(b.down.Exec(t.Context(), "CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY, v INT)"))
	b.exec(fmt.Sprintf("SET GLOBAL %s = %d", w.timeout, wait.Milliseconds()), "SET GLOBAL "+w.point+" = 'AFTER_SYNC'", "SET GLOBAL "+w.enabled+" = 1")
	b.must(replica.Exec(t.Context(), w.stop, w.start)) // it registers when it connects
	r := b.start()
	r.until("the replica is there", time.Minute, func() bool { return b.says(w.clients) == "1" })
	began := time.Now() // one transaction that is not acknowledged would take as long as wait
	for i := range 200 {
		b.exec(fmt.Sprintf("INSERT INTO %s.a VALUES (%d, 0)", s, i))
	}
	if d := time.Since(began); d > wait {
		t.Errorf("200 transactions took %s", d)
	}
	r.caughtUp()
	if clients, without := b.says(w.clients), b.says(w.without); clients != "1" || without != "0" || b.says(w.status) != "ON" {
		t.Errorf("%s replicas of the source, %s transactions that it did not wait for, it is %s", clients, without, b.says(w.status))
	}
	// Without the replica a transaction is in the binlog and not committed yet.
	b.must(replica.Exec(t.Context(), w.stop))
	r.until("the replica is gone", time.Minute, func() bool {
		n, err := strconv.Atoi(b.says(w.clients))
		return err == nil && n == 0
	})
	done := make(chan error, 1)
	go func() { done <- up.Exec(t.Context(), "UPDATE "+s+".a SET v = 1") }()
	r.until("the target has it", wait, func() bool { return len(b.text(b.down, "SELECT id FROM "+s+".a WHERE v = 1")) == 200 })
	select {
	case err := <-done:
		t.Errorf("the source did not wait for its replica: %v", err)
	default:
	}
	if n := len(b.text(up, "SELECT id FROM "+s+".a WHERE v = 1")); n != 0 {
		t.Errorf("the source shows %d of its rows", n)
	}
	b.must(replica.Exec(t.Context(), w.start))
	b.must(<-done)
	r.caughtUp()
	r.end()
	b.equal()
}

// says reads a status variable of the source.
func (b *bench) says(name string) string {
	b.t.Helper()
	var key, value string
	b.must(b.up.DB().QueryRow("SHOW GLOBAL STATUS LIKE '"+name+"'").Scan(&key, &value))
	return value
}
