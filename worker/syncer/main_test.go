package syncer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/onlineddl"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// servers are shared by all tests of the package: a MariaDB as source, a TiDB
// and a second MariaDB as targets.
var (
	servers testbed.Shared
	second  = sync.OnceValues(func() (*testbed.Server, error) {
		dir, err := os.MkdirTemp("", "raftdm-syncer-")
		if err != nil {
			return nil, err
		}
		return testbed.StartMariaDB(context.Background(), filepath.Join(dir, "server"))
	})
	secondUsed atomic.Bool
)

func TestMain(m *testing.M) {
	code := servers.Main(m)
	if secondUsed.Load() {
		if s, err := second(); err == nil {
			_ = s.Close()
			_ = os.RemoveAll(filepath.Dir(s.Dir))
		}
	}
	os.Exit(code)
}

func secondMariaDB(t testing.TB) *testbed.Server {
	t.Helper()
	testbed.SkipIfShort(t)
	secondUsed.Store(true)
	s, err := second()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// inSchema is a filter for one schema.
type inSchema string

func (s inSchema) MatchSchema(schema string) bool   { return schema == string(s) }
func (s inSchema) MatchTable(schema, _ string) bool { return schema == string(s) }

// bench is one source, one target and one task between them.
type bench struct {
	t        testing.TB
	up, down *testbed.Server
	sub      config.Subtask
	epoch    uint64
	maxTxn   int64
	meta     config.Database // how the meta tables are reached
	metrics  prometheus.Registerer
}

var schemaNumber atomic.Int64

// newBench prepares a task that begins where the source is now. The schema's name
// is new, and the same on both sides.
func newBench(t testing.TB, up, down *testbed.Server, gtid bool) *bench {
	t.Helper()
	n := schemaNumber.Add(1)
	b := &bench{t: t, up: up, down: down, epoch: 1}
	b.sub = config.Subtask{
		Task: fmt.Sprintf("t%d", n), SourceID: "s1", Mode: config.ModeIncremental, MetaSchema: "dm_meta",
		Source: config.Source{SourceID: "s1", EnableGTID: gtid, ServerID: 4242 + uint32(n), From: up.Config()},
		Target: down.Config(),
		Sync:   config.Sync{WorkerCount: 4, Batch: 20, CheckpointFlushInterval: 200 * time.Millisecond, Strict: true},
	}
	b.sub.Filter = inSchema(b.schema())
	b.meta = down.Config()
	at := b.master()
	b.sub.Start = &config.StartPoint{BinlogName: at.Position.Name, BinlogPos: at.Position.Pos, BinlogGTID: at.GTID.String()}
	t.Cleanup(func() {
		ctx := context.Background()
		_ = up.Exec(ctx, "DROP DATABASE IF EXISTS "+b.schema())
		_ = down.Exec(ctx, "DROP DATABASE IF EXISTS "+b.schema())
	})
	return b
}

func (b *bench) schema() string { return "db_" + b.sub.Task }

func (b *bench) upstream() *dbconn.DB {
	b.t.Helper()
	db, err := dbconn.Open(context.Background(), fault.Upstream, b.up.Config(), dbconn.Options{})
	b.must(err)
	return db
}

func (b *bench) master() binlog.Location {
	b.t.Helper()
	db := b.upstream()
	defer db.Close()
	at, err := db.MasterStatus(context.Background())
	b.must(err)
	return at
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// exec runs statements on the source.
func (b *bench) exec(statements ...string) {
	b.t.Helper()
	b.must(b.up.Exec(context.Background(), statements...))
}

// running is a unit under way.
type running struct {
	b      *bench
	unit   *Unit
	cancel context.CancelFunc
	done   chan struct{}
	err    error
	meta   *dbconn.DB
}

// start opens the meta tables under the bench's epoch and runs a unit.
func (b *bench) start() *running {
	b.t.Helper()
	ctx := context.Background()
	db, err := dbconn.Open(ctx, fault.Downstream, b.meta, dbconn.Options{})
	b.must(err)
	meta, err := checkpoint.Open(ctx, db, b.sub, b.epoch)
	b.must(err)
	level := slog.LevelError
	if testing.Verbose() {
		level = slog.LevelInfo
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	r := &running{b: b, done: make(chan struct{}), meta: db,
		unit: New(Config{Subtask: b.sub, Meta: meta, Log: log, MaxTxnBytes: b.maxTxn, Metrics: b.metrics})}
	ctx, r.cancel = context.WithCancel(ctx)
	go func() {
		defer close(r.done)
		r.err = r.unit.Run(ctx)
	}()
	b.t.Cleanup(func() { r.cancel(); <-r.done }) // also behind a test that failed
	return r
}

func (r *running) status() *status.Sync {
	var s status.Subtask
	r.unit.Fill(&s)
	return s.Sync
}

// stop cancels the run and answers how it ended.
func (r *running) stop() error {
	r.cancel()
	<-r.done
	_ = r.meta.Close()
	return r.err
}

// end stops a run that must have been healthy.
func (r *running) end() {
	r.b.t.Helper()
	if err := r.stop(); !errors.Is(err, context.Canceled) {
		r.b.t.Fatalf("the run ended with: %v", err)
	}
}

// until waits for a condition, or fails.
func (r *running) until(what string, limit time.Duration, ok func() bool) {
	r.b.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(limit)
	defer late.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-r.done:
			r.b.t.Fatalf("waiting until %s: the run ended with: %v", what, r.err)
		case <-late.C:
			var s status.Subtask
			s.Stage = status.StageRunning
			r.unit.Fill(&s)
			r.b.t.Fatalf("waiting until %s: too late; status %+v, trouble %v", what, *s.Sync, s.Err)
		}
	}
}

// at is the watermark as the status shows it, zero before there is one.
func (r *running) at() binlog.Position {
	p, err := binlog.ParsePosition(r.status().SyncerBinlog)
	if err != nil {
		return binlog.Position{}
	}
	return p
}

// caughtUp waits until the watermark has reached the source's present end.
func (r *running) caughtUp() {
	r.b.t.Helper()
	end := r.b.master()
	r.until("the target is at "+end.String(), 3*time.Minute, func() bool { return r.at().Compare(end.Position) >= 0 })
}

// equal compares all tables of the schema on both sides.
func (b *bench) equal() {
	b.t.Helper()
	ctx := context.Background()
	tables, err := testbed.Tables(ctx, b.up.DB(), b.schema())
	b.must(err)
	tables = slices.DeleteFunc(tables, func(n testbed.TableName) bool { return b.sub.Online.Kind(n.Table) != onlineddl.Real })
	there, err := testbed.Tables(ctx, b.down.DB(), b.schema())
	b.must(err)
	if fmt.Sprint(tables) != fmt.Sprint(there) {
		b.t.Errorf("tables on the source %v, on the target %v", tables, there)
	}
	diffs, err := testbed.Compare(ctx, b.up.DB(), b.down.DB(), tables)
	b.must(err)
	for _, d := range diffs {
		b.t.Errorf("differs: %s", d)
	}
}
