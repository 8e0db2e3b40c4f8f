package syncer

import (
	"fmt"
	"slices"

	"github.com/raftdm/raftdm/internal/fault"
)

// sqlBatch is a run of SQL statements that reproduce rows.
type sqlBatch struct {
	text  []byte
	stmts []stmt
	// unchecked means that some statements run without checks of foreign keys,
	// which the session must not keep when one between them fails.
	unchecked bool
}

// stmt is one statement of a sqlBatch.
type stmt struct {
	end   int // offset in text behind the statement
	row   *Row
	table *plan
	// exact means that the statement must meet exactly one row.
	exact bool
	// counted means that the statement stands for several changes and must meet
	// want rows, no more and no less.
	counted bool
	want    int64
	// mode is the sql_mode that the statement needs, "" for the session's own.
	mode string
	// invalid is how many error values of ENUMs it writes, because of which it
	// needs a mode.
	invalid int
	// xa is set when the statement is one about the meta table of XA transactions,
	// of which it must meet want records at least; then there is no row.
	xa *xaWork
}

func (b *sqlBatch) reset() { b.text, b.stmts, b.unchecked = b.text[:0], b.stmts[:0], false }

// part gives the text of statement i.
func (b *sqlBatch) part(i int) []byte {
	start := 0
	if i > 0 {
		start = b.stmts[i-1].end
	}
	return b.text[start:b.stmts[i].end]
}

// add appends the statements for one row. safe makes them repeatable: they
// give the same result whether or not the row is there already.
func (b *sqlBatch) add(p *plan, r *Row, safe bool) error {
	if err := p.check(r); err != nil {
		return err
	}
	switch {
	case p.fit.related && (safe || r.unchecked || p.sameToTarget(r)):
		return b.addRelated(p, r, safe)
	case !safe:
		return b.addPlain(p, r)
	case r.Kind != Insert:
		if err := b.one(p, r, false, p.appendDelete, ""); err != nil || r.Kind == Delete {
			return err
		}
	}
	return b.renew(p, r)
}

// addPlain appends the statements for a row that the target has as the source had it.
func (b *sqlBatch) addPlain(p *plan, r *Row) error {
	switch {
	case r.Kind == Insert:
		return b.one(p, r, false, p.appendInsert, "INSERT")
	case r.Kind == Delete:
		return b.one(p, r, true, p.appendDelete, "")
	case p.sameToTarget(r):
		if err := b.one(p, r, true, p.appendDelete, ""); err != nil {
			return err
		}
		return b.one(p, r, false, p.appendInsert, "INSERT")
	default:
		return b.one(p, r, true, p.appendUpdate, "")
	}
}

// renew writes a row that may be there already. A REPLACE would delete by the
// target's unique keys; where those are not the source's, what may make way is
// deleted by the source's keys, and any other row in the way is an error.
func (b *sqlBatch) renew(p *plan, r *Row) error {
	if p.fit.replace {
		return b.one(p, r, false, p.appendInsert, "REPLACE")
	}
	if p.whole {
		same := func(dst []byte, r *Row, _ string) ([]byte, error) {
			return p.appendWhere(append(append(dst, "DELETE FROM "...), p.name...), r.After)
		}
		if err := b.one(p, r, false, same, ""); err != nil {
			return err
		}
		return b.one(p, r, false, p.appendInsert, "INSERT")
	}
	if err := b.makeWay(p, r); err != nil {
		return err
	}
	return b.one(p, r, false, p.appendInsert, "INSERT")
}

// makeWay deletes what holds a key of the new row.
func (b *sqlBatch) makeWay(p *plan, r *Row) error {
	for i := range p.table.Indexes {
		ix := &p.table.Indexes[i]
		if !hasEntry(ix, r.After) {
			continue
		}
		err := b.one(p, r, false, func(dst []byte, r *Row, _ string) ([]byte, error) {
			dst = append(append(append(dst, "DELETE FROM "...), p.name...), " WHERE "...)
			dst, err := p.appendEntry(dst, ix, r.After)
			for _, part := range ix.Parts {
				if err == nil && slices.Contains(p.fit.looser, part.Column) {
					dst, err = p.appendExactly(append(dst, " AND "...), part, r.After)
				}
			}
			return append(dst, p.fixedMatch...), err
		}, "")
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *sqlBatch) one(p *plan, r *Row, exact bool, write func([]byte, *Row, string) ([]byte, error), verb string) error {
	text, err := write(b.text, r, verb)
	if err != nil {
		return fault.Wrap(fmt.Sprintf("write a row of %s as SQL", p.name), err)
	}
	b.text = text
	s := stmt{end: len(text), row: r, table: p, exact: exact}
	if s.invalid = p.invalid(r); s.invalid > 0 {
		s.mode = invalidMode
	}
	b.stmts = append(b.stmts, s)
	return nil
}
