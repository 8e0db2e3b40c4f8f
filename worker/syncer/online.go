package syncer

import (
	"context"
	"log/slog"
	"maps"
	"slices"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/onlineddl"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// online remembers what online DDL tools have done to their shadow tables. It is
// the coordinator's: the parser reads it, and the runner changes it when the
// meta tables have the change.
type online struct {
	rules   *onlineddl.Rules
	meta    *checkpoint.Meta
	records map[schema.Name]checkpoint.Online
	log     *slog.Logger
}

// newOnline begins with what the meta tables say; nil for a task without online-ddl.
func newOnline(ctx context.Context, rules *onlineddl.Rules, meta *checkpoint.Meta, log *slog.Logger) (*online, error) {
	if rules == nil {
		return nil, nil
	}
	records, err := meta.Onlines(ctx)
	if err != nil {
		return nil, err
	}
	for n, o := range records {
		log.Info("an online DDL is under way", "table", dbconn.Ident(n.Schema, n.Table), "of", dbconn.Ident(o.Schema, o.Table), "ddls", o.DDLs)
	}
	return &online{rules: rules, meta: meta, records: records, log: log}, nil
}

// onlineWork is what a statement of the source means to online DDL, beside what
// its ddl executes.
type onlineWork struct {
	changes []onlineChange
	// swaps are the shadow tables that take the place of a real one.
	swaps []onlineSwap
	// shadow tells that the statement is about a shadow table, and creates that it
	// makes one, whatever is known under its name.
	shadow, creates bool
}

// ofShadow tells of a statement whose work w is whether it is about a shadow table.
func (w *onlineWork) ofShadow() bool { return w != nil && w.shadow }

// onlineSwap is a shadow table and the real one whose place it takes.
type onlineSwap struct{ shadow, real schema.Name }

// onlineChange is a change of one record.
type onlineChange struct {
	do   onlineDo
	name schema.Name // of the record; without a Table all of a schema
	real schema.Name
	ddl  string     // for onlineAdd, in DM's form
	from *Statement // for onlineAdd, the source's
	away checkpoint.Away
}

type onlineDo uint8

const (
	onlineForget onlineDo = iota
	onlineAdd             // one more statement of a shadow table
	onlineLeave           // a real table has left its name
)

// after gives the records behind changes, and which of them have changed.
func (o *online) after(changes []onlineChange) (records map[schema.Name]checkpoint.Online, changed []schema.Name) {
	records = maps.Clone(o.records)
	for _, c := range changes {
		r := records[c.name]
		switch c.do {
		case onlineForget:
			maps.DeleteFunc(records, func(n schema.Name, _ checkpoint.Online) bool {
				return n.Schema == c.name.Schema && (c.name.Table == "" || n.Table == c.name.Table)
			})
		case onlineLeave:
			records[c.name] = checkpoint.Online{Schema: c.real.Schema, Table: c.real.Table, More: &checkpoint.OnlineMore{Away: c.away}}
		case onlineAdd:
			if r.More == nil && slices.Contains(r.DDLs, c.ddl) {
				continue // DM has recorded it, and its checkpoint is from before
			}
			if len(r.DDLs) == 0 {
				r = checkpoint.Online{Schema: c.real.Schema, Table: c.real.Table}
			}
			more := &checkpoint.OnlineMore{}
			if r.More != nil {
				more.Statements = slices.Clone(r.More.Statements)
			}
			more.Statements = append(more.Statements, keptStatement(c.ddl, c.from))
			r.DDLs, r.More = append(slices.Clone(r.DDLs), c.ddl), more
			records[c.name] = r
		}
		changed = append(changed, c.name)
	}
	return records, changed
}

// save records changes in a transaction that calls SaveLane.
func (o *online) save(ctx context.Context, ex checkpoint.Execer, changes []onlineChange) error {
	records, changed := o.after(changes)
	for _, n := range changed {
		r, is := records[n]
		if is {
			if err := o.meta.SaveOnline(ctx, ex, n, r); err != nil {
				return err
			}
		} else if err := o.meta.ForgetOnline(ctx, ex, n); err != nil {
			return err
		}
	}
	return nil
}

// accept makes changes that are recorded the present state.
func (o *online) accept(changes []onlineChange) { o.records, _ = o.after(changes) }

// away tells whether a real table has left its name, how, and under which name
// that is recorded. A nil online knows of none.
func (o *online) away(real schema.Name) (how checkpoint.Away, name schema.Name) {
	if o == nil {
		return "", name
	}
	for n, r := range o.records {
		if r.More != nil && r.More.Away != "" && r.Schema == real.Schema && r.Table == real.Table {
			return r.More.Away, n
		}
	}
	return "", name
}

// shadowOf finds the shadow table of a real one that has been changed.
func (o *online) shadowOf(real schema.Name) (schema.Name, bool) {
	for n, r := range o.records {
		if n.Schema == real.Schema && len(r.DDLs) > 0 && slices.Contains(o.rules.Names(n.Table), real.Table) {
			return n, true
		}
	}
	return schema.Name{}, false
}

// gone lists the shadow tables whose structures are not needed any more.
func (w *onlineWork) gone() (out []schema.Name) {
	if w == nil {
		return nil
	}
	for _, c := range w.changes {
		if c.do == onlineForget && c.name.Table != "" && !w.creates {
			out = append(out, c.name)
		}
	}
	return out
}

// keptStatement gives the form of a statement in which it is recorded beside DM's.
func keptStatement(ddl string, st *Statement) checkpoint.OnlineStatement {
	return checkpoint.OnlineStatement{Of: checkpoint.OnlineSum(ddl), Schema: st.Schema, Text: st.Text, SQLMode: st.SQLMode, HasMode: st.HasMode, Time: st.Time,
		Micros: st.vars.micros, Zone: st.vars.zone, Unchecked: st.vars.unchecked, Stamps: int(st.vars.stamps)}
}

// statements gives what is recorded of a shadow table. Of a text that is DM's, or a
// person's, nobody knows the session: it is that of the statement now.
func statements(r *checkpoint.Online, now *Statement) []Statement {
	kept := map[string]checkpoint.OnlineStatement{}
	if r.More != nil {
		for _, s := range r.More.Statements {
			kept[s.Of] = s
		}
	}
	var out []Statement
	for _, text := range r.DDLs {
		if s, is := kept[checkpoint.OnlineSum(text)]; is {
			out = append(out, Statement{Schema: s.Schema, Text: s.Text, SQLMode: s.SQLMode, HasMode: s.HasMode, Time: s.Time,
				vars: ddlVars{micros: s.Micros, zone: s.Zone, unchecked: s.Unchecked, stamps: stamps(s.Stamps)}})
			continue
		}
		st := *now
		st.Schema, st.Text, st.SQLMode = r.Schema, text, now.SQLMode&^(modeAnsiQuotes|modeNoBackslash)
		out = append(out, st)
	}
	return out
}
