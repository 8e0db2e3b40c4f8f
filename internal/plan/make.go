package plan

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/create"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/precheck"
	"github.com/raftdm/raftdm/internal/schema"
)

// ioLimit bounds one answer of a server, and limit the whole plan.
const (
	ioLimit = 30 * time.Second
	limit   = 30 * time.Minute
)

// Make asks the databases of a task what it would do. ignore are the items of
// ignore-checking-items. The error is about a server that cannot be asked.
func Make(ctx context.Context, subs []config.Subtask, ignore []string) (*Plan, error) {
	if len(subs) == 0 {
		return nil, fault.New(fault.Invalid, "the task has no source")
	}
	if subs[0].Mode == config.ModeLoad {
		return nil, &fault.Error{Kind: fault.Unsupported, Msg: "not supported yet: --plan for task-mode load, whose tables are in files of the workers",
			Hint: "look into the dump's directory, or plan with task-mode full what a dump taken now would bring"}
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	p := &planner{out: &Plan{Task: subs[0].Task, Mode: string(subs[0].Mode), Stops: []Remark{}, Remarks: []Remark{}, Schemas: []Schema{},
		Tables: []Table{}, Filtered: []Filtered{}}, targets: map[schema.Name]*Table{}}
	ups := make([]*upstream, len(subs))
	var checks precheck.Report
	var refused error
	g, gctx := errgroup.WithContext(ctx)
	for i := range subs {
		g.Go(func() (err error) {
			ups[i], err = readSource(gctx, &subs[i])
			return fault.Wrap("plan task="+subs[i].Task+" source="+subs[i].SourceID, err)
		})
	}
	g.Go(func() (err error) {
		p.down, err = openTarget(gctx, &subs[0])
		return fault.Wrap("plan task="+subs[0].Task, err)
	})
	g.Go(func() error {
		checks, refused = precheck.Check(gctx, subs, ignore)
		return nil // what stops the connection stops the plan too; the rest is shown
	})
	err := g.Wait()
	if p.down != nil {
		defer p.down.db.Close()
	}
	if err != nil {
		return nil, err
	}
	if err := p.down.ask(ctx, wanted(ups)); err != nil {
		return nil, fault.Wrap("plan task="+subs[0].Task, err)
	}
	p.checks(checks, refused)
	for _, u := range ups {
		p.source(u)
	}
	p.finish(&subs[0])
	return p.out, nil
}

// wanted lists the tables of the target that rows go to.
func wanted(ups []*upstream) (out []schema.Name) {
	seen := map[schema.Name]bool{}
	for _, u := range ups {
		for _, n := range u.tables {
			to, err := u.sub.Routes.Table(n.Schema, n.Table)
			if err != nil || u.sub.Mode == config.ModeDump {
				continue
			}
			if at := (schema.Name{Schema: to.Schema, Table: to.Table}); !seen[at] {
				seen[at] = true
				out = append(out, at)
			}
		}
	}
	return out
}

// planner puts the plan together.
type planner struct {
	out  *Plan
	down *downstream
	// targets are the tables that the task writes to, with the first of those that go there.
	targets map[schema.Name]*Table
}

func (p *planner) stop(source, table string, err error) {
	p.out.Stops = append(p.out.Stops, remark(source, table, err))
}

func remark(source, table string, err error) Remark {
	return Remark{Source: source, Table: table, Says: err.Error(), Help: fault.HintOf(err)}
}

// checks adds what the pre-checks found.
func (p *planner) checks(r precheck.Report, refused error) {
	if refused != nil {
		p.stop("", "", refused)
		return
	}
	for _, res := range r.Results {
		for _, d := range res.Errors {
			m := Remark{Says: d.ShortErr, Help: d.Instruction, Source: res.Source}
			if m.Help == "" {
				m.Help = res.Instruction
			}
			if d.Severity == precheck.Failed {
				p.out.Stops = append(p.out.Stops, m)
			} else {
				p.out.Remarks = append(p.out.Remarks, m)
			}
		}
	}
}

// source adds the tables of one source.
func (p *planner) source(u *upstream) {
	created := p.schemas(u)
	selected := make(map[schema.Name]bool, len(u.tables))
	for _, n := range u.tables {
		selected[n] = true
	}
	for _, o := range u.all {
		if !selected[o.Name] {
			p.out.Filtered = append(p.out.Filtered, Filtered{u.sub.SourceID, Name(o.Name), u.filtered(o)})
			continue
		}
		t := Table{Source: u.sub.SourceID, Name: Name(o.Name), Rules: u.rules(o.Name), EstimatedRows: o.rows, EstimatedBytes: o.bytes}
		if u.dumps() && u.sub.Mode == config.ModeAll && !u.sub.Filter.MatchTable(o.Schema, o.Table) {
			p.out.Remarks = append(p.out.Remarks, Remark{u.sub.SourceID, dbconn.Ident(o.Schema, o.Table), "is dumped but not replicated: extra-args and the block-allow-list differ", ""})
		}
		p.table(u, &t, created)
	}
}

// schemas adds the schemas that the load of a source creates, and gives those
// that are there behind it.
func (p *planner) schemas(u *upstream) map[string]bool {
	there := map[string]bool{}
	for s := range p.down.schemas {
		there[s] = true
	}
	for _, s := range u.schemas {
		to, st, err := p.rules(u).Schema(s, u.create[s])
		if err != nil {
			p.stop(u.sub.SourceID, dbconn.Ident(s), err)
			continue
		}
		one := Schema{Source: u.sub.SourceID, Name: s, Target: to, Exists: there[p.down.fold(to)]}
		if !one.Exists {
			one.Create = &st
		}
		there[p.down.fold(to)] = true
		p.out.Schemas = append(p.out.Schemas, one)
	}
	return there
}

func (p *planner) rules(u *upstream) create.Rules {
	return create.Rules{Routes: u.sub.Routes, Target: p.down.db.Server, Strict: u.sub.StrictCollation}
}
