package binjson

import (
	"encoding/binary"
	"fmt"

	"github.com/raftdm/raftdm/internal/fault"
)

// The kinds of values: the byte before a document, and in each slot.
const (
	kindSmallObject = 0x00
	kindLargeObject = 0x01
	kindSmallArray  = 0x02
	kindLargeArray  = 0x03
	kindLiteral     = 0x04
	kindInt16       = 0x05
	kindUint16      = 0x06
	kindInt32       = 0x07
	kindUint32      = 0x08
	kindInt64       = 0x09
	kindUint64      = 0x0a
	kindDouble      = 0x0b
	kindString      = 0x0c
	kindOpaque      = 0x0f
)

// The literals.
const (
	literalNull  = 0x00
	literalTrue  = 0x01
	literalFalse = 0x02
)

// value is one value of a document. Its data begins with its first byte and may
// go on after its last, but not beyond what holds it.
type value struct {
	kind byte
	data []byte
}

var null = []byte{literalNull}

// document is the value that a whole document is. No bytes at all are the null
// that INSERT IGNORE leaves in a column that is NOT NULL.
func document(doc []byte) value {
	if len(doc) == 0 {
		return value{kindLiteral, null}
	}
	return value{doc[0], doc[1:]}
}

func (v value) isContainer() bool { return v.kind <= kindLargeArray }

// first gives the first n bytes of a value.
func (v value) first(n int) ([]byte, error) {
	if n > len(v.data) {
		return nil, corrupt("a value of kind %d needs %d bytes and has %d", v.kind, n, len(v.data))
	}
	return v.data[:n], nil
}

// number gives the little-endian number of n bytes that a value is.
func (v value) number(n int) (uint64, error) {
	b, err := v.first(n)
	if err != nil {
		return 0, err
	}
	var full [8]byte
	copy(full[:], b)
	return binary.LittleEndian.Uint64(full[:]), nil
}

// counted gives the bytes of data that its first bytes count.
func counted(data []byte) ([]byte, error) {
	length := uint64(0)
	for i := 0; i < min(len(data), 5); i++ {
		length |= uint64(data[i]&0x7f) << (7 * i)
		if data[i] >= 0x80 {
			continue
		}
		data = data[i+1:]
		if length > uint64(len(data)) {
			return nil, corrupt("a string of %d bytes, and %d are left", length, len(data))
		}
		return data[:length], nil
	}
	return nil, corrupt("a string without an end of its length")
}

// container is an object or an array.
type container struct {
	data   []byte // all of it: offsets count from here
	count  int
	object bool
	word   int // bytes of a count, size or offset
}

// open finds the bounds of an object or array.
func (v value) open() (container, error) {
	c := container{object: v.kind == kindSmallObject || v.kind == kindLargeObject, word: 2}
	if v.kind == kindLargeObject || v.kind == kindLargeArray {
		c.word = 4
	}
	if len(v.data) < 2*c.word {
		return c, corrupt("an object or array of %d bytes", len(v.data))
	}
	c.data = v.data
	count, size := c.uint(0), c.uint(c.word)
	if size > uint64(len(v.data)) {
		return c, corrupt("an object or array of %d bytes, and %d are left", size, len(v.data))
	}
	c.data = v.data[:size]
	if count <= size { // more would not fit, nor an int perhaps
		c.count = int(count)
	}
	if count > size || uint64(c.entries()) > size {
		return c, corrupt("an object or array of %d values in %d bytes", count, size)
	}
	return c, nil
}

// uint reads a count, size or offset.
func (c container) uint(at int) uint64 {
	if c.word == 4 {
		return uint64(binary.LittleEndian.Uint32(c.data[at:]))
	}
	return uint64(binary.LittleEndian.Uint16(c.data[at:]))
}

// slots is where the slots begin: after the counts, and an object's keys.
func (c container) slots() int {
	if c.object {
		return 2*c.word + c.count*(c.word+2)
	}
	return 2 * c.word
}

// entries is where the slots end.
func (c container) entries() int { return c.slots() + c.count*(1+c.word) }

// key gives the i-th key of an object.
func (c container) key(i int) ([]byte, error) {
	at := 2*c.word + i*(c.word+2)
	from, length := c.uint(at), uint64(binary.LittleEndian.Uint16(c.data[at+c.word:]))
	if from < uint64(c.entries()) || from+length > uint64(len(c.data)) {
		return nil, corrupt("a key at %d to %d of an object of %d bytes", from, from+length, len(c.data))
	}
	return c.data[from : from+length], nil
}

// element gives the i-th value.
func (c container) element(i int) (value, error) {
	at := c.slots() + i*(1+c.word)
	v := value{kind: c.data[at]}
	if c.inlined(v.kind) {
		v.data = c.data[at+1 : at+1+c.word]
		return v, nil
	}
	from := c.uint(at + 1)
	if from < uint64(c.entries()) || from > uint64(len(c.data)) {
		return v, corrupt("a value at %d of an object or array of %d bytes", from, len(c.data))
	}
	v.data = c.data[from:]
	return v, nil
}

// inlined tells which values stand in their slot.
func (c container) inlined(kind byte) bool {
	switch kind {
	case kindLiteral, kindInt16, kindUint16:
		return true
	case kindInt32, kindUint32:
		return c.word == 4
	}
	return false
}

// corrupt is the error of a document that no server wrote.
func corrupt(format string, args ...any) error {
	return fault.New(fault.Corrupt, "binary JSON: "+fmt.Sprintf(format, args...))
}
