package load_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
)

// ordinals is a dump that is loaded again and again through an injector.
type ordinals struct {
	*bed
	in      *testbed.Injector
	direct  config.Database
	through config.Database
	tables  []string
	checks  int
}

// TestEveryOrdinalFails fails one statement of each load: refused, cut off
// before the server has got it, cut off when it has done it, with the worker
// going on or dying there. All the time a snapshot of the target shows as many
// rows as the chunk rows say; in the end the tables are equal, keyless one
// included (peer-bugs 1, 2, 5).
//
// RAFTDM_ORDINALS=all fails them all (many minutes: each retry pauses for a
// second); RAFTDM_SEED repeats a sample.
func TestEveryOrdinalFails(t *testing.T) {
	const name = "ordinals"
	o := &ordinals{bed: newBed(t, name, servers.MariaDB(t), mariaTarget(t))}
	o.tables = append(o.sysbench(name, 1, 3000), "nokey")
	o.keyless(name, 2000)
	o.sub.Dump.ChunkBytes, o.sub.Load.PoolSize = 64<<10, 2
	var err error
	if o.in, err = testbed.OpenInjector(o.dst.Addr()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.in.Close() })
	o.direct, o.through = o.sub.Target, o.sub.Target
	host, port, err := net.SplitHostPort(o.in.Addr())
	if err != nil {
		t.Fatal(err)
	}
	o.through.Host = host
	if o.through.Port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}

	n := o.run(0, testbed.Refuse, false)
	seed := rand.Uint64()
	if s := os.Getenv("RAFTDM_SEED"); s != "" {
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	began, done := time.Now(), 0
	for _, k := range rand.New(rand.NewPCG(seed, 0)).Perm(n * 5) {
		if os.Getenv("RAFTDM_ORDINALS") != "all" && time.Since(began) > 20*time.Second {
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

// run dumps and loads into an empty target while the load's statement with
// number at fails, and answers how many statements the load had.
func (o *ordinals) run(at int, how testbed.Injection, die bool) int {
	o.t.Helper()
	const name = "ordinals"
	o.sub.Target, o.sub.Load.Dir = o.direct, filepath.Join(o.t.TempDir(), "dump")
	o.exec(o.dst, "DROP DATABASE IF EXISTS "+name, "DROP DATABASE IF EXISTS meta_"+name)
	m, closeMeta := o.meta(o.t.Context())
	if err := o.dump(o.t.Context(), m); err != nil {
		o.t.Fatal(err)
	}
	closeMeta()

	watch, stop := context.WithCancel(o.t.Context())
	watched := make(chan int)
	go func() { watched <- o.watch(watch) }()
	o.in.Arm(0, testbed.Refuse, false)
	o.sub.Target = o.through
	m, closeMeta = o.meta(o.t.Context()) // to take the task over is not the load's
	hit := o.in.Arm(at, how, die)
	ctx, cancel := context.WithCancel(o.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- o.load(ctx, m) }()
	var err error
	select {
	case err = <-ended:
	case <-hit:
		if die {
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				o.t.Errorf("the load ended with %v", err)
			}
			closeMeta()
			o.in.Arm(0, testbed.Refuse, false)
			m, closeMeta = o.meta(o.t.Context())
			err = o.load(o.t.Context(), m)
		} else {
			err = <-ended
		}
	}
	n, text := o.in.Seen(), o.in.Text()
	cancel()
	closeMeta()
	stop()
	o.checks += <-watched
	if err != nil {
		o.t.Errorf("the load ended with %v (%s)", err, fault.HintOf(err))
	}
	o.equal(name, o.tables...)
	if o.t.Failed() {
		o.t.Logf("statement %d of %d was %s, the worker died: %v: %s", at, n, how, die, text)
	}
	return n
}

// watch compares snapshots until ctx ends, and answers how many.
func (o *ordinals) watch(ctx context.Context) int {
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; {
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

// snapshot compares the rows with what the chunk rows say, in one snapshot;
// false when there was nothing to compare.
func (o *ordinals) snapshot(ctx context.Context) bool {
	conn, err := o.dst.Session(ctx)
	if err != nil {
		return false
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "START TRANSACTION WITH CONSISTENT SNAPSHOT"); err != nil {
		return false
	}
	defer conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") //nolint:errcheck // it only read
	compared := false
	for _, table := range o.tables {
		var recorded, there int64
		err := conn.QueryRowContext(ctx, "SELECT COALESCE(SUM(rows_done), 0) FROM meta_ordinals.ordinals_raftdm_chunk WHERE file LIKE ?",
			"ordinals."+table+".%").Scan(&recorded)
		if err == nil {
			err = conn.QueryRowContext(ctx, fmt.Sprintf("SELECT COUNT(*) FROM ordinals.%s", table)).Scan(&there)
		}
		var answer *mysql.MySQLError
		switch {
		case ctx.Err() != nil, errors.As(err, &answer) && (answer.Number == 1146 || answer.Number == 1049 || answer.Number == 1412):
			return false
		case err != nil:
			o.t.Errorf("look at the target: %v", err)
			return false
		}
		var chunks int
		if err := conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM meta_ordinals.ordinals_raftdm_chunk").Scan(&chunks); err != nil || chunks == 0 {
			return false // before the load, or behind it
		}
		if compared = true; recorded != there {
			o.t.Errorf("table %s has %d rows, recorded are %d", table, there, recorded)
		}
	}
	return compared
}
