//go:build mysql

package binjson

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/testbed"
)

// testPartialUpdates is what the functions that the server logs in parts do to
// documents.
func testPartialUpdates(t *testing.T, up *testbed.Server) {
	b := newBench(t, up)
	for _, c := range []struct {
		doc     string
		updates []string
	}{
		{`'{"a": [1, 2, 3], "b c": {"x": "old", "yy": null}, "é": true, "n": 1}'`, []string{
			"JSON_SET(doc, '$.n', 2)", "JSON_SET(doc, '$.n', 2)", "JSON_REPLACE(doc, '$.none', 1)", "JSON_SET(doc, '$.a[1]', 'two')",
			"JSON_SET(doc, '$.a[3]', 4, '$.a[99]', 5)", "JSON_SET(doc, '$.a[last]', 6, '$.a[last-1]', NULL)", "JSON_SET(doc, '$.a[last-99]', 0)",
			`JSON_SET(doc, '$."b c".x', 'a longer text', '$."b c".z', JSON_ARRAY()) `, `JSON_SET(doc, '$."b c".z[0]', TRUE)`,
			"JSON_SET(doc, '$.é', 'è', '$.B', 1.5, '$.bb', CAST('[{}]' AS JSON))", `JSON_SET(doc, '$.""', 0, '$."q\\"\\\\\\n.[0]"', 1)`,
			`JSON_REPLACE(doc, '$."q\\"\\\\\\n.[0]"', 2)`, "JSON_REMOVE(doc, '$.a[0]', '$.a[last]', '$.B')", "JSON_REMOVE(doc, '$.none')", `JSON_REMOVE(doc, '$.""', '$."b c".yy')`,
			"JSON_SET(doc, '$.n[1]', 'wrapped')", "JSON_SET(doc, '$.n[0][0]', 'not wrapped')", "JSON_SET(JSON_REMOVE(JSON_REPLACE(doc, '$.n', 3), '$.a'), '$.a', 4, '$.c', 5)",
			"JSON_ARRAY_INSERT(doc, '$.n[0]', 1)", "JSON_ARRAY_APPEND(doc, '$.n', 1)", "JSON_MERGE_PATCH(doc, '{\"n\": null}')", "JSON_SET(doc, '$', JSON_OBJECT())", "'[]'",
		}},
		{"JSON_ARRAY(1, 2, REPEAT('x', 70000), JSON_ARRAY(1))", []string{
			"JSON_SET(doc, '$[0]', 70000)", "JSON_SET(doc, '$[2]', 'short')", "JSON_SET(doc, '$[3][0]', REPEAT('y', 300), '$[3][1]', REPEAT('z', 70000))", "JSON_REMOVE(doc, '$[2]', '$[0]')",
			"JSON_SET(doc, '$[1]', JSON_OBJECT('k', CAST(1.50 AS DECIMAL(5,2)), 't', TIME '10:11:12', 'b', x'cafe'))", "JSON_SET(doc, '$[1].k', TIMESTAMP '2020-01-02 03:04:05')",
			"JSON_SET(doc, '$[1].k', 1e20, '$[1].t', -0e0)", "JSON_REMOVE(doc, '$[0]')", "JSON_REMOVE(doc, '$[0]')",
		}},
		{"JSON_OBJECT('a', 1)", []string{"JSON_SET(doc, '$.a[0]', 2)", "JSON_SET(doc, '$[0].a', 3)", "JSON_SET(doc, '$[0]', 4)", "JSON_SET(doc, '$[1]', 5)", "JSON_SET(doc, '$[2]', 6)"}},
	} {
		id := b.insert(t, c.doc)
		for _, u := range c.updates {
			b.update(t, id, u)
		}
	}
	ops := b.check(t)
	writeGolden(t, patchesFile, b.patches.Bytes())
	for _, op := range []string{"REPLACE member", "REPLACE cell", "INSERT member", "INSERT cell", "REMOVE member", "REMOVE cell", "last", "none"} {
		if ops[op] == 0 {
			t.Errorf("the server logged no partial update of the kind %s", op)
		}
	}
}

// testRandomUpdates is documents that change in place many times.
func testRandomUpdates(t *testing.T, up *testbed.Server) {
	b := newBench(t, up)
	r := writer{rand.New(rand.NewPCG(seed(t), 2))}
	for range 60 {
		id := b.insert(t, "JSON_OBJECT('a', "+r.document(3)+", 'b', "+r.document(3)+")")
		for range 16 {
			b.update(t, id, r.update("doc"))
		}
	}
	if ops := b.check(t); len(ops) < 8 {
		t.Error("some kinds of partial updates are missing")
	}
}

// writer writes random SQL: documents, and updates that often meet them.
type writer struct{ *rand.Rand }

func (r writer) pick(from ...string) string { return from[r.IntN(len(from))] }

func (r writer) document(depth int) string {
	n := r.IntN(5)
	var parts []string
	switch {
	case depth == 0 || r.IntN(4) == 0:
		return r.scalar()
	case r.IntN(2) == 0:
		for range n {
			parts = append(parts, r.document(depth-1))
		}
		return "JSON_ARRAY(" + strings.Join(parts, ", ") + ")"
	}
	for range n {
		parts = append(parts, "'"+r.key()+"', "+r.document(depth-1))
	}
	return "JSON_OBJECT(" + strings.Join(parts, ", ") + ")"
}

func (r writer) key() string { return r.pick("a", "b", "ab", "x y", "é", "", "n.o", "$") }

func (r writer) scalar() string {
	return r.pick("NULL", "TRUE", "1", "-70000", "5000000000", "'text'", "''", "'ü\\n'", fmt.Sprintf("%.9f", r.NormFloat64()), fmt.Sprintf("%.12fe%d", r.NormFloat64(), r.IntN(40)-20),
		fmt.Sprintf("REPEAT('r', %d)", r.IntN(400)), "DATE '2020-02-03'", "TIMESTAMP '2020-02-03 04:05:06.7'", "TIME '-1:02:03'", "x'00ff'", "CAST('2.50' AS DECIMAL(9,2))")
}

func (r writer) update(doc string) string {
	if r.IntN(3) == 0 {
		doc = r.update(doc)
	}
	var args []string
	for range 1 + r.IntN(3) {
		args = append(args, r.path())
	}
	if r.IntN(4) == 0 {
		return "JSON_REMOVE(" + doc + ", " + strings.Join(args, ", ") + ")"
	}
	for i := range args {
		args[i] += ", " + r.document(2)
	}
	return r.pick("JSON_SET(", "JSON_SET(", "JSON_REPLACE(") + doc + ", " + strings.Join(args, ", ") + ")"
}

func (r writer) path() string {
	var out strings.Builder
	if r.IntN(4) > 0 { // every document begins as an object with these
		out.WriteString(r.pick(".a", ".b"))
	}
	for range r.IntN(3) {
		if r.IntN(2) == 0 {
			out.WriteString(r.pick("[0]", "[1]", "[2]", "[5]", "[last]", "[last-1]", "[last-3]"))
		} else {
			fmt.Fprintf(&out, `."%s"`, r.key())
		}
	}
	if out.Len() == 0 { // the whole document would be no partial update
		out.WriteString(`."x y"`)
	}
	return "'$" + out.String() + "'"
}
