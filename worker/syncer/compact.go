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

// arrange finds the changes that commute with all others of the group. With
// compact, the changes of one row that has nothing to do with any other become one.
//
// Changes that share a conflict key, directly or through others, are one set.
// Values of unique keys that wander from row to row (a swap, a rotation) make
// one set of those rows, and such a set stays as the source wrote it.
func arrange(changes []change, compact bool) (sorted, error) {
	var out sorted
	if slices.ContainsFunc(changes, func(c change) bool { return c.safe }) {
		out.kept = changes // rows that are there already may hold keys of later ones
		return out, nil
	}
	sets, err := conflictSets(changes)
	if err != nil {
		return out, err
	}
	stays := make([]bool, len(changes))
	for _, set := range sets {
		if !single(changes, set) {
			for _, i := range set {
				stays[i] = true
			}
			continue
		}
		if compact && len(set) > 1 {
			if c, ok := squash(changes, set); ok {
				out.layer(0, c)
				continue
			}
		}
		for n, i := range set {
			out.layer(n, changes[i])
		}
	}
	for i := range changes {
		if stays[i] {
			out.kept = append(out.kept, changes[i])
		}
	}
	return out, nil
}

func (s *sorted) layer(n int, c change) {
	if n == len(s.layers) {
		s.layers = append(s.layers, nil)
	}
	s.layers[n] = append(s.layers[n], c)
}

// conflictSets divides changes into sets without a common key, each in order,
// by the order of their first members.
func conflictSets(changes []change) ([][]int, error) {
	parent := make([]int, len(changes))
	root := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	holder := make(map[uint64]int, 2*len(changes))
	var keys []uint64
	for i := range changes {
		parent[i] = i
		var err error
		if keys, err = changes[i].plan.appendKeys(keys[:0], changes[i].row); err != nil {
			return nil, err
		}
		for _, k := range keys {
			if h, ok := holder[k]; ok {
				a, b := root(h), root(i)
				parent[max(a, b)] = min(a, b)
			} else {
				holder[k] = i
			}
		}
	}
	place := make([]int, len(changes)) // of a root's set in sets, counted from 1
	var sets [][]int
	for i := range changes {
		r := root(i)
		if place[r] == 0 {
			sets = append(sets, nil)
			place[r] = len(sets)
		}
		at := place[r] - 1
		sets[at] = append(sets[at], i)
	}
	return sets, nil
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
