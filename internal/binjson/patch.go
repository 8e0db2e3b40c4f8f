package binjson

import (
	"encoding/binary"
	"fmt"

	"github.com/raftdm/raftdm/internal/fault"
)

// AppendPatched appends, as the server prints it, the document that diffs make
// of the document before: the value of a JSON column in the after image of a
// PARTIAL_UPDATE_ROWS_EVENT whose bit says partial, without the length in front
// of it. No diffs leave the document as it was. Bytes that are no document or
// no diffs are a fault of kind Corrupt; diffs that do not fit the document, say
// with a path that it does not have, one of kind Data. Then dst is given as it
// was.
func AppendPatched(dst, before, diffs []byte) ([]byte, error) {
	t := tree{printer: printer{dst: dst, left: len(before) + len(diffs)}, root: node{value: document(before)}}
	for len(diffs) > 0 {
		var d diff
		var err error
		if d, diffs, err = nextDiff(diffs); err != nil {
			return dst, err
		}
		if err = t.apply(d); err != nil {
			return dst, err
		}
	}
	if err := t.print(&t.root, 0); err != nil {
		return dst, err
	}
	return t.dst, nil
}

// operation is what a diff does at its path.
type operation byte

const (
	opReplace operation = 0
	opInsert  operation = 1
	opRemove  operation = 2
)

func (o operation) String() string { return [...]string{"REPLACE", "INSERT", "REMOVE"}[o] }

// diff is one change of a document.
type diff struct {
	op    operation
	path  []byte
	value value // none of a REMOVE
}

// nextDiff reads one diff: operation, path and value, the latter two with their
// lengths in front.
func nextDiff(data []byte) (d diff, rest []byte, err error) {
	if d.op = operation(data[0]); d.op > opRemove {
		return d, nil, corrupt("the operation %d in a partial update", data[0])
	}
	if d.path, rest, err = lengthEncoded(data[1:]); err != nil || d.op == opRemove {
		return d, rest, err
	}
	doc, rest, err := lengthEncoded(rest)
	d.value = document(doc)
	return d, rest, err
}

// lengthEncoded splits bytes off that have their length in front, in the form
// of the client protocol.
func lengthEncoded(data []byte) (b, rest []byte, err error) {
	short := func() ([]byte, []byte, error) { return nil, nil, corrupt("a partial update that ends too early") }
	if len(data) == 0 {
		return short()
	}
	n, width := uint64(data[0]), 0
	switch data[0] {
	case 251, 255: // NULL and an error, which are no lengths
		return nil, nil, corrupt("the length byte %d in a partial update", data[0])
	case 252:
		width = 2
	case 253:
		width = 3
	case 254:
		width = 8
	}
	data = data[1:]
	if len(data) < width {
		return short()
	}
	if width > 0 {
		var full [8]byte
		copy(full[:], data[:width])
		n = binary.LittleEndian.Uint64(full[:])
		data = data[width:]
	}
	if n > uint64(len(data)) {
		return short()
	}
	return data[:n], data[n:], nil
}

// apply changes the tree as the server does when it replicates: nothing is
// wrapped into an array, a member is inserted only where there is none, and a
// cell is inserted before the one that has its number, or at the end.
func (t *tree) apply(d diff) error {
	legs, err := parsePath(d.path)
	if err != nil {
		return err
	}
	if len(legs) == 0 {
		return d.refused("a partial update changes no whole document")
	}
	n := &t.root
	for _, l := range legs[:len(legs)-1] {
		at, found, _, err := t.find(n, l)
		if err != nil {
			return err
		}
		if !found {
			return d.refused("the document before has no such path")
		}
		n = &n.kids[at]
	}
	end := legs[len(legs)-1]
	at, found, fits, err := t.find(n, end)
	switch {
	case err != nil:
		return err
	case !fits, !found && d.op != opInsert:
		return d.refused("the document before has no such path")
	case found && d.op == opInsert && n.object:
		return d.refused("the document before has that member")
	}
	switch d.op {
	case opReplace:
		n.kids[at] = node{value: d.value}
	case opInsert:
		n.insert(at, end.member, d.value)
	case opRemove:
		n.remove(at)
	}
	return nil
}

// refused is the error of a diff that does not fit its document.
func (d diff) refused(why string) error {
	return fault.New(fault.Data, fmt.Sprintf("JSON: %s at %q: %s", d.op, d.path, why))
}
