package check

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/raftdm/raftdm/jepsen/history"
)

// Torn reports ErrTornTxn when a snapshot of the target shows a row in one of
// the two tables and not, or otherwise, in the second one, or some rows of an
// insert and not the others.
func Torn(h history.History) error {
	v := violations{promise: ErrTornTxn}
	all := stories(h)
	each(h, history.RowsRead, func(op history.Op, in history.Window, out history.Rows) {
		keyed, keyless := versions(out.Keyed, ignore), versions(out.Keyless, ignore)
		seqs := slices.Sorted(maps.Keys(keyed))
		for _, seq := range seqs {
			if keyed[seq] != keyless[seq] {
				v.add("row %d of client %d of %s is version %d in the table with a key and %s in the other: %s",
					seq, in.Client, in.Source, keyed[seq], named(keyless[seq]), op)
			}
		}
		for _, seq := range slices.Sorted(maps.Keys(keyless)) {
			if keyed[seq] == 0 {
				v.add("row %d of client %d of %s is version %d in the table without a key and missing in the other: %s",
					seq, in.Client, in.Source, keyless[seq], op)
			}
		}
		for _, seq := range seqs {
			if other, torn := tornInsert(all, in, op.Return, keyed, seq); torn {
				v.add("of one insert, row %d of client %d of %s is there and row %d is not: %s", seq, in.Client, in.Source, other, op)
			}
		}
	})
	return v.err()
}

func ignore(int) {}

func named(version int) string {
	if version == 0 {
		return "missing"
	}
	return fmt.Sprintf("version %d", version)
}

// tornInsert looks for a row of the same insert as seq that is in the window and
// neither there nor deleted.
func tornInsert(all map[rowKey]story, in history.Window, by int64, there map[int]int, seq int) (int, bool) {
	for _, w := range all[rowKey{in.Source, in.Client, seq}] {
		for other := w.first; other < w.first+w.count; other++ {
			if other < in.Low || other >= in.High || there[other] != 0 {
				continue
			}
			if !all[rowKey{in.Source, in.Client, other}].wrote(gone, by) {
				return other, true
			}
		}
	}
	return 0, false
}

// Phantom reports ErrPhantomRow when a snapshot of the target shows a row twice,
// or a version that nobody had written by then.
func Phantom(h history.History) error {
	v := violations{promise: ErrPhantomRow}
	all := stories(h)
	each(h, history.RowsRead, func(op history.Op, in history.Window, out history.Rows) {
		for table, rows := range map[string][]history.Row{"with a key": out.Keyed, "without a key": out.Keyless} {
			there := versions(rows, func(seq int) {
				v.add("row %d of client %d of %s is there twice in the table %s: %s", seq, in.Client, in.Source, table, op)
			})
			for _, seq := range slices.Sorted(maps.Keys(there)) {
				if !all[rowKey{in.Source, in.Client, seq}].wrote(there[seq], op.Return) {
					v.add("nobody had written version %d of row %d of client %d of %s (table %s): %s",
						there[seq], seq, in.Client, in.Source, table, op)
				}
			}
		}
	})
	return v.err()
}

// Stale reports ErrStaleWin when a reader sees an older version of a row than a
// reader that was answered before it asked, or a row that was seen deleted; and
// ErrLostRow when a row was seen and is gone, although nobody deleted it.
func Stale(h history.History) error {
	s := &staleness{all: stories(h), newest: map[rowKey][2]int{},
		stale: violations{promise: ErrStaleWin}, lost: violations{promise: ErrLostRow}}
	var byCall []history.Op
	each(h, history.RowsRead, func(op history.Op, _ history.Window, _ history.Rows) { byCall = append(byCall, op) })
	byReturn := slices.Clone(byCall)
	slices.SortStableFunc(byReturn, func(a, b history.Op) int { return cmp.Compare(a.Return, b.Return) })
	for _, op := range byCall {
		for len(byReturn) > 0 && byReturn[0].Return <= op.Call {
			s.look(byReturn[0], true)
			byReturn = byReturn[1:]
		}
		s.look(op, false)
	}
	return joined(&s.stale, &s.lost)
}

// staleness is how far the readers have seen each row: in the table with a key
// and in the one without.
type staleness struct {
	all         map[rowKey]story
	newest      map[rowKey][2]int
	stale, lost violations
}

// look compares one read with what was seen before it, or adds it to that.
func (s *staleness) look(op history.Op, absorb bool) {
	in, _ := op.In.(history.Window)
	out, _ := op.Out.(history.Rows)
	for table, rows := range [][]history.Row{out.Keyed, out.Keyless} {
		there := versions(rows, ignore)
		for seq := in.Low; seq < in.High; seq++ {
			key := rowKey{in.Source, in.Client, seq}
			now, before := there[seq], s.newest[key][table]
			deleted := now == 0 && before > 0 && s.all[key].wrote(gone, op.Return)
			if deleted {
				now = gone
			}
			switch {
			case absorb && now > before:
				seen := s.newest[key]
				seen[table] = now
				s.newest[key] = seen
			case absorb || now >= before:
			case now == 0:
				s.lost.add("row %d of client %d of %s was seen as version %d and is gone; nobody had deleted it: %s",
					seq, in.Client, in.Source, before, op)
			case before == gone:
				s.stale.add("row %d of client %d of %s was seen deleted and is version %d again: %s", seq, in.Client, in.Source, now, op)
			default:
				s.stale.add("row %d of client %d of %s was seen as version %d and is version %d again: %s",
					seq, in.Client, in.Source, before, now, op)
			}
		}
	}
}

func joined(vs ...*violations) error {
	var out error
	for _, v := range vs {
		if err := v.err(); err != nil && out == nil {
			out = err
		} else if err != nil {
			out = fmt.Errorf("%w\n%w", out, err)
		}
	}
	return out
}
