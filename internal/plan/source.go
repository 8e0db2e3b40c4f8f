package plan

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/filter"
	"github.com/raftdm/raftdm/internal/onlineddl"
	"github.com/raftdm/raftdm/internal/schema"
)

// connections is how many statements one server is asked at the same time.
const connections = 8

// upstream is what was read of one source.
type upstream struct {
	sub     *config.Subtask
	all     []object
	tables  []schema.Name          // that are migrated
	creates map[schema.Name]string // SHOW CREATE TABLE; none in a mode that creates nothing
	schemas []string               // that the load creates
	create  map[string]string      // SHOW CREATE DATABASE
}

// object is what information_schema has of a table or view.
type object struct {
	schema.Name
	view        bool
	rows, bytes int64
}

// readSource asks one source for all that the plan needs.
func readSource(ctx context.Context, sub *config.Subtask) (*upstream, error) {
	db, err := dbconn.Open(ctx, fault.Upstream, sub.Source.From, dbconn.Options{MaxConns: connections, IOTimeout: ioLimit})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	u := &upstream{sub: sub, creates: map[schema.Name]string{}, create: map[string]string{}}
	if u.all, err = objects(ctx, db); err != nil {
		return nil, err
	}
	chosen := sub.Filter
	if u.dumps() && sub.DumpFilter != nil {
		chosen = sub.DumpFilter
	}
	if u.tables, err = db.Tables(ctx, chosen); err != nil || !u.loads() {
		return u, err
	}
	if u.schemas, err = db.Schemas(ctx, chosen, u.tables); err != nil {
		return nil, err
	}
	for _, s := range u.schemas {
		if u.create[s], err = db.CreateSchema(ctx, s); err != nil {
			return nil, err
		}
	}
	return u, readCreates(ctx, db, u.tables, u.creates)
}

// dumps and loads tell whether the task mode has these units.
func (u *upstream) dumps() bool { return u.sub.Mode != config.ModeIncremental }
func (u *upstream) loads() bool { return u.dumps() && u.sub.Mode != config.ModeDump }

// readCreates asks for the structures of tables. One that was dropped meanwhile is left out.
func readCreates(ctx context.Context, db *dbconn.DB, names []schema.Name, into map[schema.Name]string) error {
	texts := make([]string, len(names))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(connections)
	for i, n := range names {
		g.Go(func() error {
			text, err := db.CreateTable(gctx, n)
			if fault.Is(err, fault.NotFound) {
				return nil
			}
			texts[i] = text
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, n := range names {
		if texts[i] != "" {
			into[n] = texts[i]
		}
	}
	return nil
}

// objects lists all tables and views but the server's own.
func objects(ctx context.Context, db *dbconn.DB) ([]object, error) {
	const op = "list tables"
	rows, err := db.QueryContext(ctx, "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE LIKE '%VIEW%' OR TABLE_TYPE = 'SEQUENCE', COALESCE(TABLE_ROWS, 0), COALESCE(DATA_LENGTH, 0)"+
		" FROM information_schema.TABLES ORDER BY TABLE_SCHEMA, TABLE_NAME")
	if err != nil {
		return nil, dbconn.Error(fault.Upstream, op, err)
	}
	defer rows.Close()
	var out []object
	for rows.Next() {
		var o object
		if err := rows.Scan(&o.Schema, &o.Table, &o.view, &o.rows, &o.bytes); err != nil {
			return nil, dbconn.Error(fault.Upstream, op, err)
		}
		if !dbconn.IsSystemSchema(o.Schema) {
			out = append(out, o)
		}
	}
	return out, dbconn.Error(fault.Upstream, op, rows.Err())
}

// explainer is a filter that knows its reasons.
type explainer interface {
	Explain(schema, table string) (bool, string)
}

// choice says by which rule a table is migrated or not.
func (u *upstream) choice(n schema.Name) Rule {
	f, r := u.sub.Filter, Rule{Kind: "block-allow-list", Name: u.sub.RulesName}
	if u.dumps() && u.sub.Dump.Tables != nil {
		f, r = u.sub.DumpFilter, Rule{Kind: "mydumpers", Name: "extra-args", Says: u.sub.Dump.ExtraArgs}
	}
	if u.sub.Online.Kind(n.Table) != onlineddl.Real {
		r = Rule{Kind: "online-ddl"}
	}
	if e, ok := f.(explainer); ok {
		_, r.Says = e.Explain(n.Schema, n.Table)
	}
	return r
}

// rules lists what has a say about a table: the list, the route and the filters.
func (u *upstream) rules(n schema.Name) []Rule {
	out := []Rule{u.choice(n)}
	if to, err := u.sub.Routes.Table(n.Schema, n.Table); err == nil && to.Routed {
		says := "to " + dbconn.Ident(to.Schema, to.Table)
		for _, c := range to.Columns {
			says += fmt.Sprintf(", %s = %q", c.Name, c.Value)
		}
		out = append(out, Rule{"routes", to.Rule, says})
	}
	if u.sub.Mode == config.ModeFull || u.sub.Mode == config.ModeDump {
		return out // the others are about the replication
	}
	for _, r := range u.sub.Events.Rules(n.Schema, n.Table) {
		out = append(out, named("filters", filter.Named(r)))
	}
	for _, r := range u.sub.Exprs.Rules(n) {
		out = append(out, Rule{"expression-filter", r.Name, r.Says})
	}
	return out
}

// named gives a filter of the source file, which has no name there, one.
func named(kind string, r filter.Named) Rule {
	if r.Name == "" {
		r.Name = "of the source"
	}
	return Rule{kind, r.Name, r.Says}
}

// filtered says why an object is not migrated.
func (u *upstream) filtered(o object) string {
	c := u.choice(o.Name)
	why := c.Says
	if o.view && !strings.HasPrefix(why, "the schema of the task's") {
		return "views and sequences are not migrated"
	}
	if c.Name != "" {
		why = fmt.Sprintf("%s %q: %s", c.Kind, c.Name, why)
	}
	return why
}
