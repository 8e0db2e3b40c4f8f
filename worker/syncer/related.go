package syncer

import "slices"

// addRelated appends the statements for a row of a table that a foreign key of the
// target ties to others, where the target checks them and must not check all of this.
//
// A row that is written anew must not be deleted under the eyes of its foreign
// keys: they would delete its children, of which the binlog says nothing, or
// refuse. So all that makes way or takes its place does so without checks; the
// source has checked it. What a foreign key does when a row goes or changes its
// key is the target's to do, and has to be done again where the children are
// written again: the old row is put there, and then changed or deleted with checks.
// A refusal of that (IGNORE) means that the row has children of a later time.
//
// Where the source did not check, nothing followed there from the change, and
// nothing may here, as on a replica of the source's kind.
func (b *sqlBatch) addRelated(p *plan, r *Row, safe bool) error {
	b.unchecked = true
	b.session(p, r, "SET SESSION foreign_key_checks = 0")
	if err := b.addUnchecked(p, r, safe); err != nil {
		return err
	}
	b.session(p, r, "SET SESSION foreign_key_checks = 1")
	return nil
}

func (b *sqlBatch) addUnchecked(p *plan, r *Row, safe bool) error {
	switch {
	case !safe:
		return b.addPlain(p, r)
	case r.Kind == Insert:
	case r.unchecked:
		if err := b.one(p, r, false, p.appendDelete, ""); err != nil {
			return err
		}
	default:
		if err := b.fromBefore(p, r); err != nil {
			return err
		}
	}
	if r.Kind == Delete {
		return nil
	}
	return b.renew(p, r)
}

// fromBefore appends what makes the old row, changes or deletes it with checks,
// and removes it if they have refused that.
func (b *sqlBatch) fromBefore(p *plan, r *Row) error {
	do := p.appendDelete
	if r.Kind == Update {
		do = p.appendUpdate
		if err := b.makeWay(p, r); err != nil {
			return err
		}
	}
	if err := b.renew(p, &Row{Table: r.Table, Kind: Insert, After: r.Before, Pos: r.Pos}); err != nil {
		return err
	}
	b.session(p, r, "SET SESSION foreign_key_checks = 1")
	if err := b.one(p, r, false, ignoring(do), ""); err != nil {
		return err
	}
	b.session(p, r, "SET SESSION foreign_key_checks = 0")
	return b.one(p, r, false, p.appendDelete, "")
}

// session appends a statement about the session.
func (b *sqlBatch) session(p *plan, r *Row, text string) {
	b.text = append(b.text, text...)
	b.stmts = append(b.stmts, stmt{end: len(b.text), row: r, table: p})
}

// ignoring puts IGNORE behind the first word of a statement.
func ignoring(write func([]byte, *Row, string) ([]byte, error)) func([]byte, *Row, string) ([]byte, error) {
	return func(dst []byte, r *Row, verb string) ([]byte, error) {
		start := len(dst)
		dst, err := write(dst, r, verb)
		if err != nil {
			return dst, err
		}
		return slices.Insert(dst, start+slices.Index(dst[start:], ' '), []byte(" IGNORE")...), nil
	}
}
