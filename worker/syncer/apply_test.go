package syncer

import (
	"context"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// targets runs a test for each kind of target.
func targets(t *testing.T, f func(t *testing.T, up, down *testbed.Server)) {
	testbed.SkipIfShort(t)
	t.Run("mariadb", func(t *testing.T) { f(t, servers.MariaDB(t), secondMariaDB(t)) })
	t.Run("tidb", func(t *testing.T) { f(t, servers.MariaDB(t), servers.TiDB(t)) })
}

// modes runs a test by position and by GTID.
func modes(t *testing.T, f func(t *testing.T, gtid bool)) {
	t.Run("position", func(t *testing.T) { f(t, false) })
	t.Run("gtid", func(t *testing.T) { f(t, true) })
}

// TestFollow applies eight writers and DDL while they run, on both kinds of
// target, by position and by GTID.
func TestFollow(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		modes(t, func(t *testing.T, gtid bool) {
			b := newBench(t, up, down, gtid)
			w := &testbed.Workload{DB: up.DB(), Schema: b.schema(), SysbenchTables: 2, DDL: true}
			r := b.start()
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			b.must(w.Load(context.Background(), 2000, 1))
			counts, err := w.Writers(ctx, 8, 1)
			b.must(err)
			r.caughtUp()
			t.Logf("%+v, status %+v", counts, *r.status())
			r.end()
			b.equal()
		})
	})
}
