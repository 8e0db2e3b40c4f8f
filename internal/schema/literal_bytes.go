package schema

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/raftdm/raftdm/internal/rowevent"
)

// bytesLiteral writes characters, binary strings and geometries. A document is
// text on a target that has no type for it.
func (c *Column) bytesLiteral(dst []byte, v rowevent.Value) ([]byte, error) {
	if v.Type == mysql.MYSQL_TYPE_JSON {
		return c.jsonLiteral(dst, v)
	}
	raw, ok, err := v.Bytes()
	switch {
	case err != nil:
		return dst, c.wrap(err)
	case !ok:
		return dst, c.mismatch(v)
	}
	return c.TextLiteral(dst, raw)
}

// TextLiteral appends characters in the column's character set, or the bytes of
// a binary string, a geometry or a VECTOR, as Literal does.
func (c *Column) TextLiteral(dst, raw []byte) ([]byte, error) {
	switch {
	case c.Type == "vector":
		return c.appendVector(dst, raw)
	case !c.hasCharset():
		least := 0
		if c.Type == "binary" {
			least = c.Length
		}
		return appendHex(dst, raw, least), nil
	case c.isUTF8():
		if !utf8.Valid(raw) {
			return dst, c.invalid(raw)
		}
		return appendQuoted(dst, raw), nil
	case c.Charset == "latin1":
		dst = append(dst, '\'')
		start := len(dst)
		return append(escapeFrom(appendLatin1(dst, raw), start), '\''), nil
	case c.NameCharset:
		return appendHex(append(append(append(dst, '_'), c.Charset...), ' '), raw, 0), nil
	}
	text, err := c.utf8(raw)
	if err != nil {
		return dst, err
	}
	return appendQuoted(dst, text), nil
}

// appendHex appends x'..', or an empty string for no bytes. Zero bytes make up for what is
// missing to the least number: a row holds a BINARY(n) without those at its end.
func appendHex(dst, raw []byte, least int) []byte {
	if len(raw) == 0 && least <= 0 {
		return append(dst, "''"...)
	}
	dst = append(dst, "x'"...)
	dst = hex.AppendEncode(dst, raw)
	for range least - len(raw) {
		dst = append(dst, "00"...)
	}
	return append(dst, '\'')
}

// vectorLiteral writes a VECTOR, which MariaDB stores as a binary string.
func (c *Column) vectorLiteral(dst []byte, v rowevent.Value) ([]byte, error) {
	raw, ok, err := v.Bytes()
	switch {
	case err != nil:
		return dst, c.wrap(err)
	case !ok || v.Type == mysql.MYSQL_TYPE_JSON:
		return dst, c.mismatch(v)
	}
	return c.appendVector(dst, raw)
}

// appendVector writes the floats that a vector is made of: MySQL and MariaDB
// take their bytes, TiDB takes text.
func (c *Column) appendVector(dst, raw []byte) ([]byte, error) {
	const size = 4
	switch {
	case len(raw)%size != 0:
		return dst, c.bad(fmt.Sprintf("%d bytes are no vector: the known structure is not that of the row", len(raw)))
	case c.NameCharset:
		return appendHex(dst, raw, 0), nil
	}
	dst = append(dst, "'["...)
	for i := 0; i < len(raw); i += size {
		if i > 0 {
			dst = append(dst, ',')
		}
		f := float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[i:])))
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return dst, c.bad(fmt.Sprintf("%v is no number a column can hold", f))
		}
		dst = strconv.AppendFloat(dst, f, 'g', -1, 32)
	}
	return append(dst, "]'"...), nil
}
