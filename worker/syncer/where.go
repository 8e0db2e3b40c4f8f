package syncer

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	filters "github.com/raftdm/raftdm/internal/filter"
	"github.com/raftdm/raftdm/internal/route"
	"github.com/raftdm/raftdm/internal/rowevent"
	"github.com/raftdm/raftdm/internal/schema"
)

// on gives the name on the target of a table or schema whose DDL has been
// executed: its routes were asked before that.
func (s *structures) on(n schema.Name) schema.Name {
	if s.routes.Empty() {
		return n
	}
	to, err := moveName(s.routes, n)
	if err != nil {
		return n
	}
	return to
}

// extracted lists the columns of the target that the routes fill for a table.
func (s *structures) extracted(n schema.Name) ([]string, error) {
	if s.routes.Empty() {
		return nil, nil
	}
	to, err := s.routes.Table(n.Schema, n.Table)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, c := range to.Columns {
		out = append(out, c.Name)
	}
	return out, nil
}

// findWhole makes a plan find rows by all their columns, if no unique key of the
// target finds one: others write to the table, too.
func (p *plan) findWhole(on *there) {
	if p.keyed && p.fit.where == nil && on.table != nil {
		p.keyed, p.whole, p.where = false, true, p.given()
	}
}

// filtered gives a plan the expression filters for its table, as the source has it.
func (s *structures) filtered(p *plan, t *schema.Table, n schema.Name) error {
	if s.exprs == nil {
		return nil
	}
	source := *t
	source.Name = n
	f, missing, err := s.exprs.Bind(&source)
	if err != nil {
		return err
	}
	for _, m := range missing {
		s.log.Warn("an expression filter leaves nothing out, since the table lacks a column of it", "why", m)
	}
	p.exprs = f
	return nil
}

// own gives the text of a target's table without the columns that routes fill.
func (s *structures) own(n schema.Name, text string) string {
	without, err := s.extracted(n)
	if err != nil || len(without) == 0 {
		return text
	}
	t, err := schema.NewTracker("", false).PutAs(n, text, without...)
	if err != nil {
		return text // who reads it says what is wrong with it
	}
	return t.CreateSQL
}

// extracts tells whether a column of the target is filled by a route.
func extracts(to *route.Target, column string) bool {
	return slices.ContainsFunc(to.Columns, func(c route.Column) bool { return strings.EqualFold(c.Name, column) })
}

// schemaText is the text of a schema that nobody has recorded. The target's is
// that of the moment, unless routes bring other schemas there, too.
func (s *structures) schemaText(ctx context.Context, name string) (string, error) {
	if !s.routes.Empty() {
		if text, err := s.source.CreateSchema(ctx, name); !absent(err) {
			return text, err
		}
	}
	return s.target.CreateSchema(ctx, s.on(schema.Name{Schema: name}).Schema)
}

// unknownFrom forgets the tables of a statement that the target has not executed
// and that nobody can follow. What rows of them look like is found out anew.
func (s *structures) unknownFrom(b *behind, one *ddl) []schema.Name {
	for _, n := range one.tables {
		b.tracker.Drop(n)
	}
	return one.tables
}

// leftRows tells which changes of a table's rows the filters leave out.
func leftRows(e *filters.Events) func(schema, table string) [rowevent.Kinds]bool {
	return func(schema, table string) (out [rowevent.Kinds]bool) {
		out[Insert], out[Update], out[Delete] = e.Rows(schema, table)
		return out
	}
}

// filledBy is the table when a route fills columns of it: their values are not
// the target's own, and may well meet.
func (t *there) filledBy(columns []route.Column) *there {
	out := *t
	out.apart = slices.DeleteFunc(slices.Clone(t.apart), func(name string) bool {
		return slices.ContainsFunc(columns, func(c route.Column) bool { return strings.EqualFold(c.Name, name) })
	})
	return &out
}

// extract makes the plan fill the columns that say where a row came from, and
// find rows by them, too: another table's may look the same.
func (p *plan) extract(columns []route.Column, on *there) error {
	for _, c := range columns {
		same := func(o schema.Column) bool { return strings.EqualFold(o.Name, c.Name) }
		if slices.ContainsFunc(p.table.Columns, same) {
			return &fault.Error{Kind: fault.Schema, Side: fault.Upstream,
				Msg:  fmt.Sprintf("a route fills the column %s of %s, and the source's table has a column of that name", dbconn.Ident(c.Name), p.name),
				Hint: "choose another target-column in the route: stop-task, change the task file, start-task"}
		}
		if on.table != nil && !slices.ContainsFunc(on.table.Columns, same) {
			return &fault.Error{Kind: fault.Schema, Side: fault.Downstream,
				Msg:  fmt.Sprintf("a route fills the column %s of %s, which the target's table does not have", dbconn.Ident(c.Name), p.name),
				Hint: fmt.Sprintf("on the target ALTER TABLE %s ADD COLUMN %s VARCHAR(64), then resume-task", p.name, dbconn.Ident(c.Name))}
		}
		literal := textLiteral(c.Value)
		p.insert = strings.TrimSuffix(p.insert, valuesTail) + ", " + dbconn.Ident(c.Name) + valuesTail
		p.fixedValues = append(append(p.fixedValues, ','), literal...)
		p.fixedMatch += " AND " + dbconn.Ident(c.Name) + " = " + literal
	}
	return nil
}

// valuesTail ends plan.insert.
const valuesTail = ") VALUES "

// textLiteral writes a text for a session without ANSI_QUOTES.
func textLiteral(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", "''", "\x00", `\0`).Replace(s) + "'"
}
