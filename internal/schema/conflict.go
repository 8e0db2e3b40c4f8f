package schema

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/raftdm/raftdm/internal/fault"
)

// ConflictKeys gives a key for each unique index that the row has an entry in.
// Rows whose values the database holds for equal under an index always share
// that index's key; rows that share a key need not be equal. So two changes
// without a common key may be applied in any order.
//
// NULL makes no entry in a unique index, hence no key. A table without primary
// and unique keys gives one key for all its rows. Where equality cannot be
// judged here (an expression, characters of an unusual collation) that part of
// the index counts as equal for all rows.
func (t *Table) ConflictKeys(row []any) ([]string, error) {
	if len(row) != len(t.Columns) {
		return nil, &fault.Error{
			Kind: fault.Schema, Side: fault.Upstream,
			Msg:  fmt.Sprintf("table %s has %d columns as far as is known, but the row has %d", t.Name.ident(), len(t.Columns), len(row)),
			Hint: "set the table's structure as it was at this position of the binlog",
		}
	}
	if len(t.Indexes) == 0 {
		return []string{t.Name.ident()}, nil
	}
	keys := make([]string, 0, len(t.Indexes))
	for i := range t.Indexes {
		key, ok, err := t.indexKey(i, row)
		if err != nil {
			return nil, err
		}
		if ok {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// indexKey writes table, index name and each part with its length in front, so
// that parts cannot be taken for one another. No entry: false.
func (t *Table) indexKey(i int, row []any) (key string, ok bool, err error) {
	ix := &t.Indexes[i]
	b := make([]byte, 0, 64)
	b = append(b, t.Name.ident()...)
	b = append(b, ' ')
	b = append(b, ix.Name...)
	var part []byte
	for _, p := range ix.Parts {
		part = part[:0]
		if p.Column >= 0 {
			v := row[p.Column]
			if v == nil {
				return "", false, nil
			}
			if part, err = t.Columns[p.Column].conflictPart(part, v, p.Prefix); err != nil {
				return "", false, fault.Wrap(t.Name.ident(), err)
			}
		}
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	return string(b), true, nil
}

// conflictPart appends what equal values of the column have in common.
func (c *Column) conflictPart(dst []byte, v any, prefix int) ([]byte, error) {
	switch c.Type {
	case "tinyint", "smallint", "mediumint", "int", "bigint", "bit", "year":
		return c.integerLiteral(dst, v)
	case "float", "double":
		return c.floatPart(dst, v)
	case "decimal":
		if s, ok := v.(string); ok {
			return append(dst, plainDecimal(s)...), nil
		}
		return dst, c.mismatch(v)
	case "date", "time", "datetime", "timestamp":
		if s, ok := v.(string); ok {
			return append(dst, plainFraction(s)...), nil
		}
		return dst, c.mismatch(v)
	case "enum", "set":
		text, err := c.elements(v)
		return c.foldText(dst, []byte(text)), err
	case "json", "vector":
		return dst, nil
	}
	raw, err := bytesOf(c, v)
	if err != nil {
		return dst, err
	}
	if c.hasCharset() {
		return c.textPart(dst, raw, prefix), nil
	}
	if prefix > 0 {
		raw = raw[:min(len(raw), prefix)]
	}
	// BINARY(n) comes without its trailing zeros from a binlog and with them from
	// elsewhere.
	return append(dst, strings.TrimRight(string(raw), "\x00")...), nil
}

func bytesOf(c *Column, v any) ([]byte, error) {
	switch b := v.(type) {
	case string:
		return []byte(b), nil
	case []byte:
		return b, nil
	}
	return nil, c.mismatch(v)
}

// floatPart knows that -0 equals 0.
func (c *Column) floatPart(dst []byte, v any) ([]byte, error) {
	var f float64
	switch n := v.(type) {
	case float32:
		f = float64(n)
	case float64:
		f = n
	default:
		return dst, c.mismatch(v)
	}
	if f == 0 {
		f = 0 // the positive one
	}
	return strconv.AppendUint(dst, math.Float64bits(f), 16), nil
}

// plainDecimal drops what does not count: the sign of zero, zeros at both ends.
func plainDecimal(s string) string {
	digits, negative := strings.CutPrefix(s, "-")
	digits = strings.TrimLeft(digits, "0")
	if strings.Contains(digits, ".") {
		digits = strings.TrimRight(strings.TrimRight(digits, "0"), ".")
	}
	if negative && digits != "" {
		return "-" + digits
	}
	return digits
}

// plainFraction drops zeros at the end of fractional seconds.
func plainFraction(s string) string {
	if !strings.Contains(s, ".") {
		return s
	}
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}

// textPart takes the prefix in characters and folds it.
func (c *Column) textPart(dst, raw []byte, prefix int) []byte {
	text, err := c.utf8(raw)
	if err != nil {
		return dst // a character set that cannot be read: all values count as equal
	}
	if prefix > 0 {
		end := 0
		for range prefix {
			if end >= len(text) {
				break
			}
			_, size := utf8.DecodeRune(text[end:])
			end += size
		}
		text = text[:end]
	}
	return c.foldText(dst, text)
}
