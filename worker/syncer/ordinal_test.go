package syncer

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// marked is a transaction of the fixed workload; it inserts its number into
// the table marks, so that the target tells whether it is applied.
type marked struct {
	id  string // its GTID
	end binlog.Position
}

// applied tells whether a lane row says that the transaction is on the target.
func (m *marked) applied(at *checkpoint.Lane) bool {
	return m.end.Compare(at.Watermark.Position) <= 0 || at.Applied.Has(m.id)
}

// ordinals is the fixed workload, once in the source's binlog, and a target
// that it is applied to again and again.
type ordinals struct {
	*bench
	in      *testbed.Injector
	marks   []marked // by number
	created binlog.Position
	checks  int // snapshots that were compared
	// big is how many rows the table big has when a transaction in pieces has
	// done so many of its own.
	big func(mark int, rows int64) int64
	xas []xaMarked
}

// TestEveryOrdinalFails fails each statement that a run sends to the target, one
// per run: refused, cut off before the server has got it, cut off when it has
// done it, with the worker going on or dying there. All the time one snapshot of
// the target shows exactly the transactions that the lane rows name (watermark <=
// applied, and nothing applied that is not recorded); in the end the data is
// equal, keyless table included (peer-bugs 1, 2, 29, 41).
//
// RAFTDM_ORDINALS=all fails them all (minutes, into a TiDB hours), a duration as
// many as it has time for; RAFTDM_SEED repeats a sample.
func TestEveryOrdinalFails(t *testing.T) {
	testbed.SkipIfShort(t)
	newOrdinals(t, secondMariaDB(t)).sample(t, 25*time.Second)
}

// TestEveryOrdinalFailsIntoTiDB is the same into a TiDB, whose optimistic
// transactions fail at other moments, and whose DDL goes on without its client.
func TestEveryOrdinalFailsIntoTiDB(t *testing.T) {
	testbed.SkipIfShort(t)
	newOrdinals(t, servers.TiDB(t)).sample(t, 8*time.Second)
}

// sample fails a random choice of statements for so long, or all.
func (o *ordinals) sample(t *testing.T, limit time.Duration) {
	n := o.run(0, testbed.Refuse, false)
	seed := rand.Uint64()
	if s := os.Getenv("RAFTDM_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		o.must(err)
	}
	list := rand.New(rand.NewPCG(seed, 0)).Perm(n * 5)
	all := os.Getenv("RAFTDM_ORDINALS")
	if d, err := time.ParseDuration(all); err == nil {
		limit = d
	}
	began := time.Now()
	done := 0
	for _, k := range list {
		if all != "all" && time.Since(began) > limit {
			break
		}
		way := [...]struct {
			how testbed.Injection
			die bool
		}{{testbed.Refuse, false}, {testbed.CutBefore, false}, {testbed.CutAfter, false}, {testbed.CutBefore, true}, {testbed.CutAfter, true}}[k%5]
		o.run(1+k/5, way.how, way.die)
		if done++; t.Failed() {
			break
		}
	}
	t.Logf("RAFTDM_SEED=%d: %d of %d ways to fail one of %d statements, %d snapshots", seed, done, n*5, n, o.checks)
}

// openOrdinals makes the tables.
func openOrdinals(t *testing.T, down *testbed.Server) *ordinals {
	o := &ordinals{bench: newBench(t, servers.MariaDB(t), down, true)}
	var err error
	if o.in, err = testbed.OpenInjector(o.down.Addr()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.in.Close() })
	o.sub.Target = through(t, o.down, o.in.Addr())
	o.meta = o.sub.Target
	o.maxTxn = 40_000
	o.sub.Sync.CheckpointFlushInterval = 50 * time.Millisecond
	s := o.schema()
	o.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".marks (k INT PRIMARY KEY)")
	o.created = o.master().Position
	o.exec("CREATE TABLE "+s+".a (id INT PRIMARY KEY, v VARCHAR(20), u INT, UNIQUE KEY (u))",
		"CREATE TABLE "+s+".nokey (x INT, y VARCHAR(10))",
		"CREATE TABLE "+s+".big (x INT, y VARCHAR(40))")
	return o
}

// newOrdinals writes the workload.
func newOrdinals(t *testing.T, down *testbed.Server) *ordinals {
	o := openOrdinals(t, down)
	s := o.schema()
	o.write("INSERT INTO a VALUES (1, 'one', 1), (2, 'two', 2), (3, NULL, NULL)")
	o.write("INSERT INTO nokey VALUES (1, 'a'), (1, 'a'), (1, 'A'), (1, 'a '), (2, NULL), (2, NULL)")
	o.write("UPDATE a SET v = 'ONE', u = 10 WHERE id = 1", "UPDATE a SET u = 1 WHERE id = 2", "UPDATE a SET u = 2 WHERE id = 1")
	o.write("DELETE FROM nokey WHERE y = 'a' LIMIT 1")
	o.write("UPDATE nokey SET x = x + 1 LIMIT 3")
	for i := range 6 {
		o.write(fmt.Sprintf("INSERT INTO a VALUES (%d, 'x', %d)", 100+i, 100+i))
	}
	large := len(o.marks)
	o.big = func(mark int, rows int64) int64 {
		if mark == large { // both begin with their mark
			return rows - 1
		}
		return 500 - (rows - 1) // it deletes
	}
	o.write("INSERT INTO big SELECT seq % 7, REPEAT('y', 30) FROM seq_1_to_500")
	o.write("DELETE FROM big LIMIT 200")
	o.exec("ALTER TABLE " + s + ".a ADD COLUMN w INT DEFAULT 5 AFTER id, ADD COLUMN z DATETIME")
	o.write("UPDATE a SET id = id + 1000 ORDER BY id DESC")
	o.exec("TRUNCATE TABLE " + s + ".nokey")
	o.write("INSERT INTO nokey VALUES (7, 'seven'), (7, 'seven')")
	o.write("DELETE FROM a WHERE id = 1101", "DELETE FROM nokey LIMIT 1", "INSERT INTO a (id, v, u) VALUES (7, 'again', 101)")
	return o
}

// write executes one transaction on the source and notes it.
func (o *ordinals) write(statements ...string) {
	o.t.Helper()
	ctx := o.t.Context()
	conn, err := o.up.Session(ctx)
	o.must(err)
	defer conn.Close()
	all := append([]string{"USE " + o.schema(), "BEGIN", fmt.Sprintf("INSERT INTO marks VALUES (%d)", len(o.marks))}, statements...)
	for _, q := range append(all, "COMMIT") {
		_, err := conn.ExecContext(ctx, q)
		o.must(err)
	}
	var m marked
	o.must(conn.QueryRowContext(ctx, "SELECT @@last_gtid").Scan(&m.id))
	m.end = o.master().Position
	o.marks = append(o.marks, m)
}

// run applies the workload to an empty target while the statement with number
// at fails, and answers how many statements there were.
func (o *ordinals) run(at int, how testbed.Injection, die bool) int {
	o.t.Helper()
	ctx := o.t.Context()
	o.must(o.down.Exec(ctx, "DROP DATABASE IF EXISTS "+o.schema(), "DROP DATABASE IF EXISTS dm_meta"))
	o.epoch = 1
	hit := o.in.Arm(at, how, die)
	watch, stop := context.WithCancel(ctx)
	watched := make(chan int)
	go func() { watched <- o.watch(watch) }()
	r := o.begin(hit, die)
	if die {
		r = o.reborn(r, hit)
	}
	r.caughtUp()
	n, text := o.in.Seen(), o.in.Text()
	r.end()
	stop()
	o.checks += <-watched
	if !o.snapshot(ctx) {
		o.t.Error("the last snapshot could not be compared")
	}
	o.equal()
	if o.t.Failed() {
		o.t.Logf("statement %d of %d was %s, the worker died: %v: %s", at, n, how, die, text)
	}
	return n
}

// begin is start for a target that may fail at once.
func (o *ordinals) begin(hit <-chan struct{}, die bool) *running {
	o.t.Helper()
	for {
		db, meta, err := o.open()
		if err == nil {
			ctx, cancel := context.WithCancel(o.t.Context())
			r := &running{b: o.bench, done: make(chan struct{}), cancel: cancel, meta: db,
				unit: New(Config{Subtask: o.sub, Meta: meta, MaxTxnBytes: o.maxTxn})}
			go func() {
				defer close(r.done)
				r.err = r.unit.Run(ctx)
			}()
			return r
		}
		if !fault.Transient(err) {
			o.t.Fatalf("open the meta tables: %v", err)
		}
		if die && isClosed(hit) {
			o.epoch++
			o.in.Arm(0, testbed.Refuse, false)
		}
	}
}

func (o *ordinals) open() (*dbconn.DB, *checkpoint.Meta, error) {
	db, err := dbconn.Open(o.t.Context(), fault.Downstream, o.meta, dbconn.Options{})
	if err != nil {
		return nil, nil, err
	}
	meta, err := checkpoint.Open(o.t.Context(), db, o.sub, o.epoch)
	if err != nil {
		_ = db.Close()
		return nil, nil, err
	}
	return db, meta, nil
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// reborn lets the worker die at the disturbed statement, if it comes, and
// begins another one under the next epoch.
func (o *ordinals) reborn(r *running, hit <-chan struct{}) *running {
	o.t.Helper()
	end := o.master().Position
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-hit:
			if err := r.stop(); !errors.Is(err, context.Canceled) && !fault.Transient(err) { // it cannot reach the target any more
				o.t.Errorf("the run ended with: %v", err)
			}
			o.epoch++
			o.in.Arm(0, testbed.Refuse, false)
			return o.begin(hit, false)
		case <-r.done:
			o.t.Fatalf("the run ended with: %v", r.err)
		case <-tick.C:
			if r.at().Compare(end) >= 0 {
				return r // it had fewer statements this time
			}
		}
	}
}

// watch compares snapshots until ctx ends, and answers how many.
func (o *ordinals) watch(ctx context.Context) int {
	n := 0
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if o.snapshot(ctx) {
				n++
			}
		case <-ctx.Done():
			return n
		}
	}
}

// state is what one snapshot of the target shows.
type state struct {
	lanes []checkpoint.Lane
	marks map[int]bool
	none  bool  // there is no table marks
	big   int64 // rows of that table
	xas   map[string]bool
}

// snapshot compares what the lane rows say with what is there; false when there
// was nothing to compare.
func (o *ordinals) snapshot(ctx context.Context) bool {
	s, err := o.look(ctx)
	var answer *mysql.MySQLError
	switch {
	case ctx.Err() != nil:
		return false
	case errors.As(err, &answer) && (answer.Number == 1146 || answer.Number == 1049 || answer.Number == 1412):
		return false // no tables yet, or a DDL since the snapshot began
	case err != nil:
		o.t.Errorf("look at the target: %v", err)
		return false
	}
	at := combine(s.lanes, binlog.Location{})
	if s.none {
		if at.Watermark.Position.Compare(o.created) >= 0 {
			o.t.Errorf("the watermark is %s, and the table marks is not there", at.Watermark)
		}
		return true
	}
	o.compareXA(&s, &at)
	for k, m := range o.marks {
		want := m.applied(&at)
		if at.Partial.Txn == m.id && at.Partial.Rows > 0 {
			want = true
			if o.big(k, at.Partial.Rows) != s.big {
				o.t.Errorf("the table big has %d rows, transaction %d is recorded with %d rows done", s.big, k, at.Partial.Rows)
			}
		}
		if want != s.marks[k] {
			o.t.Errorf("transaction %d (%s, to %s) is on the target: %v; recorded: %v (watermark %s, in pieces %+v, %d rows in big)",
				k, m.id, m.end, s.marks[k], want, at.Watermark, at.Partial, s.big)
		}
	}
	return true
}

// look reads lane rows and data in one snapshot.
func (o *ordinals) look(ctx context.Context) (s state, err error) {
	conn, err := o.down.Session(ctx)
	if err != nil {
		return s, err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "START TRANSACTION WITH CONSISTENT SNAPSHOT"); err != nil {
		return s, err
	}
	defer conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") //nolint:errcheck // it only read
	if s.lanes, err = o.lanes(ctx, conn); err != nil {
		return s, err
	}
	if s.xas, err = o.storedXA(ctx, conn); err != nil {
		return s, err
	}
	rows, err := conn.QueryContext(ctx, "SELECT k FROM "+o.schema()+".marks")
	var answer *mysql.MySQLError
	if errors.As(err, &answer) && (answer.Number == 1146 || answer.Number == 1049) {
		s.none = true
		return s, nil
	}
	if err != nil {
		return s, err
	}
	defer rows.Close()
	s.marks = map[int]bool{}
	for rows.Next() {
		var k int
		if err := rows.Scan(&k); err != nil {
			return s, err
		}
		s.marks[k] = true
	}
	if err := rows.Err(); err != nil || len(s.marks) == 0 {
		return s, err
	}
	if err := conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+o.schema()+".big").Scan(&s.big); err != nil {
		return s, err
	}
	return s, nil
}

// lanes reads the lane rows as the syncer does.
func (o *ordinals) lanes(ctx context.Context, conn *sql.Conn) ([]checkpoint.Lane, error) {
	rows, err := conn.QueryContext(ctx, "SELECT lane, watermark, applied, partial FROM dm_meta."+o.sub.Task+"_raftdm_lane WHERE source = ?", o.sub.SourceID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []checkpoint.Lane
	for rows.Next() {
		var l checkpoint.Lane
		var watermark, applied, partial []byte
		if err := rows.Scan(&l.Lane, &watermark, &applied, &partial); err != nil {
			return nil, err
		}
		if err := errors.Join(json.Unmarshal(watermark, &l.Watermark), json.Unmarshal(applied, &l.Applied), json.Unmarshal(partial, &l.Partial)); err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, rows.Err()
}
