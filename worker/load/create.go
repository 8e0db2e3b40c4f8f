package load

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"
	"golang.org/x/sync/errgroup"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/route"
)

// createAll makes the schemas and tables that are missing on the target.
func (r *run) createAll(ctx context.Context) error {
	for _, s := range r.content.schemas {
		text, err := s.text()
		if err != nil {
			return err
		}
		if text == "" { // a foreign dump may come without it
			text = "CREATE DATABASE " + dbconn.Ident(s.name)
		}
		name, err := r.cfg.Subtask.Routes.Schema(s.name)
		if err != nil {
			return err
		}
		if name != s.name {
			text = renamedSchema(text, name)
		}
		text, changed := fit(r.db.Server, text)
		for _, c := range changed {
			r.log.Warn("collation replaced: the target does not know it", "schema", s.name, "source", c.from, "target", c.to)
		}
		if _, err := r.db.ExecContext(ctx, text); err != nil && !r.schemaThere(ctx, name) {
			return r.createError("schema "+name, err)
		}
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, r.cfg.Subtask.Load.PoolSize))
	for _, t := range r.content.tables {
		g.Go(func() error { return r.createTable(gctx, t) })
	}
	return g.Wait()
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
	if !there && text == "" {
		return &fault.Error{Op: "create table " + dbconn.Ident(t.Schema, t.Table), Kind: fault.Schema, Side: fault.Downstream, Code: codeCreate,
			Msg:  "neither the target nor the dump has the structure of the table",
			Hint: "create the table on the target, or put the file with its CREATE TABLE beside the data; then resume-task"}
	}
	if !there {
		if to.Routed {
			if text, err = renamedTable(text, t.Name, r.cfg.Subtask.Routes); err != nil {
				return err
			}
		}
		text, changed := fit(r.db.Server, ifNotExists(text))
		for _, c := range changed {
			r.log.Warn("collation replaced: the target does not know it", "schema", t.Schema, "table", t.Table,
				"source", c.from, "target", c.to)
		}
		if err := r.inSchema(ctx, to.Schema, text); err != nil {
			return r.createError(fmt.Sprintf("table %s.%s", to.Schema, to.Table), err)
		}
		return r.checkColumns(ctx, to)
	}
	if err := r.checkColumns(ctx, to); err != nil {
		return err
	}
	return r.checkEmpty(ctx, t)
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
			return true, nil
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return true, dbconn.Error(fault.Downstream, op, err)
		}
	}
	alone, err := r.cfg.Meta.Alone(ctx)
	if err != nil {
		return there, err
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

// inSchema executes a statement with a current schema.
func (r *run) inSchema(ctx context.Context, name, text string) error {
	conn, err := r.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "USE "+dbconn.Ident(name)); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, text)
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
	return &fault.Error{Op: "create table " + dbconn.Ident(to.Schema, to.Table), Kind: fault.Schema, Side: fault.Downstream, Code: codeCreate,
		Msg: fmt.Sprintf("schema %s doesn't exist", to.Schema),
		Hint: fmt.Sprintf("create it on the target, or give the task a route with a schema-pattern for %q, target-schema %q and no table-pattern; then resume-task",
			t.Schema, to.Schema)}
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
	return &fault.Error{Op: op, Kind: fault.Conflict, Side: fault.Downstream,
		Msg:  fmt.Sprintf("table %s has no unique key and holds rows already: loading into it could double rows unnoticed", name),
		Hint: fmt.Sprintf("empty it with TRUNCATE TABLE %s on the target, or exclude it with the block-allow-list; then resume-task", name)}
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
	return &fault.Error{Op: "create " + what, Kind: fault.Schema, Side: fault.Downstream, Code: codeCreate, Err: err,
		Msg:  "the target refuses the structure that the source has",
		Hint: "create it on the target by hand in a form that the target accepts, with the same column names, then resume-task"}
}
