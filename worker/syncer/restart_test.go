package syncer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// TestRestartAtEveryBoundary stops and starts the unit between all
// transactions of a list that has each kind of them, by position and by GTID
// (peer-bugs 3, 41).
func TestRestartAtEveryBoundary(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		modes(t, func(t *testing.T, gtid bool) {
			b := newBench(t, up, down, gtid)
			s := b.schema()
			for _, statement := range []string{
				"CREATE DATABASE " + s,
				"CREATE TABLE " + s + ".a (id INT PRIMARY KEY, v VARCHAR(20))",
				"CREATE TABLE " + s + ".nokey (x INT, y VARCHAR(10))",
				"CREATE TABLE " + s + ".plain (id INT PRIMARY KEY, v INT) ENGINE=MyISAM",
				"INSERT INTO " + s + ".a VALUES (1, 'one'), (2, 'two'), (3, NULL)",
				"INSERT INTO " + s + ".nokey VALUES (1, 'a'), (1, 'a'), (1, 'A'), (1, 'a ')",
				"INSERT INTO " + s + ".plain VALUES (1, 1), (2, 2)",
				"UPDATE " + s + ".plain SET v = v + 10",
				"CREATE DATABASE IF NOT EXISTS elsewhere",
				"CREATE TABLE IF NOT EXISTS elsewhere.x (id INT)",
				"INSERT INTO elsewhere.x VALUES (1)",
				"UPDATE " + s + ".a SET id = id + 10",
				"DELETE FROM " + s + ".nokey WHERE y = 'a' LIMIT 1",
				"UPDATE " + s + ".nokey SET x = 2 LIMIT 2",
				"ALTER TABLE " + s + ".a ADD COLUMN w INT DEFAULT 5 AFTER id, ADD COLUMN z DATETIME",
				"INSERT INTO " + s + ".a (id, v) VALUES (20, 'twenty')",
				"CREATE TABLE " + s + ".b (id INT PRIMARY KEY) SELECT id, w FROM " + s + ".a",
				"INSERT INTO " + s + ".b VALUES (99, 99)",
				"TRUNCATE TABLE " + s + ".nokey",
				"INSERT INTO " + s + ".nokey VALUES (7, 'seven')",
				"CREATE INDEX iv ON " + s + ".a (v)",
				"RENAME TABLE " + s + ".a TO " + s + ".c, " + s + ".b TO " + s + ".d",
				"UPDATE " + s + ".c SET v = 'x' WHERE id > 11",
				"DROP TABLE " + s + ".d, " + s + ".plain",
				"FLUSH BINARY LOGS",
				"DELETE FROM " + s + ".c WHERE id = 20",
			} {
				r := b.start()
				b.exec(statement)
				r.caughtUp()
				r.end()
				b.epoch++
			}
			b.exec("DROP DATABASE elsewhere")
			b.equal()
			if t.Failed() {
				t.Log("seed: none, the list is fixed")
			}
		})
	})
}

// breakable is a proxy to a server and the configuration that goes through it.
func breakable(t testing.TB, s *testbed.Server) (*testbed.Proxy, config.Database) {
	t.Helper()
	p, err := testbed.OpenProxy(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p, through(t, s, p.Addr())
}

func through(t testing.TB, s *testbed.Server, addr string) config.Database {
	t.Helper()
	cfg := s.Config()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Host = host
	if cfg.Port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestRandomStops ends the unit at random moments while eight writers run, half
// of the times as a crash: the connections to the target break first, so
// nothing can be recorded at the end (peer-bugs 2, 17, 41).
func TestRandomStops(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		modes(t, func(t *testing.T, gtid bool) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			rnd := rand.New(rand.NewPCG(seed, 0))
			b := newBench(t, up, down, gtid)
			b.maxTxn = 60_000 // some of the loads are cut
			w := &testbed.Workload{DB: up.DB(), Schema: b.schema(), SysbenchTables: 2, DDL: true, Pace: 20 * time.Millisecond}
			ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
			defer cancel()
			written := make(chan error, 1)
			go func() {
				if err := w.Load(ctx, 1000, seed); err != nil {
					written <- err
					return
				}
				_, err := w.Writers(ctx, 8, seed)
				written <- err
			}()
			for ctx.Err() == nil {
				proxy, cfg := breakable(t, down)
				b.sub.Target = cfg
				r := b.start()
				pause(ctx, time.Duration(rnd.IntN(900))*time.Millisecond)
				if rnd.IntN(2) == 0 {
					proxy.Cut()
				}
				if err := r.stop(); !errors.Is(err, context.Canceled) {
					t.Fatalf("the run ended with: %v", err)
				}
				b.epoch++
			}
			b.must(<-written)
			b.sub.Target = down.Config()
			r := b.start()
			r.caughtUp()
			t.Logf("%d runs", b.epoch)
			r.end()
			b.equal()
		})
	})
}

// pause waits for d, or until ctx ends: the moment of the fault, not for something to happen.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// TestFenced lets a second unit take over while the first one runs: the first
// ends with ErrFenced and adds nothing (peer-bugs 4).
func TestFenced(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, true)
		w := &testbed.Workload{DB: up.DB(), Schema: b.schema(), SysbenchTables: 2}
		old := b.start()
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		b.must(w.Load(ctx, 1000, 5))
		written := make(chan error, 1)
		go func() {
			_, err := w.Writers(ctx, 4, 5)
			written <- err
		}()
		old.until("rows arrive", 10*time.Second, func() bool { return old.status().TotalRows > 1000 })
		b.epoch++
		next := b.start()
		<-old.done
		if !errors.Is(old.err, checkpoint.ErrFenced) {
			t.Errorf("the old unit ended with: %v", old.err)
		}
		b.must(<-written)
		next.caughtUp()
		next.end()
		b.equal()
		// An old epoch cannot even begin.
		b.epoch--
		if _, err := checkpoint.Open(context.Background(), old.meta, b.sub, b.epoch); !errors.Is(err, checkpoint.ErrFenced) {
			t.Errorf("opening with the old epoch: %v", err)
		}
	})
}

// TestLargeTransaction cuts a transaction, stops inside it, and goes on
// without doing a row twice.
func TestLargeTransaction(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		modes(t, func(t *testing.T, gtid bool) {
			b := newBench(t, up, down, gtid)
			b.maxTxn = 10_000
			s := b.schema()
			r := b.start()
			b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".k (x INT, y VARCHAR(100))", "CREATE TABLE "+s+".p (id INT PRIMARY KEY)")
			r.caughtUp()
			b.exec("INSERT INTO "+s+".p VALUES (1)",
				"INSERT INTO "+s+".k SELECT seq % 7, REPEAT('y', 50) FROM "+s+".seq_1_to_8000",
				"INSERT INTO "+s+".p VALUES (2)")
			end := b.master()
			stops := 0
			for reached := false; !reached; stops++ {
				r.until("some rows of the large transaction are applied", 30*time.Second, func() bool {
					reached = r.at().Compare(end.Position) >= 0
					return reached || r.status().TotalRows > 200
				})
				r.end()
				b.epoch++
				r = b.start()
			}
			t.Logf("stopped %d times", stops)
			if stops < 3 {
				t.Errorf("stopped inside the transaction only %d times", stops)
			}
			r.caughtUp()
			r.end()
			b.equal()
			rows, err := r.b.down.DB().Query("SELECT partial FROM dm_meta."+b.sub.Task+"_raftdm_lane WHERE lane = 0 AND source = ?", b.sub.SourceID)
			b.must(err)
			defer rows.Close()
			for rows.Next() {
				var partial string
				b.must(rows.Scan(&partial))
				if partial != "{}" {
					t.Errorf("progress left over: %s", partial)
				}
			}
			b.must(rows.Err())
		})
	})
}

// TestServersAway takes each server away for a while; the unit says which, and
// goes on by itself.
func TestServersAway(t *testing.T) {
	testbed.SkipIfShort(t)
	up, down := servers.MariaDB(t), secondMariaDB(t)
	b := newBench(t, up, down, false)
	upProxy, upCfg := breakable(t, up)
	downProxy, downCfg := breakable(t, down)
	b.sub.Source.From, b.sub.Target = upCfg, downCfg
	s := b.schema()
	r := b.start()
	b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)")
	r.caughtUp()
	for i, p := range []*testbed.Proxy{upProxy, downProxy} {
		p.Cut()
		b.exec(fmt.Sprintf("INSERT INTO %s.a VALUES (%d)", s, i))
		r.until("the trouble shows", 20*time.Second, func() bool { return r.unit.trouble.first() != nil })
		t.Logf("shown: %v", r.unit.trouble.first())
		p.Heal()
		r.caughtUp()
		r.until("the trouble is over", 20*time.Second, func() bool { return r.unit.trouble.first() == nil })
	}
	r.end()
	b.equal()
}
