package check

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/raftdm/raftdm/jepsen/history"
)

// Watermark reports ErrCheckpointAhead when, in one snapshot of the target, the
// recorded position covers an acknowledged write and the row does not show it.
func Watermark(h history.History) error {
	v := violations{promise: ErrCheckpointAhead}
	all := stories(h)
	each(h, history.RowsRead, func(op history.Op, in history.Window, out history.Rows) {
		done, err := recorded(out)
		if err != nil {
			v.add("the recorded position cannot be read: %v: %s", err, op)
			return
		}
		for table, rows := range [][]history.Row{out.Keyed, out.Keyless} {
			there := versions(rows, ignore)
			for seq := in.Low; seq < in.High; seq++ {
				s := all[rowKey{in.Source, in.Client, seq}]
				if w, missing := s.missing(done, there[seq], op.Return); missing {
					v.add("%s is recorded as applied, but row %d of client %d of %s is %s in table %d of 2: %s",
						w.gtid, seq, in.Client, in.Source, named(there[seq]), table+1, op)
				}
			}
		}
	})
	return v.err()
}

// missing gives a write that is recorded as applied and cannot be seen in a row
// that shows version, 0 for no row.
func (s story) missing(done applied, version int, by int64) (write, bool) {
	for _, w := range s {
		if !w.sure || !done.has(w.gtid) {
			continue
		}
		switch {
		case w.version == gone && version != 0:
			return w, true
		case w.version != gone && version == 0 && !s.wrote(gone, by):
			return w, true
		case w.version != gone && version != 0 && version < w.version:
			return w, true
		}
	}
	return write{}, false
}

// applied is what a snapshot's records say is on the target.
type applied struct {
	upTo   map[string]uint64      // domain -> sequence number of the highest watermark
	ranges map[string][][2]uint64 // "domain-server-" -> what lanes have applied above it
}

func recorded(out history.Rows) (applied, error) {
	a := applied{upTo: map[string]uint64{}, ranges: map[string][][2]uint64{}}
	if err := a.raise(out.Published); err != nil {
		return a, err
	}
	for _, lane := range out.Lanes {
		if err := a.raise(lane.Watermark); err != nil {
			return a, err
		}
		for prefix, text := range lane.Applied {
			for part := range strings.SplitSeq(text, ",") {
				from, to, ranged := strings.Cut(part, "-")
				if !ranged {
					to = from
				}
				x, errX := strconv.ParseUint(from, 10, 64)
				y, errY := strconv.ParseUint(to, 10, 64)
				if errX != nil || errY != nil {
					return a, fmt.Errorf("%q is not a range of transactions", part)
				}
				a.ranges[prefix] = append(a.ranges[prefix], [2]uint64{x, y})
			}
		}
	}
	return a, nil
}

// raise takes a MariaDB GTID set: of each domain, everything up to its number.
func (a applied) raise(set string) error {
	if set == "" {
		return nil
	}
	for one := range strings.SplitSeq(set, ",") {
		prefix, n, err := splitGTID(strings.TrimSpace(one))
		if err != nil {
			return err
		}
		domain, _, _ := strings.Cut(prefix, "-")
		a.upTo[domain] = max(a.upTo[domain], n)
	}
	return nil
}

// has tells whether a transaction is recorded as applied; one without a GTID is
// not known to be.
func (a applied) has(gtid string) bool {
	prefix, n, err := splitGTID(gtid)
	if err != nil {
		return false
	}
	domain, _, _ := strings.Cut(prefix, "-")
	if top, ok := a.upTo[domain]; ok && n <= top {
		return true
	}
	for _, r := range a.ranges[prefix] {
		if r[0] <= n && n <= r[1] {
			return true
		}
	}
	return false
}

// splitGTID cuts "0-1-42" into "0-1-" and 42.
func splitGTID(gtid string) (prefix string, n uint64, err error) {
	i := strings.LastIndexByte(gtid, '-')
	if i < 0 || strings.Count(gtid, "-") != 2 {
		return "", 0, fmt.Errorf("%q is not a GTID of MariaDB", gtid)
	}
	n, err = strconv.ParseUint(gtid[i+1:], 10, 64)
	return gtid[:i+1], n, err
}
