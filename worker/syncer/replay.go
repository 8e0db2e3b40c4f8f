package syncer

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// replay brings the rows of a dump that was read at several moments to one
// state. Of each table it knows two places in the binlog, From and To:
//
//   - up to From, a change is in the rows that were dumped, and is left out;
//   - behind To, it is in none, and is applied as always;
//   - in between it is in some, and is applied so that it gives the same result
//     whether the row has it or not. Only tables with a key have such a stretch.
//     Each row that any change in it touches ends as the last of them says.
//
// DDL up to the last place of all is left out, since the structures are those of
// the last snapshot, but for what only empties a table behind From; so are rows of
// tables that were not there any more.
// worker/dump/DESIGN.md has the other half of this. It is the coordinator's.
type replay struct {
	places []binlog.Location
	tables map[schema.Name]checkpoint.ReplayTable
	byGTID bool
}

func newReplay(r *checkpoint.Replay, byGTID bool) *replay {
	out := &replay{places: r.Places, tables: make(map[schema.Name]checkpoint.ReplayTable, len(r.Tables)), byGTID: byGTID}
	for _, t := range r.Tables {
		out.tables[t.Name()] = t
	}
	return out
}

// reached counts the places that t is behind, so t is behind place number i when
// i is less.
func (r *replay) reached(t *Txn) (int, error) {
	for i := len(r.places) - 1; i >= 0; i-- {
		in := t.Begin.Compare(r.places[i].Position) < 0
		if r.byGTID {
			var err error
			if in, err = r.places[i].GTID.Has(t.GTID); err != nil {
				return 0, err
			}
		}
		if !in {
			return i + 1, nil
		}
	}
	return 0, nil
}

// errReplayed ends a run that is only to bring the dump to one state.
var errReplayed = errors.New("the rows of the dump are of one moment")

// replayed leaves out what t does to rows that have it already, and marks t as
// safe where some may. It may be called again when t has got more rows.
func (c *coordinator) replayed(t *Txn) error {
	if c.replay == nil || c.byGTID && t.GTID == "" {
		return nil
	}
	n, err := c.replay.reached(t)
	if err != nil {
		return err
	}
	if n == len(c.replay.places) {
		c.replay = nil // what follows is all behind it
		return nil
	}
	if t.DDL != nil {
		empties, err := c.replayedDDL(t, n)
		if err != nil {
			return err
		}
		if !empties {
			c.leaveDDL(t)
		}
	}
	kept := t.Rows[:0]
	for i := range t.Rows {
		at, dumped := c.replay.tables[t.Rows[i].Table]
		if !dumped || n <= at.From {
			t.left++
			continue
		}
		t.safe = t.safe || n <= at.To
		kept = append(kept, t.Rows[i])
	}
	t.Rows = kept
	return nil
}

// replayedDDL tells whether a DDL only empties tables that are from before it, or
// partitions of them. The dump goes on with such a table where the source shows
// no trace of it, as a MariaDB does, and the statement is executed: what a table
// of several moments has from behind it comes again with the rows that follow.
//
// Any other one about a table that has rows from before and from behind it is
// refused, and so is one that changes whose rows a table holds. The dump reads
// the former anew, so it is never so; if it were, rows would be lost silently.
func (c *coordinator) replayedDDL(t *Txn, n int) (empties bool, err error) {
	list, err := c.parser.parse(t.DDL)
	if err != nil {
		return false, nil //nolint:nilerr // it is left out, whatever it says
	}
	for i := range list {
		for _, name := range list[i].tables {
			at, dumped := c.replay.tables[name]
			switch {
			case !dumped || n <= at.From:
			case emptiesOnly(list[i].node):
				empties = true
			case n <= at.To || list[i].swaps:
				return false, &fault.Error{Kind: fault.Data, Side: fault.Upstream,
					Msg:  fmt.Sprintf("%s was changed at %s while it was dumped, by %q, and rows of it are from before", dbconn.Ident(name.Schema, name.Table), t.Begin, excerpt(t.DDL.Text)),
					Hint: "copy the data anew: stop-task, then start-task --remove-meta"}
			}
		}
	}
	return empties, nil
}

// emptiesOnly tells whether a statement removes rows and changes nothing else.
func emptiesOnly(n ast.StmtNode) bool {
	switch n := n.(type) {
	case *ast.TruncateTableStmt:
		return true
	case *ast.AlterTableStmt:
		return !slices.ContainsFunc(n.Specs, func(s *ast.AlterTableSpec) bool { return s.Tp != ast.AlterTableTruncatePartition })
	}
	return false
}

// leaveDDL leaves out a DDL that the dump is from behind. What it means to the
// online DDL that ends later is kept.
func (c *coordinator) leaveDDL(t *Txn) {
	switch {
	case t.DDL == nil:
	case c.parser.online == nil:
		t.DDL = nil
	default:
		t.dumped = true
	}
}
