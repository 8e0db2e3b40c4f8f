package syncer

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
)

// xaSessions are what clients do to a source by XA transactions.
type xaSessions struct {
	*bench
	open  map[string]*sql.Conn // prepared transactions; nil when its session has gone
	ids   map[string]int64     // their sessions
	keys  map[string]string    // their names as dbconn.PreparedXA has them
	ended map[string]string    // by those: COMMIT or ROLLBACK
	n     int
}

// newXASessions leaves nothing prepared, which would keep others from its tables.
func newXASessions(b *bench) *xaSessions {
	x := &xaSessions{bench: b, open: map[string]*sql.Conn{}, ids: map[string]int64{}, keys: map[string]string{}, ended: map[string]string{}}
	b.t.Cleanup(func() {
		for _, name := range x.names() {
			x.detach(name)
			for range 50 {
				if b.up.Exec(context.Background(), "XA ROLLBACK "+name) == nil {
					break
				}
				pause(context.Background(), 20*time.Millisecond)
			}
		}
	})
	return x
}

func (x *xaSessions) conn() *sql.Conn {
	x.t.Helper()
	conn, err := x.up.Session(context.Background())
	x.must(err)
	x.run(conn, "SET SESSION innodb_lock_wait_timeout = 1", "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
	return conn
}

// leave ends a session for good.
func leave(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = conn.Close()
}

// run executes statements; false when one met a lock.
func (x *xaSessions) run(conn *sql.Conn, statements ...string) bool {
	x.t.Helper()
	for _, q := range statements {
		_, err := conn.ExecContext(context.Background(), q)
		var answer *mysql.MySQLError
		if errors.As(err, &answer) && (answer.Number == 1205 || answer.Number == 1213 || answer.Number == 1614 || answer.Number == 1613) {
			return false
		}
		if err != nil {
			x.t.Fatalf("%s: %v", q, err)
		}
	}
	return true
}

// prepare makes a prepared transaction and gives its name, "" when it met a lock.
func (x *xaSessions) prepare(statements ...string) string {
	x.t.Helper()
	x.n++
	name := fmt.Sprintf("'%s\\'%d','\\0b',%d", x.sub.Task, x.n, x.n)
	conn := x.conn()
	var id int64
	x.must(conn.QueryRowContext(context.Background(), "SELECT CONNECTION_ID()").Scan(&id))
	ok := x.run(conn, append([]string{"XA START " + name}, statements...)...)
	if !ok || !x.run(conn, "XA END "+name, "XA PREPARE "+name) {
		leave(conn)
		return ""
	}
	x.open[name], x.ids[name] = conn, id
	x.keys[name] = xaKey(fmt.Sprintf("%s'%d", x.sub.Task, x.n), "\x00b", x.n)
	return name
}

// xaKey is a name as dbconn.PreparedXA has it.
func xaKey(gtrid, bqual string, format int) string {
	return fmt.Sprintf("X'%x',X'%x',%d", gtrid, bqual, format)
}

// mend ends what a source that was killed has prepared again, though its binlog has
// the end: a MariaDB does not write the end of an XA transaction to its disk at once.
func (x *xaSessions) mend() {
	x.t.Helper()
	db := x.upstream()
	defer db.Close()
	conn := x.conn()
	defer leave(conn)
	list, err := db.PreparedXA(context.Background(), conn)
	x.must(err)
	for _, key := range list {
		if verb := x.ended[key]; verb != "" && !x.run(conn, "SET SESSION sql_log_bin = 0", "XA "+verb+" "+key) {
			x.t.Fatalf("%s is locked", key)
		}
	}
}

// detach ends the session of a prepared transaction, and waits until InnoDB knows of
// that: a MariaDB lets others end the transaction a moment before, says that they did
// and writes so to its binlog, while InnoDB keeps it prepared for ever.
func (x *xaSessions) detach(name string) {
	x.t.Helper()
	conn := x.open[name]
	x.open[name] = nil
	if conn == nil {
		return
	}
	leave(conn)
	late := time.Now().Add(20 * time.Second)
	for {
		var held int
		err := x.up.DB().QueryRowContext(context.Background(), "SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_mysql_thread_id = ?", x.ids[name]).Scan(&held)
		if err != nil || held == 0 { // a source that has been killed has no sessions
			return
		}
		if time.Now().After(late) {
			x.t.Errorf("the session of %s does not end", name)
			return
		}
		pause(context.Background(), 150*time.Millisecond) // asked more often than each 100 ms it answers from a cache
	}
}

// finish ends a prepared transaction, in its session or in another one.
func (x *xaSessions) finish(name, verb string) {
	x.t.Helper()
	conn := x.open[name]
	delete(x.open, name)
	x.ended[x.keys[name]] = verb
	if conn != nil {
		x.run(conn, "XA "+verb+" "+name)
		_ = conn.Close()
		return
	}
	conn = x.conn()
	defer conn.Close()
	late := time.Now().Add(20 * time.Second)
	for {
		_, err := conn.ExecContext(context.Background(), "XA "+verb+" "+name)
		var answer *mysql.MySQLError
		switch {
		case err == nil:
			return
		case errors.As(err, &answer) && answer.Number == 1397 && time.Now().Before(late):
			pause(context.Background(), 20*time.Millisecond) // until the server knows that the session is gone
		default:
			x.t.Fatal(err)
		}
	}
}

// names are the prepared transactions, in order.
func (x *xaSessions) names() (out []string) {
	for name := range x.open {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// stored are the names of what is stored on the target.
func (x *xaSessions) stored() []string {
	x.t.Helper()
	return x.text(x.down, "SELECT DISTINCT xid FROM dm_meta."+x.sub.Task+"_raftdm_xa WHERE source = '"+x.sub.SourceID+"'")
}

// nothingStored fails when anything is.
func (x *xaSessions) nothingStored() {
	x.t.Helper()
	if list := x.stored(); len(list) > 0 {
		x.t.Errorf("stored on the target, and not prepared on the source: %v", list)
	}
}

func (x *xaSessions) tables() {
	x.t.Helper()
	s := x.schema()
	x.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY, v VARCHAR(200), u INT, UNIQUE KEY (u))",
		"CREATE TABLE "+s+".nokey (x INT, y VARCHAR(200))", "CREATE TABLE "+s+".plain (id INT, v INT) ENGINE=MyISAM",
		"CREATE DATABASE IF NOT EXISTS elsewhere", "CREATE TABLE IF NOT EXISTS elsewhere.x (id INT)",
		"CREATE TABLE "+s+".digits (d INT PRIMARY KEY)", "INSERT INTO "+s+".digits VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)")
	x.t.Cleanup(func() { _ = x.up.Exec(context.Background(), "DROP DATABASE IF EXISTS elsewhere") })
}

// hundreds is a statement's end that gives numbers from 0 on.
func (x *xaSessions) hundreds(n int) string {
	s := x.schema()
	return fmt.Sprintf(" FROM %s.digits p, %s.digits q, %s.digits r WHERE r.d < %d", s, s, s, n)
}

// TestXAAtEveryBoundary stops and starts the unit between all steps of a list
// that has what there is of XA transactions, with rows in memory and, since every
// run begins without any, read back.
func TestXAAtEveryBoundary(t *testing.T) {
	targets(t, func(t *testing.T, _, down *testbed.Server) {
		up := testbed.MariaDB(t)
		modes(t, func(t *testing.T, gtid bool) { xaAtEveryBoundary(t, up, down, gtid) })
	})
}

func xaAtEveryBoundary(t *testing.T, up, down *testbed.Server, gtid bool) {
	for _, restart := range []bool{true, false} {
		x := newXASessions(newBench(t, up, down, gtid))
		x.maxTxn = 20_000
		x.tables()
		s := x.schema()
		var first, second, third, empty, other string
		steps := []func(){
			func() { x.exec("INSERT INTO " + s + ".a VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', 3)") },
			func() {
				first = x.prepare("UPDATE "+s+".a SET v = 'ONE', u = 10 WHERE id = 1", "DELETE FROM "+s+".a WHERE id = 2", "INSERT INTO "+s+".nokey VALUES (1, 'a'), (1, 'a'), (2, NULL)")
			},
			func() { x.exec("INSERT INTO "+s+".nokey VALUES (1, 'a')", "UPDATE "+s+".a SET v = 'III' WHERE id = 3") },
			func() { x.finish(first, "COMMIT") },
			func() {
				x.exec("UPDATE "+s+".a SET id = 2, u = 1 WHERE id = 1", "UPDATE "+s+".nokey SET y = 'b' LIMIT 2")
			},
			func() { second = x.prepare("INSERT INTO " + s + ".a VALUES (20, 'x', 20)") },
			func() {
				empty = x.prepare("INSERT INTO elsewhere.x VALUES (1)", "INSERT INTO "+s+".plain VALUES (1, 1)")
			},
			func() { x.detach(second) },
			func() { x.finish(empty, "COMMIT") },
			func() { x.finish(second, "ROLLBACK") },
			func() { x.exec("INSERT INTO " + s + ".a VALUES (20, 'y', 20)") },
			func() {
				third = x.prepare("INSERT INTO " + s + ".nokey SELECT r.d, REPEAT('z', 40 + q.d)" + x.hundreds(5))
			},
			func() { x.exec("ALTER TABLE " + s + ".a ADD COLUMN w INT DEFAULT 5") },
			func() {
				other = x.prepare("INSERT INTO " + s + ".a SELECT 1000 + p.d + 10 * q.d + 100 * r.d, 'v', NULL, 1" + x.hundreds(4))
			},
			func() { x.detach(third) },
			func() { x.finish(third, "COMMIT") },
			func() { x.exec("FLUSH BINARY LOGS") },
			func() { x.finish(other, "ROLLBACK") },
			func() {
				conn := x.conn()
				x.run(conn, "XA START 'one'", "DELETE FROM "+s+".nokey WHERE y = 'b' LIMIT 1", "XA END 'one'", "XA COMMIT 'one' ONE PHASE",
					"XA START 'gone'", "DELETE FROM "+s+".nokey", "XA END 'gone'", "XA ROLLBACK 'gone'", "XA START 'no'", "XA END 'no'", "XA PREPARE 'no'", "XA COMMIT 'no'")
				_ = conn.Close()
			},
			func() { x.finish(x.prepare("UPDATE "+s+".a SET v = CONCAT(v, '!')"), "COMMIT") },
		}
		r := x.start()
		for _, step := range steps {
			step()
			if restart {
				r.caughtUp()
				r.end()
				x.epoch++
				r = x.start()
			}
		}
		r.caughtUp()
		x.nothingStored()
		r.end()
		x.equal()
	}
}

// TestXASoon: what is committed soon is not read back, and what is prepared and
// committed in one group is not even stored.
func TestXASoon(t *testing.T) {
	targets(t, func(t *testing.T, _, down *testbed.Server) {
		x := newXASessions(newBench(t, testbed.MariaDB(t), down, true))
		x.sub.Sync.WorkerCount = 1
		x.tables()
		for i := range 100 {
			x.finish(x.prepare(fmt.Sprintf("INSERT INTO %s.a VALUES (%d, 'v', %d)", x.schema(), i, i)), "COMMIT")
		}
		br := openBreaker(t, down)
		read, stored := 0, 0
		br.choose = func(text string) verdict {
			read += strings.Count(text, "SELECT part, COUNT(*)")
			stored += strings.Count(text, "_raftdm_xa` (source")
			return pass
		}
		x.sub.Target = through(t, down, br.listen.Addr().String())
		x.meta = x.sub.Target
		r := x.start()
		r.caughtUp()
		x.nothingStored()
		r.end()
		x.equal()
		br.mu.Lock()
		defer br.mu.Unlock()
		t.Logf("of 100 transactions %d were stored, and %d read back", stored, read)
		if read > 0 || stored > 90 {
			t.Errorf("%d were stored, and %d read back", stored, read)
		}
	})
}

// TestXAReadBack: what is too large to be remembered, and not so large that it
// comes in pieces, is read back when it is on the target, however soon its COMMIT
// comes.
func TestXAReadBack(t *testing.T) {
	targets(t, func(t *testing.T, _, down *testbed.Server) {
		x := newXASessions(newBench(t, testbed.MariaDB(t), down, true))
		x.maxTxn = 5000
		x.exec("CREATE DATABASE "+x.schema(), "CREATE TABLE "+x.schema()+".w (id INT PRIMARY KEY, v VARCHAR(2000))")
		for i := range 40 {
			x.finish(x.prepare(fmt.Sprintf("REPLACE INTO %s.w VALUES (%d, REPEAT('v', %d))", x.schema(), i%30, 2000-i)), "COMMIT")
		}
		r := x.start()
		r.caughtUp()
		x.nothingStored()
		r.end()
		x.equal()
	})
}

// TestXAUnknownIsNotPassedOver: the COMMIT of a transaction that was prepared
// before the task began stops it, and tells how to go on.
func TestXAUnknownIsNotPassedOver(t *testing.T) {
	targets(t, func(t *testing.T, _, down *testbed.Server) {
		up := testbed.MariaDB(t)
		modes(t, func(t *testing.T, gtid bool) {
			x := newXASessions(newBench(t, up, down, gtid))
			x.tables()
			s := x.schema()
			r := x.start()
			r.caughtUp()
			r.end()
			name := x.prepare("INSERT INTO " + s + ".a VALUES (1, 'one', 1)")
			back := x.prepare("INSERT INTO " + s + ".a VALUES (2, 'two', 2)")
			at := x.master()
			x.sub.Start.BinlogName, x.sub.Start.BinlogPos, x.sub.Start.BinlogGTID = at.Position.Name, at.Position.Pos, at.GTID.String()
			meta := "dm_meta." + x.sub.Task
			x.must(down.Exec(t.Context(), "DELETE FROM "+meta+"_raftdm_lane", "DELETE FROM "+meta+"_syncer_checkpoint"))
			x.finish(back, "ROLLBACK") // needs nothing
			x.finish(name, "COMMIT")
			x.epoch++
			err := x.start().ends(t)
			_, hint, _ := strings.Cut(err.Hint, "INSERT INTO ")
			hint, _, _ = strings.Cut(hint, ", then resume-task")
			x.must(down.Exec(t.Context(), "INSERT INTO "+s+".a VALUES (1, 'one', 1)", "INSERT INTO "+hint))
			x.epoch++
			r = x.start()
			r.caughtUp()
			x.nothingStored()
			r.end()
			x.equal()
			if err.Kind != fault.Data || !strings.Contains(err.Error(), "X'"+fmt.Sprintf("%x", x.sub.Task)) {
				t.Errorf("%v", err)
			}
		})
	})
}
