package checkpoint

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Applied is a set of transaction ids: GTIDs, or "file:position" of a commit.
// Ids that differ in their last number only are kept as ranges, so a lane that
// has applied a thousand neighbours writes a few dozen bytes. It is not safe
// for concurrent use. The zero value is the empty set.
type Applied struct {
	by map[string][]span // what is before the number -> sorted, disjoint ranges
}

type span struct{ from, to uint64 }

// splitID cuts an id before its last number. An id without one is all prefix,
// and number 0 stands for it.
func splitID(id string) (prefix string, n uint64) {
	i := len(id)
	for i > 0 && id[i-1] >= '0' && id[i-1] <= '9' {
		i--
	}
	// A number with a leading zero would not come back as it was written.
	if i == len(id) || i == 0 || (id[i] == '0' && len(id)-i > 1) {
		return id, 0
	}
	n, err := strconv.ParseUint(id[i:], 10, 64)
	if err != nil {
		return id, 0
	}
	return id[:i], n
}

// Add puts an id into the set.
func (a *Applied) Add(id string) {
	if a.by == nil {
		a.by = map[string][]span{}
	}
	prefix, n := splitID(id)
	spans := a.by[prefix]
	if last := len(spans) - 1; last >= 0 && spans[last].to+1 == n {
		spans[last].to = n // ids come mostly in order
		return
	}
	i, found := slices.BinarySearchFunc(spans, n, func(s span, n uint64) int {
		switch {
		case s.to < n:
			return -1
		case s.from > n:
			return 1
		}
		return 0
	})
	if found {
		return
	}
	before, behind := i > 0 && spans[i-1].to+1 == n, i < len(spans) && n+1 == spans[i].from
	switch {
	case before && behind:
		spans[i-1].to = spans[i].to
		a.by[prefix] = slices.Delete(spans, i, i+1)
	case before:
		spans[i-1].to = n
	case behind:
		spans[i].from = n
	default:
		a.by[prefix] = slices.Insert(spans, i, span{n, n})
	}
}

func mergeSpans(spans []span) []span {
	out := spans[:1]
	for _, s := range spans[1:] {
		last := &out[len(out)-1]
		if s.from <= last.to+1 {
			last.to = max(last.to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}

// Has tells whether id is in the set.
func (a *Applied) Has(id string) bool {
	prefix, n := splitID(id)
	_, found := slices.BinarySearchFunc(a.by[prefix], n, func(s span, n uint64) int {
		switch {
		case s.to < n:
			return -1
		case s.from > n:
			return 1
		}
		return 0
	})
	return found
}

// AddAll puts everything of o into the set.
func (a *Applied) AddAll(o *Applied) {
	for prefix, spans := range o.by {
		if a.by == nil {
			a.by = map[string][]span{}
		}
		all := append(slices.Clone(a.by[prefix]), spans...)
		slices.SortFunc(all, func(x, y span) int { return cmp.Compare(x.from, y.from) })
		a.by[prefix] = mergeSpans(all)
	}
}

// Empty tells whether nothing is in the set.
func (a *Applied) Empty() bool { return len(a.by) == 0 }

// MarshalJSON gives {"0-1-":"100-105,107"}: ranges behind what they share.
func (a *Applied) MarshalJSON() ([]byte, error) { return a.appendJSON(nil), nil }

func (a *Applied) appendJSON(b []byte) []byte {
	b = append(b, '{')
	for n, prefix := range slices.Sorted(maps.Keys(a.by)) {
		if n > 0 {
			b = append(b, ',')
		}
		b = append(appendJSONString(b, prefix), ':', '"')
		for i, s := range a.by[prefix] {
			if i > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendUint(b, s.from, 10)
			if s.to > s.from {
				b = strconv.AppendUint(append(b, '-'), s.to, 10)
			}
		}
		b = append(b, '"')
	}
	return append(b, '}')
}

// appendJSONString writes s, which is mostly a GTID's beginning and plain.
func appendJSONString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			text, err := json.Marshal(s)
			if err != nil {
				panic("a string that is no JSON: " + err.Error()) // there is none
			}
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (a *Applied) UnmarshalJSON(data []byte) error {
	var in map[string]string
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	a.by = make(map[string][]span, len(in))
	for prefix, text := range in {
		var spans []span
		for part := range strings.SplitSeq(text, ",") {
			from, to, ranged := strings.Cut(part, "-")
			if !ranged {
				to = from
			}
			x, errX := strconv.ParseUint(from, 10, 64)
			y, errY := strconv.ParseUint(to, 10, 64)
			if errX != nil || errY != nil || y < x {
				return fmt.Errorf("%q is not a range of transaction numbers", part)
			}
			spans = append(spans, span{x, y})
		}
		slices.SortFunc(spans, func(x, y span) int { return cmp.Compare(x.from, y.from) })
		a.by[prefix] = mergeSpans(spans)
	}
	return nil
}
