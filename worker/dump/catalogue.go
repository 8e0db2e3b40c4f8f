package dump

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/go-sql-driver/mysql"
	"golang.org/x/sync/errgroup"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
)

// catalogue is the list of what to dump. It is read without any lock first,
// chunks planned and the server's caches warmed, and confirmed under the lock,
// where only what has changed in between is read again.
type catalogue struct {
	filter      config.TableFilter
	consistency string
	anyIndex    bool
	threads     int
	// nameCharsets tells that the target knows the source's character sets.
	nameCharsets bool
	schemas      map[string]string // name -> CREATE DATABASE
	tables       map[schema.Name]*table
	prior        *dumpdir.State // what earlier attempts have read, nil for nothing
}

// read lists and describes the tables and plans their chunks.
func (c *catalogue) read(ctx context.Context, db *dbconn.DB, dump config.Dump) error {
	names, err := db.Tables(ctx, c.filter)
	if err != nil {
		return err
	}
	if c.tables, err = c.load(ctx, db, names); err != nil {
		return err
	}
	all := int64(0)
	for _, t := range c.tables {
		all += t.bytes
	}
	return c.each(c.tables, func(t *table) error {
		if err := checkWhere(ctx, db, t, dump.Where); err != nil {
			return explain(t, err)
		}
		var err error
		t.step = rowsPerChunk(t, dump.Rows, dump.ChunkBytes, all, dump.Threads)
		if t.refused = t.inherit(c.prior, dump.Where); t.prior != nil {
			return nil
		}
		t.plan, err = planPieces(ctx, db, t)
		return err
	})
}

// checkWhere finds a filter that does not fit a table before anybody is locked.
func checkWhere(ctx context.Context, db *dbconn.DB, t *table, where string) error {
	if where == "" {
		return nil
	}
	rows, err := db.QueryContext(ctx, "EXPLAIN FORMAT=TRADITIONAL SELECT 1 FROM "+dbconn.Ident(t.Schema, t.Table)+" WHERE ("+where+")")
	if err != nil {
		return whereError(where, err)
	}
	for rows.Next() { // the answer is of no interest
	}
	return whereError(where, errors.Join(rows.Err(), rows.Close()))
}

// whereError tells a filter that does not fit from other failures.
func whereError(where string, err error) error {
	var my *mysql.MySQLError
	if !errors.As(err, &my) || my.Number != 1054 && my.Number != 1064 && my.Number != 1305 && my.Number != 1111 {
		return err
	}
	return &fault.Error{Kind: fault.Invalid, Side: fault.Upstream, Code: codeRuntime, Err: err,
		Msg:  fmt.Sprintf("the where filter %q does not fit the table", where),
		Hint: "correct mydumpers.<name>.where, or --where in extra-args, so that it holds for every table of the task, then stop-task and start-task"}
}

// load reads structures, descriptions and identities of the named tables.
func (c *catalogue) load(ctx context.Context, db *dbconn.DB, names []schema.Name) (map[schema.Name]*table, error) {
	out := make(map[schema.Name]*table, len(names))
	bySchema := map[string]map[string]*table{}
	for _, n := range names {
		t := &table{Name: n, plan: []piece{{}}, step: 1 << 62}
		out[n] = t
		if bySchema[n.Schema] == nil {
			bySchema[n.Schema] = map[string]*table{}
		}
		bySchema[n.Schema][n.Table] = t
	}
	if err := c.each(out, func(t *table) error {
		var err error
		t.create, err = db.CreateTable(ctx, t.Name)
		return err
	}); err != nil {
		return nil, err
	}
	for name, tables := range bySchema {
		if err := describe(ctx, db, name, tables, c); err != nil {
			return nil, err
		}
		if err := identify(ctx, db, name, func(tbl, created string) {
			if t := tables[tbl]; t != nil {
				t.created = created
			}
		}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// confirm answers the tables as they are under the lock: first those with the
// largest chunks, so that no connection begins one when the others have nothing
// left to read; of equal ones the largest first.
func (c *catalogue) confirm(ctx context.Context, db *dbconn.DB) ([]*table, error) {
	names, err := db.Tables(ctx, c.filter)
	if err != nil {
		return nil, err
	}
	if c.schemas, err = c.readSchemas(ctx, db, names); err != nil {
		return nil, err
	}
	now, err := c.structures(ctx, db, names)
	if err != nil {
		return nil, err
	}
	var changed []schema.Name
	tables := make(map[schema.Name]*table, len(names))
	for _, n := range names {
		old, is := c.tables[n], now[n]
		if old == nil || old.created != is.created || !dumpdir.SameStructure(old.create, is.create) {
			changed = append(changed, n)
			continue
		}
		old.create = is.create
		tables[n] = old
	}
	fresh, err := c.load(ctx, db, changed)
	if err != nil {
		return nil, err
	}
	for n, t := range fresh {
		tables[n] = t
	}
	out := make([]*table, 0, len(tables))
	for _, n := range names {
		out = append(out, tables[n])
	}
	slices.SortStableFunc(out, func(a, b *table) int {
		return cmp.Or(cmp.Compare(b.chunkBytes(0), a.chunkBytes(0)), cmp.Compare(b.bytes, a.bytes))
	})
	return out, nil
}

// structures reads text and identity of the named tables.
func (c *catalogue) structures(ctx context.Context, db *dbconn.DB, names []schema.Name) (map[schema.Name]*table, error) {
	out := make(map[schema.Name]*table, len(names))
	schemas := map[string]bool{}
	for _, n := range names {
		out[n] = &table{Name: n}
		schemas[n.Schema] = true
	}
	for name := range schemas {
		if err := identify(ctx, db, name, func(tbl, created string) {
			if t := out[schema.Name{Schema: name, Table: tbl}]; t != nil {
				t.created = created
			}
		}); err != nil {
			return nil, err
		}
	}
	err := c.each(out, func(t *table) error {
		var err error
		t.create, err = db.CreateTable(ctx, t.Name)
		return err
	})
	return out, err
}

// readSchemas reads the definitions of the schemas that belong to the task.
func (c *catalogue) readSchemas(ctx context.Context, db *dbconn.DB, tables []schema.Name) (map[string]string, error) {
	names, err := db.Schemas(ctx, c.filter, tables)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(names))
	for _, name := range names {
		if out[name], err = db.CreateSchema(ctx, name); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// each calls f for all tables over the pool's connections.
func (c *catalogue) each(tables map[schema.Name]*table, f func(*table) error) error {
	var g errgroup.Group
	g.SetLimit(max(1, c.threads))
	for _, t := range tables {
		g.Go(func() error { return f(t) })
	}
	return g.Wait()
}

// identify tells each table's creation time, which a swap of tables changes
// even when both have the same structure.
func identify(ctx context.Context, db *dbconn.DB, name string, each func(tbl, created string)) error {
	rows, err := db.QueryContext(ctx, "SELECT TABLE_NAME, COALESCE(CREATE_TIME, '') FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?", name)
	if err != nil {
		return dbconn.Error(fault.Upstream, "read the tables of schema "+name, err)
	}
	defer rows.Close()
	for rows.Next() {
		var tbl, created string
		if err := rows.Scan(&tbl, &created); err != nil {
			return dbconn.Error(fault.Upstream, "read the tables of schema "+name, err)
		}
		each(tbl, created)
	}
	return dbconn.Error(fault.Upstream, "read the tables of schema "+name, rows.Err())
}

// unchanged fails with errStructureChanged when a table is not the one that the
// snapshot was taken of any more. It is asked behind the last row of a table.
func unchanged(ctx context.Context, db *dbconn.DB, t *table) error {
	create, err := db.CreateTable(ctx, t.Name)
	if fault.Is(err, fault.NotFound) {
		return fmt.Errorf("%s.%s: %w", t.Schema, t.Table, errStructureChanged)
	}
	if err != nil {
		return err
	}
	var created string
	err = db.QueryRowContext(ctx, "SELECT COALESCE(CREATE_TIME, '') FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?",
		t.Schema, t.Table).Scan(&created)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return dbconn.Error(fault.Upstream, "read the table's creation time", err)
	}
	if created != t.created || !dumpdir.SameStructure(create, t.create) {
		return fmt.Errorf("%s.%s: %w", t.Schema, t.Table, errStructureChanged)
	}
	return nil
}

// reportSkipped says which objects of the task's schemas are not copied.
func (c *catalogue) reportSkipped(ctx context.Context, db *dbconn.DB, log *slog.Logger) error {
	rows, err := db.QueryContext(ctx, "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES"+
		" WHERE TABLE_TYPE NOT IN ('BASE TABLE', 'SYSTEM VERSIONED')")
	if err != nil {
		return dbconn.Error(fault.Upstream, "list views", err)
	}
	defer rows.Close()
	for rows.Next() {
		var n schema.Name
		var kind string
		if err := rows.Scan(&n.Schema, &n.Table, &kind); err != nil {
			return dbconn.Error(fault.Upstream, "list views", err)
		}
		if !dbconn.IsSystemSchema(n.Schema) && c.filter.MatchTable(n.Schema, n.Table) {
			log.Info("not copied: only tables are", "schema", n.Schema, "name", n.Table, "kind", kind)
		}
	}
	return dbconn.Error(fault.Upstream, "list views", rows.Err())
}
