package schema

import (
	"fmt"
	"net/netip"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// utf8 gives characters of the column's character set in UTF-8, exactly or not
// at all.
func (c *Column) utf8(raw []byte) ([]byte, error) {
	if c.isUTF8() {
		if !utf8.Valid(raw) {
			return nil, c.bad(fmt.Sprintf("the row has bytes that are not valid in character set %s: %x", c.Charset, sample(raw)))
		}
		return raw, nil
	}
	if c.Charset == "latin1" {
		return fromLatin1(raw), nil
	}
	return nil, c.unsupported(fmt.Sprintf("character set %s is not supported yet; "+
		"convert the column to utf8mb4 on the source or leave the table out", c.Charset))
}

// isUTF8 tells whether the column's characters are UTF-8 as they are.
func (c *Column) isUTF8() bool {
	switch c.Charset {
	case "utf8mb4", "utf8", "ascii":
		return c.hasCharset()
	}
	return false
}

// fromLatin1 reads MySQL's latin1, which is Windows-1252 with its five empty
// places filled by the control characters of the same number.
func fromLatin1(raw []byte) []byte {
	out := make([]byte, 0, len(raw)+len(raw)/4)
	for _, b := range raw {
		r := charmap.Windows1252.DecodeByte(b)
		if r == utf8.RuneError {
			r = rune(b)
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

// sample bounds what an error shows of a value.
func sample(raw []byte) []byte {
	const limit = 16
	return raw[:min(len(raw), limit)]
}

// addressLiteral writes MariaDB's network addresses, which the binlog carries as
// fixed binary strings without their trailing zero bytes.
func (c *Column) addressLiteral(dst []byte, v any) ([]byte, error) {
	s, ok := v.(string)
	if !ok {
		return dst, c.mismatch(v)
	}
	if c.Type == "inet4" {
		raw := padded([]byte(s), 4)
		if len(raw) != 4 {
			return dst, c.mismatch(v)
		}
		return appendQuoted(dst, netip.AddrFrom4([4]byte(raw)).String()), nil
	}
	raw := padded([]byte(s), 16)
	if len(raw) != 16 {
		return dst, c.mismatch(v)
	}
	return appendQuoted(dst, netip.AddrFrom16([16]byte(raw)).String()), nil
}
