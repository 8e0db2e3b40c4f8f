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
	// free are changes of one row each, which no other change of the group has a
	// key in common with: they commute with all.
	free []change
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
	var whole []change
	stays := make([]bool, len(changes))
	for _, set := range sets {
		c, ok, err := single(changes, set, compact)
		if err != nil {
			return out, err
		}
		if ok {
			whole = append(whole, c)
			continue
		}
		for _, i := range set {
			stays[i] = true
		}
	}
	for i := range changes {
		if stays[i] {
			out.kept = append(out.kept, changes[i])
		}
	}
	out.free = whole
	return out, nil
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
	place := map[int]int{}
	var sets [][]int
	for i := range changes {
		r := root(i)
		at, ok := place[r]
		if !ok {
			at = len(sets)
			place[r] = at
			sets = append(sets, nil)
		}
		sets[at] = append(sets[at], i)
	}
	return sets, nil
}

// single gives the one change that a set comes to, and false when it has to stay
// as it is: it is about more than one row, or about one that no key of the
// target identifies to the byte.
func single(changes []change, set []int, compact bool) (change, bool, error) {
	first := changes[set[0]]
	p := first.plan
	if !p.fit.merge || len(set) > 1 && !compact {
		return first, false, nil
	}
	var identity, other []byte
	for _, i := range set {
		c := &changes[i]
		if c.plan != p || p.invalid(c.row) > 0 {
			return first, false, nil
		}
		for _, image := range [...]rowevent.Image{c.row.Before, c.row.After} {
			if image.IsZero() {
				continue
			}
			var err error
			if other, err = p.appendMatch(other[:0], image); err != nil {
				return first, false, err
			}
			if identity == nil {
				identity = slices.Clone(other)
			}
			if string(identity) != string(other) {
				return first, false, nil
			}
		}
	}
	if len(set) == 1 {
		return first, true, nil
	}
	c, ok := squash(changes, set)
	return c, ok, nil
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
