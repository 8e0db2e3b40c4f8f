package syncer

import (
	"fmt"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/fault"
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
		byGTID bool
		anew   bool
	}{
		{"the same file again", file{"b.000007", 1, 100}, true, false},
		{"the next file", file{"b.000008", 1, 150}, true, false},
		{"the next file, the clock went back", file{"b.000008", 1, 50}, true, false},
		{"an earlier file", file{"b.000006", 1, 50}, true, false},
		{"the file was written again", file{"b.000007", 1, 150}, true, true},
		{"numbers begin anew", file{"b.000001", 1, 150}, true, true},
		{"another server", file{"b.000001", 2, 150}, true, false},
		{"another server's file of the same name", file{"b.000007", 2, 150}, true, false},
		{"by position, another server's file of the same name", file{"b.000007", 2, 150}, false, true},
		{"by position, the server has another id from the next file on", file{"b.000008", 2, 150}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newTape(t, binlog.MariaDB, c.byGTID, 1<<20)
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

// TestAnotherServerByPosition: a position is one of a server's own binlog. Where
// another one has taken its address, what stands there has nothing to do with what
// was read; the task stops and writes nothing.
func TestAnotherServerByPosition(t *testing.T) {
	testbed.SkipIfShort(t)
	first, next := testbed.MariaDB(t), testbed.MariaDB(t)
	b := newBench(t, first, secondMariaDB(t), false)
	s := b.schema()
	r := b.start()
	write := func(server *testbed.Server, id int) {
		b.must(server.Exec(t.Context(), fmt.Sprintf("INSERT INTO %s.a VALUES (%d)", s, id)))
	}
	for _, server := range []*testbed.Server{first, next} { // both binlogs are alike
		b.must(server.Exec(t.Context(), "CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)"))
		write(server, 1)
	}
	r.caughtUp()
	r.headSaved()
	b.must(first.Exec(t.Context(), fmt.Sprintf("SET GLOBAL server_id = %d", 7))) // of the files to come
	r.end()
	r = b.again()
	write(first, 2)
	r.caughtUp()
	r.end()

	write(next, 3) // in the place of 2
	write(next, 4)
	b.up, b.sub.Source.From = next, next.Config()
	if f := b.again().ends(t); f.Kind != fault.Data {
		t.Errorf("kind %s", f.Kind)
	}
	if n := b.rowsOf("a"); n != 2 {
		t.Errorf("the target has %d rows, want 2", n)
	}
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
