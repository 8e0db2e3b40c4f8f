package rowevent

import "math"

// groupDigits is how many digits four bytes of a decimal hold.
const groupDigits = 9

// restBytes is how many bytes hold so many digits beside the full groups.
var restBytes = [groupDigits + 1]int{0, 1, 1, 2, 2, 3, 3, 4, 4, 4}

func decimalBytes(precision, scale int) int {
	whole := precision - scale
	return whole/groupDigits*4 + restBytes[whole%groupDigits] + scale/groupDigits*4 + restBytes[scale%groupDigits]
}

// appendDecimal writes a decimal: groups of nine digits in four bytes, what is
// left over outermost, big end first. The first bit is set in positive ones; all
// other bits are turned around in negative ones.
func appendDecimal(dst, raw []byte, precision, scale int) []byte {
	g := groups{rest: raw, first: 0x80}
	if raw[0]&0x80 == 0 {
		dst = append(dst, '-')
		g.turn = math.MaxUint64
	}
	whole := precision - scale
	start := len(dst)
	if n := g.next(restBytes[whole%groupDigits]); n > 0 {
		dst = appendNumber(dst, n, 1)
	}
	for range whole / groupDigits {
		switch n := g.next(4); {
		case len(dst) > start:
			dst = appendNumber(dst, n, groupDigits)
		case n > 0:
			dst = appendNumber(dst, n, 1)
		}
	}
	if len(dst) == start {
		dst = append(dst, '0')
	}
	if scale == 0 {
		return dst
	}
	dst = append(dst, '.')
	for range scale / groupDigits {
		dst = appendNumber(dst, g.next(4), groupDigits)
	}
	if rest := scale % groupDigits; rest > 0 {
		dst = appendNumber(dst, g.next(restBytes[rest]), rest)
	}
	return dst
}

// groups are the parts of a decimal.
type groups struct {
	rest  []byte
	first uint64 // what is to be turned around in the first byte
	turn  uint64 // and in all
}

// next gives the next part, of zero to four bytes.
func (g *groups) next(bytes int) int64 {
	if bytes == 0 {
		return 0
	}
	last := uint(8 * (bytes - 1))
	n := uint64(bigEndian(g.rest[:bytes])) ^ g.turn ^ g.first<<last
	g.rest, g.first = g.rest[bytes:], 0
	return int64(n & (1<<(last+8) - 1))
}
