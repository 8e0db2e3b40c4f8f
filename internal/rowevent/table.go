package rowevent

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// Table is what a table map event says: which table, and how its rows store
// their columns. It is immutable.
type Table struct {
	ID     uint64
	Schema string
	Name   string
	cols   []column
	// oldTimes tells of columns in the form of servers before MySQL 5.6.
	oldTimes bool
	// unread is why rows of the table cannot be read; nil for most.
	unread error
	event  []byte // the event's body, by which a repetition is known
	// textJSON is the same table with its documents as text.
	textJSON *Table
}

// Columns is how many columns a row has.
func (t *Table) Columns() int { return len(t.cols) }

// Event is the body of the table map event; nobody may change it.
func (t *Table) Event() []byte { return t.event }

// column is how a column is stored.
type column struct {
	typ    byte
	prefix uint8  // bytes of the length in front of the value; 0: size is the length
	size   uint16 // bytes of the value
	meta   uint16
}

// cursor reads a body; its first error stays.
type cursor struct {
	raw []byte
	bad bool
}

// take gives the next n bytes.
func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.raw) {
		c.bad = true
		return nil
	}
	out := c.raw[:n:n]
	c.raw = c.raw[n:]
	return out
}

// number reads n bytes, little end first.
func (c *cursor) number(n int) uint64 { return uint64(littleEndian(c.take(n))) }

// packed reads a number with its length in its first byte.
func (c *cursor) packed() int {
	first := c.number(1)
	switch first {
	case 0xfc:
		return int(c.number(2))
	case 0xfd:
		return int(c.number(3))
	case 0xfe:
		return int(c.number(8))
	}
	return int(first)
}

// name reads a name with its length in one byte in front and a zero behind.
func (c *cursor) name() string {
	out := string(c.take(int(c.number(1))))
	c.take(1)
	return out
}

// tableIDBytes is how long the id of a table is: all servers since 5.1 write six.
const tableIDBytes = 6

// parseTable reads the body of a table map event.
func parseTable(body []byte) (*Table, error) {
	c := cursor{raw: body}
	t := &Table{event: bytes.Clone(body)}
	t.ID = c.number(tableIDBytes)
	c.take(2) // flags
	t.Schema, t.Name = c.name(), c.name()
	n := c.packed()
	types := c.take(n)
	meta := cursor{raw: c.take(c.packed())}
	c.take((n + 7) / 8) // which columns may be NULL; what follows is for people
	if c.bad || n == 0 {
		return nil, corrupt("a table map event ends too early")
	}
	t.cols = make([]column, n)
	for i, typ := range types {
		if err := t.cols[i].layout(typ, &meta); err != nil && t.unread == nil {
			t.unread = corrupt("column number %d of %s.%s: %v", i+1, t.Schema, t.Name, err)
		}
		t.oldTimes = t.oldTimes || isOldTime(typ)
	}
	if meta.bad {
		return nil, corrupt("the table map event of %s.%s ends too early", t.Schema, t.Name)
	}
	return t, nil
}

// layout works out how values of a type are stored, from the type's metadata.
func (c *column) layout(typ byte, meta *cursor) error {
	c.typ = typ
	switch typ {
	case mysql.MYSQL_TYPE_TINY, mysql.MYSQL_TYPE_YEAR:
		c.size = 1
	case mysql.MYSQL_TYPE_SHORT:
		c.size = 2
	case mysql.MYSQL_TYPE_INT24, mysql.MYSQL_TYPE_DATE, mysql.MYSQL_TYPE_NEWDATE, mysql.MYSQL_TYPE_TIME:
		c.size = 3
	case mysql.MYSQL_TYPE_LONG, mysql.MYSQL_TYPE_TIMESTAMP:
		c.size = 4
	case mysql.MYSQL_TYPE_LONGLONG, mysql.MYSQL_TYPE_DATETIME:
		c.size = 8
	case mysql.MYSQL_TYPE_FLOAT, mysql.MYSQL_TYPE_DOUBLE:
		c.size = uint16(meta.number(1))
	case mysql.MYSQL_TYPE_TIME2:
		return c.fractional(3, meta)
	case mysql.MYSQL_TYPE_TIMESTAMP2:
		return c.fractional(4, meta)
	case mysql.MYSQL_TYPE_DATETIME2:
		return c.fractional(5, meta)
	case mysql.MYSQL_TYPE_NEWDECIMAL:
		precision, scale := int(meta.number(1)), int(meta.number(1))
		if scale > precision || precision == 0 || precision > mostDigits {
			return fmt.Errorf("a decimal of %d digits with %d behind the point", precision, scale)
		}
		c.meta, c.size = uint16(precision<<8|scale), uint16(decimalBytes(precision, scale))
	case mysql.MYSQL_TYPE_BIT:
		bits, whole := meta.number(1), meta.number(1)
		c.size = uint16(whole + (bits+7)/8)
	case mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_VAR_STRING, TypeVarcharCompressed:
		c.lengthFor(int(meta.number(2)))
	case mysql.MYSQL_TYPE_BLOB, mysql.MYSQL_TYPE_GEOMETRY, mysql.MYSQL_TYPE_JSON, mysql.MYSQL_TYPE_VECTOR, TypeBlobCompressed:
		c.prefix = uint8(meta.number(1))
		if c.prefix < 1 || c.prefix > 4 {
			return fmt.Errorf("lengths of %d bytes", c.prefix)
		}
	case mysql.MYSQL_TYPE_STRING:
		return c.character(byte(meta.number(1)), byte(meta.number(1)))
	case mysql.MYSQL_TYPE_NULL:
	default:
		return fmt.Errorf("values of the type number %d cannot be read", typ)
	}
	return nil
}

// isOldTime tells the types of times that servers before MySQL 5.6 wrote, and
// that tables from then still have. MariaDB 5.3 had fractions in them already,
// of which a table map says nothing.
func isOldTime(typ byte) bool {
	return typ == mysql.MYSQL_TYPE_TIME || typ == mysql.MYSQL_TYPE_DATETIME || typ == mysql.MYSQL_TYPE_TIMESTAMP
}

// fractional is a time with so many bytes in front of its fraction.
func (c *column) fractional(bytes int, meta *cursor) error {
	c.meta = uint16(meta.number(1))
	c.size = uint16(bytes + fractionBytes(int(c.meta)))
	if c.meta > 6 {
		return fmt.Errorf("a fraction of %d digits", c.meta)
	}
	return nil
}

// lengthFor makes room for the length of values of at most so many bytes.
func (c *column) lengthFor(most int) {
	c.prefix = 1
	if most > 255 {
		c.prefix = 2
	}
}

// character reads the metadata of CHAR, which is that of ENUM and SET too: the
// real type, of which two bits belong to the length, and the length.
func (c *column) character(typ, length byte) error {
	const lengthBits = 0x30 // set in each of the three types, and turned around when used
	if typ == 0 {
		c.lengthFor(int(length))
		return nil
	}
	if typ&lengthBits != lengthBits {
		c.lengthFor(int(length) | int(typ&lengthBits^lengthBits)<<4)
		typ |= lengthBits
	} else {
		c.lengthFor(int(length))
	}
	switch typ {
	case mysql.MYSQL_TYPE_STRING:
		return nil
	case mysql.MYSQL_TYPE_ENUM, mysql.MYSQL_TYPE_SET:
		c.typ, c.prefix, c.size, c.meta = typ, 0, uint16(length), uint16(length)
		if length < 1 || length > 8 {
			return fmt.Errorf("elements of %d bytes", length)
		}
		return nil
	}
	return fmt.Errorf("the type number %d in the place of CHAR", typ)
}

// textPrefix is how many bytes in front of a document's text hold its length.
const textPrefix = 4

// withTextJSON gives the table under which documents are their text.
func (t *Table) withTextJSON() *Table {
	if t.textJSON == nil {
		out := &Table{ID: t.ID, Schema: t.Schema, Name: t.Name, cols: append([]column(nil), t.cols...)}
		for i := range out.cols {
			if out.cols[i].typ == mysql.MYSQL_TYPE_JSON {
				out.cols[i].typ, out.cols[i].prefix = mysql.MYSQL_TYPE_BLOB, textPrefix
			}
		}
		t.textJSON = out
	}
	return t.textJSON
}

// tableID reads the id that table maps and rows events begin with.
func tableID(body []byte) uint64 {
	return uint64(binary.LittleEndian.Uint32(body)) | uint64(binary.LittleEndian.Uint16(body[4:]))<<32
}
