package syncer

import (
	"fmt"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// writeXA appends what a group does to the meta table of XA transactions. What
// is prepared and ended in one group never gets there.
func (l *lane) writeXA(group []*Txn) {
	ended := map[xid]bool{} // by a later member of the group
	spared := map[*Txn]bool{}
	for i := len(group) - 1; i >= 0; i-- {
		if w := group[i].xa; w != nil {
			spared[group[i]] = w.verb == xaPrepare && ended[w.xid]
			ended[w.xid] = w.verb != xaPrepare
		}
	}
	clear(ended) // now: prepared by an earlier member, and not stored
	for _, t := range group {
		w := t.xa
		switch {
		case w == nil:
		case w.verb != xaPrepare:
			least := w.least
			if ended[w.xid] {
				least = 0
			}
			ended[w.xid] = false
			l.removeXA(w, least)
		case spared[t]:
			ended[w.xid] = true
		default:
			if t.RowsBefore == 0 {
				l.removeXA(&xaWork{xid: w.xid}, 0) // one whose end never came
			}
			l.storeXA(w, t.RowsBefore)
		}
	}
}

func (l *lane) removeXA(w *xaWork, least int64) {
	l.sql.text = l.meta.AppendXARemoval(l.sql.text, string(w.xid), w.part)
	l.sql.stmts = append(l.sql.stmts, stmt{end: len(l.sql.text), xa: w, want: least})
}

func (l *lane) storeXA(w *xaWork, before int64) {
	data := w.store()
	if len(data) == 0 && before > 0 {
		return
	}
	part := checkpoint.XAPart{Part: before, Begin: w.begin}
	for n := 0; n == 0 || len(data) > 0; n++ {
		size := min(len(data), checkpoint.MaxXAData)
		l.sql.text = l.meta.AppendXAChunk(l.sql.text, string(w.xid), part, n, data[:size])
		l.sql.stmts = append(l.sql.stmts, stmt{end: len(l.sql.text), xa: w, want: 1})
		data = data[size:]
	}
}

// checkXA tells whether a statement about the meta table has met what it must.
func (s *stmt) checkXA(count int64) error {
	if count >= s.want {
		return nil
	}
	return &fault.Error{Kind: fault.Data, Side: fault.Downstream,
		Msg:  fmt.Sprintf("of the stored rows of %s %d records were met, and not %d", s.xa.describe(), count, s.want),
		Hint: "somebody has changed the meta tables of the task: copy the data anew (stop-task, then start-task --remove-meta)"}
}

// describe names what a statement of a group writes.
func (s *stmt) describe(group []*Txn) string {
	if s.xa != nil {
		return "the record of " + s.xa.describe() + " in the meta tables"
	}
	return s.table.describe(s.row, fileOf(group, s.row))
}
