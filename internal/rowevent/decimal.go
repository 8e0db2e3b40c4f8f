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
	var text [len("0.") + mostDigits]byte
	whole := precision - scale
	end := g.digits(text[:], 0, whole%groupDigits, whole/groupDigits, 0)
	begin := 0
	for begin < end-1 && text[begin] == '0' {
		begin++
	}
	if whole == 0 {
		text[0], end = '0', 1
	}
	if scale > 0 {
		text[end] = '.'
		end = g.digits(text[:], end+1, 0, scale/groupDigits, scale%groupDigits)
	}
	return append(dst, text[begin:end]...)
}

// groups are the parts of a decimal.
type groups struct {
	rest  []byte
	first uint32 // what is to be turned around in the first byte
	turn  uint32 // and in all
}

// digits writes some digits, full groups and some digits more, and tells where they end.
func (g *groups) digits(text []byte, at, before, full, behind int) int {
	if before > 0 {
		putDigits(text[at:at+before], g.next(restBytes[before]))
		at += before
	}
	for range full {
		putDigits(text[at:at+groupDigits], g.next(groupBytes))
		at += groupDigits
	}
	if behind > 0 {
		putDigits(text[at:at+behind], g.next(restBytes[behind]))
		at += behind
	}
	return at
}

// next gives the next part, of one to four bytes.
func (g *groups) next(bytes int) uint32 {
	last := uint(8 * (bytes - 1))
	n := uint32(bigEndian(g.rest[:bytes])) ^ g.turn ^ g.first<<last
	g.rest, g.first = g.rest[bytes:], 0
	return n & uint32(1<<(last+8)-1)
}
