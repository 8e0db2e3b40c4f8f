package binjson

import (
	"bytes"
	"strconv"
)

// appendDouble appends a finite double with as many digits as tell it from its
// neighbours. From 1e-15 to below 1e15 they are written out, and above that if
// there is a fraction; else there is an exponent, without sign or zeros that it
// does not need. What would look like an integer gets a fraction.
func appendDouble(dst []byte, f float64) []byte {
	var room [32]byte
	short := strconv.AppendFloat(room[:0], f, 'e', -1, 64)
	at := bytes.IndexByte(short, 'e')
	mantissa := short[:at]
	exponent, _ := strconv.Atoi(string(short[at+1:]))
	digits := bytes.IndexByte(mantissa, '.') // those before the point
	if digits < 0 {
		digits = len(mantissa)
	} else {
		digits = len(mantissa) - 1
	}
	if mantissa[0] == '-' {
		digits--
	}
	if exponent < -15 || exponent > 14 && digits <= exponent+1 {
		dst = append(dst, mantissa...)
		dst = append(dst, 'e')
		return strconv.AppendInt(dst, int64(exponent), 10)
	}
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	if digits <= exponent+1 {
		dst = append(dst, ".0"...)
	}
	return dst
}

// groupBytes are the bytes in which so many decimal digits are stored.
var groupBytes = [...]int{0, 1, 1, 2, 2, 3, 3, 4, 4, 4}

// groupLimit is the first number with more digits than that.
var groupLimit = [...]uint32{1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000}

// groupDigits are the decimal digits of a full group.
const groupDigits = 9

func decimalBytes(digits int) int {
	return digits/groupDigits*groupBytes[groupDigits] + groupBytes[digits%groupDigits]
}

// appendDecimal appends a DECIMAL: its precision, its scale, and the digits in
// groups. The digits before the point begin, those behind it end with the
// group that is not full. A first bit of 0 tells a negative number, whose
// bytes are inverted.
func appendDecimal(dst, b []byte) ([]byte, error) {
	if len(b) < 3 {
		return dst, corrupt("a DECIMAL of %d bytes", len(b))
	}
	precision, scale := int(b[0]), int(b[1])
	d := decimal{rest: b[2:], flip: 0x80}
	if scale > precision || decimalBytes(precision-scale)+decimalBytes(scale) != len(d.rest) {
		return dst, corrupt("a DECIMAL(%d, %d) of %d bytes", precision, scale, len(d.rest))
	}
	if d.rest[0] < 0x80 {
		d.mask = 0xff
		dst = append(dst, '-')
	}
	start := len(dst)
	for n := precision - scale; n > 0; {
		group := (n-1)%groupDigits + 1
		n -= group
		dst = d.append(dst, group, len(dst) == start)
	}
	if len(dst) == start {
		dst = append(dst, '0')
	}
	if scale > 0 {
		dst = append(dst, '.')
	}
	for n := scale; n > 0; {
		group := min(n, groupDigits)
		n -= group
		dst = d.append(dst, group, false)
	}
	if d.bad {
		return dst, corrupt("a DECIMAL with more digits than it has")
	}
	return dst, nil
}

// decimal reads the groups of a DECIMAL.
type decimal struct {
	rest []byte
	mask byte // what inverts a negative number
	flip byte // what takes the sign out of the first byte
	bad  bool
}

// append reads a group of so many digits; leading tells to leave zeros out.
func (d *decimal) append(dst []byte, digits int, leading bool) []byte {
	n := groupBytes[digits]
	v := uint32(0)
	for _, b := range d.rest[:n] {
		v = v<<8 | uint32(b^d.mask^d.flip)
		d.flip = 0
	}
	d.rest = d.rest[n:]
	d.bad = d.bad || v >= groupLimit[digits]
	switch {
	case !leading:
		return appendPadded(dst, uint64(v), digits)
	case v == 0:
		return dst
	}
	return strconv.AppendUint(dst, uint64(v), 10)
}

// appendPadded appends a number with zeros before it.
func appendPadded(dst []byte, n uint64, digits int) []byte {
	var room [20]byte
	s := strconv.AppendUint(room[:0], n, 10)
	for range digits - len(s) {
		dst = append(dst, '0')
	}
	return append(dst, s...)
}
