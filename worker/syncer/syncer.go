package syncer

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/onlineddl"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// Config is what a Unit needs.
type Config struct {
	Subtask config.Subtask
	// Meta must have been opened for this run: opening it is what makes a late
	// COMMIT of an earlier run fail.
	Meta *checkpoint.Meta
	Log  *slog.Logger
	// Metrics receives DM's dm_syncer_* series; nil for none.
	Metrics prometheus.Registerer
	// Worker is the worker's name, a label of some series.
	Worker string
	// MaxTxnBytes is the decoded size above which a source transaction is
	// applied in pieces; 0 means 32 MiB.
	MaxTxnBytes int64
	// ReplayOnly ends the run where the rows of a dump of several moments have
	// become one state, and records that the task is finished.
	ReplayOnly bool
}

// maxTxnBytes bounds what one target transaction carries. TiDB refuses
// transactions above 100 MB by default, and its copy of the rows, with keys and
// indexes, is about twice ours.
const maxTxnBytes = 32 << 20

// Unit is the syncer unit of one subtask.
type Unit struct {
	cfg     Config
	log     *slog.Logger
	stats   *stats
	trouble *trouble
	tables  *matcher
}

// New makes a unit; nothing is opened before Run.
func New(cfg Config) *Unit {
	if cfg.MaxTxnBytes <= 0 {
		cfg.MaxTxnBytes = maxTxnBytes
	}
	cfg.Subtask.Sync.WorkerCount = max(cfg.Subtask.Sync.WorkerCount, 1)
	cfg.Subtask.Sync.Batch = max(cfg.Subtask.Sync.Batch, 1)
	if cfg.Subtask.Sync.CheckpointFlushInterval <= 0 {
		cfg.Subtask.Sync.CheckpointFlushInterval = flushInterval
	}
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	log = log.With("task", cfg.Subtask.Task, "source", cfg.Subtask.SourceID)
	return &Unit{cfg: cfg, log: log, stats: newStats(), trouble: &trouble{}, tables: newMatcher(cfg.Subtask.Filter)}
}

// Run applies the binlog until ctx ends or something needs an operator.
func (u *Unit) Run(ctx context.Context) error {
	sub := &u.cfg.Subtask
	m := newMetrics(u.cfg.Metrics, sub.Task, sub.SourceID, u.cfg.Worker)
	defer m.remove()
	u.stats.begin(m)
	defer u.stats.end()
	err := u.run(ctx)
	if errors.Is(err, errReplayed) {
		return u.finish(ctx)
	}
	if err != nil && ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, sql.ErrTxDone) || fault.Is(err, fault.Cancelled)) {
		return ctx.Err()
	}
	if err != nil {
		m.failed()
	}
	return err // which task and source it was, the caller says
}

// finish records that nothing is left to do, in mode full.
func (u *Unit) finish(ctx context.Context) error {
	p, err := u.cfg.Meta.Phase(ctx)
	if err != nil {
		return err
	}
	p.Unit, p.Finished, p.Replay = status.UnitLoad, true, nil
	return u.cfg.Meta.SetPhase(ctx, u.cfg.Meta.DB, p)
}

// Fill sets the unit's part of s.
func (u *Unit) Fill(s *status.Subtask) {
	s.Unit = status.UnitSync
	s.Sync = u.stats.snapshot()
	if s.Err == nil && s.Stage == status.StageRunning {
		s.Err = u.trouble.first()
	}
}

func (u *Unit) run(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var p *pipeline
	var closers []interface{ Close() error }
	defer func() {
		for _, c := range closers {
			_ = c.Close() // only connections: nothing is lost
		}
	}()
	if rows, err := u.cfg.Meta.Lanes(ctx); err == nil { // else the same is noticed and shown below
		u.stats.stands(combine(rows, binlog.Location{}).Watermark)
	}
	wait := backoff{}
	for {
		var err error
		p, err = u.open(ctx, &closers)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return ctx.Err() // a query that was interrupted fails in its own words
		}
		if !fault.Is(err, fault.Unavailable) && !retryable(err) {
			return err
		}
		for _, c := range closers {
			_ = c.Close()
		}
		closers = nil
		u.trouble.set("start", err)
		u.log.Warn("the syncer cannot start yet", "err", err)
		if !wait.sleep(ctx, nil) {
			return ctx.Err()
		}
	}
	u.trouble.clear("start")
	return p.run(ctx)
}

// open connects to both sides, finds where to begin and wires the stages.
func (u *Unit) open(ctx context.Context, closers *[]interface{ Close() error }) (*pipeline, error) {
	sub := &u.cfg.Subtask
	up, err := dbconn.Open(ctx, fault.Upstream, sub.Source.From, dbconn.Options{MaxConns: 2, TimeZone: utc})
	if err != nil {
		return nil, err
	}
	*closers = append(*closers, up)
	rows, err := dbconn.Open(ctx, fault.Downstream, withSession(sub.Target), dbconn.Options{
		MaxConns: sub.Sync.WorkerCount + 1, SQLMode: rowsMode, TimeZone: utc, TxnMode: "optimistic"})
	if err != nil {
		return nil, err
	}
	*closers = append(*closers, rows)
	defs, err := dbconn.Open(ctx, fault.Downstream, sub.Target, dbconn.Options{MaxConns: 3, IOTimeout: ddlTimeout})
	if err != nil {
		return nil, err
	}
	*closers = append(*closers, defs)
	from, err := begin(ctx, *sub, u.cfg.Meta, up)
	if err != nil {
		return nil, err
	}
	if u.cfg.ReplayOnly && from.replay == nil {
		return nil, errReplayed
	}
	if from.replay != nil {
		u.log.Info("the dump was read at several moments: up to the last one, changes are applied so that they may be there already",
			"until", from.replay.places[len(from.replay.places)-1].String())
	}
	if !from.dumped.IsZero() {
		u.log.Info("reading begins before the dump's snapshot, for XA transactions that were prepared then", "snapshot", from.dumped.String())
	}
	texts, err := u.recorded(ctx)
	if err != nil {
		return nil, err
	}
	u.log.Info("the syncer begins", "pos", from.lane.Watermark.String(), "upstream", up.Server.Version, "downstream", rows.Server.Version)
	tables, err := newStructures(ctx, up, defs, texts, u.log)
	if err != nil {
		return nil, err
	}
	checks, err := rows.Variable(ctx, "foreign_key_checks")
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	tables.foreignKeys, tables.routes, tables.exprs = checks == "ON", sub.Routes, sub.Exprs
	tables.shared, tables.include = sub.Sources > 1, u.tables.MatchTable
	dp, err := newDDLParser(ctx, up, defs, u.tables, u.log)
	if err != nil {
		return nil, err
	}
	dp.routes, dp.events = sub.Routes, sub.Events
	if sub.StrictCollation {
		if err := tables.learnSchemas(ctx); err != nil {
			return nil, err
		}
		dp.collate = func(home string, n ast.StmtNode) bool { return tables.tracker.NameCollations(home, n) } // a DDL makes a new tracker
	}
	dp.stamp = func(home string, n ast.StmtNode) (bool, error) { return tables.stamp(ctx, home, n) }
	if dp.online, err = newOnline(ctx, sub.Online, u.cfg.Meta, u.log); err != nil {
		return nil, err
	}
	return u.wire(up, rows, defs, from, tables, dp), nil
}

// recorded gives the structures that the meta tables have. Those of tables that the
// task leaves out are forgotten: nobody follows their DDL from here on, and when the
// tables are replicated again, rows would be read with columns of long ago. The tables
// that an online DDL tool makes of the task's are left out, too, and followed.
func (u *Unit) recorded(ctx context.Context) (map[schema.Name]string, error) {
	texts, err := u.cfg.Meta.Structures(ctx)
	if err != nil {
		return nil, err
	}
	rules := u.cfg.Subtask.Online
	for n := range texts {
		ofTool := rules.Kind(n.Table) != onlineddl.Real && rules.Follows(u.tables, n.Schema, n.Table)
		if ofTool || u.tables.MatchTable(n.Schema, n.Table) {
			continue
		}
		if err := u.cfg.Meta.PutStructure(ctx, n, ""); err != nil {
			return nil, err
		}
		delete(texts, n)
	}
	return texts, nil
}

func (u *Unit) wire(up, rows, defs *dbconn.DB, from start, tables *structures, dp *ddlParser) *pipeline {
	sub := &u.cfg.Subtask
	at := from.lane.Watermark
	w := newWindow(at, from.lane.Applied)
	o := newOrder(sub.Sync.WorkerCount, sub.Sync.Batch)
	group := newGrouper(at, up.Server.Flavor, sub.Source.EnableGTID, u.cfg.MaxTxnBytes, u.tables.MatchTable)
	group.sent, group.passes = sentOf(from.lane.Partial), newTemporary(dp).passes
	base := sub.Source.ServerID
	read := &reader{source: sub.Source.From, flavor: up.Server.Flavor, version: up.Server.Version, id: replicaID(base, sub.Task, u.cfg.Meta.Epoch),
		byGTID: sub.Source.EnableGTID, upstream: up, group: group, trouble: u.trouble}
	if !sub.Events.Empty() {
		read.leaves = leftRows(sub.Events)
	}
	runner := &ddlRunner{meta: u.cfg.Meta, db: defs, timezone: sub.Timezone, structures: tables, trouble: u.trouble,
		stats: u.stats, log: u.log, online: dp.online, implicit: dp.implicit, last: from.intent}
	c := &coordinator{window: w, order: o, structures: tables, parser: dp, ddl: runner, stats: u.stats,
		flushEvery: sub.Sync.CheckpointFlushInterval, safeMode: sub.Sync.SafeMode, safeUntil: from.safeUntil, flushed: at, prepared: newPrepared(u.cfg.MaxTxnBytes / 2),
		dumped: from.dumped, replay: from.replay, byGTID: sub.Source.EnableGTID}
	if u.cfg.ReplayOnly {
		c.until = from.replay.places[len(from.replay.places)-1]
	}
	lanes := make([]*lane, sub.Sync.WorkerCount)
	for i := range lanes {
		lanes[i] = &lane{id: i, batch: sub.Sync.Batch, meta: u.cfg.Meta, target: &target{db: rows}, window: w, order: o,
			stats: u.stats, trouble: u.trouble, strict: sub.Sync.Strict, compact: sub.Sync.Compact, multi: sub.Sync.MultipleRows, log: u.log}
	}
	u.stats.measure(read, c, lanes)
	lanes[0].partial = from.lane.Partial
	u.stats.watch(w, read)
	return &pipeline{read: read, coord: c, lanes: lanes, window: w, meta: u.cfg.Meta,
		status: func(ctx context.Context) error { return u.stats.refresh(ctx, up) }}
}

// matcher answers whether the task replicates a table or schema, from memory
// after the first time: it is asked for each event.
type matcher struct {
	filter config.TableFilter

	mu    sync.Mutex
	known map[schema.Name]bool // guarded by mu
}

func newMatcher(f config.TableFilter) *matcher {
	return &matcher{filter: f, known: map[schema.Name]bool{}}
}

// MatchTable is the decision for a table.
func (m *matcher) MatchTable(schemaName, table string) bool {
	n := schema.Name{Schema: schemaName, Table: table}
	m.mu.Lock()
	defer m.mu.Unlock()
	yes, ok := m.known[n]
	if !ok {
		yes = !dbconn.IsSystemSchema(schemaName) && m.filter.MatchTable(schemaName, table)
		m.known[n] = yes
	}
	return yes
}

// MatchSchema is the decision for a statement about a whole schema.
func (m *matcher) MatchSchema(name string) bool {
	return !dbconn.IsSystemSchema(name) && m.filter.MatchSchema(name)
}

// utc is the time zone of sessions that read or write rows.
const utc = "+00:00"

// rowsMode lets exactly what the source holds into the target and cuts nothing:
// strict, but with zero and invalid dates, and with zeros in AUTO_INCREMENT columns.
const rowsMode = "STRICT_TRANS_TABLES,STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES"

// flushInterval is DM's default of checkpoint-flush-interval.
const flushInterval = 30 * time.Second

// ddlTimeout lets a DDL run for a day; TCP finds out earlier that a target is gone.
const ddlTimeout = 24 * time.Hour

// withSession adds what the lanes need of their sessions. Foreign keys are not
// checked: lanes commit children before parents.
func withSession(db config.Database) config.Database {
	vars := map[string]string{"foreign_key_checks": "0"}
	maps.Copy(vars, db.Session)
	db.Session = vars
	return db
}
