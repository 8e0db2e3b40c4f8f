package binjson

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/fault"
)

// change is a diff to be encoded.
type change struct {
	op    operation
	path  string
	value []byte
}

func encodeDiffs(changes ...change) (out []byte) {
	counted := func(b []byte) {
		switch n := len(b); {
		case n < 251:
			out = append(out, byte(n))
		case n <= 0xffff:
			out = binary.LittleEndian.AppendUint16(append(out, 252), uint16(n))
		case n <= 0xffffff:
			out = append(out, 253, byte(n), byte(n>>8), byte(n>>16))
		default:
			out = binary.LittleEndian.AppendUint64(append(out, 254), uint64(n))
		}
		out = append(out, b...)
	}
	for _, c := range changes {
		out = append(out, byte(c.op))
		counted([]byte(c.path))
		if c.op != opRemove {
			counted(c.value)
		}
	}
	return out
}

func replace(path string, v any) change { return change{opReplace, path, encode(v)} }
func insert(path string, v any) change  { return change{opInsert, path, encode(v)} }
func remove(path string) change         { return change{op: opRemove, path: path} }

func TestPatches(t *testing.T) {
	doc := obj("a", array{int64(1), int64(2), int64(3)}, "b c", obj("x", "old", "yy", nil), "é", true)
	for _, c := range []struct {
		changes []change
		want    string
	}{
		{nil, `{"a": [1, 2, 3], "é": true, "b c": {"x": "old", "yy": null}}`},
		{[]change{replace("$.a", 1.0)}, `{"a": 1.0, "é": true, "b c": {"x": "old", "yy": null}}`},
		{[]change{replace("$.a[1]", "two")}, `{"a": [1, "two", 3], "é": true, "b c": {"x": "old", "yy": null}}`},
		{[]change{replace(`$."b c".x`, array{obj("n", nil)})}, `{"a": [1, 2, 3], "é": true, "b c": {"x": [{"n": null}], "yy": null}}`},
		{[]change{replace("$.é", false), replace(`$."\u0061"`, nil)}, `{"a": null, "é": false, "b c": {"x": "old", "yy": null}}`},
		{[]change{{opReplace, "$.a", nil}}, `{"a": null, "é": true, "b c": {"x": "old", "yy": null}}`},
		{[]change{insert("$.a[0]", int64(0)), insert("$.a[4]", int64(4)), insert("$.a[99]", int64(5))}, `{"a": [0, 1, 2, 3, 4, 5], "é": true, "b c": {"x": "old", "yy": null}}`},
		{[]change{insert("$.a[last]", int64(0))}, `{"a": [1, 2, 0, 3], "é": true, "b c": {"x": "old", "yy": null}}`},
		{[]change{insert("$.a[last-9]", int64(0)), replace("$.a[last]", int64(9)), remove("$.a[last-1]")}, `{"a": [0, 1, 9], "é": true, "b c": {"x": "old", "yy": null}}`},
		{[]change{insert("$.B", int64(1)), insert("$.ab", int64(2)), insert(`$."z z z"`, int64(3)), insert(`$.""`, int64(4))},
			`{"": 4, "B": 1, "a": [1, 2, 3], "ab": 2, "é": true, "b c": {"x": "old", "yy": null}, "z z z": 3}`},
		{[]change{insert(`$."b c".n`, obj()), insert(`$."b c".n.m`, array{}), insert(`$."b c".n.m[0]`, "deep"), remove(`$."b c".x`)},
			`{"a": [1, 2, 3], "é": true, "b c": {"n": {"m": ["deep"]}, "yy": null}}`},
		{[]change{remove("$.a[0]"), remove("$.a[0]"), remove("$.a[0]"), remove("$.é")}, `{"a": [], "b c": {"x": "old", "yy": null}}`},
		{[]change{remove("$.a"), insert("$.a", int64(1)), remove("$.a"), insert("$.a", int64(2))}, `{"a": 2, "é": true, "b c": {"x": "old", "yy": null}}`},
		{[]change{insert(`$."\"\\\n\u0001"`, int64(1)), replace(`$."\"\\\n\u0001"`, int64(2))},
			`{"a": [1, 2, 3], "é": true, "b c": {"x": "old", "yy": null}, "\"\\\n\u0001": 2}`},
	} {
		for name, e := range map[string]encoder{"tidy": {}, "large": {large: true}, "holes": {hole: func() int { return 2 }}} {
			if got, err := AppendPatched([]byte("x"), e.document(doc), encodeDiffs(c.changes...)); err != nil || string(got) != "x"+c.want {
				t.Errorf("%s, %v:\n got %s (%v)\nwant %s", name, c.changes, got, err, c.want)
			}
		}
	}
}

// patchless is a document that the changes below do not fit.
var patchless = encode(obj("a", array{int64(1), obj()}, "s", "text"))

type misfit struct {
	change
	want string
}

func patchesThatDoNotFit() []misfit {
	return []misfit{
		{replace("$", nil), `JSON: REPLACE at "$": a partial update changes no whole document`},
		{replace("$.b", nil), `JSON: REPLACE at "$.b": the document before has no such path`},
		{replace("$.a[2]", nil), `JSON: REPLACE at "$.a[2]": the document before has no such path`},
		{replace("$.a.b", nil), `JSON: REPLACE at "$.a.b": the document before has no such path`},
		{replace("$[0]", nil), `JSON: REPLACE at "$[0]": the document before has no such path`},
		{replace("$.s[0]", nil), `JSON: REPLACE at "$.s[0]": the document before has no such path`},
		{remove("$.a[last-2]"), `JSON: REMOVE at "$.a[last-2]": the document before has no such path`},
		{remove("$.a[1].x"), `JSON: REMOVE at "$.a[1].x": the document before has no such path`},
		{insert("$.a", nil), `JSON: INSERT at "$.a": the document before has that member`},
		{insert("$.s[0]", nil), `JSON: INSERT at "$.s[0]": the document before has no such path`},
		{insert("$.b.c", nil), `JSON: INSERT at "$.b.c": the document before has no such path`},
		{insert("$.a.b", nil), `JSON: INSERT at "$.a.b": the document before has no such path`},
	}
}

// TestPatchesThatDoNotFit: the error names the path.
func TestPatchesThatDoNotFit(t *testing.T) {
	for _, c := range patchesThatDoNotFit() {
		got, err := AppendPatched([]byte("as it was"), patchless, encodeDiffs(insert("$.fine", nil), c.change))
		if !fault.Is(err, fault.Data) || err.Error() != c.want || string(got) != "as it was" {
			t.Errorf("%s, %v, want %s", got, err, c.want)
		}
	}
	if _, err := AppendPatched(nil, nil, encodeDiffs(insert("$.a", nil))); !fault.Is(err, fault.Data) {
		t.Errorf("an empty document: %v", err)
	}
}

func TestPaths(t *testing.T) {
	for text, want := range map[string][]leg{
		"$":                 nil,
		"$.a":               {{member: []byte("a")}},
		"$.é_1$.漢":          {{member: []byte("é_1$")}, {member: []byte("漢")}},
		`$.""[0]`:           {{member: []byte{}}, {cell: 0}},
		`$."a.b[0]\"\\"`:    {{member: []byte(`a.b[0]"\`)}},
		`$."\u00e9\t\/"`:    {{member: []byte("é\t/")}},
		"$[12][4294967295]": {{cell: 12}, {cell: 4294967295}},
		"$[last][last-3]":   {{last: true}, {last: true, cell: 3}},
	} {
		got, err := parsePath([]byte(text))
		same := func(a, b leg) bool {
			return (a.member == nil) == (b.member == nil) && string(a.member) == string(b.member) && a.cell == b.cell && a.last == b.last
		}
		if err != nil || !slices.EqualFunc(got, want, same) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "a", ".a", "$a", "$.", "$..a", "$.a.", "$[", "$[]", "$[a]", "$[-1]", "$[1", "$[4294967296]", "$[last-]", "$[last1]", "$[last+1]",
		"$[0 to 1]", "$[*]", "$.*", "$**.a", "$.a b", "$.a*", "$ .a", `$."a`, `$."a\`, `$."a\"`, `$."\x"`, `$.a"b"`, "$.\xff", "$.\"\xff\\n\""} {
		if got, err := parsePath([]byte(text)); !fault.Is(err, fault.Corrupt) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}

// TestPatchedDepth: a change cannot nest deeper than a document.
func TestPatchedDepth(t *testing.T) {
	nested := func(n int) any {
		var v any = array{}
		for range n - 1 {
			v = array{v}
		}
		return v
	}
	path := "$" + strings.Repeat("[0]", 60)
	for inner, ok := range map[int]bool{40: true, 41: false} {
		got, err := AppendPatched(nil, encode(nested(60)), encodeDiffs(insert(path, nested(inner))))
		if ok && (err != nil || string(got) != modelText(nested(100))) || !ok && !fault.Is(err, fault.Corrupt) {
			t.Errorf("%d: %s, %v", inner, got, err)
		}
	}
}

// TestKeysOutOfOrder: where a key would have to be looked for everywhere, there is none.
func TestKeysOutOfOrder(t *testing.T) {
	before := encode(object{{"b", int64(1)}, {"a", int64(2)}})
	if got, err := AppendText(nil, before); err != nil || string(got) != `{"b": 1, "a": 2}` {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := AppendPatched(nil, before, encodeDiffs(remove("$.a"))); !fault.Is(err, fault.Corrupt) {
		t.Error(err)
	}
}
