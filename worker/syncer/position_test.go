package syncer

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// TestCompressedBinlog: MariaDB's compressed events are rows and statements like
// others.
func TestCompressedBinlog(t *testing.T) {
	testbed.SkipIfShort(t)
	up := testbed.MariaDB(t, testbed.WithArgs("--log-bin-compress=ON", "--log-bin-compress-min-len=10"))
	modes(t, func(t *testing.T, gtid bool) {
		b := newBench(t, up, secondMariaDB(t), gtid)
		s := b.schema()
		r := b.start()
		b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY, v TEXT) COMMENT '"+strings.Repeat("c", 1000)+"'",
			"INSERT INTO "+s+".a SELECT seq, REPEAT('v', 300) FROM "+s+".seq_1_to_1000")
		r.caughtUp()
		r.end()
		b.epoch++
		r = b.start()
		b.exec("UPDATE "+s+".a SET v = REPEAT('w', id) WHERE id % 2", "DELETE FROM "+s+".a WHERE id % 3 = 0")
		r.caughtUp()
		r.end()
		b.equal()
	})
}

// TestSevenDigitFiles: behind file 999999 comes 1000000, which is less as text.
func TestSevenDigitFiles(t *testing.T) {
	testbed.SkipIfShort(t)
	modes(t, func(t *testing.T, gtid bool) {
		up := testbed.MariaDB(t)
		b := newBench(t, up, secondMariaDB(t), gtid)
		s := b.schema()
		b.exec("RESET MASTER TO 999998")
		at := b.master()
		b.sub.Start.BinlogName, b.sub.Start.BinlogPos, b.sub.Start.BinlogGTID = at.Position.Name, at.Position.Pos, at.GTID.String()
		b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)")
		for i := range 4 {
			r := b.start()
			b.exec(fmt.Sprintf("INSERT INTO %s.a VALUES (%d)", s, 2*i), "FLUSH BINARY LOGS", fmt.Sprintf("INSERT INTO %s.a VALUES (%d)", s, 2*i+1))
			r.caughtUp()
			r.end()
			b.epoch++
			b.equal()
		}
		if name := b.master().Position.Name; !strings.HasSuffix(name, ".1000002") {
			t.Errorf("the source is at %s", name)
		}
	})
}

// TestSourceDiedInsideTransaction: the tail of the file that the source died on
// holds a transaction without its end. It never was, and what follows in the
// next file goes on.
func TestSourceDiedInsideTransaction(t *testing.T) {
	testbed.SkipIfShort(t)
	modes(t, func(t *testing.T, gtid bool) {
		up := testbed.MariaDB(t)
		b := newBench(t, up, secondMariaDB(t), gtid)
		s := b.schema()
		r := b.start()
		b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY, v VARCHAR(20))")
		r.caughtUp()
		b.exec("INSERT INTO " + s + ".a VALUES (1, 'x'), (2, 'y')")
		end := b.master()
		r.caughtUp()
		up.Kill()
		headless(t, filepath.Join(up.Dir, "data", end.Position.Name), end.Position.Pos, xidEvent)
		b.must(up.Start(t.Context()))
		b.exec("INSERT INTO " + s + ".a VALUES (3, 'z')")
		r.caughtUp()
		r.end()
		b.equal()
	})
}

// TestSourceLostItsTail: a source that died and lost the end of its binlog, which
// was applied already, is not followed: what it writes now stands in the place of
// other transactions.
func TestSourceLostItsTail(t *testing.T) {
	testbed.SkipIfShort(t)
	modes(t, func(t *testing.T, gtid bool) {
		up := testbed.MariaDB(t)
		b := newBench(t, up, secondMariaDB(t), gtid)
		s := b.schema()
		r := b.start()
		b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY, v VARCHAR(20))")
		end := b.master()
		b.exec("INSERT INTO "+s+".a VALUES (1, 'x'), (2, 'y')", "INSERT INTO "+s+".a VALUES (3, 'z')")
		r.caughtUp()
		r.end()
		up.Kill()
		if err := os.Truncate(filepath.Join(up.Dir, "data", end.Position.Name), int64(end.Position.Pos)); err != nil {
			t.Fatal(err)
		}
		b.must(up.Start(t.Context()))
		b.epoch++
		if f := b.start().ends(t); f.Code != codeGetEvent {
			t.Errorf("code %d", f.Code)
		}
	})
}

// The types of events that begin and end a transaction.
const gtidEvent, xidEvent, xaPrepareEvent = 162, 16, 38

// headless appends a copy of the file's last transaction that ends with such an
// event, without that event, as the next one of the same server.
func headless(t *testing.T, file string, end uint32, last byte) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data = data[:end]
	const header = 19
	begin, of, next := 0, 0, uint64(0)
	for at := 4; at < len(data); at += int(binary.LittleEndian.Uint32(data[at+9:])) {
		switch data[at+4] {
		case gtidEvent:
			begin, next = at, binary.LittleEndian.Uint64(data[at+header:])+1
		case last:
			of = begin
		}
	}
	var out bytes.Buffer
	out.Write(data)
	for at := of; at < len(data); {
		size := int(binary.LittleEndian.Uint32(data[at+9:]))
		e := bytes.Clone(data[at : at+size])
		at += size
		if e[4] == last {
			break
		}
		binary.LittleEndian.PutUint32(e[13:], uint32(out.Len()+size))
		if e[4] == gtidEvent {
			binary.LittleEndian.PutUint64(e[header:], next)
		}
		binary.LittleEndian.PutUint32(e[size-4:], crc32.ChecksumIEEE(e[:size-4]))
		out.Write(e)
	}
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestAnotherServerOfTheGroup: the task goes on at a replica of its source that
// has been promoted, by GTID; positions there have nothing to do with those of
// the former source (peer-bugs 18, 19).
func TestAnotherServerOfTheGroup(t *testing.T) {
	targets(t, func(t *testing.T, _, down *testbed.Server) {
		first := testbed.MariaDB(t, testbed.WithArgs("--log-slave-updates=ON"))
		next := testbed.MariaDB(t, testbed.WithArgs("--log-slave-updates=ON"))
		b := newBench(t, first, down, true)
		for range 4 { // positions of the new source are less
			b.exec("FLUSH BINARY LOGS")
		}
		b.must(next.Exec(t.Context(), fmt.Sprintf("CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = %d, MASTER_USER = '%s', MASTER_PASSWORD = '%s', MASTER_USE_GTID = slave_pos",
			first.Port, first.User, first.Password), "START SLAVE"))
		w := &testbed.Workload{DB: first.DB(), Schema: b.schema(), SysbenchTables: 1, DDL: true}
		r := b.start()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		b.must(w.Load(t.Context(), 500, 5))
		_, err := w.Writers(ctx, 4, 5)
		b.must(err)
		_ = r.stop() // wherever it is, with transactions applied above the watermark
		end := b.master()
		var waited int
		b.must(next.DB().QueryRowContext(t.Context(), "SELECT MASTER_GTID_WAIT(?, 60)", end.GTID.String()).Scan(&waited))
		if waited != 0 {
			t.Fatal("the replica did not catch up")
		}
		first.Kill()
		b.must(next.Exec(t.Context(), "STOP SLAVE", "RESET SLAVE ALL"))
		b.up, b.sub.Source.From = next, next.Config()
		for range 2 { // and once more from a checkpoint of the new source
			b.epoch++
			r = b.start()
			b.exec("CREATE TABLE IF NOT EXISTS "+b.schema()+".promoted (x INT)", "INSERT INTO "+b.schema()+".promoted VALUES (1)")
			want := b.master().GTID.String()
			r.until("the target has "+want, time.Minute, func() bool { return r.status().SyncerBinlogGTID == want })
			r.end()
			b.equal()
		}
	})
}
