package rowevent

import (
	"encoding/binary"
	"time"
)

// bigEndian reads up to eight bytes.
func bigEndian(raw []byte) int64 {
	switch len(raw) {
	case 2:
		return int64(binary.BigEndian.Uint16(raw))
	case 4:
		return int64(binary.BigEndian.Uint32(raw))
	}
	var n int64
	for _, b := range raw {
		n = n<<8 | int64(b)
	}
	return n
}

func littleEndian(raw []byte) int64 {
	var n int64
	for i, b := range raw {
		n |= int64(b) << (8 * i)
	}
	return n
}

// fractionBytes is how many bytes hold so many digits of a second.
func fractionBytes(digits int) int { return (digits + 1) / 2 }

// fraction gives microseconds.
func fraction(raw []byte, digits int) int64 {
	n := bigEndian(raw)
	switch fractionBytes(digits) {
	case 1:
		return n * 10000
	case 2:
		return n * 100
	}
	return n
}

// appendFraction appends so many digits of the microseconds, with their point.
func appendFraction(dst []byte, micros int64, digits int) []byte {
	if digits == 0 {
		return dst
	}
	for range 6 - digits {
		micros /= 10
	}
	return appendNumber(append(dst, '.'), micros, digits)
}

func appendYMD(dst []byte, year, month, day int64) []byte {
	if year > 9999 {
		return appendPair(append(appendPair(append(appendNumber(dst, year, 4), '-'), month), '-'), day)
	}
	at := len(dst)
	dst = append(dst, "yyyy-mm-dd"...)
	b := dst[at : at+10]
	putPair(b, year/100)
	putPair(b[2:], year%100)
	putPair(b[5:], month)
	putPair(b[8:], day)
	return dst
}

func appendHMS(dst []byte, hour, minute, second int64) []byte {
	if hour > 99 {
		return appendPair(append(appendPair(append(appendNumber(dst, hour, 2), ':'), minute), ':'), second)
	}
	at := len(dst)
	dst = append(dst, "hh:mm:ss"...)
	b := dst[at : at+8]
	putPair(b, hour)
	putPair(b[3:], minute)
	putPair(b[6:], second)
	return dst
}

// appendDate: 15 bits of years, 4 of months, 5 of days.
func appendDate(dst, raw []byte) []byte {
	n := littleEndian(raw)
	return appendYMD(dst, n>>9, n>>5&15, n&31)
}

// appendDatetime: 40 bits, of which the first is set, 17 years*13+months, 5 days,
// 5 hours, 6 minutes, 6 seconds; then the fraction.
func appendDatetime(dst, raw []byte, digits int) []byte {
	const positive = 1 << 39
	n := int64(raw[0])<<32 + int64(binary.BigEndian.Uint32(raw[1:5])) - positive
	if n < 0 {
		n = -n // no server writes one
	}
	ymd, hms := n>>17, n&(1<<17-1)
	dst = append(appendYMD(dst, ymd>>5/13, ymd>>5%13, ymd&31), ' ')
	dst = appendHMS(dst, hms>>12, hms>>6&63, hms&63)
	return appendFraction(dst, fraction(raw[5:], digits), digits)
}

// appendOldDatetime: the decimal number YYYYMMDDhhmmss of servers before 5.6.
func appendOldDatetime(dst, raw []byte) []byte {
	n := binary.LittleEndian.Uint64(raw)
	d, t := int64(n/1000000), int64(n%1000000)
	dst = append(appendYMD(dst, d/10000, d/100%100, d%100), ' ')
	return appendHMS(dst, t/10000, t/100%100, t%100)
}

// appendTime: 24 bits, of which the first is set for positive ones, one is not
// used, 10 hours, 6 minutes, 6 seconds; then the fraction. A negative one is
// the complement of all of it.
func appendTime(dst, raw []byte, digits int) []byte {
	n := bigEndian(raw) - 1<<(8*len(raw)-1)
	if n < 0 {
		n = -n
		dst = append(dst, '-')
	}
	bits := 8 * fractionBytes(digits)
	hms, frac := n>>bits, n&(1<<bits-1)
	switch bits {
	case 8:
		frac *= 10000
	case 16:
		frac *= 100
	}
	dst = appendHMS(dst, hms>>12&1023, hms>>6&63, hms&63)
	return appendFraction(dst, frac, digits)
}

// appendOldTime: the decimal number hhmmss of servers before 5.6.
func appendOldTime(dst, raw []byte) []byte {
	n := littleEndian(raw)
	if n >= 1<<23 {
		n = 1<<24 - n
		dst = append(dst, '-')
	}
	return appendHMS(dst, n/10000, n/100%100, n%100)
}

// appendTimestamp writes seconds since 1970 as a time in UTC. Zero is the date
// that is none.
func appendTimestamp(dst []byte, seconds, micros int64, digits int) []byte {
	if seconds == 0 {
		dst = append(dst, "0000-00-00 00:00:00"...)
		return appendFraction(dst, micros, digits)
	}
	t := time.Unix(seconds, 0).UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	dst = append(appendYMD(dst, int64(year), int64(month), int64(day)), ' ')
	dst = appendHMS(dst, int64(hour), int64(minute), int64(second))
	return appendFraction(dst, micros, digits)
}
