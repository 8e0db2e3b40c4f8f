package check

import "github.com/raftdm/raftdm/jepsen/history"

// rowKey names one row of the inserts workload.
type rowKey struct {
	source string
	client int
	seq    int
}

// gone is the version of a row that was deleted.
const gone = 1 << 30

// write is what one transaction did to one row.
type write struct {
	version int // gone for a delete
	call    int64
	sure    bool // acknowledged
	gtid    string
	// first and count are the rows of one insert.
	first, count int
}

// story is all that may have happened to one row, in the client's order.
type story []write

// stories gathers what was written. What failed, or was rolled back, is left
// out: it happened to no row.
func stories(h history.History) map[rowKey]story {
	out := map[rowKey]story{}
	for _, op := range h.Ops {
		if op.Kind != history.RowsWrite || op.Outcome == history.Failed {
			continue
		}
		in, _ := op.In.(history.Write)
		if in.Undone {
			continue
		}
		done, _ := op.Out.(history.Committed)
		w := write{version: in.Version, call: op.Call, sure: op.Outcome == history.OK, gtid: done.GTID}
		if in.Op == history.Delete {
			w.version = gone
		}
		if in.Op == history.Insert {
			w.first, w.count = in.Seq, in.Count
		}
		for i := range max(in.Count, 1) {
			key := rowKey{in.Source, in.Client, in.Seq + i}
			out[key] = append(out[key], w)
		}
	}
	return out
}

// wrote tells whether version may have been there at a time.
func (s story) wrote(version int, by int64) bool {
	for _, w := range s {
		if w.version == version && w.call <= by {
			return true
		}
	}
	return false
}

// mayEnd tells whether version, 0 for no row, may be what is left in the end.
func (s story) mayEnd(version int) bool {
	ok := version == 0 // never inserted
	for _, w := range s {
		is := w.version == version || (w.version == gone && version == 0)
		if w.sure {
			ok = is
		} else {
			ok = ok || is
		}
	}
	return ok
}

// versions turns rows into a map; a sequence number that is there twice is
// told to twice.
func versions(rows []history.Row, twice func(seq int)) map[int]int {
	out := make(map[int]int, len(rows))
	for _, r := range rows {
		if _, is := out[r[0]]; is {
			twice(r[0])
		}
		out[r[0]] = r[1]
	}
	return out
}
