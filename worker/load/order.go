package load

import (
	"cmp"
	"context"
	"slices"
)

// lanesPerTable is how many lanes work at one table of a MySQL or MariaDB.
//
// Such a server keeps each index as a tree of pages. Rows of a secondary index come
// in no order, so the pages of all tables that are being filled have to stay in
// memory, else each row reads one from the disk: the fewer tables the better.
// But lanes at one table wait for each other at its trees. Four at a table take
// a fifth longer, one no less.
const lanesPerTable = 2

// tablesAtOnce is how many tables are filled beside each other. In TiDB rows of
// a table go to one server until the table has grown, and pages are not read to
// insert a row: there each lane gets a table of its own.
func tablesAtOnce(lanes int, tidb bool) int {
	if tidb {
		return max(1, lanes)
	}
	return max(1, lanes/lanesPerTable)
}

// order chooses which of the files that wait for a lane is next. At most so many
// tables are filled beside each other, in turn; they begin as their files come,
// and those of one table keep their order. A table whose next file comes late,
// because it is still being dumped, goes before all that were begun after it.
type order struct {
	tables int

	lines        map[*table]*line
	begun, later []*line // that are not empty: those of which a file was taken, by age, and the others
	waiting      int     // files
	tablesBegun  int
	taken        int // files
}

// line is the files of one table that wait.
type line struct {
	files []work
	age   int // which table it was to begin, from 1; 0 before
	turn  int // how many files had been taken when one of it was
}

func newOrder(tables int) *order { return &order{tables: tables, lines: map[*table]*line{}} }

// add takes up a file.
func (o *order) add(w work) {
	l := o.lines[w.table]
	if l == nil {
		l = &line{}
		o.lines[w.table] = l
	}
	if len(l.files) == 0 {
		if l.age == 0 {
			o.later = append(o.later, l)
		} else {
			at, _ := slices.BinarySearchFunc(o.begun, l, func(a, b *line) int { return cmp.Compare(a.age, b.age) })
			o.begun = slices.Insert(o.begun, at, l)
		}
	}
	l.files = append(l.files, w)
	o.waiting++
}

// take gives the next of the files that wait.
func (o *order) take() work {
	for len(o.begun) < o.tables && len(o.later) > 0 {
		l := o.later[0]
		o.tablesBegun++
		l.age, l.turn = o.tablesBegun, o.taken
		o.begun, o.later = append(o.begun, l), o.later[1:]
	}
	l := slices.MinFunc(o.begun[:min(o.tables, len(o.begun))], func(a, b *line) int { return cmp.Compare(a.turn, b.turn) })
	w := l.files[0]
	l.files = l.files[1:]
	o.taken++
	o.waiting--
	l.turn = o.taken
	if len(l.files) == 0 {
		o.begun = slices.DeleteFunc(o.begun, func(b *line) bool { return b == l })
	}
	return w
}

// hand gives out what is found, to the end of it. While enough files wait it takes
// no more: so what is recorded on the target of those that are found is recorded of
// many at once.
func (o *order) hand(ctx context.Context, enough int, found <-chan []work, out chan<- work) error {
	var next *work
	for next != nil || o.waiting > 0 || found != nil {
		if next == nil && o.waiting > 0 {
			w := o.take()
			next = &w
		}
		in, to, w := found, out, work{}
		if o.waiting >= enough {
			in = nil
		}
		if next == nil {
			to = nil
		} else {
			w = *next
		}
		select {
		case list, more := <-in:
			if !more {
				found = nil
			}
			for _, w := range list {
				o.add(w)
			}
		case to <- w:
			next = nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
