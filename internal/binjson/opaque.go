package binjson

import (
	"encoding/base64"
	"encoding/binary"
	"strconv"
)

// The types of columns whose values the server shows as what they are.
const (
	typeTimestamp  = 7
	typeDate       = 10
	typeTime       = 11
	typeDatetime   = 12
	typeNewDecimal = 246
)

// opaque appends a value that JSON has no type for.
func (p *printer) opaque(v value) error {
	head, err := v.first(1)
	if err != nil {
		return err
	}
	b, err := counted(v.data[1:])
	if err != nil {
		return err
	}
	switch head[0] {
	case typeNewDecimal:
		p.dst, err = appendDecimal(p.dst, b)
	case typeTime, typeDate, typeDatetime, typeTimestamp:
		p.dst, err = appendTemporal(p.dst, head[0], b)
	default:
		p.base64(head[0], b)
	}
	if err != nil {
		return err
	}
	return p.claim(len(b))
}

// base64Line are the bytes that the server's base64 puts on one line: 76
// characters, and an escaped end of line.
const base64Line = 57

func (p *printer) base64(typ byte, b []byte) {
	p.dst = append(p.dst, `"base64:type`...)
	p.dst = strconv.AppendUint(p.dst, uint64(typ), 10)
	p.dst = append(p.dst, ':')
	for len(b) > base64Line {
		p.dst = base64.StdEncoding.AppendEncode(p.dst, b[:base64Line])
		p.dst = append(p.dst, `\n`...)
		b = b[base64Line:]
	}
	p.dst = base64.StdEncoding.AppendEncode(p.dst, b)
	p.dst = append(p.dst, '"')
}

// appendTemporal appends a date, time or both.
func appendTemporal(dst []byte, typ byte, b []byte) ([]byte, error) {
	if len(b) != 8 {
		return dst, corrupt("a date or time of %d bytes", len(b))
	}
	packed := int64(binary.LittleEndian.Uint64(b))
	m := unpack(packed, typ != typeTime)
	if !m.valid() {
		return dst, corrupt("the date or time %d", packed)
	}
	dst = append(dst, '"')
	if m.negative {
		dst = append(dst, '-')
	}
	if m.dated {
		dst = append(appendPadded(dst, m.months/13, 4), '-')
		dst = append(appendPadded(dst, m.months%13, 2), '-')
		dst = appendPadded(dst, m.day, 2)
		if typ == typeDate {
			return append(dst, '"'), nil
		}
		dst = append(dst, ' ')
	}
	dst = append(appendPadded(dst, m.hour, 2), ':')
	dst = append(appendPadded(dst, m.minute, 2), ':')
	dst = append(appendPadded(dst, m.second, 2), '.')
	return append(appendPadded(dst, m.micro, 6), '"'), nil
}

// moment is a time, or a date with a time of day.
type moment struct {
	negative, dated                          bool
	months, day, hour, minute, second, micro uint64 // a year has 13 months, the first of which is none
}

// unpack takes a moment out of a number: from its low end 24 bits of
// microseconds, 6 each of seconds and minutes, and the hours; with a date these
// are 5 bits, and 5 of the day and the months follow.
func unpack(packed int64, dated bool) moment {
	m := moment{negative: packed < 0, dated: dated}
	n := uint64(packed)
	if m.negative {
		n = -n
	}
	m.micro, m.second, m.minute, m.hour = n&(1<<24-1), n>>24&63, n>>30&63, n>>36
	if dated {
		m.hour, m.day, m.months = n>>36&31, n>>41&31, n>>46
	}
	return m
}

func (m moment) valid() bool {
	if m.dated && (m.negative || m.hour > 23 || m.months/13 > 9999) {
		return false
	}
	return m.micro <= 999_999 && m.second <= 59 && m.minute <= 59 && m.hour <= 838
}
