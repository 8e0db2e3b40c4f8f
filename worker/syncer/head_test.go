package syncer

import (
	"fmt"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestBinlogBegunAnew: which heads of files are those of a binlog that was reset.
func TestBinlogBegunAnew(t *testing.T) {
	type file struct {
		name            string
		server, created uint32
	}
	for _, c := range []struct {
		name   string
		second file
		anew   bool
	}{
		{"the same file again", file{"b.000007", 1, 100}, false},
		{"the next file", file{"b.000008", 1, 150}, false},
		{"the next file, the clock went back", file{"b.000008", 1, 50}, false},
		{"an earlier file", file{"b.000006", 1, 50}, false},
		{"the file was written again", file{"b.000007", 1, 150}, true},
		{"numbers begin anew", file{"b.000001", 1, 150}, true},
		{"another server", file{"b.000001", 2, 150}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newTape(t, binlog.MariaDB, true, 1<<20)
			var err error
			for _, f := range []file{{"b.000007", 1, 100}, c.second} {
				p.g.reconnect()
				p.g.file = f.name
				err = p.g.event(&replication.EventHeader{EventType: replication.FORMAT_DESCRIPTION_EVENT, ServerID: f.server, Timestamp: f.created},
					&replication.FormatDescriptionEvent{}, func(*Txn) error { return nil })
			}
			if (err != nil) != c.anew {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestResetMasterStops: a source that begins its binlog anew while it is read
// hands out the same GTIDs and positions for other transactions. None may be
// taken for one that is applied.
func TestResetMasterStops(t *testing.T) {
	testbed.SkipIfShort(t)
	modes(t, func(t *testing.T, gtid bool) {
		up := testbed.MariaDB(t)
		b := newBench(t, up, secondMariaDB(t), gtid)
		s := b.schema()
		r := b.start()
		b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)", "INSERT INTO "+s+".a VALUES (1)")
		r.caughtUp()
		b.exec("DO SLEEP(1.1)") // the binlog tells seconds apart
		r.headSaved()
		resetAndWrite(b)
		if f := r.ends(t); f.Code != codeGetEvent {
			t.Errorf("code %d", f.Code)
		}
		b.epoch++
		if f := b.start().ends(t); f.Code != codeGetEvent { // resuming does not jump over it either
			t.Errorf("code %d", f.Code)
		}
	})
}

// TestResetMasterWhileStopped is the same for a task that is paused meanwhile.
func TestResetMasterWhileStopped(t *testing.T) {
	testbed.SkipIfShort(t)
	modes(t, func(t *testing.T, gtid bool) {
		up := testbed.MariaDB(t)
		b := newBench(t, up, secondMariaDB(t), gtid)
		s := b.schema()
		r := b.start()
		b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)", "INSERT INTO "+s+".a VALUES (1)")
		r.caughtUp()
		b.exec("DO SLEEP(1.1)")
		r.headSaved()
		r.end()
		resetAndWrite(b)
		b.epoch++
		if f := b.start().ends(t); f.Code != codeGetEvent {
			t.Errorf("code %d", f.Code)
		}
	})
}

// headSaved waits until it is recorded which file is read.
func (r *running) headSaved() {
	r.b.t.Helper()
	r.until("the file is recorded", 10*time.Second, func() bool {
		var n int
		r.b.must(r.b.down.DB().QueryRow("SELECT COUNT(*) FROM dm_meta." + r.b.sub.Task + "_raftdm_head").Scan(&n))
		return n == 1
	})
}

func resetAndWrite(b *bench) {
	b.t.Helper()
	b.exec("RESET MASTER")
	for i := range 40 {
		b.exec(fmt.Sprintf("INSERT INTO %s.a VALUES (%d)", b.schema(), 10+i))
	}
}
