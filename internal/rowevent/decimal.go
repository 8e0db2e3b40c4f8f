package rowevent

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
	whole := precision - scale
	var turn byte
	if raw[0]&0x80 == 0 {
		turn = 0xff
		dst = append(dst, '-')
	}
	pos := 0
	next := func(bytes int) int64 {
		var n int64
		for _, b := range raw[pos : pos+bytes] {
			if pos == 0 {
				b ^= 0x80
			}
			n = n<<8 | int64(b^turn)
			pos++
		}
		return n
	}
	start := len(dst)
	first := next(restBytes[whole%groupDigits])
	if first > 0 {
		dst = appendNumber(dst, first, 1)
	}
	for range whole / groupDigits {
		n := next(4)
		switch {
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
		dst = appendNumber(dst, next(4), groupDigits)
	}
	if rest := scale % groupDigits; rest > 0 {
		dst = appendNumber(dst, next(restBytes[rest]), rest)
	}
	return dst
}
