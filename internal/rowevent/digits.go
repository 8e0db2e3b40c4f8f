package rowevent

import (
	"encoding/binary"
	"math/bits"
)

// pairs are the characters of the numbers from 00 to 99, the first one in the
// lower byte. It is longer, so that an index of one byte needs no check.
var pairs = func() (out [256]uint16) {
	for i := range 100 {
		out[i] = uint16('0'+i/10) | uint16('0'+i%10)<<8
	}
	return out
}()

// putPair writes n, which is below 100.
func putPair(dst []byte, n int64) { binary.LittleEndian.PutUint16(dst, pairs[uint8(n)]) }

// nines are as many characters as appendDigits writes at most.
const nines = "999999999"

// appendDigits appends the last digits of n, nine at most.
func appendDigits(dst []byte, n uint32, digits int) []byte {
	at := len(dst)
	dst = append(dst, nines...) // of a known size: cheaper than the right one
	to := dst[at : at+digits]
	for len(to) > 1 {
		rest := n / 100
		putPair(to[len(to)-2:], int64(n-100*rest))
		n, to = rest, to[:len(to)-2]
	}
	if len(to) > 0 {
		to[0] = byte('0' + n%10)
	}
	return dst[:at+digits]
}

// appendSignificant appends the digits of n, none for 0 and nine at most.
func appendSignificant(dst []byte, n uint32) []byte {
	if n == 0 {
		return dst
	}
	return appendDigits(dst, n, min(digits(uint64(n)), len(nines)))
}

// appendPair appends n with at least two digits.
func appendPair(dst []byte, n int64) []byte {
	if n > 99 {
		return appendNumber(dst, n, 2)
	}
	return binary.LittleEndian.AppendUint16(dst, pairs[uint8(n)])
}

// appendNumber appends n with at least width digits.
func appendNumber(dst []byte, n int64, width int) []byte {
	const zeros = "00000000000000000000"
	u := uint64(n)
	width = max(width, digits(u))
	at := len(dst)
	dst = append(dst, zeros[:width]...)
	to := dst[at:]
	for ; u > 9; u /= 100 {
		width -= 2
		binary.LittleEndian.PutUint16(to[width:], pairs[uint8(u%100)])
	}
	if u > 0 {
		to[width-1] = byte('0' + u)
	}
	return dst
}

// digits counts those of u, none for 0.
func digits(u uint64) int {
	n := bits.Len64(u) * 1233 >> 12 // times log10(2): one too few, or right
	if u >= powers[n] {
		n++
	}
	return n
}

// powers are those of ten.
var powers = func() (out [20]uint64) {
	out[0] = 1
	for i := range len(out) - 1 {
		out[i+1] = 10 * out[i]
	}
	return out
}()
