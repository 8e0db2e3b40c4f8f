package syncer

import (
	"slices"
	"strings"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
)

const (
	// mostRows bounds a statement of several rows: more gain nothing, and an OR of
	// many conditions is slow to parse.
	mostRows = 128
	// mostText bounds its size, far below the smallest max_allowed_packet in use.
	mostText = 256 << 10
)

// op is what one statement does: the changes are of one
// plan and one kind, and may be done in any order unless they are inserts.
type op struct{ changes []change }

func (o *op) kind() Kind { return o.changes[0].row.Kind }

// together puts changes together that can be one statement. Inserts that
// follow each other in the source are one without any condition: a server
// inserts the rows of a statement one by one, in order. All else is put
// together only where it commutes. Updates become one that writes all columns:
// so many as fewUpdates stay apart, unless always is set. It appends to out. An op
// of one change shares its memory with s.
func together(out []op, s sorted, always bool) []op {
	for i, c := range s.kept {
		if n := len(out); n > 0 && c.row.Kind == Insert && listable(&c) {
			last := &out[n-1]
			if b := last.changes[0]; last.kind() == Insert && listable(&b) && b.plan == c.plan && b.safe == c.safe {
				last.changes = append(last.changes, c)
				continue
			}
		}
		out = append(out, op{changes: s.kept[i : i+1 : i+1]})
	}
	type group struct {
		plan   *plan
		kind   Kind
		absent bool
	}
	place := map[group]int{}
	for _, layer := range s.layers {
		clear(place)
		first := len(out)
		for i, c := range layer {
			g := group{c.plan, c.row.Kind, c.absent}
			alone := c.row.Kind == Update && !(c.plan.upserts() && !c.plan.sameToTarget(c.row) && c.plan.alters(c.row))
			at, ok := place[g]
			if alone || !ok {
				at = len(out)
				out = append(out, op{changes: layer[i : i+1 : i+1]})
			} else {
				out[at].changes = append(out[at].changes, c)
			}
			if !alone {
				place[g] = at // nobody joins one that stays alone
			}
		}
		if !always {
			out = takeApart(out, first)
		}
	}
	return out
}

// fewUpdates is how many updates of rows cost a server no more than the
// statement that stands for them.
const fewUpdates = 3

// takeApart takes ops of a few updates, from first on, to pieces. They commute with
// all others of their layer.
func takeApart(out []op, first int) []op {
	for i := first; i < len(out); i++ {
		list := out[i].changes
		if n := len(list); n == 1 || n > fewUpdates || out[i].kind() != Update {
			continue
		}
		out[i].changes = list[:1]
		for k := 1; k < len(list); k++ {
			out = append(out, op{changes: list[k : k+1]})
		}
	}
	return out
}

// listable tells whether an insert may be in a list of VALUES.
func listable(c *change) bool {
	related := c.plan.fit.related && (c.safe || c.row.unchecked)
	return c.plan.invalid(c.row) == 0 && !related && (!c.safe || c.plan.fit.replace)
}

// upserts tells whether INSERT ... ON DUPLICATE KEY UPDATE of rows that are
// there does what their UPDATEs do: it is told the value of each column, and
// the row that it meets first is the row itself.
func (p *plan) upserts() bool {
	return p.fit.alone && !p.fit.wider && !p.table.Columns[p.where[0]].Generated && !(p.other && p.longBits())
}

// alters tells whether an update changes anything that is written. A server does
// not count a row that stays as it is.
func (p *plan) alters(r *Row) bool {
	return slices.ContainsFunc(p.write, func(i int) bool { return !r.Before.Same(i, r.After) })
}

// longBits tells of columns whose VALUES() a TiDB gives with its bytes turned around.
func (p *plan) longBits() bool {
	const sure = 56
	return slices.ContainsFunc(p.write, func(i int) bool { return p.table.Columns[i].Type == "bit" && p.table.Columns[i].Length > sure })
}

// addOp appends the statements of an op.
func (b *sqlBatch) addOp(o *op) error {
	if len(o.changes) == 1 && !o.changes[0].absent {
		c := &o.changes[0]
		return b.add(c.plan, c.row, c.safe)
	}
	for list := o.changes; len(list) > 0; {
		n := min(len(list), mostRows)
		var err error
		switch o.kind() {
		case Insert:
			verb := "INSERT"
			if list[0].safe {
				verb = "REPLACE"
			}
			each := int64(1)
			if list[0].safe {
				each = uncounted
			}
			err = b.addLists(list[:n], verb, "", each)
		case Delete:
			err = b.addTogether(list[:n], "DELETE FROM "+list[0].plan.name)
		default:
			err = b.addUpdates(list[:n])
		}
		if err != nil {
			return fault.Wrap("write rows of "+list[0].plan.name+" as SQL", err)
		}
		list = list[n:]
	}
	return nil
}

// uncounted rows may be there already, or not.
const uncounted = 0

// addLists appends INSERTs or REPLACEs of lists of values, for each of which a
// server counts so many.
func (b *sqlBatch) addLists(list []change, verb, tail string, each int64) error {
	p := list[0].plan
	for len(list) > 0 {
		start, n := len(b.text), 0
		b.text = append(append(b.text, verb...), p.insert...)
		for n < len(list) && len(b.text)-start < mostText {
			if n > 0 {
				b.text = append(b.text, ',')
			}
			if err := p.check(list[n].row); err != nil {
				return err
			}
			var err error
			if b.text, err = p.appendValues(b.text, list[n].row.After); err != nil {
				return err
			}
			n++
		}
		b.text = append(b.text, tail...)
		b.stmts = append(b.stmts, stmt{end: len(b.text), row: list[0].row, table: p, counted: each != uncounted, want: int64(n) * each})
		list = list[n:]
	}
	return nil
}

// addTogether appends a statement about the rows of a key each.
func (b *sqlBatch) addTogether(list []change, what string) error {
	p := list[0].plan
	b.text = append(append(b.text, what...), " WHERE "...)
	var err error
	if numbers := p.numberKey(); numbers != "" {
		b.text = append(append(b.text, numbers...), " IN ("...)
		for i := range list {
			if i > 0 {
				b.text = append(b.text, ',')
			}
			if b.text, err = p.table.Columns[p.where[0]].Literal(b.text, list[i].row.Before.Value(p.where[0])); err != nil {
				return err
			}
		}
		b.text = append(b.text, ')')
	} else {
		for i := range list {
			if i > 0 {
				b.text = append(b.text, " OR "...)
			}
			if b.text, err = p.appendMatch(append(b.text, '('), list[i].row.Before); err != nil {
				return err
			}
			b.text = append(b.text, ')')
		}
	}
	s := stmt{end: len(b.text), row: list[0].row, table: p, counted: true, want: int64(len(list))}
	if list[0].absent {
		s.want = 0
	}
	b.stmts = append(b.stmts, s)
	return nil
}

// numberKey names the key's column when it is an integer: only of literals of
// such columns an IN is sure to compare each as = would.
func (p *plan) numberKey() string {
	if len(p.where) == 1 {
		if c := &p.table.Columns[p.where[0]]; c.Type == "int" || c.Type == "bigint" || c.Type == "smallint" || c.Type == "mediumint" || c.Type == "tinyint" {
			return dbconn.Ident(c.Name)
		}
	}
	return ""
}

// addUpdates appends an INSERT that meets each row and gives it its new values. A
// server counts two for a row that it has changed, one for a row that was not
// there and is inserted, and one, or none, for a row that it leaves as it is. So
// the count is twice the rows only if each was there to be changed; otherwise all
// is rolled back, and row by row it shows which was not.
func (b *sqlBatch) addUpdates(list []change) error {
	const changed = 2
	return b.addLists(list, "INSERT", list[0].plan.assignments(), changed)
}

// assignments sets every column, for the reason that appendUpdate has.
func (p *plan) assignments() string {
	parts := make([]string, len(p.write))
	for n, i := range p.write {
		name := dbconn.Ident(p.table.Columns[i].Name)
		parts[n] = name + " = VALUES(" + name + ")"
	}
	return " ON DUPLICATE KEY UPDATE " + strings.Join(parts, ", ")
}
