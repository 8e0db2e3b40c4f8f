package binjson

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"pgregory.net/rapid"
)

// drawModel draws a document that holds at most so many values in each other.
func drawModel(t *rapid.T, depth int, scalar *rapid.Generator[any]) any {
	if depth == 0 {
		return scalar.Draw(t, "value")
	}
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0:
		return scalar.Draw(t, "value")
	case 1, 2:
		out := array{}
		for range rapid.IntRange(0, 4).Draw(t, "cells") {
			out = append(out, drawModel(t, depth-1, scalar))
		}
		return out
	}
	out := object{}
	for range rapid.IntRange(0, 4).Draw(t, "members") {
		out = out.with(anyKey().Draw(t, "key"), drawModel(t, depth-1, scalar))
	}
	return out
}

// anyKey gives few keys, so that paths meet them, and any others.
func anyKey() *rapid.Generator[string] {
	return rapid.OneOf(rapid.SampledFrom([]string{"a", "b", "ab", "", "c d", "é", `"`, `\`, "x.y", "z[0]", "\n", "$"}), anyString())
}

func anyString() *rapid.Generator[string] {
	return rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.SampledFrom([]rune("a\"\\\x00\x1f\n\x7f/é漢🎉")), 0, 200, -1))
}

// anyScalar gives every value but objects and arrays.
func anyScalar() *rapid.Generator[any] {
	return rapid.OneOf(plainScalar(),
		rapid.Map(finite(), func(f float64) any { return f }),
		rapid.Map(rapid.Custom(drawTime), func(o other) any { return o }),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 200), func(b []byte) any { return blob(b) }))
}

// plainScalar gives those of which go-mysql prints what the server does.
func plainScalar() *rapid.Generator[any] {
	return rapid.OneOf(
		rapid.Just[any](nil),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Map(rapid.OneOf(rapid.Int64(), rapid.Int64Range(-70000, 70000)), func(n int64) any { return n }),
		rapid.Map(rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 70000)), func(n uint64) any { return n }),
		rapid.Map(rapid.Int64Range(-1e9, 1e9), func(n int64) any { return float64(n) / 1024 }),
		rapid.Map(anyString(), func(s string) any { return s }),
		rapid.Map(rapid.Custom(drawDecimal), func(o other) any { return o }),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, base64Line), func(b []byte) any { return blob(b) }),
		rapid.Map(rapid.Custom(drawTime).Filter(func(o other) bool { return binary.LittleEndian.Uint64(o.data) != 0 }), func(o other) any { return o }))
}

func finite() *rapid.Generator[float64] {
	return rapid.OneOf(rapid.Float64(), rapid.Map(rapid.Uint64(), math.Float64frombits)).
		Filter(func(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) })
}

// blob is a value of a BLOB column.
func blob(b []byte) other {
	text := base64.StdEncoding.EncodeToString(b)
	var lines []string
	for len(text) > 76 {
		lines, text = append(lines, text[:76]), text[76:]
	}
	return other{252, b, `"base64:type252:` + strings.Join(append(lines, text), `\n`) + `"`}
}

// drawDecimal draws a DECIMAL by its digits.
func drawDecimal(t *rapid.T) other {
	precision := rapid.IntRange(1, 65).Draw(t, "precision")
	scale := rapid.IntRange(0, min(precision, 30)).Draw(t, "scale")
	digits := rapid.StringMatching(fmt.Sprintf("0{0,%d}[0-9]{%d}", precision, precision)).Draw(t, "digits")[:precision]
	negative := rapid.Bool().Draw(t, "negative") && strings.Trim(digits, "0") != "" // a server has no -0 here
	return decimalOf(negative, digits[:precision-scale], digits[precision-scale:])
}

// decimalOf is the DECIMAL with the digits before and behind the point.
func decimalOf(negative bool, whole, fraction string) other {
	o := other{typ: typeNewDecimal, data: []byte{byte(len(whole) + len(fraction)), byte(len(fraction))}}
	first := len(whole) % groupDigits
	for _, group := range append(split(whole[:first]), append(split(whole[first:]), split(fraction)...)...) {
		n := uint32(0)
		for _, d := range group {
			n = n*10 + uint32(d-'0')
		}
		full := binary.BigEndian.AppendUint32(nil, n)
		o.data = append(o.data, full[4-groupBytes[len(group)]:]...)
	}
	o.data[2] ^= 0x80
	if o.text = strings.TrimLeft(whole, "0"); o.text == "" {
		o.text = "0"
	}
	if fraction != "" {
		o.text += "." + fraction
	}
	if negative {
		o.text = "-" + o.text
		for i := range o.data[2:] {
			o.data[2+i] ^= 0xff
		}
	}
	return o
}

// split cuts digits into groups.
func split(digits string) (out []string) {
	for ; len(digits) > groupDigits; digits = digits[groupDigits:] {
		out = append(out, digits[:groupDigits])
	}
	if digits != "" {
		out = append(out, digits)
	}
	return out
}

// drawTime draws a date, time or both.
func drawTime(t *rapid.T) other {
	number := func(name string, most int) int { return rapid.IntRange(0, most).Draw(t, name) }
	typ := rapid.SampledFrom([]byte{typeTimestamp, typeDate, typeTime, typeDatetime}).Draw(t, "type")
	minute, second, micro := number("minute", 59), number("second", 59), number("micro", 999_999)
	if typ == typeTime {
		return timeOf(rapid.Bool().Draw(t, "negative"), number("hour", 838), minute, second, micro)
	}
	return datetimeOf(typ, number("year", 9999), number("month", 12), number("day", 31), number("hour", 23), minute, second, micro)
}

func timeOf(negative bool, hour, minute, second, micro int) other {
	n := (int64(hour)<<12|int64(minute)<<6|int64(second))<<24 | int64(micro)
	text := fmt.Sprintf("%02d:%02d:%02d.%06d", hour, minute, second, micro)
	if negative && n != 0 {
		n, text = -n, "-"+text
	}
	return other{typeTime, binary.LittleEndian.AppendUint64(nil, uint64(n)), `"` + text + `"`}
}

func datetimeOf(typ byte, year, month, day, hour, minute, second, micro int) other {
	text := fmt.Sprintf("%04d-%02d-%02d", year, month, day)
	if typ == typeDate {
		hour, minute, second, micro = 0, 0, 0, 0
	} else {
		text += fmt.Sprintf(" %02d:%02d:%02d.%06d", hour, minute, second, micro)
	}
	n := (int64(year*13+month)<<22|int64(day)<<17|int64(hour)<<12|int64(minute)<<6|int64(second))<<24 | int64(micro)
	return other{typ, binary.LittleEndian.AppendUint64(nil, uint64(n)), `"` + text + `"`}
}

// drawEncoder draws how a document is laid out.
func drawEncoder(t *rapid.T) encoder {
	e := encoder{large: rapid.Bool().Draw(t, "large")}
	if rapid.Bool().Draw(t, "holes") {
		e.hole = func() int { return rapid.IntRange(0, 3).Draw(t, "hole") }
	}
	return e
}
