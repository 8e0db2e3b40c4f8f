package syncer

import (
	"path/filepath"
	"testing"

	"github.com/raftdm/raftdm/internal/testbed"
)

// TestSourceDiedInsideXA: pieces of an XA transaction that is not complete in the
// binlog were stored. Nothing of it stays, and it is never committed.
func TestSourceDiedInsideXA(t *testing.T) {
	targets(t, func(t *testing.T, _, down *testbed.Server) {
		up := testbed.MariaDB(t)
		modes(t, func(t *testing.T, gtid bool) {
			x := newXASessions(newBench(t, up, down, gtid))
			x.maxTxn = 20_000
			x.tables()
			s := x.schema()
			waits := x.prepare("INSERT INTO " + s + ".a VALUES (1, 'one', 1)")
			r := x.start()
			x.finish(x.prepare("INSERT INTO "+s+".nokey SELECT 1, REPEAT('z', 40 + q.d)"+x.hundreds(3)), "COMMIT")
			r.caughtUp()
			end := x.master()
			x.detach(waits)
			x.up.Kill()
			headless(t, filepath.Join(x.up.Dir, "data", end.Position.Name), end.Position.Pos, xaPrepareEvent)
			x.must(x.up.Start(t.Context()))
			x.exec("INSERT INTO " + s + ".a VALUES (3, 'z', 3)")
			r.caughtUp()
			if list := x.stored(); len(list) != 1 {
				t.Errorf("stored: %v", list)
			}
			x.finish(waits, "COMMIT")
			r.caughtUp()
			x.nothingStored()
			r.end()
			x.equal()
		})
	})
}
