package syncer

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/expr"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/route"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// structures are the tables as they are on the source at the position that the
// coordinator has reached. Only the coordinator uses it.
//
// A known table is followed through each DDL by the tracker. A table that is
// not known is read from the target, when a row or a DDL first asks for it: a
// DDL is executed with nothing else in flight, so at that moment the target has
// executed exactly the DDL before it. The same holds for a DDL that the tracker
// has no rule for: behind it, the tables it touched are read from the target.
type structures struct {
	target  *dbconn.DB
	source  *dbconn.DB
	tracker *schema.Tracker
	saved   map[schema.Name]string // what the meta tables say and nobody asked for yet
	plans   map[schema.Name]*plan
	targets map[schema.Name]*there
	// namesakes is nil when it is to be made anew; include tells what the task replicates.
	namesakes namesakes
	include   func(schema, table string) bool
	// routes tells what the tables are called on the target; nil for what the
	// source calls them.
	routes *route.Router
	exprs  *expr.Rules // nil for none
	// shared tells that the task has several sources, which may write to one table.
	shared bool
	// foreignKeys tells that the lanes' sessions check foreign keys.
	foreignKeys bool
	log         *slog.Logger
}

// newStructures begins with what the meta tables say. upstream tells what a
// schema gets that is created without a character set.
func newStructures(ctx context.Context, upstream, target *dbconn.DB, saved map[schema.Name]string, log *slog.Logger) (*structures, error) {
	s := &structures{target: target, source: upstream, saved: saved, plans: map[schema.Name]*plan{}, targets: map[schema.Name]*there{}, log: log,
		tracker: schema.NewTracker("", upstream.Server.LowerCaseTableNames != 0)}
	if upstream.Server.Flavor == binlog.MariaDB {
		s.tracker.SetTextJSON()
	}
	var charset, collate string
	err := upstream.QueryRowContext(ctx, "SELECT @@GLOBAL.character_set_server, @@GLOBAL.collation_server").Scan(&charset, &collate)
	if err != nil {
		return nil, dbconn.Error(fault.Upstream, "read the server's character set", err)
	}
	s.tracker.SetServerCharset(charset, collate)
	collations, err := defaultCollations(ctx, upstream)
	if err != nil {
		return nil, err
	}
	s.tracker.SetDefaultCollations(collations)
	return s, nil
}

// defaultCollations asks what a character set means to the source that is named
// without a collation: MySQL since 8.0 and MariaDB since 11.2 have their own idea.
func defaultCollations(ctx context.Context, upstream *dbconn.DB) (map[string]string, error) {
	for name, read := range map[string]func(string) map[string]string{
		"default_collation_for_utf8mb4": func(value string) map[string]string { return map[string]string{"utf8mb4": value} },
		"character_set_collations":      schema.ReadDefaultCollations,
	} {
		value, err := upstream.Variable(ctx, name)
		if err == nil {
			return read(value), nil
		}
		if !fault.Is(err, fault.NotFound) {
			return nil, err
		}
	}
	return nil, nil
}

// plan gives the plan of a table's rows, which have so many columns.
func (s *structures) plan(ctx context.Context, n schema.Name, columns int) (*plan, error) {
	if p := s.plans[n]; p != nil {
		return p, nil
	}
	to, err := s.routes.Table(n.Schema, n.Table)
	if err != nil {
		return nil, err
	}
	t, err := s.table(ctx, n, columns)
	if absent(err) {
		var answer *mysql.MySQLError
		if errors.As(err, &answer) {
			err = answer // without the advice for all unknown tables
		}
		return nil, &fault.Error{Kind: fault.Schema, Side: fault.Downstream, Code: codeFetchDownstream, Err: err,
			Msg: "rows arrive for " + goesTo(n, to) + ", which is not on the target",
			Hint: "create the table on the target with the source's structure, then resume-task; or exclude it, as has to be done with a sequence:" +
				" pause-task, add it to ignore-tables of the task's block-allow-list, config task update, resume-task"}
	}
	if err != nil {
		return nil, err
	}
	if err := s.alone(n); err != nil {
		return nil, err
	}
	named := *t
	named.Name = schema.Name{Schema: to.Schema, Table: to.Table} // in the binlog's or the route's spelling
	if !s.target.Server.TiDB {
		named = *named.NamingCharsets()
	}
	on, err := s.there(ctx, named.Name)
	if err != nil {
		return nil, err
	}
	if len(to.Columns) > 0 {
		on = on.filledBy(to.Columns)
	}
	p := newPlan(&named, on, s.target.Server.Flavor == "mysql")
	if s.shared || to.Routed {
		p.findWhole(on)
	}
	if len(to.Columns) > 0 {
		if err := p.extract(to.Columns, on); err != nil {
			return nil, err
		}
	}
	if err := s.filtered(p, t, n); err != nil {
		return nil, err
	}
	s.plans[n] = p
	return p, nil
}

// table gives the structure of a table, from memory, the meta tables or the
// target. columns is how many a row has, or anyColumns.
func (s *structures) table(ctx context.Context, n schema.Name, columns int) (*schema.Table, error) {
	t, err := s.tracker.Table(n)
	if err == nil {
		return t, nil
	}
	text, ok := s.saved[n]
	if !ok {
		if text, err = s.unrecorded(ctx, n, columns); err != nil {
			return nil, err
		}
	}
	return s.learn(ctx, n, text)
}

// learn makes a table known by its text, its schema first.
func (s *structures) learn(ctx context.Context, n schema.Name, text string) (*schema.Table, error) {
	if err := s.learnSchema(ctx, n.Schema); err != nil {
		return nil, err
	}
	t, err := s.tracker.PutAs(n, text) // a structure keeps the name under which it was saved
	if err != nil {
		return nil, &fault.Error{Op: "read the structure of " + dbconn.Ident(n.Schema, n.Table), Kind: fault.KindOf(err), Code: codeCannotTrack,
			Hint: fault.HintOf(err), Err: err}
	}
	delete(s.saved, n)
	return t, nil
}

// learnSchema makes a schema's character set known.
func (s *structures) learnSchema(ctx context.Context, name string) error {
	if s.tracker.HasSchema(name) {
		return nil
	}
	n := schema.Name{Schema: name}
	text, ok := s.saved[n]
	if !ok {
		var err error
		if text, err = s.schemaText(ctx, name); absent(err) {
			return nil
		} else if err != nil {
			return err
		}
	}
	delete(s.saved, n)
	return s.tracker.PutSchema(name, text)
}

// learnSchemas makes the character sets of all schemas of the source known, as
// they are now where nothing is recorded.
func (s *structures) learnSchemas(ctx context.Context) error {
	const op = "read the character sets of the source's schemas"
	rows, err := s.source.QueryContext(ctx, "SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA")
	if err != nil {
		return dbconn.Error(fault.Upstream, op, err)
	}
	defer rows.Close()
	for rows.Next() {
		var name, charset, collate string
		if err := rows.Scan(&name, &charset, &collate); err != nil {
			return dbconn.Error(fault.Upstream, op, err)
		}
		n := schema.Name{Schema: name}
		text, recorded := s.saved[n]
		if !recorded {
			text = "CREATE DATABASE x DEFAULT CHARACTER SET " + charset + " COLLATE " + collate
		}
		if err := s.tracker.PutSchema(name, text); err != nil {
			return err
		}
		delete(s.saved, n)
	}
	return dbconn.Error(fault.Upstream, op, rows.Err())
}

// prepare makes known what one is about, before the target executes it. The
// structure in an intent is from then and wins over what the target says now.
func (s *structures) prepare(ctx context.Context, one *ddl, in *checkpoint.Intent, replay bool) error {
	if one.aside || one.forgets {
		return nil
	}
	for _, n := range append(slices.Clone(one.tables), one.uses...) {
		if _, err := s.tracker.Table(n); err == nil {
			continue
		}
		_, saved := s.saved[n]
		made := false
		var err error
		if !saved {
			if made, err = s.makes(ctx, one, n); err != nil {
				return err
			}
		}
		if made || one.online.ofShadow() && n == one.watch && !saved {
			continue // as the statement has it; or a shadow table, which the target does not have
		} else if replay && !saved {
			if n != in.Table || in.Before == "" {
				continue
			}
			_, err = s.learn(ctx, n, s.own(n, in.Before))
		} else {
			_, err = s.table(ctx, n, anyColumns)
		}
		if err != nil && (retryable(err) || errors.Is(err, errOtherOrder)) {
			return err
		}
		// What is not there, or cannot be read, shows when the statement is applied.
	}
	if err := s.learnSchemaOf(ctx, one, replay); err != nil || !one.raw || replay {
		return err
	}
	return s.comparable(ctx, one)
}

func (s *structures) learnSchemaOf(ctx context.Context, one *ddl, replay bool) error {
	if one.watch.Table == "" && replay {
		return nil // the statement may have changed it already
	}
	err := s.learnSchema(ctx, one.watch.Schema)
	if err != nil && !retryable(err) {
		return nil
	}
	return err
}

// behind is the state behind one DDL: the tracker, and the texts of what
// changed, "" for what is gone. A Name without a Table stands for a schema.
type behind struct {
	tracker *schema.Tracker
	texts   map[schema.Name]string
	// beside are tables that have changed on the target only.
	beside map[schema.Name]string
}

// after works out the state behind one, which the target has executed. It
// changes nothing: accept does, when the state is recorded.
func (s *structures) after(ctx context.Context, one *ddl) (behind, error) {
	b := behind{tracker: s.tracker.Clone(), texts: map[schema.Name]string{}}
	if one.aside {
		b.beside = one.besides()
		return b, nil
	}
	if one.online != nil {
		defer s.forgetShadows(&b, one.online)
		if one.online.creates {
			b.tracker.Drop(one.watch)
		}
	}
	if one.stmt == nil {
		return b, s.afterText(ctx, &b, one)
	}
	changed, err := b.tracker.Apply("", one.stmt)
	if err != nil && one.idle {
		changed = s.unknownFrom(&b, one)
	} else if err != nil {
		s.log.Warn("the structure behind a DDL is read from the target", "statement", one.text, "why", err)
		if changed, err = s.reread(ctx, &b, one); err != nil {
			return b, err
		}
		if err := s.inOrder(changed, b.tracker); err != nil {
			return b, err
		}
	}
	if one.watch.Table == "" {
		b.texts[one.watch] = b.tracker.CreateSchema(one.watch.Schema)
		if b.texts[one.watch] == "" { // dropped, and with it what nobody asked for
			for n := range s.saved {
				if n.Schema == one.watch.Schema {
					b.texts[n] = ""
				}
			}
		}
	}
	b.record(changed)
	return b, nil
}

// record notes the texts of tables for the meta tables.
func (b *behind) record(tables []schema.Name) {
	for _, n := range tables {
		b.texts[n] = ""
		if t, err := b.tracker.Table(n); err == nil {
			b.texts[n] = t.CreateSQL
		}
	}
}

// reread reads the tables that one touched from the target.
func (s *structures) reread(ctx context.Context, b *behind, one *ddl) ([]schema.Name, error) {
	for _, n := range one.tables {
		without, err := s.extracted(n)
		if err != nil {
			return nil, err
		}
		text, err := s.target.CreateTable(ctx, one.onTarget(n))
		if absent(err) {
			b.tracker.Drop(n)
			continue
		}
		if err != nil {
			return nil, err
		}
		if _, err := b.tracker.PutAs(n, text, without...); err != nil {
			s.log.Warn("the structure of a table cannot be read; the task stops when a row of it comes", "table", dbconn.Ident(n.Schema, n.Table), "why", err)
			b.tracker.Drop(n)
		}
	}
	return one.tables, nil
}

// accept makes b the present state.
func (s *structures) accept(b behind) {
	s.tracker = b.tracker
	for n := range b.texts {
		delete(s.saved, n)
	}
	s.forget(b.texts)
	s.forget(b.beside)
	clear(s.plans) // a DDL is rare, and a plan is made in microseconds
}

// absent tells the errors of a server that has no such table or schema.
func absent(err error) bool {
	if err == nil {
		return false
	}
	var answer *mysql.MySQLError
	if !errors.As(err, &answer) {
		return fault.Is(err, fault.NotFound)
	}
	switch answer.Number {
	case 1049, 1051, 1146: // unknown database, unknown table, no such table
		return true
	}
	return false
}
