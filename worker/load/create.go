package load

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
	"golang.org/x/sync/errgroup"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/create"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/route"
	"github.com/raftdm/raftdm/internal/schema"
)

// createRules are how the schemas and tables are created.
func (r *run) createRules() create.Rules {
	return create.Rules{Routes: r.cfg.Subtask.Routes, Target: r.db.Server, Strict: r.cfg.Subtask.StrictCollation}
}

// createAll makes the schemas and tables that are missing on the target, but
// those that wait for the end of the dump.
func (r *run) createAll(ctx context.Context) error {
	if err := r.tellApart(); err != nil {
		return err
	}
	for _, s := range r.content.schemas {
		text, err := s.text()
		if err != nil {
			return err
		}
		name, st, err := r.createRules().Schema(s.name, text)
		if err != nil {
			return err
		}
		for _, c := range st.Replaced {
			r.log.Warn("collation replaced: the target does not know it", "schema", s.name, "source", c.From, "target", c.To)
		}
		if _, err := r.db.ExecContext(ctx, st.SQL); err != nil && !r.schemaThere(ctx, name) {
			return r.createError("schema "+name, err)
		}
	}
	return r.createTables(ctx, func(t *table) bool { return !r.later(t) })
}

func (r *run) createTables(ctx context.Context, which func(*table) bool) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, r.cfg.Subtask.Load.PoolSize))
	for _, same := range r.byTarget() {
		g.Go(func() error {
			for _, t := range same { // one after the other: the first makes the table
				if !which(t) {
					continue
				}
				if err := r.createTable(gctx, t); err != nil {
					return err
				}
				var err error
				if t.plain, err = r.plain(gctx, t.to); err != nil {
					return err
				}
				if r.content.own {
					continue
				}
				if err := r.compareText(gctx, t); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// byTarget groups the tables by where they go, each group in the order of the names,
// so that not chance decides whose structure a merged table has. One that goes
// nowhere says so when it is created.
func (r *run) byTarget() (out [][]*table) {
	at := map[schema.Name]int{}
	for _, t := range r.content.tables {
		n := t.Name
		if to, err := r.to(n); err == nil {
			n = schema.Name{Schema: to.Schema, Table: to.Table}
		}
		if _, known := at[n]; !known {
			at[n] = len(out)
			out = append(out, nil)
		}
		out[at[n]] = append(out[at[n]], t)
	}
	for _, same := range out {
		slices.SortFunc(same, func(a, b *table) int { return a.Name.Compare(b.Name) })
	}
	return out
}

// tellApart refuses two tables that have one name on a target which does not tell
// case: their rows would become those of one table. The pre-check has looked at the
// source's tables, but at no file, and some may have come since.
func (r *run) tellApart() error {
	if r.db.Server.LowerCaseTableNames == 0 && !r.db.Server.TiDB {
		return nil
	}
	seen := map[string]*table{}
	for _, t := range r.content.tables {
		to, err := r.to(t.Name)
		if err != nil {
			continue // it is said when the table is created
		}
		name := dbconn.Ident(to.Schema, to.Table)
		key := strings.ToLower(name)
		if o := seen[key]; o != nil {
			if there, err := r.to(o.Name); err == nil && (there.Schema != to.Schema || there.Table != to.Table) {
				return &fault.Error{Kind: fault.Invalid, Code: codeSameTable,
					Msg: fmt.Sprintf("tables %s and %s: the target does not tell apart %s and %s, which differ in case only",
						dbconn.Ident(o.Schema, o.Table), dbconn.Ident(t.Schema, t.Table), dbconn.Ident(there.Schema, there.Table), name),
					Hint: "leave one of the two out with block-allow-list, or give it another name by a route, with case-sensitive: true; then stop-task and start-task"}
			}
		}
		seen[key] = t
	}
	return nil
}

// schemaThere tells whether a schema exists that the user may not create.
func (r *run) schemaThere(ctx context.Context, name string) bool {
	var one int
	err := r.db.QueryRowContext(ctx, "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?", name).Scan(&one)
	return err == nil
}

func (r *run) createTable(ctx context.Context, t *table) error {
	text, err := t.text()
	if err != nil {
		return err
	}
	if t.to, err = r.to(t.Name); err != nil {
		return err
	}
	to := t.to
	if err := r.needSchema(ctx, to, t); err != nil {
		return err
	}
	there, err := r.tableThere(ctx, to)
	if err != nil {
		return err
	}
	if r.begun(t) {
		if there, err = r.kept(ctx, t, there); err != nil {
			return err
		}
	}
	if !there {
		st, err := r.createRules().Table(t.Name, to, text)
		if err != nil {
			return err
		}
		for _, c := range st.Replaced {
			r.log.Warn("collation replaced: the target does not know it", "schema", t.Schema, "table", t.Table,
				"source", c.From, "target", c.To)
		}
		if err := r.inSchema(ctx, st); err != nil {
			return r.createError(fmt.Sprintf("table %s.%s", to.Schema, to.Table), err)
		}
		return r.checkColumns(ctx, to)
	}
	if err := r.checkColumns(ctx, to); err != nil {
		return err
	}
	if err := r.checkTypes(ctx, t, text); err != nil {
		return err
	}
	return r.checkEmpty(ctx, t)
}

// checkTypes refuses a table that was there and whose columns would alter values
// of the source without a word. text is the source's CREATE TABLE, "" when the dump
// has none.
func (r *run) checkTypes(ctx context.Context, t *table, text string) error {
	source, err := schema.Parse(text, "", t.Schema)
	if err != nil {
		return nil //nolint:nilerr // the target has made something of it; what it cannot take it refuses
	}
	on := schema.Name{Schema: t.to.Schema, Table: t.to.Table}
	there, err := r.db.CreateTable(ctx, on)
	if err != nil {
		return err
	}
	return create.Alters(source, on, there)
}

// kept looks whether a table of which rows were loaded still has any. When it
// was dropped or emptied since, its files begin anew: nothing of them is there
// twice then, and nothing is missing in the end.
func (r *run) kept(ctx context.Context, t *table, there bool) (bool, error) {
	const op = "look into the table on the target"
	name := dbconn.Ident(t.to.Schema, t.to.Table)
	if there {
		var one int
		err := r.db.QueryRowContext(ctx, "SELECT 1 FROM "+name+" LIMIT 1").Scan(&one)
		if err == nil {
			return true, r.checkWhole(ctx, t)
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return true, dbconn.Error(fault.Downstream, op, err)
		}
	}
	alone, err := r.cfg.Meta.Alone(ctx)
	if err != nil {
		return there, err
	}
	if alone && (t.touched || t.incomplete()) && r.cfg.Subtask.Mode != config.ModeLoad {
		return there, r.anew(ctx, t)
	}
	if !alone || t.touched {
		return there, &fault.Error{Op: op, Kind: fault.Conflict, Side: fault.Downstream,
			Msg:  "table " + name + " was dropped or emptied on the target, with rows that this load does not have: of other sources, or of files that are gone",
			Hint: "stop-task, remove the task's tables from the target and begin anew with start-task --remove-meta"}
	}
	r.log.Warn("a table was dropped or emptied on the target since rows of it were loaded: it is loaded from its beginning",
		"schema", t.to.Schema, "table", t.to.Table)
	var names []string
	for _, f := range t.files {
		if r.chunks[f.name].Offset > 0 {
			names = append(names, f.name)
		}
	}
	return there, r.cfg.Meta.RestartChunks(ctx, names)
}

// incomplete tells whether files of the table have been loaded and removed.
func (t *table) incomplete() bool {
	return slices.ContainsFunc(t.files, func(f file) bool { return !f.own.There(f.dir) })
}

// inSchema executes a statement with a current schema.
func (r *run) inSchema(ctx context.Context, st create.Statement) error {
	conn, err := r.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "USE "+dbconn.Ident(st.Schema)); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, st.SQL)
	return err
}

// needSchema looks for the schema that a route names, which nobody may have
// created: only a route of schemas would.
func (r *run) needSchema(ctx context.Context, to *route.Target, t *table) error {
	if !to.Routed {
		return nil
	}
	var one int
	err := r.db.QueryRowContext(ctx, "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?", to.Schema).Scan(&one)
	if !errors.Is(err, sql.ErrNoRows) {
		return dbconn.Error(fault.Downstream, "look for the schema on the target", err)
	}
	return create.NoSchema(t.Name, to)
}

func (r *run) tableThere(ctx context.Context, t *route.Target) (bool, error) {
	var one int
	err := r.db.QueryRowContext(ctx, "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?", t.Schema, t.Table).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, dbconn.Error(fault.Downstream, "look for the table on the target", err)
}

// checkEmpty refuses a table without unique keys that holds rows which are not
// ours: nothing would notice a row that is there already.
func (r *run) checkEmpty(ctx context.Context, t *table) error {
	const op = "look into the table on the target"
	if r.begun(t) || t.to.Routed && r.shares(t) {
		return nil
	}
	name := dbconn.Ident(t.to.Schema, t.to.Table)
	var unique int
	if err := r.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.STATISTICS"+
		" WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND NON_UNIQUE = 0", t.to.Schema, t.to.Table).Scan(&unique); err != nil {
		return dbconn.Error(fault.Downstream, op, err)
	}
	if unique > 0 {
		return nil
	}
	var one int
	err := r.db.QueryRowContext(ctx, "SELECT 1 FROM "+name+" LIMIT 1").Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return dbconn.Error(fault.Downstream, op, err)
	}
	alone, err := r.cfg.Meta.Alone(ctx)
	if err != nil || !alone {
		return err
	}
	return create.Holds(t.to)
}

// checkColumns refuses a table that lacks a column which a route fills.
func (r *run) checkColumns(ctx context.Context, to *route.Target) error {
	if len(to.Columns) == 0 {
		return nil
	}
	const op = "look into the table on the target"
	rows, err := r.db.QueryContext(ctx, "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?", to.Schema, to.Table)
	if err != nil {
		return dbconn.Error(fault.Downstream, op, err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return dbconn.Error(fault.Downstream, op, err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		return dbconn.Error(fault.Downstream, op, err)
	}
	return create.Filled(to, names)
}

// begun tells whether rows of the table have been loaded already.
func (r *run) begun(t *table) bool {
	if t.touched {
		return true
	}
	for _, f := range t.files {
		if r.chunks[f.name].Offset > 0 {
			return true
		}
	}
	return false
}

// createError names what the target refuses to create.
func (r *run) createError(what string, err error) error {
	var my *mysql.MySQLError
	denied := errors.As(err, &my) && (my.Number == 1044 || my.Number == 1142 || my.Number == 1227)
	if denied || fault.Transient(err) || errors.Is(err, context.Canceled) {
		return dbconn.ExecError(fault.Downstream, "create "+what, err)
	}
	return &fault.Error{Op: "create " + what, Kind: fault.Schema, Side: fault.Downstream, Code: create.Code, Err: err,
		Msg:  "the target refuses the structure that the source has",
		Hint: "create it on the target by hand in a form that the target accepts, with the same column names, then resume-task"}
}
