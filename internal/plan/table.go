package plan

import (
	"fmt"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/create"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/route"
	"github.com/raftdm/raftdm/internal/schema"
)

// table decides what becomes of one table, in the order in which the load does.
// schemas are those that the target has by then.
func (p *planner) table(u *upstream, t *Table, schemas map[string]bool) {
	n := schema.Name(t.Name)
	to, err := u.sub.Routes.Table(n.Schema, n.Table)
	if err != nil {
		t.On = OnUnclear
		p.stop(t.Source, dbconn.Ident(n.Schema, n.Table), err)
		p.out.Tables = append(p.out.Tables, *t)
		return
	}
	t.Target = Name{to.Schema, to.Table}
	at := schema.Name(t.Target)
	key := p.down.key(at)
	first := p.targets[key]
	switch {
	case u.sub.Mode == config.ModeDump:
		t.On = OnNowhere
	case p.down.tables[key]:
		t.On = OnExists
		p.existing(u, t, to)
	case !u.loads():
		t.On = OnMissing
		p.stop(t.Source, t.ident(), &fault.Error{Kind: fault.Schema, Side: fault.Downstream,
			Msg:  "its table " + dbconn.Ident(at.Schema, at.Table) + " is not on the target",
			Hint: "create the table on the target with the source's structure; without it the first row pauses the task"})
	case to.Routed && !schemas[p.down.fold(to.Schema)]:
		t.On = OnMissing
		p.stop(t.Source, t.ident(), create.NoSchema(n, to))
	default:
		p.created(u, t, to, first)
	}
	p.out.Tables = append(p.out.Tables, *t)
	if first == nil && (t.On == OnCreated || t.On == OnExists) {
		p.targets[key] = t
	}
}

func (t *Table) ident() string { return dbconn.Ident(t.Schema, t.Name.Table) }

// created works out the statement of a table that the target does not have. first
// is the one that has created it already, nil for none.
func (p *planner) created(u *upstream, t *Table, to *route.Target, first *Table) {
	text, ok := u.creates[schema.Name(t.Name)]
	if !ok {
		p.stop(t.Source, t.ident(), fault.New(fault.NotFound, "the table was dropped while the plan was made"))
		return
	}
	st, err := p.rules(u).Table(schema.Name(t.Name), to, text)
	if err != nil {
		p.stop(t.Source, t.ident(), err)
		return
	}
	t.On, t.Create = OnCreated, &st
	if t.structure, err = schema.Parse(st.SQL, "", to.Schema); err != nil {
		return // the pre-check of the tables says so
	}
	in, by := t.structure, st.SQL
	if first != nil {
		t.On, t.Create = OnShared, nil
		if first.structure == nil {
			return
		}
		in, by = first.structure, first.Create.SQL
	}
	p.compare(t, t.structure, in, by, to)
}

// existing compares a table that the target has with what the source's statement would make.
func (p *planner) existing(u *upstream, t *Table, to *route.Target) {
	at := schema.Name(t.Target)
	text := p.down.creates[at]
	target, err := schema.Parse(text, "", at.Schema)
	if err != nil {
		p.out.Remarks = append(p.out.Remarks, remark(t.Source, t.ident(), fmt.Errorf("the structure of %s on the target cannot be read: %w", dbconn.Ident(at.Schema, at.Table), err)))
		return
	}
	if u.loads() && p.down.holds[at] && p.targets[p.down.key(at)] == nil {
		p.occupied(u, t, target, to)
	}
	source := u.creates[schema.Name(t.Name)]
	if source == "" {
		p.fill(t, target, to)
		return
	}
	st, err := p.rules(u).Table(schema.Name(t.Name), to, source)
	if err != nil {
		p.stop(t.Source, t.ident(), err)
		return
	}
	made, err := schema.Parse(st.SQL, "", to.Schema)
	if err != nil {
		return // the pre-check of the tables says so
	}
	p.compare(t, made, target, text, to)
}

// occupied tells of rows that a table holds before the load begins.
func (p *planner) occupied(u *upstream, t *Table, target *schema.Table, to *route.Target) {
	if p.down.begun(u.sub) {
		return // they may be the task's own
	}
	if len(target.Indexes) == 0 && u.sub.Sources == 1 {
		p.stop(t.Source, t.ident(), create.Holds(to))
		return
	}
	p.out.Remarks = append(p.out.Remarks, Remark{t.Source, t.ident(), dbconn.Ident(to.Schema, to.Table) + " on the target holds rows already",
		"a row that is there already stops the load, unless loaders.<name>.on-duplicate-logical says which of the two stays"})
}

// compare notes in what a table of the target is another one than the source's
// statement makes, and what of that stops the task.
func (p *planner) compare(t *Table, made, target *schema.Table, text string, to *route.Target) {
	t.Differs = create.Differences(made, target, text, to)
	for _, d := range t.Differs {
		if d.Stops {
			p.stop(t.Source, t.ident(), &fault.Error{Kind: fault.Schema, Side: fault.Downstream,
				Msg: "in " + dbconn.Ident(to.Schema, to.Table) + " of the target, " + d.Says, Hint: "ALTER TABLE on the target so that it takes the source's rows"})
		}
	}
	p.fill(t, target, to)
}

// fill looks for the columns that a route fills.
func (p *planner) fill(t *Table, target *schema.Table, to *route.Target) {
	var names []string
	for _, c := range target.Columns {
		names = append(names, c.Name)
	}
	if err := create.Filled(to, names); err != nil {
		p.stop(t.Source, t.ident(), err)
	}
}

// finish counts, and adds what is about the whole task.
func (p *planner) finish(sub *config.Subtask) {
	o := p.out
	kind := p.down.db.Server.Flavor
	if p.down.db.Server.TiDB {
		kind = "tidb"
	}
	o.Target = fmt.Sprintf("%s:%d (%s %s)", sub.Target.Host, sub.Target.Port, kind, p.down.db.Server.Version)
	if p.down.begun(sub) {
		o.Remarks = append(o.Remarks, Remark{Says: fmt.Sprintf("the target has the state of an earlier run of the task in %s: start-task goes on there", dbconn.Ident(sub.MetaSchema)),
			Help: "start-task --remove-meta begins anew"})
	}
	s := &o.Summary
	s.Tables, s.Filtered = len(o.Tables), len(o.Filtered)
	seen := map[Name]bool{}
	for i := range o.Tables {
		t := &o.Tables[i]
		s.EstimatedRows += t.EstimatedRows
		s.EstimatedBytes += t.EstimatedBytes
		if t.On == OnUnclear || t.On == OnNowhere || seen[t.Target] {
			continue
		}
		seen[t.Target] = true
		s.Targets++
		switch t.On {
		case OnCreated:
			s.Created++
		case OnExists:
			s.Exist++
			if len(t.Differs) > 0 {
				s.Differ++
			}
		}
	}
}
