package binjson

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/internal/fault"
)

func TestTexts(t *testing.T) {
	for _, c := range []struct {
		model any
		want  string
	}{
		{nil, `null`}, {true, `true`}, {false, `false`},
		{object{}, `{}`}, {array{}, `[]`}, {"", `""`},
		{array{nil, true, false, array{}, object{}}, `[null, true, false, [], {}]`},
		{array{int64(0), int64(-1), int64(math.MinInt16), int64(math.MinInt16 - 1), int64(math.MinInt32), int64(math.MinInt64), int64(math.MaxInt64)},
			`[0, -1, -32768, -32769, -2147483648, -9223372036854775808, 9223372036854775807]`},
		{array{uint64(0), uint64(math.MaxUint16), uint64(math.MaxUint32), uint64(math.MaxUint64)}, `[0, 65535, 4294967295, 18446744073709551615]`},
		{obj("bb", int64(1), "a", int64(2), "B", int64(3), "é", int64(4), "", int64(5)), `{"": 5, "B": 3, "a": 2, "bb": 1, "é": 4}`},
		{obj("a\"\n", "\x00\x1f\"\\/\b\t\n\f\r\x7f é漢🎉<&>"), `{"a\"\n": "\u0000\u001f\"\\/\b\t\n\f\r` + "\x7f" + ` é漢🎉<&>"}`},
		{array{decimalOf(true, "0", "50"), decimalOf(false, "123456789012", "0123456789"), decimalOf(false, "", "001"), decimalOf(false, "000", "")},
			`[-0.50, 123456789012.0123456789, 0.001, 0]`},
		{array{timeOf(true, 838, 59, 59, 0), timeOf(false, 0, 0, 0, 0), timeOf(true, 0, 0, 0, 1)}, `["-838:59:59.000000", "00:00:00.000000", "-00:00:00.000001"]`},
		{array{datetimeOf(typeDate, 2015, 1, 15, 0, 0, 0, 0), datetimeOf(typeDatetime, 2015, 1, 15, 23, 24, 25, 0), datetimeOf(typeTimestamp, 0, 0, 0, 0, 0, 0, 12)},
			`["2015-01-15", "2015-01-15 23:24:25.000000", "0000-00-00 00:00:00.000012"]`},
		{array{other{16, []byte{1, 0x55}, ""}, other{15, nil, ""}, other{252, []byte("blob"), ""}}, `["base64:type16:AVU=", "base64:type15:", "base64:type252:YmxvYg=="]`},
		{other{252, bytes.Repeat([]byte{0}, base64Line), ""}, `"base64:type252:` + strings.Repeat("A", 76) + `"`},
		{other{252, bytes.Repeat([]byte{0}, base64Line+1), ""}, `"base64:type252:` + strings.Repeat("A", 76) + `\nAA=="`},
	} {
		for name, e := range map[string]encoder{"tidy": {}, "large": {large: true}, "holes": {hole: func() int { return 3 }}} {
			if got, err := AppendText([]byte("x"), e.document(c.model)); err != nil || string(got) != "x"+c.want {
				t.Errorf("%s: %s (%v), want %s", name, got, err, c.want)
			}
		}
	}
}

func TestNoBytesAreNull(t *testing.T) {
	if got, err := AppendText(nil, nil); err != nil || string(got) != "null" {
		t.Errorf("%s, %v", got, err)
	}
}

// TestDoubles: the form changes at 1e-15 and 1e15, and there is no integer.
func TestDoubles(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0.0", math.Copysign(0, -1): "-0.0", 1: "1.0", -1.5: "-1.5", 0.1: "0.1", 100.25: "100.25",
		1e14: "100000000000000.0", 999999999999999: "999999999999999.0", 1e15: "1e15", 1e16: "1e16", 1234567890123456: "1.234567890123456e15",
		123456789012345.6: "123456789012345.6", 1234567890123456.5: "1234567890123456.5", 12345678901234567: "1.2345678901234568e16",
		1e-4: "0.0001", 1e-14: "0.00000000000001", 1e-15: "0.000000000000001", 1.5e-15: "0.0000000000000015", 1e-16: "1e-16", 1.5e-16: "1.5e-16",
		-1e100: "-1e100", 1e22: "1e22", math.MaxFloat64: "1.7976931348623157e308", 5e-324: "5e-324", 2.2250738585072014e-308: "2.2250738585072014e-308",
		1.0 / 3: "0.3333333333333333",
	} {
		if got := string(appendDouble(nil, f)); got != want {
			t.Errorf("%g is %s, want %s", f, got, want)
		}
	}
}

// TestLargeDocuments: what needs offsets of four bytes.
func TestLargeDocuments(t *testing.T) {
	long := strings.Repeat("x", 70_000)
	many := array{}
	for i := range 30_000 {
		many = append(many, int64(i))
	}
	for _, m := range []any{array{long, int64(70_000), nil}, obj("a", long, "b", uint64(70_000), "c", array{int64(70_000)}), many, long,
		array{strings.Repeat("y", 127), strings.Repeat("y", 128), strings.Repeat("z", 1<<14)}} {
		if got, err := AppendText(nil, encode(m)); err != nil || string(got) != modelText(m) {
			t.Errorf("%.100s (%v), want %.100s", got, err, modelText(m))
		}
	}
}

// TestModels: every document that can be drawn is printed as its model.
func TestModels(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t, 5, anyScalar())
		doc := drawEncoder(t).document(m)
		if got, err := AppendText(nil, doc); err != nil || string(got) != modelText(m) {
			t.Fatalf("% x: %s (%v), want %s", doc, got, err, modelText(m))
		}
		if IsScalarText([]byte(modelText(m))) == (value{kind: doc[0]}).isContainer() {
			t.Fatalf("IsScalarText of %s", modelText(m))
		}
	})
}

// TestDepth: the server's limit is a hundred.
func TestDepth(t *testing.T) {
	for depth, ok := range map[int]bool{100: true, 101: false} {
		var a, o any = array{}, object{}
		for range depth - 1 {
			a, o = array{a}, obj("a", o)
		}
		for _, m := range []any{a, o} {
			if got, err := AppendText(nil, encode(m)); ok != (err == nil) || ok && string(got) != modelText(m) || !ok && !fault.Is(err, fault.Corrupt) {
				t.Errorf("%d in each other: %s, %v", depth, got, err)
			}
		}
	}
}

// TestTextDoesNotAllocate: but for the room of the text.
func TestTextDoesNotAllocate(t *testing.T) {
	doc := encode(obj("a", array{int64(1), 1.5e-7, 2.5, "x\n", nil}, "b", obj("c", decimalOf(true, "123", "45")), "d", blob(make([]byte, 100)),
		"e", datetimeOf(typeDatetime, 2015, 1, 15, 23, 24, 25, 6), "f", uint64(math.MaxUint64)))
	room := make([]byte, 0, 1000)
	if n := testing.AllocsPerRun(100, func() { room, _ = AppendText(room[:0], doc) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAppendText(b *testing.B) {
	row := obj("id", int64(123456), "name", "some name", "price", 12.5, "tags", array{"a", "b", "c"}, "at", datetimeOf(typeDatetime, 2015, 1, 15, 23, 24, 25, 6))
	doc := encode(array{row, row, row, row})
	room := make([]byte, 0, 1000)
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		room, _ = AppendText(room[:0], doc)
	}
}
