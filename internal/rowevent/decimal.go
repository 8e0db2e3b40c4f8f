package rowevent

import "math"

const (
	// groupDigits is how many digits four bytes of a decimal hold.
	groupDigits, groupBytes = 9, 4
	// mostDigits is how many a decimal has at most.
	mostDigits = 65
)

// restBytes is how many bytes hold so many digits beside the full groups.
var restBytes = [groupDigits + 1]int{0, 1, 1, 2, 2, 3, 3, 4, 4, 4}

func decimalBytes(precision, scale int) int {
	whole := precision - scale
	return whole/groupDigits*groupBytes + restBytes[whole%groupDigits] + scale/groupDigits*groupBytes + restBytes[scale%groupDigits]
}

// appendDecimal writes a decimal: groups of nine digits in four bytes, what is
// left over outermost, big end first. The first bit is set in positive ones; all
// other bits are turned around in negative ones.
func appendDecimal(dst, raw []byte, precision, scale int) []byte {
	g := groups{rest: raw, first: 0x80}
	if raw[0]&0x80 == 0 {
		dst = append(dst, '-')
		g.turn = math.MaxUint32
	}
	begin, whole := len(dst), precision-scale
	if before := whole % groupDigits; before > 0 {
		dst = appendSignificant(dst, g.next(restBytes[before]))
	}
	for range whole / groupDigits {
		if n := g.next(groupBytes); len(dst) > begin {
			dst = appendDigits(dst, n, groupDigits)
		} else {
			dst = appendSignificant(dst, n)
		}
	}
	if len(dst) == begin {
		dst = append(dst, '0')
	}
	if scale == 0 {
		return dst
	}
	dst = append(dst, '.')
	for range scale / groupDigits {
		dst = appendDigits(dst, g.next(groupBytes), groupDigits)
	}
	if behind := scale % groupDigits; behind > 0 {
		dst = appendDigits(dst, g.next(restBytes[behind]), behind)
	}
	return dst
}

// groups are the parts of a decimal.
type groups struct {
	rest  []byte
	first uint32 // what is to be turned around in the first byte
	turn  uint32 // and in all
}

// next gives the next part, of one to four bytes.
func (g *groups) next(bytes int) uint32 {
	last := uint(8 * (bytes - 1))
	n := uint32(bigEndian(g.rest[:bytes])) ^ g.turn ^ g.first<<last
	g.rest, g.first = g.rest[bytes:], 0
	return n & uint32(1<<(last+8)-1)
}
