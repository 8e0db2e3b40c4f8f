package schema

import (
	"bytes"
	"fmt"
	"math"
	"math/bits"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/rowevent"
)

// ConflictKeys appends a key for each unique index that the row has an entry in.
// Rows whose values the database holds for equal under an index always share
// that index's key; rows that share a key need not be equal. So two changes
// without a common key may be applied in any order.
//
// A key is a hash of the table, the index and what equal values have in common.
//
// NULL makes no entry in a unique index, hence no key. A table without primary
// and unique keys gives one key for all its rows, that of its name. Where
// equality cannot be judged here (an expression, characters of an unusual
// collation) that part of the index counts as equal for all rows.
func (t *Table) ConflictKeys(dst []uint64, row rowevent.Image) ([]uint64, error) {
	if row.Len() != len(t.Columns) {
		return dst, &fault.Error{
			Kind: fault.Schema, Side: fault.Upstream,
			Msg:  fmt.Sprintf("table %s has %d columns as far as is known, but the row has %d", t.Name.ident(), len(t.Columns), row.Len()),
			Hint: "set the table's structure as it was at this position of the binlog",
		}
	}
	if row.HasOldTimes() {
		if err := t.checkOldTimes(row); err != nil {
			return dst, err
		}
	}
	whole := t.Name.ConflictKey()
	if len(t.Indexes) == 0 {
		return append(dst, whole), nil
	}
	var scratch [256]byte // more than most folded texts need
	for i := range t.Indexes {
		key, ok, err := t.indexKey(&t.Indexes[i], row, whole, scratch[:0])
		if err != nil {
			return dst, err
		}
		if ok {
			dst = append(dst, key)
		}
	}
	return dst, nil
}

// checkOldTimes refuses a row that cannot have been read.
func (t *Table) checkOldTimes(row rowevent.Image) error {
	for i := range t.Columns {
		if c := &t.Columns[i]; c.Decimals > 0 && row.Value(i).IsOldTime() {
			return fault.Wrap(t.Name.ident(), c.oldTime())
		}
	}
	return nil
}

// ConflictKey is the key that all changes of a table share when their order
// counts.
func (n Name) ConflictKey() uint64 {
	return mix(xxhash.Sum64String(n.Schema), xxhash.Sum64String(n.Table))
}

// mix makes one hash of two, of which the order counts.
func mix(a, b uint64) uint64 {
	const one, two = 0xa0761d6478bd642f, 0xe7037ed1a0b428db // odd, with as many bits set as not
	high, low := bits.Mul64(a^one, b^two)
	return high ^ low ^ a
}

// indexKey mixes table, index name and each part. No entry: false.
func (t *Table) indexKey(ix *Index, row rowevent.Image, table uint64, scratch []byte) (key uint64, ok bool, err error) {
	key = mix(table, xxhash.Sum64String(ix.Name))
	for _, p := range ix.Parts {
		part := uint64(0)
		if p.Column >= 0 {
			v := row.Value(p.Column)
			if v.IsNull() {
				return 0, false, nil
			}
			if part, err = t.Columns[p.Column].conflictPart(scratch, v, p.Prefix); err != nil {
				return 0, false, fault.Wrap(t.Name.ident(), err)
			}
		}
		key = mix(key, part)
	}
	return key, true, nil
}

// conflictPart gives a hash of what equal values of the column have in common.
func (c *Column) conflictPart(scratch []byte, v rowevent.Value, prefix int) (uint64, error) {
	switch c.Type {
	case "tinyint", "smallint", "mediumint", "int", "bigint", "bit", "year":
		if v.IsInteger() {
			if c.isUnsigned() {
				return v.Uint(), nil
			}
			return uint64(v.Int()), nil
		}
	case "float", "double":
		if f, ok := v.Float(); ok {
			if f == 0 {
				f = 0 // the positive one
			}
			return math.Float64bits(f), nil
		}
	case "decimal":
		if v.Type == mysql.MYSQL_TYPE_NEWDECIMAL {
			text, _ := v.AppendText(scratch)
			return decimalPart(text), nil
		}
	case "date", "time", "datetime", "timestamp":
		if v.IsTemporal() {
			text, _ := v.AppendText(scratch)
			return xxhash.Sum64(plainFraction(text)), nil
		}
	case "enum", "set":
		n, err := c.elements(v)
		if err != nil {
			return 0, err
		}
		return c.foldElements(scratch, n), nil
	case "json", "vector":
		return 0, nil
	default:
		return c.bytesPart(scratch, v, prefix)
	}
	return 0, c.mismatch(v)
}

// bytesPart is conflictPart of characters and binary strings.
func (c *Column) bytesPart(scratch []byte, v rowevent.Value, prefix int) (uint64, error) {
	raw, ok, err := v.Bytes()
	switch {
	case err != nil:
		return 0, c.wrap(err)
	case !ok:
		return 0, c.mismatch(v)
	case v.Type == mysql.MYSQL_TYPE_JSON:
		return 0, nil // its text is not the bytes
	case c.hasCharset():
		return c.textPart(scratch, raw, prefix), nil
	case prefix > 0:
		raw = raw[:min(len(raw), prefix)]
	}
	// BINARY(n) comes without its trailing zeros from a binlog and with them from
	// elsewhere.
	return xxhash.Sum64(bytes.TrimRight(raw, "\x00")), nil
}

// foldElements is the part of an ENUM or SET: elements may be equal, too.
func (c *Column) foldElements(scratch []byte, n uint64) uint64 {
	text := c.appendElements(scratch, n)
	return xxhash.Sum64(c.foldText(text[len(text):], text))
}

// decimalPart is the part of a decimal: the sign of zero and zeros at both ends
// do not count.
func decimalPart(s []byte) uint64 {
	digits, negative := bytes.CutPrefix(s, []byte("-"))
	digits = bytes.TrimLeft(digits, "0")
	if bytes.IndexByte(digits, '.') >= 0 {
		digits = bytes.TrimRight(bytes.TrimRight(digits, "0"), ".")
	}
	hash := xxhash.Sum64(digits)
	if negative && len(digits) > 0 {
		return ^hash
	}
	return hash
}

// plainFraction drops zeros at the end of fractional seconds.
func plainFraction(s []byte) []byte {
	if bytes.IndexByte(s, '.') < 0 {
		return s
	}
	return bytes.TrimRight(bytes.TrimRight(s, "0"), ".")
}

// textPart takes the prefix in characters and folds it.
func (c *Column) textPart(scratch, raw []byte, prefix int) uint64 {
	var text []byte
	var err error
	if c.Charset == "latin1" {
		text = appendLatin1(scratch, raw)
		scratch = text[len(text):]
	} else if text, err = c.utf8(raw); err != nil {
		return 0 // a character set that cannot be read: all values count as equal
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
	return xxhash.Sum64(c.foldText(scratch, text))
}
