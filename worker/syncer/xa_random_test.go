package syncer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestXARandom does anything with XA and other transactions while the worker is
// stopped, dies, and starts again, and so does the source.
func TestXARandom(t *testing.T) {
	targets(t, func(t *testing.T, _, down *testbed.Server) {
		modes(t, func(t *testing.T, gtid bool) {
			var args []string
			if gtid {
				args = []string{"--log-bin-compress=ON", "--log-bin-compress-min-len=10"}
			}
			xaRandom(t, testbed.MariaDB(t, testbed.WithArgs(args...)), down, gtid, 100)
		})
	})
}

func testSeed(t *testing.T) uint64 {
	seed := rand.Uint64()
	if s := os.Getenv("RAFTDM_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("RAFTDM_SEED=%d", seed)
	return seed
}

func xaRandom(t *testing.T, up, down *testbed.Server, gtid bool, steps int) {
	rnd := rand.New(rand.NewPCG(testSeed(t), 0))
	x := newXASessions(newBench(t, up, down, gtid))
	x.maxTxn = 30_000
	x.sub.Sync.Compact, x.sub.Sync.MultipleRows = rnd.IntN(2) == 0, rnd.IntN(2) == 0
	x.sub.Sync.SafeMode = rnd.IntN(4) == 0
	x.tables()
	proxy, cfg := breakable(t, down)
	x.sub.Target = cfg
	r := x.start()
	counts := map[string]int{}
	for range steps {
		if rnd.IntN(12) == 0 {
			if rnd.IntN(2) == 0 {
				proxy.Cut()
			}
			if err := r.stop(); !errors.Is(err, context.Canceled) && !fault.Is(err, fault.Unavailable) { // it had not begun yet
				t.Fatalf("the run ended with: %v", err)
			}
			x.epoch++
			proxy, x.sub.Target = breakable(t, down)
			r = x.start()
			counts["worker restarts"]++
			continue
		}
		if rnd.IntN(50) == 0 {
			for _, name := range x.names() {
				x.detach(name)
			}
			pause(t.Context(), 200*time.Millisecond) // sessions that end while the server does are rolled back
			if rnd.IntN(2) == 0 {
				x.up.Kill()
			} else {
				x.must(x.up.Stop(t.Context()))
			}
			x.must(x.up.Start(t.Context()))
			x.mend()
			counts["source restarts"]++
			continue
		}
		counts[x.anything(rnd)]++
	}
	r.caughtUp()
	if want, got := len(x.open), len(x.stored()); want != got {
		t.Errorf("%d transactions are prepared, %d stored", want, got)
	}
	r.end()
	x.equal()
	x.epoch++
	r = x.start()
	for _, name := range x.names() {
		x.finish(name, []string{"COMMIT", "COMMIT", "ROLLBACK"}[rnd.IntN(3)])
	}
	r.caughtUp()
	x.nothingStored()
	r.end()
	x.equal()
	t.Logf("%v", counts)
}

// anything makes one step and tells which.
func (x *xaSessions) anything(rnd *rand.Rand) string {
	s := x.schema()
	open := x.names()
	switch k := rnd.IntN(20); {
	case k < 7 && len(open) > 0:
		name := open[rnd.IntN(len(open))]
		if rnd.IntN(3) == 0 {
			x.detach(name)
		}
		verb := []string{"COMMIT", "COMMIT", "COMMIT", "ROLLBACK"}[rnd.IntN(4)]
		x.finish(name, verb)
		return strings.ToLower(verb)
	case k < 12 && len(open) < 6:
		// One without changes would be gone with its session.
		if x.prepare(append(x.changes(rnd), "INSERT INTO elsewhere.x VALUES (1)")...) == "" {
			return "lock"
		}
		return "prepare"
	case k == 12 && len(open) < 6:
		x.prepare(x.large(rnd))
		return "prepare large"
	case k == 13:
		x.exec("FLUSH BINARY LOGS")
		return "flush"
	case k == 14:
		x.exec(fmt.Sprintf("CREATE TABLE %s.c%d (i INT PRIMARY KEY)", s, rnd.IntN(1_000_000_000)))
		return "ddl"
	}
	conn := x.conn()
	first, last, word := "BEGIN", []string{"COMMIT"}, "transaction"
	if rnd.IntN(3) == 0 {
		x.n++
		name := fmt.Sprintf("'%d'", x.n)
		first, last, word = "XA START "+name, []string{"XA END " + name, "XA COMMIT " + name + " ONE PHASE"}, "one phase"
	}
	changes := x.changes(rnd)
	if rnd.IntN(8) == 0 {
		changes = append(changes, x.large(rnd))
	}
	if word == "one phase" {
		x.ended[xaKey(strconv.Itoa(x.n), "", 1)] = "COMMIT"
	}
	if !x.run(conn, append(append([]string{first}, changes...), last...)...) {
		leave(conn)
		return "lock"
	}
	_ = conn.Close()
	return word
}

// large is a statement that makes a transaction come in pieces.
func (x *xaSessions) large(rnd *rand.Rand) string {
	return fmt.Sprintf("INSERT INTO %s.nokey SELECT %d, REPEAT('z', 40 + q.d)%s", x.schema(), rnd.IntN(9), x.hundreds(2+rnd.IntN(4)))
}

// changes are some statements; such as would meet locks of keyless tables are rare.
func (x *xaSessions) changes(rnd *rand.Rand) (out []string) {
	s := x.schema()
	for range rnd.IntN(4) {
		id := rnd.IntN(60)
		switch rnd.IntN(10) {
		case 0, 1, 2:
			out = append(out, fmt.Sprintf("REPLACE INTO %s.a (id, v, u) VALUES (%d, 'v%d', %d)", s, id, x.n, rnd.IntN(60)))
		case 3, 4:
			out = append(out, fmt.Sprintf("UPDATE %s.a SET v = CONCAT(v, '.') WHERE id = %d", s, id))
		case 5:
			out = append(out, fmt.Sprintf("DELETE FROM %s.a WHERE id = %d", s, id))
		case 6:
			out = append(out, "INSERT INTO elsewhere.x VALUES (1)")
		case 7:
			if len(x.open) == 0 {
				out = append(out, "UPDATE "+s+".nokey SET x = x + 1 LIMIT 2", "DELETE FROM "+s+".nokey LIMIT 1")
			}
		default:
			out = append(out, fmt.Sprintf("INSERT INTO %s.nokey VALUES (%d, 'a'), (%d, NULL)", s, id%5, id%3))
		}
	}
	return out
}
