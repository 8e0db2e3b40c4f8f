package binjson

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// leg is one step of a path: to a member of an object, or to a cell of an array.
type leg struct {
	member []byte // nil for a cell
	cell   uint64
	last   bool // the cell counts back from the last one
}

// position gives the place of a cell in an array of n, and whether it exists;
// otherwise the place is where the server would put a new one.
func (l leg) position(n int) (int, bool) {
	switch {
	case !l.last:
		return int(min(l.cell, uint64(n))), l.cell < uint64(n)
	case l.cell < uint64(n):
		return n - 1 - int(l.cell), true
	}
	return 0, false
}

// parsePath reads a path as the server writes it: `$.a[2]."b c"[last-1]`. It
// is the path of the statement, so cells may count from the last, but without
// blanks, wildcards and what would wrap a value into an array.
func parsePath(text []byte) ([]leg, error) {
	bad := func() ([]leg, error) { return nil, corrupt("the path %q", text) }
	rest, ok := bytes.CutPrefix(text, []byte("$"))
	if !ok || !utf8.Valid(text) {
		return bad()
	}
	var legs []leg
	for len(rest) > 0 {
		var l leg
		switch rest[0] {
		case '.':
			l.member, rest, ok = parseMember(rest[1:])
		case '[':
			l, rest, ok = parseCell(rest[1:])
		default:
			ok = false
		}
		if !ok {
			return bad()
		}
		legs = append(legs, l)
	}
	return legs, nil
}

// parseMember reads a name, in quotes unless it is like one of JavaScript's.
func parseMember(text []byte) (name, rest []byte, ok bool) {
	if len(text) == 0 || text[0] != '"' {
		end := bytes.IndexAny(text, ".[")
		if end < 0 {
			end = len(text)
		}
		return text[:end], text[end:], end > 0 && !bytes.ContainsAny(text[:end], "*]\"\\ \t\n\r\v\f")
	}
	escaped := false
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			escaped = true
			i++
		case '"':
			name, rest = text[1:i], text[i+1:]
			if escaped {
				var s string
				ok = json.Unmarshal(text[:i+1], &s) == nil
				return []byte(s), rest, ok
			}
			return name, rest, true
		}
	}
	return nil, nil, false
}

// parseCell reads what follows an opening bracket.
func parseCell(text []byte) (l leg, rest []byte, ok bool) {
	index, rest, ok := bytes.Cut(text, []byte("]"))
	if !ok {
		return l, nil, false
	}
	digits, last := strings.CutPrefix(string(index), "last")
	if l.last = last; last && digits == "" {
		return l, rest, true
	}
	if last {
		digits, ok = strings.CutPrefix(digits, "-")
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	l.cell = n
	return l, rest, ok && err == nil && n <= math.MaxUint32
}
