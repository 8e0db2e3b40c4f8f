package syncer

import (
	"fmt"
	"slices"

	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/rowevent"
	"github.com/raftdm/raftdm/internal/schema"
)

const (
	// valueOverhead is what one value costs beside its bytes: where it is.
	valueOverhead = 8
	// rowOverhead is what a row costs beside its values: the Row, its plan, the
	// slices, and its statement in the lane. Narrow rows are mostly that.
	rowOverhead = 352
)

// rows adds the rows of an event to the open transaction. Those of tables that
// the task leaves out have no images.
func (g *grouper) rows(h *replication.EventHeader, e *rowevent.Rows, emit func(*Txn) error) error {
	if g.cur == nil {
		if err := g.begin(h, "", false); err != nil {
			return err
		}
		g.cur.begun = true
	}
	c := g.cur
	name := schema.Name{Schema: e.Table.Schema, Table: e.Table.Name}
	if e.Missing >= 0 {
		return g.notFull(h, name, e.Missing)
	}
	step := 1
	if e.Kind == Update {
		step = 2
	}
	c.t.Rows = slices.Grow(c.t.Rows, len(e.Images)/step)
	again := g.sent.id != "" && g.sent.id == c.t.BeginID()
	for i := 0; i+step <= len(e.Images); i += step {
		c.rows++
		if again && c.rows <= g.sent.rows {
			if c.parts == 0 {
				c.parts = 1 // it was cut before, so it stays cut
			}
			continue
		}
		r := Row{Table: name, Kind: e.Kind, Pos: h.LogPos}
		switch e.Kind {
		case Insert:
			r.After = e.Images[i]
		case Delete:
			r.Before = e.Images[i]
		case Update:
			r.Before, r.After = e.Images[i], e.Images[i+1]
		}
		c.t.Rows = append(c.t.Rows, r)
		c.size += rowSize(&r)
	}
	if c.size > g.cap {
		return g.cut(emit)
	}
	return nil
}

func (g *grouper) notFull(h *replication.EventHeader, n schema.Name, column int) error {
	return &fault.Error{Kind: fault.Data, Side: fault.Upstream, Code: codeMissingColumn,
		Msg: fmt.Sprintf("the row of %s.%s at %s is not complete in the binlog: column number %d is missing", n.Schema, n.Table, g.at(h), column+1),
		Hint: "on the source run SET GLOBAL binlog_row_image = 'FULL', reconnect its clients, and copy the data anew" +
			" (stop-task, start-task --remove-meta), since the binlog does not hold what is missing"}
}

// rowSize estimates the memory of a row: of its one or two images.
func rowSize(r *Row) int64 {
	return rowOverhead + int64(r.Before.Size()+r.After.Size()) + valueOverhead*int64(r.Before.Len()+r.After.Len())
}
