package binlog

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/raftdm/raftdm/internal/fault"
)

// Position is an offset in a binlog file: the end of the last event that was
// read, which is where the next one begins.
type Position struct {
	Name string `json:"name"`
	Pos  uint32 `json:"pos"`
}

// String gives "(mysql-bin.000001, 4)", the form in which query-status shows it.
func (p Position) String() string { return fmt.Sprintf("(%s, %d)", p.Name, p.Pos) }

// IsZero tells whether p says nothing.
func (p Position) IsZero() bool { return p == Position{} }

// ParsePosition reads "(name, pos)" or "name:pos".
func ParsePosition(s string) (Position, error) {
	text := strings.TrimSpace(s)
	sep := ":"
	if strings.HasPrefix(text, "(") && strings.HasSuffix(text, ")") {
		text, sep = text[1:len(text)-1], ","
	}
	i := strings.LastIndex(text, sep)
	if i < 0 {
		return Position{}, badPosition(s, nil)
	}
	name := strings.TrimSpace(text[:i])
	pos, err := strconv.ParseUint(strings.TrimSpace(text[i+1:]), 10, 32)
	if err != nil || name == "" {
		return Position{}, badPosition(s, err)
	}
	if _, ok := splitName(name); !ok {
		return Position{}, badPosition(s, nil)
	}
	return Position{Name: name, Pos: uint32(pos)}, nil
}

func badPosition(s string, cause error) error {
	return &fault.Error{
		Kind: fault.Invalid, Code: 22003,
		Msg:  fmt.Sprintf("%q is not a binlog position", s),
		Hint: "write it as NAME:POS, for example mysql-bin.000001:4",
		Err:  cause,
	}
}

// Compare answers -1, 0 or 1 as p is before, at or after o. Positions of
// different base names, which only a renamed log has, order by that name; a
// position without a name is before all others.
func (p Position) Compare(o Position) int {
	if c := CompareNames(p.Name, o.Name); c != 0 {
		return c
	}
	return cmp.Compare(p.Pos, o.Pos)
}

// CompareNames orders two binlog file names by base name and number.
func CompareNames(a, b string) int {
	if a == b {
		return 0
	}
	if a == "" || b == "" {
		return cmp.Compare(len(a), len(b))
	}
	x, okX := splitName(a)
	y, okY := splitName(b)
	if !okX || !okY {
		return strings.Compare(a, b)
	}
	return cmp.Or(
		strings.Compare(x.base, y.base),
		cmp.Compare(x.relay, y.relay),
		cmp.Compare(x.seq, y.seq),
	)
}

// SameSeries tells whether two binlog file names differ in their numbers only.
func SameSeries(a, b string) bool {
	x, okX := splitName(a)
	y, okY := splitName(b)
	return okX && okY && x.base == y.base && x.relay == y.relay
}

// WithoutRelay is the position in the source's own file: DM writes the number of
// the relay log's directory into names, as in mysql-bin|000001.000003.
func (p Position) WithoutRelay() Position {
	base, rest, found := strings.Cut(p.Name, "|")
	if i := strings.LastIndexByte(rest, '.'); found && i > 0 {
		p.Name = base + rest[i:]
	}
	return p
}

// fileName is a binlog file name in its parts. The relay number is the one in
// mysql-bin|000002.000003: the directory of the relay log, 0 when absent.
type fileName struct {
	base       string
	relay, seq uint64
}

func splitName(name string) (fileName, bool) {
	i := strings.LastIndexByte(name, '.')
	if i <= 0 {
		return fileName{}, false
	}
	seq, err := strconv.ParseUint(name[i+1:], 10, 64)
	if err != nil {
		return fileName{}, false
	}
	f := fileName{base: name[:i], seq: seq}
	if base, suffix, found := strings.Cut(f.base, "|"); found {
		n, err := strconv.ParseUint(suffix, 10, 64)
		if err != nil {
			return fileName{}, false
		}
		f.base, f.relay = base, n
	}
	return f, true
}
