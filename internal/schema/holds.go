package schema

import (
	"math"
	"slices"
	"strings"
)

// Holds tells whether a column stores each value that another one has, unchanged.
// Types that are not compared here, as those of MariaDB alone and spatial ones, and
// character sets, count as holding everything: a server that cannot store a value
// of those refuses it.
func (c *Column) Holds(from *Column) bool {
	if c.Generated != from.Generated {
		return false
	}
	to, of := kindOf(c), kindOf(from)
	switch {
	case to == otherKind || of == otherKind:
		return true
	case of == jsonKind:
		return to == jsonKind || c.Type == "longtext"
	case to == jsonKind:
		return from.Type == "longtext" // what JSON is in a MariaDB
	case to == textKind:
		return c.holdsText(from, of)
	case to == floatKind:
		return c.holdsFloat(from, of)
	case c.Type == "year":
		return from.Type == "year"
	case to == exactKind && of == exactKind:
		a, b := c.span(), from.span()
		return a.low <= b.low && a.high >= b.high && a.scale >= b.scale
	case to != of:
		return c.Type == "datetime" && from.Type == "date"
	case to == binaryKind:
		return from.Length == c.Length && from.Type == c.Type || c.Type != "binary" && bytesOf(c) >= bytesOf(from)
	case to == elementKind:
		return c.holdsElements(from)
	case to == bitKind:
		return c.Length >= from.Length
	}
	return c.Decimals >= from.Decimals || from.Decimals <= 0 // times
}

// Keeps tells whether a strict server stores each value of from as it is or refuses
// it, so that nothing is rounded or cut without a word. Blanks beyond the length of a
// VARCHAR are not looked at, nor columns of which one is generated.
func (c *Column) Keeps(from *Column) bool {
	if c.Generated || from.Generated || c.Holds(from) {
		return true
	}
	to, of := kindOf(c), kindOf(from)
	switch {
	case to == textKind:
		return c.keepsText(from, of)
	case to == exactKind && of == exactKind:
		return c.Type != "year" && c.span().scale >= from.span().scale
	case to == binaryKind && of == binaryKind:
		return c.Type != "binary" || from.Type == "binary" && c.Length < from.Length // a longer one is filled up
	case to == elementKind:
		return c.Type == from.Type && !c.Ambiguous() && !from.Ambiguous()
	}
	return to == bitKind && of == bitKind
}

// keepsText is Keeps of a column of text, which refuses what is too long.
func (c *Column) keepsText(from *Column, of kind) bool {
	switch of {
	case textKind:
		return c.Type != "char" || from.Type == "char" // else blanks at the end are gone
	case elementKind:
		return !from.Ambiguous()
	case jsonKind:
		return c.Type != "char"
	case exactKind, dateKind, datetimeKind, timeKind:
		return true
	}
	return false
}

// kind is what a column's values are like.
type kind int

const (
	otherKind kind = iota
	exactKind
	floatKind
	bitKind
	textKind
	binaryKind
	elementKind
	jsonKind
	dateKind
	datetimeKind
	timestampKind
	timeKind
)

func kindOf(c *Column) kind {
	switch c.Type {
	case "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "year":
		return exactKind
	case "float", "double":
		return floatKind
	case "bit":
		return bitKind
	case "char", "varchar", "tinytext", "text", "mediumtext", "longtext":
		return textKind
	case "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob":
		return binaryKind
	case "enum", "set":
		return elementKind
	case "json":
		return jsonKind
	case "date":
		return dateKind
	case "datetime":
		return datetimeKind
	case "timestamp": // moments, which are another text in each time zone
		return timestampKind
	case "time":
		return timeKind
	}
	return otherKind
}

// span is which numbers a type has: those from low and below high, with so many
// digits behind the point.
type span struct {
	low, high float64
	scale     int
}

func (c *Column) span() span {
	var e span
	switch c.Type {
	case "year":
		return span{high: 2156}
	case "decimal":
		digits := c.Length
		if digits < 0 {
			digits = 10
		}
		e.scale = max(c.Decimals, 0)
		e.high = math.Pow10(digits - e.scale)
		e.low = -e.high
	default:
		bits := map[string]int{"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}[c.Type]
		if c.Unsigned {
			return span{high: math.Exp2(float64(bits))}
		}
		e.high = math.Exp2(float64(bits - 1))
		e.low = -e.high
	}
	if c.Unsigned {
		e.low = 0
	}
	return e
}

// holdsFloat is Holds of a FLOAT or DOUBLE: as many digits as come back unchanged.
func (c *Column) holdsFloat(from *Column, of kind) bool {
	digits, whole := 15, 53.0
	if c.Type == "float" {
		digits, whole = 6, 24
	}
	switch {
	case c.Unsigned && !from.Unsigned:
		return false
	case of == floatKind:
		return (c.Type == "double" || from.Type == "float") && (c.Decimals < 0 || from.Decimals >= 0 && from.Decimals <= c.Decimals && from.Length <= c.Length)
	case of != exactKind || c.Decimals >= 0:
		return false
	}
	e := from.span()
	return e.scale == 0 && e.high <= math.Exp2(whole) || math.Log10(e.high)+float64(e.scale) <= float64(digits)
}

// holdsText is Holds of a column of text.
func (c *Column) holdsText(from *Column, of kind) bool {
	longest := 0 // in characters
	switch of {
	case textKind:
		if c.Type == "char" && from.Type != "char" {
			return false // it loses blanks at the end
		}
		if longest = from.Length; bytesOf(from) > 0 {
			longest = bytesOf(from)
			if bytesOf(c) > 0 {
				return bytesOf(c) >= longest
			}
		}
	case elementKind:
		if from.Ambiguous() {
			return false
		}
		for _, e := range from.Elems {
			if n := len([]rune(e)); from.Type == "set" {
				longest += n + 1
			} else {
				longest = max(longest, n)
			}
		}
	case exactKind:
		e := from.span()
		longest = int(math.Ceil(math.Log10(e.high))) + e.scale + 2
	case dateKind, datetimeKind, timeKind:
		longest = len("2000-01-01 00:00:00.000000")
	default:
		return false
	}
	if bytes := bytesOf(c); bytes > 0 {
		return bytes >= longest*maxBytes(c.Charset)
	}
	return c.Length >= longest
}

// holdsElements is Holds of an ENUM or SET. Their values travel as text, or as
// numbers where an element is empty.
func (c *Column) holdsElements(from *Column) bool {
	if c.Type != from.Type {
		return false
	}
	if c.Ambiguous() || from.Ambiguous() {
		return len(c.Elems) >= len(from.Elems) && slices.Equal(c.Elems[:len(from.Elems)], from.Elems)
	}
	return !slices.ContainsFunc(from.Elems, func(e string) bool { return !slices.Contains(c.Elems, e) })
}

// bytesOf is how many bytes a column holds whose type says that, else 0.
func bytesOf(c *Column) int {
	if c.Type == "binary" || c.Type == "varbinary" {
		return c.Length
	}
	size, ok := strings.CutSuffix(c.Type, "text")
	if !ok {
		if size, ok = strings.CutSuffix(c.Type, "blob"); !ok {
			return 0
		}
	}
	switch size {
	case "tiny":
		return 1<<8 - 1
	case "medium":
		return 1<<24 - 1
	case "long":
		return 1<<32 - 1
	}
	return 1<<16 - 1
}
