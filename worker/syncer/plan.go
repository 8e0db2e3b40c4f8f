package syncer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/expr"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/rowevent"
	"github.com/raftdm/raftdm/internal/schema"
)

// plan knows how to write the rows of one table as SQL. It is immutable and
// belongs to one structure of the table on either side: a DDL makes a new one.
type plan struct {
	table *schema.Table
	name  string // quoted and qualified, on the target
	// insert is everything of an INSERT behind the verb and before the values.
	insert string
	write  []int // columns that are written: all that are not generated
	// sets is "`column` = " and names is "`column`" for each column of the table.
	names, sets []string
	enums       []int // columns that are written and may hold the error value
	where       []int // columns that find a row: the key's, or all that are written
	keyed       bool
	// whole means that the source's key finds no single row on the target, where
	// rows of others may have the same: rows are found by all columns, while their
	// order still follows the source's key. keyed is not set then.
	whole      bool
	keyColumns []int // columns of which any unique key is made, on either side
	// other tells that the target is a TiDB or a MySQL, which have a JSON type of
	// their own and other ways with BIT and ENUM.
	other     bool
	documents []int // columns that the target has in that type
	fit       fit
	// fixedValues and fixedMatch are about the columns that say which table a row
	// came from: ",'1'" behind its values, and " AND `c` = '1'" of a condition.
	fixedValues []byte
	fixedMatch  string
	// exprs are the table's expression filters, nil for none. Only the coordinator
	// asks them.
	exprs *expr.Filter
}

func newPlan(t *schema.Table, on *there, other bool) *plan {
	p := &plan{table: t, name: dbconn.Ident(t.Name.Schema, t.Name.Table), other: other}
	cols := []byte(" INTO " + p.name + " (")
	for i := range t.Columns {
		name := dbconn.Ident(t.Columns[i].Name)
		p.names, p.sets = append(p.names, name), append(p.sets, name+" = ")
		if t.Columns[i].Generated && !on.plain(t.Columns[i].Name) {
			continue
		}
		if len(p.write) > 0 {
			cols = append(cols, ", "...)
		}
		cols = append(cols, name...)
		p.write = append(p.write, i)
		if t.Columns[i].Type == "enum" {
			p.enums = append(p.enums, i)
		}
	}
	p.insert = string(append(cols, valuesTail...))
	p.fit = newFit(t, on)
	switch key := t.Key(); {
	case p.fit.where != nil:
		p.where, p.keyed = p.fit.where, true
	case key != nil && wholeColumns(key):
		p.keyed = true
		for _, part := range key.Parts {
			p.where = append(p.where, part.Column)
		}
	default:
		p.where = p.given()
	}
	p.documents = documents(t, on, other)
	for _, on := range [...]*schema.Table{t, p.fit.extra} {
		if on == nil {
			continue
		}
		for _, ix := range on.Indexes {
			for _, part := range ix.Parts {
				if part.Column >= 0 && !slices.Contains(p.keyColumns, part.Column) {
					p.keyColumns = append(p.keyColumns, part.Column)
				}
			}
		}
	}
	return p
}

// given are the columns that are written and that the source does not compute: by
// these a row without a key is found, since a load brings no others.
func (p *plan) given() []int {
	return slices.DeleteFunc(slices.Clone(p.write), func(i int) bool { return p.table.Columns[i].Generated })
}

// documents finds the columns that the target has as documents and not as text:
// those of its own JSON type, whatever the source calls them.
func documents(t *schema.Table, on *there, other bool) (out []int) {
	if !other {
		return nil
	}
	for i := range t.Columns {
		is := t.Columns[i].Type == "json"
		if on.table != nil {
			is = slices.ContainsFunc(on.table.Columns, func(c schema.Column) bool {
				return c.Type == "json" && strings.EqualFold(c.Name, t.Columns[i].Name)
			})
		}
		if is {
			out = append(out, i)
		}
	}
	return out
}

// wholeColumns tells whether key is made of columns only, no expressions.
func wholeColumns(key *schema.Index) bool {
	for _, part := range key.Parts {
		if part.Column < 0 {
			return false
		}
	}
	return true
}

// check compares the row with the structure: a row of the binlog has no column
// names, so their number is the one thing that shows a mismatch. Values of
// columns that no structure shows are dropped.
func (p *plan) check(r *Row) error {
	if n := len(p.table.Columns); r.columns() != n {
		r.Before, r.After = p.table.Visible(r.Before), p.table.Visible(r.After)
	}
	for _, image := range [...]rowevent.Image{r.Before, r.After} {
		if !image.IsZero() && image.Len() != len(p.table.Columns) {
			return &fault.Error{Kind: fault.Schema, Code: codeColumnCount,
				Msg: fmt.Sprintf("a row of %s has %d columns in the binlog, but the table has %d by the structure known here",
					p.name, image.Len(), len(p.table.Columns)),
				Hint: "make the structure of the target table equal to the source's at this position, then resume-task"}
		}
	}
	return nil
}

// invalidMode is rowsMode without what makes a server strict.
const invalidMode = "NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES"

// invalid counts the error values of ENUMs in the new image, number 0, which a
// source that is not strict puts in place of an unknown text. No literal brings
// it into a strict session.
func (p *plan) invalid(r *Row) (n int) {
	if r.After.IsZero() {
		return 0
	}
	for _, i := range p.enums {
		if v := r.After.Value(i); !v.IsNull() && v.Uint() == 0 {
			n++
		}
	}
	return n
}

// sameToTarget tells of an UPDATE between an ENUM's error value and its element
// ”: a TiDB holds them for equal and does nothing. A row is written anew then.
func (p *plan) sameToTarget(r *Row) bool {
	if !p.other || p.fit.wider || r.Kind != Update {
		return false
	}
	return slices.ContainsFunc(p.enums, func(i int) bool {
		before, after := r.Before.Value(i), r.After.Value(i)
		return p.table.Columns[i].Ambiguous() && !before.IsNull() && !after.IsNull() && before.Uint() != after.Uint()
	})
}

func (p *plan) appendInsert(dst []byte, r *Row, verb string) ([]byte, error) {
	dst = append(append(dst, verb...), p.insert...)
	return p.appendValues(dst, r.After)
}

func (p *plan) appendValues(dst []byte, image rowevent.Image) ([]byte, error) {
	dst = append(dst, '(')
	var err error
	for n, i := range p.write {
		if n > 0 {
			dst = append(dst, ',')
		}
		if dst, err = p.table.Columns[i].Literal(dst, image.Value(i)); err != nil {
			return dst, err
		}
	}
	return append(append(dst, p.fixedValues...), ')'), nil
}

func (p *plan) appendDelete(dst []byte, r *Row, _ string) ([]byte, error) {
	dst = append(append(dst, "DELETE FROM "...), p.name...)
	return p.appendWhere(dst, r.Before)
}

// appendUpdate sets the columns that have changed, and all times: a column with
// ON UPDATE CURRENT_TIMESTAMP that is not named would get the time of now.
func (p *plan) appendUpdate(dst []byte, r *Row, _ string) ([]byte, error) {
	dst = append(append(append(dst, "UPDATE "...), p.name...), " SET "...)
	start := len(dst)
	for _, all := range [...]bool{false, true} {
		for _, i := range p.write {
			if !all && !updatesItself(&p.table.Columns[i]) && r.Before.Same(i, r.After) {
				continue
			}
			if len(dst) > start {
				dst = append(dst, ", "...)
			}
			dst = append(dst, p.sets[i]...)
			var err error
			if dst, err = p.table.Columns[i].Literal(dst, r.After.Value(i)); err != nil {
				return dst, err
			}
		}
		if len(dst) > start {
			break // else nothing has changed that is written: the row is written as it is
		}
	}
	return p.appendWhere(dst, r.Before)
}

// updatesItself tells whether the column may be one with ON UPDATE CURRENT_TIMESTAMP.
func updatesItself(c *schema.Column) bool { return c.Type == "timestamp" || c.Type == "datetime" }

// appendWhere finds exactly one row: by its key, or by the bytes of all its
// columns and LIMIT 1.
func (p *plan) appendWhere(dst []byte, image rowevent.Image) ([]byte, error) {
	dst, err := p.appendMatch(append(dst, " WHERE "...), image)
	if err == nil && !p.keyed {
		dst = append(dst, " LIMIT 1"...)
	}
	return dst, err
}

// appendMatch is the condition of appendWhere.
func (p *plan) appendMatch(dst []byte, image rowevent.Image) ([]byte, error) {
	var err error
	for n, i := range p.where {
		if n > 0 {
			dst = append(dst, " AND "...)
		}
		c := &p.table.Columns[i]
		name := p.names[i]
		if image.Null(i) {
			dst = append(append(dst, name...), " IS NULL"...)
			continue
		}
		if !p.keyed && c.Ambiguous() {
			dst = strconv.AppendUint(append(append(dst, name...), " + 0 = "...), image.Value(i).Uint(), 10)
			continue
		}
		left, op, right := p.comparison(i, name)
		dst = append(append(dst, left...), op...)
		if dst, err = c.Literal(dst, image.Value(i)); err != nil {
			return dst, err
		}
		dst = append(dst, right...)
		if p.keyed && slices.Contains(p.fit.looser, i) {
			if dst, err = p.appendExactly(append(dst, " AND "...), schema.IndexPart{Column: i}, image); err != nil {
				return dst, err
			}
		}
	}
	return append(dst, p.fixedMatch...), nil
}

// comparison gives what stands around the literal of a condition. A key's
// column compares by its collation, as its index does. Without a key, rows that
// differ in case or trailing spaces only are different rows.
func (p *plan) comparison(i int, name string) (left, op, right string) {
	c := &p.table.Columns[i]
	switch {
	case p.keyed:
		return name, " = ", ""
	case slices.Contains(p.documents, i): // by their texts: 1 and 1.0 are equal documents
		return "CAST(" + name + " AS CHAR)", " = CAST(CAST(", " AS JSON) AS CHAR)"
	}
	if isText(c) {
		if c.NameCharset && !c.Portable() { // another character set could hold several of its codes for one
			return "CAST(CONVERT(" + name + " USING " + c.Charset + ") AS BINARY)", " = CAST(", " AS BINARY)"
		}
		return "CAST(CONVERT(" + name + " USING utf8mb4) AS BINARY)", " = CAST(CONVERT(", " USING utf8mb4) AS BINARY)"
	}
	return name, " = ", ""
}

// describe names a row for a person: its table, key and place.
func (p *plan) describe(r *Row, file string) string {
	image := r.Before
	if image.IsZero() {
		image = r.After
	}
	out := fmt.Sprintf("%s of %s", r.Kind, p.name)
	if image.Len() == len(p.table.Columns) {
		if text, err := p.appendWhere(nil, image); err == nil {
			const longest = 300 // enough for a key, short enough for a status line
			if len(text) > longest {
				text = append(text[:longest], "..."...)
			}
			out += string(text)
		}
	}
	return fmt.Sprintf("%s at (%s, %d)", out, file, r.Pos)
}

// appendKeys appends the conflict keys of both images of a row, under the unique
// keys of both sides. A table without a key that identifies rows is one key as
// a whole: its rows may be alike. Tables that foreign keys tie together are one
// key, too, where the target checks them: a parent comes before its children.
func (p *plan) appendKeys(dst []uint64, r *Row) ([]uint64, error) {
	for n, image := range [...]rowevent.Image{r.Before, r.After} {
		if image.IsZero() || n == 1 && r.Kind == Update && p.sameKeys(r) {
			continue
		}
		for _, t := range [...]*schema.Table{p.table, p.fit.extra} {
			if t == nil {
				continue
			}
			var err error
			if dst, err = t.ConflictKeys(dst, image); err != nil {
				return dst, err
			}
		}
	}
	if !p.keyed && !p.whole || p.fit.serial {
		dst = append(dst, p.table.Name.ConflictKey())
	}
	if p.fit.related {
		dst = append(dst, foreignKeys)
	}
	return dst, nil
}

// sameKeys tells whether an update leaves all keys as they are.
func (p *plan) sameKeys(r *Row) bool {
	return !slices.ContainsFunc(p.keyColumns, func(i int) bool { return !r.Before.Same(i, r.After) })
}

// foreignKeys is the conflict key of all tables that foreign keys tie together.
const foreignKeys = 1
