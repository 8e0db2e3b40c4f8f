package syncer

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
)

// inDomain writes n rows in a domain, with a gap in its numbers before them.
func (b *bench) inDomain(domain, n int) {
	b.t.Helper()
	text := []string{fmt.Sprintf("SET SESSION gtid_domain_id = %d", domain)}
	for i := range n {
		if i == 0 {
			var at uint64
			b.must(b.up.DB().QueryRow("SELECT COALESCE(MAX(seq), 0) + 100 FROM "+b.schema()+".d WHERE domain = ?", domain).Scan(&at))
			text = append(text, fmt.Sprintf("SET SESSION gtid_seq_no = %d", at), fmt.Sprintf("INSERT INTO d (domain, seq) VALUES (%d, %d)", domain, at))
			continue
		}
		text = append(text, fmt.Sprintf("INSERT INTO d (domain, seq) SELECT %d, MAX(seq) + 1 FROM d WHERE domain = %[1]d", domain))
	}
	b.session(text...)
}

// TestAnotherServerOfTheGroupWithDomains goes on at another server of a group of
// which transactions are in several domains, with gaps in their numbers, and where
// the new source has a domain of its own. While it lags behind it is refused, and so
// is a set without the domain whose beginning it has purged (peer-bugs 18, 34).
func TestAnotherServerOfTheGroupWithDomains(t *testing.T) {
	testbed.SkipIfShort(t)
	first := testbed.MariaDB(t, testbed.WithArgs("--log-slave-updates=ON"))
	next := testbed.MariaDB(t, testbed.WithArgs("--log-slave-updates=ON"))
	b := newBench(t, first, secondMariaDB(t), true)
	for range 3 {
		b.exec("FLUSH BINARY LOGS")
	}
	b.must(next.Exec(t.Context(), fmt.Sprintf("CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = %d, MASTER_USER = '%s', MASTER_PASSWORD = '%s', MASTER_USE_GTID = slave_pos",
		first.Port, first.User, first.Password), "START SLAVE"))
	follows := func() {
		t.Helper()
		var late int
		b.must(next.DB().QueryRowContext(t.Context(), "SELECT MASTER_GTID_WAIT(?, 60)", b.master().GTID.String()).Scan(&late))
		if late != 0 {
			t.Fatal("the replica did not catch up")
		}
	}
	s := b.schema()
	b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".d (id INT AUTO_INCREMENT PRIMARY KEY, domain INT, seq BIGINT)")
	r := b.start()
	for i := range 4 {
		b.inDomain(1+i%3, 20)
	}
	follows()
	b.must(next.Exec(t.Context(), "STOP SLAVE"))
	b.inDomain(1, 5)
	b.inDomain(3, 5)
	r.executed()
	r.end()
	b.epoch++
	b.sub.Source.From = next.Config()
	if f := b.start().ends(t); f.Code != codeGetEvent || !strings.Contains(fault.HintOf(f), "caught up") {
		t.Errorf("code %d, hint %s", f.Code, fault.HintOf(f))
	}
	b.must(next.Exec(t.Context(), "START SLAVE"))
	follows()
	b.must(next.Exec(t.Context(), "STOP SLAVE", "RESET SLAVE ALL"))
	first.Kill()
	b.up = next
	before := b.master().GTID.String()
	for range 2 { // and once more from a checkpoint of the new source
		b.inDomain(9, 3)
		b.inDomain(2, 3)
		b.epoch++
		r = b.start()
		b.inDomain(1, 3)
		r.executed()
		r.end()
		b.equal()
	}
	b.exec("FLUSH BINARY LOGS")
	b.inDomain(1, 1)
	b.awaitPurged()
	c := newBench(t, next, secondMariaDB(t), true)
	c.sub.Start.BinlogName, c.sub.Start.BinlogPos, c.sub.Start.BinlogGTID = "", 0, before
	if f := c.start().ends(t); f.Code != codeGetEvent {
		t.Errorf("code %d", f.Code)
	}
}

// executed waits until the task has read what the source has executed.
func (r *running) executed() {
	r.b.t.Helper()
	want := r.b.master().GTID.String()
	r.until("the target has "+want, time.Minute, func() bool { return r.status().SyncerBinlogGTID == want })
}

// awaitPurged purges all of a MariaDB's binlog but the last file. The server
// keeps files for a reader until it notices that it is gone.
func (b *bench) awaitPurged() {
	b.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for left := 2; left > 1; <-tick.C {
		b.exec("PURGE BINARY LOGS TO '" + b.master().Position.Name + "'")
		left = 0
		rows, err := b.up.DB().Query("SHOW BINARY LOGS")
		b.must(err)
		for rows.Next() {
			left++
		}
		b.must(rows.Close())
	}
}
