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
	if g.idle() {
		return g.amid()
	}
	c := g.cur
	if e.Missing >= 0 {
		return g.notFull(h, schema.Name{Schema: e.Table.Schema, Table: e.Table.Name}, e.Missing)
	}
	n := int64(len(e.Images) / images(e.Kind))
	skip := g.skip(e, n)
	c.again += skip
	if skip > 0 && c.parts == 0 {
		c.parts = 1 // it was cut before, so it stays cut
	}
	c.seen += n
	c.rows += n - skip
	had := len(c.t.Rows)
	if had == 0 && len(e.Body) <= slabEvent && c.xid == "" {
		c.t.Rows = g.slab.room()
	}
	c.t.Rows = appendRows(c.t.Rows, e, h.LogPos, int(skip))
	for i := range c.t.Rows[had:] {
		c.size += rowSize(&c.t.Rows[had+i])
	}
	if c.xid != "" && n > skip {
		c.xaEvent(h, e, int(skip))
	}
	if c.size > g.cap {
		return g.cut(emit)
	}
	return nil
}

const (
	// slabRows is how many rows have their memory together, slabLeft how few of
	// them are not worth to begin a transaction with.
	slabRows, slabLeft = 32, 4
	// slabEvent bounds what one row of a slab can keep in memory for the others.
	slabEvent = 16 << 10
)

// rowSlab gives small transactions room for their rows out of one piece of
// memory. What room gave last is given again until took says how much was used.
type rowSlab struct{ free []Row }

func (s *rowSlab) room() []Row {
	if cap(s.free) < slabLeft {
		s.free = make([]Row, 0, slabRows)
	}
	return s.free
}

// took leaves rows to their transaction, if it is in the slab that they are.
func (s *rowSlab) took(rows []Row) []Row {
	n := len(rows)
	if n == 0 || n > cap(s.free) || &rows[0] != &s.free[:1][0] {
		return rows
	}
	s.free = s.free[n:n:cap(s.free)]
	return rows[:n:n]
}

// images is how many images a row of a kind has.
func images(k Kind) int {
	if k == Update {
		return 2
	}
	return 1
}

// appendRows appends the rows of an event that ends at pos, but for the first
// so many.
func appendRows(dst []Row, e *rowevent.Rows, pos uint32, skip int) []Row {
	name := schema.Name{Schema: e.Table.Schema, Table: e.Table.Name}
	step := images(e.Kind)
	dst = slices.Grow(dst, max(0, len(e.Images)/step-skip))
	for i := skip * step; i+step <= len(e.Images); i += step {
		r := Row{Table: name, Kind: e.Kind, Pos: pos, unchecked: e.Unchecked}
		switch e.Kind {
		case Insert:
			r.After = e.Images[i]
		case Delete:
			r.Before = e.Images[i]
		case Update:
			r.Before, r.After = e.Images[i], e.Images[i+1]
		}
		dst = append(dst, r)
	}
	return dst
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
