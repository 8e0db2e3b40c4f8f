package syncer

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/rowevent"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// sent says how far a cut transaction was handed on before the connection broke
// or the process ended: those rows are not handed on again. Filters may have
// changed since, and other rows are read with them, so each table has a number of
// its own.
type sent struct {
	id   string
	rows int64
	of   counts // nil in what was recorded before there were such numbers
}

// counts are numbers of rows by table and kind.
type counts map[schema.Name][rowevent.Kinds]int64

func (c *counts) add(n schema.Name, k Kind, rows int64) {
	if *c == nil {
		*c = counts{}
	}
	all := (*c)[n]
	all[k] += rows
	(*c)[n] = all
}

// addRows counts rows, of which those of one table mostly follow each other.
func (c *counts) addRows(rows []Row) {
	for from, to := 0, 0; from < len(rows); from = to {
		r := &rows[from]
		for to = from + 1; to < len(rows) && rows[to].Kind == r.Kind && rows[to].Table == r.Table; to++ {
		}
		c.add(r.Table, r.Kind, int64(to-from))
	}
}

// list is what is recorded.
func (c counts) list() []checkpoint.TableRows {
	out := make([]checkpoint.TableRows, 0, len(c))
	for n, rows := range c {
		out = append(out, checkpoint.TableRows{Schema: n.Schema, Table: n.Table, Rows: rows})
	}
	slices.SortFunc(out, func(a, b checkpoint.TableRows) int {
		return cmp.Or(cmp.Compare(a.Schema, b.Schema), cmp.Compare(a.Table, b.Table))
	})
	return out
}

// sentOf is what a run begins with: the progress that the last one has recorded.
func sentOf(p checkpoint.Partial) sent {
	s := sent{id: p.Txn, rows: p.Rows}
	for _, t := range p.Of {
		if s.of == nil {
			s.of = counts{}
		}
		s.of[schema.Name{Schema: t.Schema, Table: t.Table}] = t.Rows
	}
	return s
}

// takeUp makes the open transaction go on where it was, if it was handed on in part.
func (g *grouper) takeUp() {
	if c := g.cur; g.sent.id != "" && g.sent.id == c.t.BeginID() {
		c.rows, c.of = g.sent.rows, maps.Clone(g.sent.of)
	}
}

// skip tells how many of the n rows of an event were handed on before.
func (g *grouper) skip(e *rowevent.Rows, n int64) int64 {
	c := g.cur
	if g.sent.id == "" || g.sent.id != c.t.BeginID() {
		return 0
	}
	name := schema.Name{Schema: e.Table.Schema, Table: e.Table.Name}
	if g.sent.of == nil {
		skip := max(0, min(n, g.sent.rows-c.seen))
		if skip > 0 {
			c.of.add(name, e.Kind, skip)
		}
		return skip
	}
	skip := max(0, min(n, g.sent.of[name][e.Kind]-c.skipped[name][e.Kind]))
	if skip > 0 {
		c.skipped.add(name, e.Kind, skip)
	}
	return skip
}

// amid refuses to begin inside a transaction, whose beginning is not read then: what
// it changed before that place would be missing.
func (g *grouper) amid() error {
	return &fault.Error{Kind: fault.Invalid, Side: fault.Upstream, Code: codeGetEvent,
		Msg: fmt.Sprintf("the place in the binlog behind %s is inside a transaction", g.loc),
		Hint: "give the meta section of the task a place where a transaction begins: an End_log_pos of SHOW BINLOG EVENTS at an Xid, COMMIT or DDL," +
			" in a task that is started with --remove-meta"}
}

// keepSent remembers what was handed on of the open transaction.
func (g *grouper) keepSent() {
	c := g.cur
	id := c.t.BeginID()
	if g.sent.id == id && g.sent.of == nil && c.seen < g.sent.rows {
		return // the connection broke before it was known of which tables these are
	}
	g.sent = sent{id: id, rows: c.rows - int64(len(c.t.Rows)), of: maps.Clone(c.of)}
}
