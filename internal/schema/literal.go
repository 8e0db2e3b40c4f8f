package schema

import (
	"fmt"
	"math"
	"strconv"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/raftdm/raftdm/internal/binjson"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/rowevent"
)

// Literal appends v, a value of this column as a row of the binlog holds it, as
// the text of a SQL literal. The literal is exact when the session's character
// set is utf8mb4, its time_zone '+00:00' and its sql_mode without
// NO_BACKSLASH_ESCAPES; NO_AUTO_VALUE_ON_ZERO keeps zeros in AUTO_INCREMENT
// columns, and ALLOW_INVALID_DATES days like February 31st.
//
// What cannot be written exactly is an error that names column and reason. A
// value whose stored type the column's type never has is one, too: the
// structure is not the one the row was written with.
func (c *Column) Literal(dst []byte, v rowevent.Value) ([]byte, error) {
	if v.IsNull() {
		return append(dst, "NULL"...), nil
	}
	switch c.Type {
	case "tinyint", "smallint", "mediumint", "int", "bigint", "bit", "year":
		return c.integerLiteral(dst, v)
	case "decimal":
		if v.Type == mysql.MYSQL_TYPE_NEWDECIMAL {
			dst, _ = v.AppendText(dst)
			return dst, nil
		}
	case "float", "double":
		return c.floatLiteral(dst, v)
	case "date", "time", "datetime", "timestamp":
		switch {
		case c.Decimals > 0 && v.IsOldTime():
			return dst, c.oldTime()
		case v.IsTemporal():
			dst, _ = v.AppendText(append(dst, '\''))
			return append(dst, '\''), nil
		}
	case "enum", "set":
		return c.elementLiteral(dst, v)
	case "json":
		return c.jsonLiteral(dst, v)
	case "inet4", "inet6":
		return c.addressLiteral(dst, v)
	case "uuid":
		return c.uuidLiteral(dst, v)
	case "vector":
		return c.vectorLiteral(dst, v)
	default:
		return c.bytesLiteral(dst, v)
	}
	return dst, c.mismatch(v)
}

// integerLiteral writes integers, bits and years.
func (c *Column) integerLiteral(dst []byte, v rowevent.Value) ([]byte, error) {
	switch {
	case !v.IsInteger():
		return dst, c.mismatch(v)
	case c.isUnsigned():
		return strconv.AppendUint(dst, v.Uint(), 10), nil
	}
	return strconv.AppendInt(dst, v.Int(), 10), nil
}

// isUnsigned tells how the bits of a number are meant, which a row does not say.
func (c *Column) isUnsigned() bool { return c.Unsigned || c.Type == "bit" }

// floatLiteral writes the double that equals the value, for FLOAT too: it is
// the text that both stores and compares exactly.
func (c *Column) floatLiteral(dst []byte, v rowevent.Value) ([]byte, error) {
	f, ok := v.Float()
	switch {
	case !ok:
		return dst, c.mismatch(v)
	case math.IsNaN(f) || math.IsInf(f, 0):
		return dst, c.bad(fmt.Sprintf("%v is no number a column can hold", f))
	}
	return strconv.AppendFloat(dst, f, 'e', -1, 64), nil
}

// elementLiteral writes the text of an ENUM or SET from its number.
func (c *Column) elementLiteral(dst []byte, v rowevent.Value) ([]byte, error) {
	n, err := c.elements(v)
	switch {
	case err != nil:
		return dst, err
	case c.Ambiguous() && (c.Type == "set" || n == 0):
		return strconv.AppendUint(dst, n, 10), nil // '' would be another value
	}
	dst = append(dst, '\'')
	start := len(dst)
	dst = escapeFrom(c.appendElements(dst, n), start)
	return append(dst, '\''), nil
}

// elements gives the number of an ENUM or SET if the column has its elements.
func (c *Column) elements(v rowevent.Value) (uint64, error) {
	if !v.IsInteger() {
		return 0, c.mismatch(v)
	}
	n := v.Uint()
	switch {
	case c.Type == "enum" && n > uint64(len(c.Elems)):
		return 0, c.bad(fmt.Sprintf("the row has element %d of %d: the known structure is not that of the row", n, len(c.Elems)))
	case c.Type == "set" && len(c.Elems) < 64 && n>>len(c.Elems) != 0:
		return 0, c.bad(fmt.Sprintf("the row has set bits %b with %d elements: the known structure is not that of the row", n, len(c.Elems)))
	}
	return n, nil
}

// appendElements appends the text that a number which elements gave stands for.
func (c *Column) appendElements(dst []byte, n uint64) []byte {
	if c.Type == "enum" {
		if n > 0 {
			dst = append(dst, c.Elems[n-1]...)
		}
		return dst
	}
	first := true
	for i, e := range c.Elems {
		if n>>i&1 == 0 {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, e...)
	}
	return dst
}

// Ambiguous tells of an ENUM or SET with an empty element: the text of that is
// the text of the error value, or of the empty set, too. Only numbers tell them apart.
func (c *Column) Ambiguous() bool {
	for _, e := range c.Elems {
		if e == "" {
			return true
		}
	}
	return false
}

// jsonLiteral writes a document: MySQL stores a tree of its own, MariaDB the
// text. An empty document, which INSERT IGNORE can leave, reads as null on the
// server.
func (c *Column) jsonLiteral(dst []byte, v rowevent.Value) ([]byte, error) {
	raw, ok, err := v.Bytes()
	switch {
	case err != nil:
		return dst, c.wrap(err)
	case !ok:
		return dst, c.mismatch(v)
	case len(raw) == 0:
		return append(dst, "'null'"...), nil
	case v.Type != mysql.MYSQL_TYPE_JSON:
		return appendQuoted(dst, raw), nil
	}
	start := len(dst) + 1
	if dst, err = binjson.AppendText(append(dst, '\''), raw); err != nil {
		return dst, c.wrap(err)
	}
	return append(escapeFrom(dst, start), '\''), nil
}

func (c *Column) describe() string { return fmt.Sprintf("column `%s` of type %s", c.Name, c.Type) }

// mismatch is the error for a value that the type never has: the structure is
// not the one the row was written with.
func (c *Column) mismatch(v rowevent.Value) error {
	return c.bad(fmt.Sprintf("%s cannot be its value: the known structure is not that of the row", v.TypeName()))
}

func (c *Column) oldTime() error {
	return c.wrap(&fault.Error{Kind: fault.Unsupported, Side: fault.Upstream,
		Msg: "its values are in a format that cannot be read", Hint: rowevent.HintOldTimes})
}

func (c *Column) bad(msg string) error { return c.wrap(fault.New(fault.Data, msg)) }

func (c *Column) unsupported(msg string) error { return c.wrap(fault.New(fault.Unsupported, msg)) }

func (c *Column) wrap(err error) error { return fault.Wrap(c.describe(), err) }
