package binjson

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/internal/fault"
)

func TestCorruptDocuments(t *testing.T) {
	for what, doc := range map[string][]byte{
		"an unknown kind":                 {0x0d},
		"a kind that is none":             {0xff, 1, 2, 3, 4, 5, 6, 7, 8},
		"no literal":                      {kindLiteral},
		"an unknown literal":              {kindLiteral, 3},
		"a short number":                  {kindInt16, 1},
		"a short double":                  {kindDouble, 1, 2, 3, 4, 5, 6, 7},
		"not a number":                    encode(math.NaN()),
		"infinity":                        encode(math.Inf(-1)),
		"a string without length":         {kindString},
		"a string that is short":          {kindString, 3, 'a', 'b'},
		"a length without end":            {kindString, 0x80, 0x80, 0x80, 0x80, 0x80, 0},
		"a huge length":                   {kindString, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"an opaque without type":          {kindOpaque},
		"an opaque without length":        {kindOpaque, 252},
		"an object without size":          {kindSmallObject, 0, 0, 4},
		"an array beyond the end":         {kindSmallArray, 0, 0, 5, 0},
		"more values than bytes":          {kindSmallArray, 2, 0, 9, 0, kindInt16, 1, 0, kindInt16, 1},
		"many values":                     {kindLargeArray, 0xff, 0xff, 0xff, 0xff, 8, 0, 0, 0},
		"a key in the slots":              {kindSmallObject, 1, 0, 12, 0, 10, 0, 1, 0, kindLiteral, 0, 0, 'a'},
		"a key beyond the end":            {kindSmallObject, 1, 0, 12, 0, 11, 0, 2, 0, kindLiteral, 0, 0, 'a', 'b'},
		"a value in the slots":            {kindSmallArray, 1, 0, 9, 0, kindString, 6, 0, 1, 'a'},
		"a value beyond the end":          {kindSmallArray, 1, 0, 7, 0, kindString, 8, 0, 1, 'a'},
		"a value at the end":              {kindSmallArray, 1, 0, 7, 0, kindString, 7, 0, 1, 'a'},
		"a value that its array cuts":     {kindSmallArray, 1, 0, 8, 0, kindString, 7, 0, 1, 'a'},
		"itself":                          {kindSmallArray, 1, 0, 7, 0, kindSmallArray, 0, 0},
		"a DECIMAL without digits":        encode(other{typeNewDecimal, []byte{0, 0}, ""}),
		"a DECIMAL of the wrong size":     encode(other{typeNewDecimal, []byte{10, 2, 0x80}, ""}),
		"a DECIMAL with more scale":       encode(other{typeNewDecimal, []byte{1, 2, 0x80}, ""}),
		"a DECIMAL with large digits":     encode(other{typeNewDecimal, []byte{1, 0, 0x8a}, ""}),
		"a DECIMAL with larger digits":    encode(other{typeNewDecimal, []byte{9, 0, 0xff, 0xff, 0xff, 0xff}, ""}),
		"a DATE of seven bytes":           encode(other{typeDate, make([]byte, 7), ""}),
		"a TIME of nine bytes":            encode(other{typeTime, make([]byte, 9), ""}),
		"sixty seconds":                   encode(timeOf(false, 1, 1, 60, 1)),
		"sixty minutes":                   encode(datetimeOf(typeDatetime, 1, 1, 1, 1, 60, 1, 1)),
		"an hour too many":                encode(datetimeOf(typeDatetime, 1, 1, 1, 24, 1, 1, 1)),
		"a million microseconds":          encode(timeOf(true, 1, 1, 1, 1_000_000)),
		"a year too far":                  encode(datetimeOf(typeDatetime, 10_000, 1, 1, 1, 1, 1, 1)),
		"a time beyond its range":         encode(timeOf(false, 839, 0, 0, 0)),
		"a date before all dates":         encode(other{typeDatetime, binary.LittleEndian.AppendUint64(nil, math.MaxUint64), ""}),
		"a time before all times":         encode(other{typeTime, binary.LittleEndian.AppendUint64(nil, 1<<63), ""}),
		"a string where there is no room": encode(array{"a"})[:8],
	} {
		got, err := AppendText([]byte("as it was"), doc)
		if !fault.Is(err, fault.Corrupt) || string(got) != "as it was" {
			t.Errorf("%s: %s, %v", what, got, err)
		}
		diffs := encodeDiffs(change{op: opReplace, path: "$[0]", value: doc})
		if got, err := AppendPatched([]byte("as it was"), encode(array{nil}), diffs); !fault.Is(err, fault.Corrupt) || string(got) != "as it was" {
			t.Errorf("%s in a partial update: %s, %v", what, got, err)
		}
	}
}

// TestBytesAfterTheEnd: the server leaves room behind a document that became
// shorter in place.
func TestBytesAfterTheEnd(t *testing.T) {
	if got, err := AppendText(nil, append(encode(array{nil}), "rest"...)); err != nil || string(got) != "[null]" {
		t.Errorf("%s, %v", got, err)
	}
}

// TestValuesInEachOther: few bytes do not become an endless text, though each
// array has its two cells behind it, and the innermost has 2^90 ways to it.
func TestValuesInEachOther(t *testing.T) {
	doc := []byte{kindSmallArray, 0, 0, 4, 0}
	for range 90 {
		inner := doc[1:]
		doc = []byte{kindSmallArray, 2, 0, 0, 0, kindSmallArray, 10, 0, kindSmallArray, 10, 0}
		doc = append(doc, inner...)
		binary.LittleEndian.PutUint16(doc[3:], uint16(len(doc)-1))
	}
	if _, err := AppendText(nil, doc); !fault.Is(err, fault.Corrupt) {
		t.Error(err)
	}
	remove := encodeDiffs(change{op: opRemove, path: "$[1]"})
	if _, err := AppendPatched(nil, doc, remove); !fault.Is(err, fault.Corrupt) {
		t.Error(err)
	}
	long := encode(array{string(make([]byte, 60_000)), "x"})
	copy(long[9:], long[6:8]) // the second string is the first
	if _, err := AppendText(nil, long); !fault.Is(err, fault.Corrupt) {
		t.Error(err)
	}
}

// TestDamage: a document that is cut or changed somewhere is an error or
// another document, which is not endless.
func TestDamage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		doc := drawEncoder(t).document(drawModel(t, 4, anyScalar()))
		if rapid.Bool().Draw(t, "cut") {
			doc = doc[:rapid.IntRange(0, len(doc)).Draw(t, "length")]
		} else {
			doc[rapid.IntRange(0, len(doc)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		tryText(t, doc)
	})
}

// tb is what testing.T and rapid.T have in common here.
type tb interface {
	Fatalf(format string, args ...any)
}

// tryText prints any bytes. What comes out for what is no document is checked
// for its kind only, and that it does not outgrow what went in: the largest
// text of the fewest bytes is a TIME or a character in a key, six for one.
func tryText(t tb, doc []byte) {
	got, err := AppendText(nil, doc)
	switch {
	case err != nil && (!fault.Is(err, fault.Corrupt) || len(got) > 0):
		t.Fatalf("% x: %s, %v", doc, got, err)
	case err == nil && len(got) == 0, len(got) > 100+20*len(doc):
		t.Fatalf("% x: %d bytes of text", doc, len(got))
	}
}

func FuzzAppendText(f *testing.F) {
	for _, d := range goldenDocuments(f) {
		f.Add(d.doc)
	}
	f.Fuzz(func(t *testing.T, doc []byte) { tryText(t, doc) })
}

func FuzzAppendPatched(f *testing.F) {
	for _, p := range goldenPatches(f) {
		f.Add(p.before, p.diffs)
	}
	f.Fuzz(func(t *testing.T, before, diffs []byte) {
		got, err := AppendPatched(nil, before, diffs)
		switch {
		case err != nil && (!fault.Is(err, fault.Corrupt) && !fault.Is(err, fault.Data) || len(got) > 0):
			t.Fatalf("% x, % x: %s, %v", before, diffs, got, err)
		case err == nil && len(got) == 0, len(got) > 100+20*(len(before)+len(diffs)):
			t.Fatalf("% x, % x: %d bytes of text", before, diffs, len(got))
		}
		if len(diffs) > 0 || err != nil {
			return
		}
		if same, err := AppendText(nil, before); err != nil || !bytes.Equal(same, got) {
			t.Fatalf("% x: %s, and %s (%v) without a change", before, same, got, err)
		}
	})
}

func TestCorruptDiffs(t *testing.T) {
	good := encodeDiffs(change{op: opReplace, path: "$.a", value: encode("new")})
	before := encode(obj("a", int64(1)))
	for n := 1; n < len(good); n++ { // 0 is no diff at all
		if _, err := AppendPatched(nil, before, good[:n]); !fault.Is(err, fault.Corrupt) {
			t.Errorf("cut after %d bytes: %v", n, err)
		}
	}
	for what, diffs := range map[string][]byte{
		"an unknown operation": {3, 3, '$', '.', 'a'},
		"a NULL length":        {2, 251, '$'},
		"an error length":      {2, 255, '$'},
		"a length beyond all":  {2, 254, 255, 255, 255, 255, 255, 255, 255, 255, '$'},
		"a half length":        {2, 252, 1},
		"no length":            {2},
	} {
		if _, err := AppendPatched(nil, before, diffs); !fault.Is(err, fault.Corrupt) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
