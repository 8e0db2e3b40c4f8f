package binjson

import (
	"bytes"
	"cmp"
	"slices"
)

// node is a value of a document that is being changed. It stays the bytes that
// it is until a path leads into it.
type node struct {
	value           // of a node that is not open
	opened bool     // what it holds is in kids
	object bool     // of an open node
	keys   [][]byte // of an open object, in the server's order
	kids   []node
}

// tree is a document that is being changed. Its printer counts what its values
// claim, whether they are opened or printed.
type tree struct {
	printer
	root node
}

// open makes nodes of what an object or array holds; other values hold nothing.
func (t *tree) open(n *node) error {
	if n.opened || !n.isContainer() {
		return nil
	}
	c, err := n.value.open()
	if err != nil {
		return err
	}
	if err := t.claim(c.entries()); err != nil {
		return err
	}
	n.kids = make([]node, c.count)
	if c.object {
		n.keys = make([][]byte, c.count)
	}
	for i := range n.kids {
		if c.object {
			if n.keys[i], err = c.key(i); err != nil {
				return err
			}
			if err := t.claim(len(n.keys[i])); err != nil {
				return err
			}
			if i > 0 && compareKeys(n.keys[i-1], n.keys[i]) >= 0 {
				return corrupt("the key %q after the key %q", n.keys[i], n.keys[i-1])
			}
		}
		if n.kids[i].value, err = c.element(i); err != nil {
			return err
		}
	}
	n.opened, n.object = true, c.object
	return nil
}

// compareKeys is the order of an object's keys.
func compareKeys(a, b []byte) int {
	if d := cmp.Compare(len(a), len(b)); d != 0 {
		return d
	}
	return bytes.Compare(a, b)
}

// find gives where a leg leads in a node, whether it has a value there, and
// whether it could have one: a member needs an object, a cell an array.
func (t *tree) find(n *node, l leg) (at int, found, fits bool, err error) {
	if err := t.open(n); err != nil {
		return 0, false, false, err
	}
	if !n.opened || n.object != (l.member != nil) {
		return 0, false, false, nil
	}
	if n.object {
		at, found = slices.BinarySearchFunc(n.keys, l.member, compareKeys)
	} else {
		at, found = l.position(len(n.kids))
	}
	return at, found, true, nil
}

// insert puts a value before the at-th one of an open node.
func (n *node) insert(at int, key []byte, v value) {
	if n.object {
		n.keys = slices.Insert(n.keys, at, key)
	}
	n.kids = slices.Insert(n.kids, at, node{value: v})
}

// remove takes the at-th value out of an open node.
func (n *node) remove(at int) {
	if n.object {
		n.keys = slices.Delete(n.keys, at, at+1)
	}
	n.kids = slices.Delete(n.kids, at, at+1)
}

// print appends a node that depth objects and arrays hold.
func (t *tree) print(n *node, depth int) error {
	if !n.opened {
		return t.printer.value(n.value, depth)
	}
	if depth++; depth > maxDepth {
		return errDepth()
	}
	t.begin(n.object)
	for i := range n.kids {
		t.separate(i)
		if n.object {
			t.key(n.keys[i])
		}
		if err := t.print(&n.kids[i], depth); err != nil {
			return err
		}
	}
	t.end(n.object)
	return nil
}
