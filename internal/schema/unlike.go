package schema

import (
	"fmt"
	"math"
	"strconv"
)

// Unlike gives a condition in SQL for those values of the column name, which has the
// type of from, that a MariaDB, a MySQL and a TiDB may make different values of when
// ALTER TABLE gives the column the type of c; "" where there are none. name is quoted
// as a statement has it.
//
// The conditions are what tests with all three servers show: they hold for more
// values than really differ, never for fewer. Types that Holds does not compare are
// left out here, too.
func (c *Column) Unlike(from *Column, name string, maria bool) string {
	to, of := kindOf(c), kindOf(from)
	v := value{name: name, column: from, kind: of, any: name + " IS NOT NULL", text: name, maria: maria}
	if of == binaryKind {
		v.text = "CONVERT(" + name + " USING utf8mb4)" // no server matches bytes with a pattern
	}
	switch {
	case to == otherKind || of == otherKind || c.Generated || from.Generated:
		return ""
	case of == jsonKind && to != jsonKind:
		return v.any // each writes the same document in its own way
	case c.Type == "year":
		return v.toYear()
	}
	switch to {
	case exactKind, floatKind, bitKind:
		return v.toNumber(c, to)
	case textKind, binaryKind, jsonKind:
		return v.toText(c, to)
	case elementKind:
		return v.toElements(c)
	}
	return v.toTime(c, to)
}

// value is what there is to be converted.
type value struct {
	name   string
	column *Column
	kind   kind
	any    string // the condition for all values
	text   string // the value for REGEXP
	maria  bool
}

// but is the condition for values with a digit that do not match the pattern: all
// servers make the same of text without digits.
func (v value) but(pattern string) string {
	return fmt.Sprintf("%s REGEXP '[0-9]' AND %s NOT REGEXP '^%s$'", v.text, v.text, pattern)
}

// fraction is the condition for times with other than zeros behind so many digits of
// a second: a MariaDB cuts there, while a MySQL and a TiDB round.
func (v value) fraction(digits int) string {
	digits = min(max(digits, 0), 6)
	if v.column.Decimals <= digits {
		return ""
	}
	unit := 1
	for range 6 - digits {
		unit *= 10
	}
	return fmt.Sprintf("MICROSECOND(%s) %% %d <> 0", v.name, unit)
}

func (v value) toYear() string {
	switch {
	case v.column.Type == "year":
		return ""
	case v.kind == exactKind:
		return fmt.Sprintf("%s NOT BETWEEN 0 AND 99 AND %s NOT BETWEEN 1901 AND 2155", v.name, v.name)
	case v.kind == textKind || v.kind == binaryKind:
		return v.but("(19[1-9]|20[0-9]|21[0-4])[0-9]")
	}
	return v.any
}

func (v value) toNumber(c *Column, to kind) string {
	switch v.kind {
	case textKind, binaryKind:
		if to == exactKind && c.Type != "decimal" {
			return v.but("-?[0-9]{1,18}") // with a fraction some round and some cut
		}
	case exactKind:
		if to == bitKind && v.column.Type == "decimal" {
			return v.name + " < 0"
		}
	case floatKind:
		if to == exactKind {
			e := c.span()
			// A MariaDB ends at 2^63 also in an unsigned column.
			return fmt.Sprintf("(%s < %s OR %s >= %s)", v.name, number(e.low), v.name, number(min(e.high, math.Exp2(63))))
		} else if to == bitKind {
			return v.any
		}
	case dateKind, datetimeKind, timestampKind, timeKind:
		if to == exactKind {
			return v.fraction(c.span().scale)
		} else if to == bitKind {
			return v.any
		}
	}
	return ""
}

// number is a number in full, without an exponent.
func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func (v value) toText(c *Column, to kind) string {
	switch v.kind {
	case bitKind:
		return v.any
	case exactKind:
		switch {
		case v.column.Type == "year":
			return v.name + " = 0"
		case to == jsonKind && v.column.Type == "decimal":
			return v.any
		}
	case floatKind:
		switch {
		case to == jsonKind:
			return v.any
		case v.column.Type == "float": // some write six digits, some those that tell it apart
			return fmt.Sprintf("(%s <> ROUND(%s) OR ABS(%s) >= 1000000)", v.name, v.name, v.name)
		}
		return fmt.Sprintf("%s <> 0 AND ABS(%s) NOT BETWEEN 0.001 AND 100000000000000", v.name, v.name) // with an exponent or without
	case binaryKind:
		if to == textKind && (c.Charset == "utf8mb4" || c.Charset == "utf8mb3" || c.Charset == "utf8") {
			return fmt.Sprintf("NOT CONVERT(%s USING binary) <=> CAST(%s AS BINARY)", v.text, v.name)
		}
	case elementKind, dateKind, datetimeKind, timestampKind, timeKind:
		if to == jsonKind {
			return v.any
		}
	}
	return ""
}

func (v value) toElements(c *Column) string {
	switch {
	case v.column.Type == c.Type:
		return ""
	case v.kind == textKind || v.kind == binaryKind || v.kind == elementKind:
		return v.text + " REGEXP '^[-+ 0-9.]+$'" // an element's name, or its number
	}
	return v.any
}

// Patterns of dates and of times of the day that all servers read alike.
const (
	likeDate = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
	likeTime = "[0-9]{2}:[0-9]{2}:[0-9]{2}"
)

func (v value) toTime(c *Column, to kind) string {
	digits := max(c.Decimals, 0)
	fraction := ""
	if digits > 0 {
		fraction = fmt.Sprintf("([.][0-9]{1,%d})?", digits)
	}
	switch v.kind {
	case dateKind, datetimeKind, timestampKind:
		if !v.maria && to != dateKind {
			return ""
		}
		return v.fraction(digits)
	case timeKind:
		differ := v.fraction(digits)
		switch {
		case to != timeKind:
			return v.any // what day it is then
		case !v.maria && differ != "":
			return v.name + " < 0 AND " + differ
		}
		return differ
	case textKind, binaryKind:
		if to == timeKind {
			return v.but("-?" + likeTime + fraction)
		}
		return v.but(likeDate + "( " + likeTime + fraction + ")?")
	case exactKind:
		whole := ""
		if v.column.Type == "decimal" && v.column.Decimals > 0 {
			whole = fmt.Sprintf(" OR %s <> FLOOR(%s)", v.name, v.name)
		}
		if to == timeKind {
			return fmt.Sprintf("(%s NOT BETWEEN -8385959 AND 8385959%s)", v.name, whole)
		}
		return fmt.Sprintf("(%s NOT BETWEEN 19000101 AND 99991231 AND %s NOT BETWEEN 19000101000000 AND 99991231235959%s)", v.name, v.name, whole)
	}
	return v.any
}
