package schema

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/raftdm/raftdm/internal/fault"
)

// Literal appends v, a value that go-mysql's RowsEvent decoded for this column,
// as the text of a SQL literal. The literal is exact when all of this holds:
//
//   - the session's character set is utf8mb4 and its sql_mode is without
//     NO_BACKSLASH_ESCAPES; NO_AUTO_VALUE_ON_ZERO keeps zeros in AUTO_INCREMENT
//     columns, and ALLOW_INVALID_DATES days like February 31st;
//   - the syncer decodes with ParseTime and UseDecimal off and with timestamps in
//     UTC, and the session's time_zone is '+00:00'.
//
// What cannot be written exactly is an error that names column and reason.
func (c *Column) Literal(dst []byte, v any) ([]byte, error) {
	if v == nil {
		return append(dst, "NULL"...), nil
	}
	switch c.Type {
	case "tinyint", "smallint", "mediumint", "int", "bigint", "bit", "year":
		return c.integerLiteral(dst, v)
	case "decimal":
		if s, ok := v.(string); ok && isDecimal(s) {
			return append(dst, s...), nil
		}
	case "float", "double":
		return c.floatLiteral(dst, v)
	case "date", "time", "datetime", "timestamp":
		if s, ok := v.(string); ok && isTemporal(s) {
			return appendQuoted(dst, s), nil
		}
	case "enum", "set":
		text, err := c.elements(v)
		if err != nil {
			return dst, err
		}
		if text == "" && c.Type == "enum" && c.hasEmptyElement() && isZero(v) {
			return append(dst, '0'), nil // '' would be the element, not the error value
		}
		return appendQuoted(dst, text), nil
	case "json":
		return c.jsonLiteral(dst, v)
	case "inet4", "inet6":
		return c.addressLiteral(dst, v)
	case "uuid":
		return c.uuidLiteral(dst, v)
	case "vector":
		return dst, c.unsupported("type vector is not supported yet")
	default:
		return c.bytesLiteral(dst, v)
	}
	return dst, c.mismatch(v)
}

// integerLiteral writes integers, bits and years.
func (c *Column) integerLiteral(dst []byte, v any) ([]byte, error) {
	signed, unsigned, isUnsigned, ok := integer(v)
	switch {
	case !ok:
		return dst, c.mismatch(v)
	case isUnsigned:
		return strconv.AppendUint(dst, unsigned, 10), nil
	case c.Type == "bit":
		return strconv.AppendUint(dst, uint64(signed), 10), nil
	case c.Unsigned:
		return strconv.AppendUint(dst, uint64(signed)&c.integerMask(), 10), nil
	}
	return strconv.AppendInt(dst, signed, 10), nil
}

// integerMask has one bit set for each bit of the column's integer type: the
// binlog of a server that does not log signedness gives large unsigned numbers
// as negative ones.
func (c *Column) integerMask() uint64 {
	switch c.Type {
	case "tinyint":
		return math.MaxUint8
	case "smallint", "year":
		return math.MaxUint16
	case "mediumint":
		return 1<<24 - 1
	case "int":
		return math.MaxUint32
	}
	return math.MaxUint64
}

// integer takes any Go integer apart.
func integer(v any) (signed int64, unsigned uint64, isUnsigned, ok bool) {
	switch n := v.(type) {
	case int8:
		return int64(n), 0, false, true
	case int16:
		return int64(n), 0, false, true
	case int32:
		return int64(n), 0, false, true
	case int64:
		return n, 0, false, true
	case int:
		return int64(n), 0, false, true
	case uint8:
		return 0, uint64(n), true, true
	case uint16:
		return 0, uint64(n), true, true
	case uint32:
		return 0, uint64(n), true, true
	case uint64:
		return 0, n, true, true
	}
	return 0, 0, false, false
}

// floatLiteral writes the double that equals the value, for FLOAT too: it is
// the text that both stores and compares exactly.
func (c *Column) floatLiteral(dst []byte, v any) ([]byte, error) {
	var f float64
	switch n := v.(type) {
	case float32:
		f = float64(n)
	case float64:
		f = n
	default:
		return dst, c.mismatch(v)
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return dst, c.bad(fmt.Sprintf("%v is no number a column can hold", f))
	}
	return strconv.AppendFloat(dst, f, 'e', -1, 64), nil
}

// elements gives the text of an ENUM or SET value from its number.
func (c *Column) elements(v any) (string, error) {
	signed, unsigned, isUnsigned, ok := integer(v)
	if !ok {
		return "", c.mismatch(v)
	}
	n := unsigned
	if !isUnsigned {
		n = uint64(signed)
	}
	if c.Type == "enum" {
		switch {
		case n == 0:
			return "", nil
		case n > uint64(len(c.Elems)):
			return "", c.bad(fmt.Sprintf("the row has element %d of %d: the known structure is not that of the row", n, len(c.Elems)))
		}
		return c.Elems[n-1], nil
	}
	if len(c.Elems) < 64 && n>>len(c.Elems) != 0 {
		return "", c.bad(fmt.Sprintf("the row has set bits %b with %d elements: the known structure is not that of the row", n, len(c.Elems)))
	}
	var names []string
	for i, e := range c.Elems {
		if n>>i&1 == 1 {
			names = append(names, e)
		}
	}
	return strings.Join(names, ","), nil
}

func (c *Column) hasEmptyElement() bool {
	for _, e := range c.Elems {
		if e == "" {
			return true
		}
	}
	return false
}

func isZero(v any) bool {
	signed, unsigned, _, _ := integer(v)
	return signed == 0 && unsigned == 0
}

// jsonLiteral writes a JSON text. An empty document, which INSERT IGNORE can
// leave, reads as null on the server.
func (c *Column) jsonLiteral(dst []byte, v any) ([]byte, error) {
	switch doc := v.(type) {
	case string:
		return appendQuoted(dst, doc), nil
	case []byte:
		if len(doc) == 0 {
			return append(dst, "'null'"...), nil
		}
		return appendQuoted(dst, doc), nil
	}
	return dst, c.unsupported(fmt.Sprintf("the row gives only a part of the document (%T): "+
		"set binlog_row_value_options='' on the source", v))
}

// bytesLiteral writes characters, binary strings and geometries.
func (c *Column) bytesLiteral(dst []byte, v any) ([]byte, error) {
	var raw []byte
	switch b := v.(type) {
	case string:
		if c.isUTF8() && utf8.ValidString(b) {
			return appendQuoted(dst, b), nil // most values, without a copy
		}
		raw = []byte(b)
	case []byte:
		raw = b
	default:
		return dst, c.mismatch(v)
	}
	if c.NameCharset && !c.Portable() {
		return appendHex(append(append(append(dst, '_'), c.Charset...), ' '), raw), nil
	}
	if c.hasCharset() {
		text, err := c.utf8(raw)
		if err != nil {
			return dst, err
		}
		return appendQuoted(dst, text), nil
	}
	if c.Type == "binary" {
		raw = padded(raw, c.Length)
	}
	return appendHex(dst, raw), nil
}

// padded gives a BINARY(n) value the zero bytes that the binlog leaves out.
func padded(raw []byte, n int) []byte {
	if len(raw) >= n {
		return raw
	}
	return append(raw[:len(raw):len(raw)], make([]byte, n-len(raw))...)
}

// appendHex appends x'..', or ” for no bytes.
func appendHex(dst, raw []byte) []byte {
	if len(raw) == 0 {
		return append(dst, "''"...)
	}
	dst = append(dst, "x'"...)
	dst = hex.AppendEncode(dst, raw)
	return append(dst, '\'')
}

// isDecimal accepts what may stand bare as a decimal literal.
func isDecimal(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	return digits != "" && strings.Trim(digits, "0123456789.") == "" && strings.Count(digits, ".") <= 1
}

// isTemporal accepts the characters of dates and times.
func isTemporal(s string) bool { return s != "" && strings.Trim(s, "0123456789-:. ") == "" }

func (c *Column) describe() string { return fmt.Sprintf("column `%s` of type %s", c.Name, c.Type) }

// mismatch is the error for a value that the type never has: the structure is
// not the one the row was written with.
func (c *Column) mismatch(v any) error {
	return c.bad(fmt.Sprintf("a %T cannot be its value: the known structure is not that of the row", v))
}

func (c *Column) bad(msg string) error {
	return fault.Wrap(c.describe(), fault.New(fault.Data, msg))
}

func (c *Column) unsupported(msg string) error {
	return fault.Wrap(c.describe(), fault.New(fault.Unsupported, msg))
}
