package check

import (
	"cmp"
	"maps"
	"slices"

	"github.com/raftdm/raftdm/jepsen/history"
)

// RowsEnd compares the target after the last write with the upstream and with
// what was acknowledged: ErrLostRow, ErrPhantomRow and ErrStaleWin.
func RowsEnd(h history.History) error {
	e := &ends{all: stories(h), lost: violations{promise: ErrLostRow},
		phantom: violations{promise: ErrPhantomRow}, stale: violations{promise: ErrStaleWin}}
	each(h, history.RowsFinal, func(_ history.Op, in history.Side, out history.RowsEnd) {
		e.compare(in.Source, "with a key", out.UpstreamKeyed, out.TargetKeyed)
		e.compare(in.Source, "without a key", out.UpstreamKeyless, out.TargetKeyless)
	})
	return joined(&e.lost, &e.phantom, &e.stale)
}

type ends struct {
	all                  map[rowKey]story
	lost, phantom, stale violations
}

func (e *ends) compare(source, table string, upstream, target []history.OwnedRow) {
	up := owned(source, upstream, nil)
	down := owned(source, target, func(k rowKey) {
		e.phantom.add("row %d of client %d of %s is there twice in the table %s", k.seq, k.client, source, table)
	})
	keys := map[rowKey]bool{}
	for _, m := range []map[rowKey]int{up, down} {
		for k := range m {
			keys[k] = true
		}
	}
	for k := range e.all {
		if k.source == source {
			keys[k] = true
		}
	}
	sorted := slices.SortedFunc(maps.Keys(keys), func(a, b rowKey) int {
		return cmp.Or(cmp.Compare(a.client, b.client), cmp.Compare(a.seq, b.seq))
	})
	for _, k := range sorted {
		e.judge(k, table, up[k], down[k])
	}
}

// judge says what is wrong with one row; 0 is no row.
func (e *ends) judge(k rowKey, table string, up, down int) {
	acknowledged := e.all[k].mayEnd(down)
	switch {
	case up == down && acknowledged:
	case up == down:
		e.lost.add("row %d of client %d of %s: both sides have %s in the table %s, which is not what was acknowledged: %+v",
			k.seq, k.client, k.source, named(down), table, e.all[k])
	case down == 0:
		e.lost.add("row %d of client %d of %s is version %d upstream and missing in the target's table %s", k.seq, k.client, k.source, up, table)
	case down < up || e.all[k].wrote(gone, history.Never):
		e.stale.add("row %d of client %d of %s is %s upstream and version %d in the target's table %s", k.seq, k.client, k.source, named(up), down, table)
	default:
		e.phantom.add("row %d of client %d of %s is %s upstream and version %d in the target's table %s", k.seq, k.client, k.source, named(up), down, table)
	}
}

func owned(source string, rows []history.OwnedRow, twice func(rowKey)) map[rowKey]int {
	out := make(map[rowKey]int, len(rows))
	for _, r := range rows {
		k := rowKey{source, r[0], r[1]}
		if _, is := out[k]; is && twice != nil {
			twice(k)
		}
		out[k] = r[2]
	}
	return out
}
