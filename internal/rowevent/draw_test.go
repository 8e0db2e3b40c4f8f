package rowevent_test

import (
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/internal/rowevent"
)

// kind is a type of column and values for it.
type kind struct {
	declared string
	value    *rapid.Generator[any]
	// alone tells that go-mysql reads it wrong, or not at all.
	alone bool
}

// drawColumn draws a type with values of it.
func drawColumn() *rapid.Generator[kind] {
	return rapid.Custom(func(t *rapid.T) kind {
		switch rapid.IntRange(0, 5).Draw(t, "group") {
		case 0:
			return drawInteger(t)
		case 1:
			return drawExact(t)
		case 2, 3:
			return drawTemporal(t)
		case 4:
			return drawElements(t)
		}
		return drawBytes(t)
	})
}

func boxed[T any](g *rapid.Generator[T]) *rapid.Generator[any] {
	return rapid.Map(g, func(v T) any { return v })
}

func drawInteger(t *rapid.T) kind {
	return rapid.SampledFrom([]kind{
		{"tinyint", boxed(rapid.Int8()), false}, {"smallint", boxed(rapid.Int16()), false},
		{"mediumint", boxed(rapid.IntRange(-1<<23, 1<<23-1)), false}, {"int", boxed(rapid.Int32()), false}, {"bigint", boxed(rapid.Int64()), false},
		{"year", boxed(rapid.Just(0)), false}, {"year", boxed(rapid.IntRange(1901, 2155)), false},
		{"float", boxed(rapid.Float32()), false}, {"double", boxed(rapid.Float64()), false},
	}).Draw(t, "number")
}

func drawExact(t *rapid.T) kind {
	if rapid.Bool().Draw(t, "bit") {
		n := rapid.IntRange(1, 64).Draw(t, "bits")
		return kind{declared: fmt.Sprintf("bit(%d)", n), value: boxed(rapid.Map(rapid.Uint64(), func(v uint64) uint64 { return v >> (64 - n) }))}
	}
	precision := rapid.IntRange(1, 65).Draw(t, "precision")
	scale := rapid.IntRange(0, min(precision, 30)).Draw(t, "scale")
	return kind{declared: fmt.Sprintf("decimal(%d,%d)", precision, scale), value: rapid.Custom(func(t *rapid.T) any {
		whole := strings.TrimLeft(rapid.StringMatching(fmt.Sprintf("[0-9]{0,%d}", precision-scale)).Draw(t, "whole"), "0")
		if whole == "" {
			whole = "0"
		}
		out := whole
		if scale > 0 {
			out += "." + rapid.StringMatching(fmt.Sprintf("[0-9]{%d}", scale)).Draw(t, "fraction")
		}
		if strings.Trim(out, "0.") != "" && rapid.Bool().Draw(t, "negative") {
			out = "-" + out
		}
		return out
	})}
}

func drawTemporal(t *rapid.T) kind {
	digits := rapid.IntRange(0, 6).Draw(t, "digits")
	number := func(t *rapid.T, format string, most int) string {
		return fmt.Sprintf(format, rapid.IntRange(0, most).Draw(t, "part"))
	}
	fraction := func(t *rapid.T, digits int) string {
		if digits == 0 {
			return ""
		}
		return "." + rapid.StringMatching(fmt.Sprintf("[0-9]{%d}", digits)).Draw(t, "fraction")
	}
	date := func(t *rapid.T) string {
		return number(t, "%04d", 9999) + number(t, "-%02d", 12) + number(t, "-%02d", 31)
	}
	clock := func(t *rapid.T) string { return number(t, ":%02d", 59) + number(t, ":%02d", 59) }
	stamp := func(t *rapid.T) string {
		seconds := rapid.Uint32().Draw(t, "seconds")
		if seconds == 0 {
			return "0000-00-00 00:00:00"
		}
		return time.Unix(int64(seconds), 0).UTC().Format(time.DateTime)
	}
	sign := func(t *rapid.T, s string) any {
		if strings.Trim(s, "0:.") != "" && rapid.Bool().Draw(t, "negative") {
			return "-" + s
		}
		return s
	}
	return rapid.SampledFrom([]kind{
		{"date", rapid.Custom(func(t *rapid.T) any { return date(t) }), false},
		{fmt.Sprintf("datetime(%d)", digits), rapid.Custom(func(t *rapid.T) any { return date(t) + number(t, " %02d", 23) + clock(t) + fraction(t, digits) }), false},
		{fmt.Sprintf("timestamp(%d)", digits), rapid.Custom(func(t *rapid.T) any { return stamp(t) + fraction(t, digits) }), false},
		{fmt.Sprintf("time(%d)", digits), rapid.Custom(func(t *rapid.T) any { return sign(t, number(t, "%02d", 838)+clock(t)+fraction(t, digits)) }), false},
		{"old datetime", rapid.Custom(func(t *rapid.T) any { return date(t) + number(t, " %02d", 23) + clock(t) }), false},
		{"old timestamp", rapid.Custom(func(t *rapid.T) any { return stamp(t) }), false},
		{"old time", rapid.Custom(func(t *rapid.T) any { return sign(t, number(t, "%02d", 838)+clock(t)) }), true}, // go-mysql knows no negative ones
	}).Draw(t, "temporal")
}

func drawElements(t *rapid.T) kind {
	n := rapid.IntRange(1, 400).Draw(t, "elements")
	most := uint64(n)
	name := "enum"
	if rapid.Bool().Draw(t, "set") {
		name, n = "set", min(n, 64)
		most = 1<<(n-1) | (1<<(n-1) - 1)
	}
	declared := fmt.Sprintf("%s('x'%s)", name, strings.Repeat(",'x'", n-1))
	return kind{declared: declared, value: boxed(rapid.Uint64Range(0, most))}
}

func drawBytes(t *rapid.T) kind {
	size := rapid.SampledFrom([]int{0, 1, 63, 64, 255, 256, 300, 1023}).Draw(t, "size")
	value := boxed(rapid.SliceOfN(rapid.Byte(), 0, min(size, 255)))
	bytes := rapid.SampledFrom([]string{"tinyblob", "blob", "mediumblob", "longblob", "geometry", "vector"}).Draw(t, "blob")
	return rapid.SampledFrom([]kind{
		{fmt.Sprintf("char(%d)", min(size, 255)), value, false}, {fmt.Sprintf("binary(%d)", min(size, 255)), value, false},
		{fmt.Sprintf("varchar(%d)", size), value, false}, {fmt.Sprintf("varbinary(%d)", size), value, false},
		{bytes, value, false}, {"json", value, true}, {"uuid", boxed(rapid.SliceOfN(rapid.Byte(), 16, 16)), false},
		{"text compressed", rapid.Map(value, func(v any) any { return append([]byte{0}, v.([]byte)...) }), true},
		{fmt.Sprintf("varchar(%d) compressed", size), rapid.Map(value, func(v any) any { return append([]byte{0}, v.([]byte)...) }), true},
	}).Draw(t, "bytes")
}

// stored gives a value and what was given to be stored in one form.
func stored(v rowevent.Value, given any) (got, want string) {
	want = fmt.Sprint(given)
	if raw, ok, _ := v.Bytes(); ok {
		b := given.([]byte)
		if v.Type == rowevent.TypeBlobCompressed || v.Type == rowevent.TypeVarcharCompressed {
			b = b[1:]
		}
		return fmt.Sprintf("%x", raw), fmt.Sprintf("%x", b)
	}
	if f, ok := v.Float(); ok {
		return fmt.Sprint(f), fmt.Sprint(asFloat64(given))
	}
	if _, ok := given.(uint64); ok {
		return fmt.Sprint(v.Uint()), want
	}
	return v.String(), want
}
