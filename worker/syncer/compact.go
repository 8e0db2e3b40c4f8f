package syncer

import (
	"slices"

	"github.com/raftdm/raftdm/internal/rowevent"
)

// change is one thing to do to the target: what a row of the binlog says, or
// what several rows that change one row come to.
type change struct {
	plan *plan
	row  *Row
	keys []uint64 // conflict keys
	// safe means that it may have been done already.
	safe bool
	// absent means that a delete must meet nothing: the row came and went.
	absent bool
}

// sorted is what a group's changes are once it is known which of them belong
// together. Changes of two conflict sets commute.
type sorted struct {
	// kept are changes in the order of the source.
	kept []change
	// layers are changes of rows that no other set has a key in common with: the
	// first change of each such row, then the second, and so on. What is in one
	// layer commutes, and with all of kept.
	layers [][]change
}

// arranger finds out which changes belong together. It is used again and again
// for its memory: what arrange answers is valid until the next call.
type arranger struct {
	holder map[uint64]int32 // conflict key -> a change that has it
	// A set is known by its first change. parent leads there, next to the set's
	// next change (0 behind the last), tail from the first change to the last.
	parent, next, tail []int32
	set                []int
	out                sorted
}

// arrange finds the changes that commute with all others of the group. With
// compact, the changes of one row that has nothing to do with any other become one.
//
// Changes that share a conflict key, directly or through others, are one set.
// Values of unique keys that wander from row to row (a swap, a rotation) make
// one set of those rows, and such a set stays as the source wrote it.
func (a *arranger) arrange(changes []change, compact bool) sorted {
	a.out.kept = a.out.kept[:0]
	for i := range a.out.layers {
		a.out.layers[i] = a.out.layers[i][:0]
	}
	if slices.ContainsFunc(changes, func(c change) bool { return c.safe }) {
		a.out.kept = append(a.out.kept, changes...) // rows that are there already may hold keys of later ones
		return a.out
	}
	a.conflictSets(changes)
	stays := a.tail // not needed any more once a set was looked at
	for first := range changes {
		if a.parent[first] != int32(first) {
			continue
		}
		a.set = append(a.set[:0], first)
		for i := a.next[first]; i > 0; i = a.next[i] {
			a.set = append(a.set, int(i))
		}
		if !single(changes, a.set) {
			for _, i := range a.set {
				stays[i] = -1
			}
			continue
		}
		if compact && len(a.set) > 1 {
			if c, ok := squash(changes, a.set); ok {
				a.layer(0, c)
				continue
			}
		}
		for n, i := range a.set {
			a.layer(n, changes[i])
		}
	}
	for i := range changes {
		if stays[i] < 0 {
			a.out.kept = append(a.out.kept, changes[i])
		}
	}
	return a.out
}

func (a *arranger) layer(n int, c change) {
	if n == len(a.out.layers) {
		a.out.layers = append(a.out.layers, nil)
	}
	a.out.layers[n] = append(a.out.layers[n], c)
}

// forget lets go of the changes, whose rows may be large.
func (a *arranger) forget() {
	clear(a.out.kept)
	for _, l := range a.out.layers {
		clear(l)
	}
}

// conflictSets divides changes into sets without a common key, each in order.
func (a *arranger) conflictSets(changes []change) {
	n := len(changes)
	const most = 4096 // clearing a map costs as much as it ever held
	if a.holder == nil || len(a.holder) > most {
		a.holder = map[uint64]int32{}
	}
	clear(a.holder)
	a.parent, a.next, a.tail = slices.Grow(a.parent[:0], n)[:n], slices.Grow(a.next[:0], n)[:n], slices.Grow(a.tail[:0], n)[:n]
	for i := range changes {
		a.parent[i], a.next[i], a.tail[i] = int32(i), 0, int32(i)
		for _, k := range changes[i].keys {
			if h, ok := a.holder[k]; ok {
				x, y := a.root(h), a.root(int32(i))
				a.parent[max(x, y)] = min(x, y)
			} else {
				a.holder[k] = int32(i)
			}
		}
	}
	for i := range n {
		if r := a.root(int32(i)); r != int32(i) {
			a.parent[i] = r
			a.next[a.tail[r]] = int32(i)
			a.tail[r] = int32(i)
		}
	}
}

func (a *arranger) root(i int32) int32 {
	for a.parent[i] != i {
		a.parent[i] = a.parent[a.parent[i]]
		i = a.parent[i]
	}
	return i
}

// single tells whether a set is about one row, which a key of the target
// identifies to the byte, and about nothing else.
func single(changes []change, set []int) bool {
	p := changes[set[0]].plan
	if !p.fit.merge {
		return false
	}
	var row rowevent.Image
	for _, i := range set {
		c := &changes[i]
		if c.plan != p || p.invalid(c.row) > 0 {
			return false
		}
		for _, image := range [...]rowevent.Image{c.row.Before, c.row.After} {
			switch {
			case image.IsZero():
			case row.IsZero():
				row = image
			case slices.ContainsFunc(p.where, func(column int) bool { return !row.Same(column, image) }):
				return false
			}
		}
	}
	return true
}

// squash makes one change of successive changes of one row: what it was before
// the first, and what it is behind the last.
func squash(changes []change, set []int) (change, bool) {
	first, last := changes[set[0]], changes[set[len(set)-1]]
	present, renewed := !first.row.Before.IsZero(), false
	for _, i := range set {
		r := changes[i].row
		if r.Before.IsZero() == present {
			return first, false // not the history of one row
		}
		if r.Before.IsZero() && i != set[0] {
			renewed = true
		}
		present = !r.After.IsZero()
	}
	if renewed && first.plan.fit.wider {
		return first, false // a new row has the defaults of the columns that only the target has
	}
	out := change{plan: first.plan, row: &Row{Table: last.row.Table, Before: first.row.Before, After: last.row.After, Pos: last.row.Pos}}
	switch {
	case out.row.Before.IsZero() && out.row.After.IsZero():
		// Deleting nothing shows a row that stands where this one came and went.
		out.row.Kind, out.row.Before, out.absent = Delete, last.row.Before, true
	case out.row.Before.IsZero():
		out.row.Kind = Insert
	case out.row.After.IsZero():
		out.row.Kind = Delete
	default:
		out.row.Kind = Update
	}
	return out, true
}
