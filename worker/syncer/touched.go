package syncer

import (
	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// touched remembers which tables have changed since their rows in DM's
// checkpoint table were written, and by which transaction last. Only the
// coordinator uses it. A transaction costs no more than a look at its rows.
type touched struct {
	by     map[*plan]point
	pieces map[*plan]schema.Name // of a transaction that has no end yet
	ddl    map[schema.Name]binlog.Location
}

// point is a transaction's place in the window, and where it ends. The transaction
// itself would keep its rows in memory.
type point struct {
	table schema.Name // the source's
	seq   uint64
	end   binlog.Location
}

// mostPoints bounds the rows of one write. The others follow with the next one.
const mostPoints = 1000

// add notes the tables of t, which has its place in the window, or is a piece that
// others follow.
func (x *touched) add(t *Txn) {
	if x.by == nil {
		x.by, x.pieces = map[*plan]point{}, map[*plan]schema.Name{}
	}
	for i := range t.Rows {
		r := &t.Rows[i]
		switch {
		case i > 0 && r.plan == t.Rows[i-1].plan:
		case t.Last:
			x.by[r.plan] = point{r.Table, t.seq, t.End}
		default:
			x.pieces[r.plan] = r.Table
		}
	}
	if t.Last && len(x.pieces) > 0 {
		for p, n := range x.pieces {
			x.by[p] = point{n, t.seq, t.End}
		}
		clear(x.pieces)
	}
}

// altered notes the tables of a DDL that is done.
func (x *touched) altered(list []ddl, at binlog.Location) {
	for i := range list {
		if list[i].online.ofShadow() {
			continue
		}
		for _, n := range list[i].tables {
			if x.ddl == nil {
				x.ddl = map[schema.Name]binlog.Location{}
			}
			x.ddl[n] = at
		}
	}
}

// points gives what to write: of each table the end of its last transaction, or
// the watermark where that one is still in flight; these stay. Tables that are
// gone are left out.
func (x *touched) points(at binlog.Location, mark uint64, tracker *schema.Tracker) []checkpoint.TablePoint {
	found := map[schema.Name]binlog.Location{}
	for n, end := range x.ddl {
		if len(found) >= mostPoints {
			break
		}
		found[n] = end
		delete(x.ddl, n)
	}
	for p, last := range x.by {
		if len(found) >= mostPoints {
			break
		}
		end := at
		if last.seq <= mark {
			end = last.end
			delete(x.by, p)
		}
		if had, is := found[last.table]; !is || later(end, had) {
			found[last.table] = end
		}
	}
	var out []checkpoint.TablePoint
	for n, end := range found {
		if _, err := tracker.Table(n); err == nil {
			out = append(out, checkpoint.TablePoint{Table: n, Location: end})
		}
	}
	return out
}
