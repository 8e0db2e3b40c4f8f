package schema

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/text/encoding/charmap"

	"github.com/raftdm/raftdm/internal/rowevent"
)

// utf8 gives characters of the column's character set in UTF-8, exactly or not
// at all.
func (c *Column) utf8(raw []byte) ([]byte, error) {
	if c.isUTF8() {
		if !utf8.Valid(raw) {
			return nil, c.invalid(raw)
		}
		return raw, nil
	}
	if c.Charset == "latin1" {
		if isASCII(raw) {
			return raw, nil
		}
		return appendLatin1(nil, raw), nil
	}
	if encodingOf(c.Charset) == nil {
		return nil, c.unsupported(fmt.Sprintf("character set %s is not supported yet for a target that lacks it; "+
			"convert the column to utf8mb4 on the source or leave the table out", c.Charset))
	}
	text, ok := decode(c.Charset, raw)
	if !ok {
		return nil, c.bad(fmt.Sprintf("the row has bytes without a certain meaning in character set %s: %x", c.Charset, sample(raw)))
	}
	return text, nil
}

func (c *Column) invalid(raw []byte) error {
	return c.bad(fmt.Sprintf("the row has bytes that are not valid in character set %s: %x", c.Charset, sample(raw)))
}

// Portable tells whether each server knows the column's character set, so that
// its text may travel as UTF-8. Text of others is written by Literal.
func (c *Column) Portable() bool { return !c.hasCharset() || c.isUTF8() || c.Charset == "latin1" }

// NamingCharsets gives the table for a target that knows the character sets of
// the source, which MySQL and MariaDB do and TiDB does not: literals of text
// then are its bytes and the name of their character set. So no table of ours
// stands between the two sides, and codes that stand for no character arrive.
// The same targets take the bytes of a VECTOR, of which TiDB takes the text.
func (t *Table) NamingCharsets() *Table {
	out := *t
	out.Columns = slices.Clone(t.Columns)
	for i := range out.Columns {
		out.Columns[i].NameCharset = true
	}
	return &out
}

// isUTF8 tells whether the column's characters are UTF-8 as they are.
func (c *Column) isUTF8() bool {
	switch c.Charset {
	case "utf8mb4", "utf8", "ascii":
		return c.hasCharset()
	}
	return false
}

// appendLatin1 reads MySQL's latin1, which is Windows-1252 with its five empty
// places filled by the control characters of the same number.
func appendLatin1(dst, raw []byte) []byte {
	for _, b := range raw {
		if b < utf8.RuneSelf {
			dst = append(dst, b)
			continue
		}
		r := charmap.Windows1252.DecodeByte(b)
		if r == utf8.RuneError {
			r = rune(b)
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

func isASCII(raw []byte) bool {
	for _, b := range raw {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// sample bounds what an error shows of a value.
func sample(raw []byte) []byte {
	const limit = 16
	return raw[:min(len(raw), limit)]
}

// addressLiteral writes MariaDB's network addresses, which the binlog carries as
// fixed binary strings without their trailing zero bytes.
func (c *Column) addressLiteral(dst []byte, v rowevent.Value) ([]byte, error) {
	var raw [16]byte
	if c.Type == "inet4" {
		const size = 4
		if !fixed(raw[:size], v) {
			return dst, c.mismatch(v)
		}
		return append(netip.AddrFrom4([size]byte(raw[:])).AppendTo(append(dst, '\'')), '\''), nil
	}
	if !fixed(raw[:], v) {
		return dst, c.mismatch(v)
	}
	return appendQuoted(dst, inet6Text(raw)), nil
}

// fixed fills into from a value that the row holds without the zero bytes at its
// end; false: it is none, or longer.
func fixed(into []byte, v rowevent.Value) bool {
	raw, ok, err := v.Bytes()
	return err == nil && ok && len(raw) <= len(into) && copy(into, raw) == len(raw)
}

// uuidLiteral writes MariaDB's UUID. A row has its bytes in the order of the
// text, but with servers before 10.11.5 its fields from last to first. Later
// servers refuse what looks like a turned UUID of the versions 1 to 5, so those
// are told apart; other values are read as of a later server, unless only the
// turned value is a UUID by RFC 9562.
func (c *Column) uuidLiteral(dst []byte, v rowevent.Value) ([]byte, error) {
	var asIs uuid.UUID
	if !fixed(asIs[:], v) {
		return dst, c.mismatch(v)
	}
	turned := uuid.UUID(slices.Concat(asIs[12:16], asIs[10:12], asIs[8:10], asIs[6:8], asIs[0:6]))
	switch {
	case earlyVersion(turned):
		return appendQuoted(dst, turned.String()), nil
	case lateVersion(turned) && !lateVersion(asIs) && !earlyVersion(asIs):
		return dst, c.unsupported(fmt.Sprintf("the UUID is %s or %s, depending on the version of the source; "+
			"use MariaDB 10.11.5 or later, or CHAR(36)", asIs, turned))
	}
	return appendQuoted(dst, asIs.String()), nil
}

// earlyVersion tells the UUIDs of the versions 1 to 5 as the servers do, which
// do not look at all bits.
func earlyVersion(u uuid.UUID) bool { return u[6] > 0 && u[6] < 0x60 && u[8]&0x80 != 0 }

// lateVersion tells the UUIDs of the versions 6 to 8.
func lateVersion(u uuid.UUID) bool { return u[6] >= 0x60 && u[6] < 0x90 && u[8]&0xc0 == 0x80 }

// inet6Text writes an address as MariaDB does, so that it equals a text column
// that stands in for the type: the longest run of zero groups is left out, even
// one alone, and an address of IPv4 stands as one.
func inet6Text(raw [16]byte) string {
	var groups [8]uint16
	gap, length := -1, 0
	for i := range groups {
		groups[i] = binary.BigEndian.Uint16(raw[2*i:])
	}
	for i := 0; i < len(groups); i++ {
		n := 0
		for i+n < len(groups) && groups[i+n] == 0 {
			n++
		}
		if n > length {
			gap, length = i, n
		}
		i += n
	}
	var b []byte
	for i := 0; i < len(groups); i++ {
		switch {
		case i == gap:
			b = append(b, "::"...)
			i += length - 1
			continue
		case len(b) > 0 && b[len(b)-1] != ':':
			b = append(b, ':')
		}
		if i == 6 && gap == 0 && (length == 6 || length == 5 && groups[5] == 0xffff) {
			return string(netip.AddrFrom4([4]byte(raw[12:])).AppendTo(b))
		}
		b = strconv.AppendUint(b, uint64(groups[i]), 16)
	}
	return string(b)
}
