package syncer

import (
	"github.com/raftdm/raftdm/internal/fault"
)

// write makes the statements for a group: row by row, or rewritten to fewer.
func (l *lane) write(group []*Txn, rewritten bool) error {
	l.sql.reset()
	defer l.writeXA(group)
	if rewritten {
		return l.rewrite(group)
	}
	for _, t := range group {
		for i := range t.Rows {
			if err := l.sql.add(t.Rows[i].plan, &t.Rows[i], t.safe); err != nil {
				return fault.Wrap(at(t, &t.Rows[i]), err)
			}
		}
	}
	return nil
}

// rewrite makes as few statements as the group's rows allow.
func (l *lane) rewrite(group []*Txn) error {
	var err error
	if l.changes, err = appendChanges(l.changes[:0], group); err != nil {
		return err
	}
	l.ops = together(l.ops[:0], l.arrange.arrange(l.changes, l.compact), l.multi)
	for i := range l.ops {
		if err := l.sql.addOp(&l.ops[i]); err != nil {
			return err
		}
	}
	clear(l.changes)
	clear(l.ops)
	l.arrange.forget()
	return nil
}

// appendChanges lists what a group's rows say.
func appendChanges(dst []change, group []*Txn) ([]change, error) {
	for _, t := range group {
		from := int32(0)
		for i := range t.Rows {
			r := &t.Rows[i]
			c := change{plan: r.plan, row: r, safe: t.safe}
			var err error
			if r.keyEnd > 0 {
				c.keys, from = t.keys[from:r.keyEnd], r.keyEnd
			} else if c.keys, err = c.plan.appendKeys(nil, c.row); err != nil { // a piece, which nothing runs beside
				return dst, fault.Wrap(at(t, c.row), err)
			}
			dst = append(dst, c)
		}
	}
	return dst, nil
}

// rows is how many a group has.
func rows(group []*Txn) (n int) {
	for _, t := range group {
		n += len(t.Rows)
	}
	return n
}
