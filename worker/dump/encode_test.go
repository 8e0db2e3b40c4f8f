package dump

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
)

// packet makes a text-protocol row; a nil value is NULL.
func packet(values ...[]byte) []byte {
	var p []byte
	for _, v := range values {
		if v == nil {
			p = append(p, 0xfb)
			continue
		}
		p = append(append(p, gomysql.PutLengthEncodedInt(uint64(len(v)))...), v...)
	}
	return p
}

func TestFormsOfValues(t *testing.T) {
	cases := []struct {
		name  string
		col   column
		value []byte
		want  string
	}{
		{"null", column{typ: gomysql.MYSQL_TYPE_LONG}, nil, "(NULL)"},
		{"integer", column{typ: gomysql.MYSQL_TYPE_LONGLONG, charset: charsetBinary}, []byte("-5"), "(-5)"},
		{"double", column{typ: gomysql.MYSQL_TYPE_DOUBLE, charset: charsetBinary}, []byte("1e-7"), "(1e-7)"},
		{"negative zero", column{typ: gomysql.MYSQL_TYPE_DOUBLE, charset: charsetBinary}, []byte("-0"), "(-0e0)"},
		{"empty text", column{typ: gomysql.MYSQL_TYPE_VAR_STRING, charset: 45}, []byte{}, "('')"},
		{"escapes", column{typ: gomysql.MYSQL_TYPE_BLOB, charset: 45}, []byte("a'b\"c\\d\ne\rf\x00g\x1a"), `('a\'b\"c\\d\ne\rf\0g\Z')`},
		{"bytes", column{typ: gomysql.MYSQL_TYPE_BLOB, charset: charsetBinary}, []byte{0, 255, '\''}, "(x'00ff27')"},
		{"no bytes", column{typ: gomysql.MYSQL_TYPE_VAR_STRING, charset: charsetBinary}, []byte{}, "(x'')"},
		{"bit", column{typ: gomysql.MYSQL_TYPE_BIT, charset: charsetBinary}, []byte{5}, "(x'05')"},
		{"json", column{typ: gomysql.MYSQL_TYPE_JSON, charset: charsetBinary}, []byte(`{"a":1}`), `('{\"a\":1}')`},
		{"date", column{typ: gomysql.MYSQL_TYPE_DATE, charset: charsetBinary}, []byte("0000-00-00"), "('0000-00-00')"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			enc := &encoder{forms: []form{formOf(c.col)}}
			_, err := enc.appendRow(packet(c.value))
			if got := string(enc.buf); err != nil || got != c.want {
				t.Errorf("got %s, %v; want %s", got, err, c.want)
			}
		})
	}
}

// TestTextOfColumns: what a column's own literal says is not what the type says.
func TestTextOfColumns(t *testing.T) {
	for _, c := range []struct {
		col         schema.Column
		value, want string
	}{
		{schema.Column{Type: "varchar", Charset: "gbk"}, "\xd6\xd0", "('中')"},
		{schema.Column{Type: "varchar", Charset: "gbk", NameCharset: true}, "\xd6\xd0", "(_gbk x'd6d0')"},
		{schema.Column{Type: "vector"}, "\x00\x00\x80\x3f\xcd\xcc\xcc\xbd", "('[1,-0.1]')"},
		{schema.Column{Type: "vector", NameCharset: true}, "\x00\x00\x80\x3f", "(x'0000803f')"},
	} {
		c.col.Name = "c"
		enc := newEncoder("t", []tableColumn{readColumn(c.col, "")}, 1000)
		enc.begin([]column{{typ: gomysql.MYSQL_TYPE_VAR_STRING, charset: charsetBinary}})
		if _, err := enc.appendRow(packet([]byte(c.value))); err != nil || string(enc.buf) != c.want {
			t.Errorf("%s %s: %s, %v, want %s", c.col.Type, c.col.Charset, enc.buf, err, c.want)
		}
	}
}

func TestMalformedRows(t *testing.T) {
	for _, p := range [][]byte{{}, {5, 'a'}, {0xfc, 1}, {1, 'a', 0}, {0xff}} {
		enc := &encoder{forms: []form{formQuoted}}
		if _, err := enc.appendRow(p); !errors.Is(err, errMalformed) {
			t.Errorf("row %v: %v", p, err)
		}
	}
}

// TestStatementsKeepTheirSize: statements are cut at the limit, only a row that
// is too large by itself exceeds it, no row is lost, and ";\n" stands at the
// ends of statements only.
func TestStatementsKeepTheirSize(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(40, 200).Draw(t, "limit")
		enc := newEncoder("t", []tableColumn{{name: "a"}, {name: "e", enum: true}}, limit)
		enc.begin([]column{{typ: gomysql.MYSQL_TYPE_BLOB, charset: 45}, {typ: gomysql.MYSQL_TYPE_STRING, charset: 45}})
		rows := rapid.SliceOfN(rapid.SliceOf(rapid.SampledFrom([]byte("x';\n\\,)"))), 0, 40).Draw(t, "rows")
		invalid := 0
		for _, r := range rows {
			e := rapid.SampledFrom([]string{"x", "", "0", enumError}).Draw(t, "enum")
			if e == enumError {
				invalid++
			}
			if err := enc.row(packet(append([]byte{}, r...), []byte(e))); err != nil {
				t.Fatal(err)
			}
		}
		enc.end()
		got := 0
		for _, s := range bytes.SplitAfter(enc.buf, []byte(";\n")) {
			if len(s) == 0 {
				continue
			}
			n := bytes.Count(s, []byte("\n")) - 1
			got += n
			bad, ok := dumpdir.ErrorValues(s)
			if invalid -= bad; bad > 0 && (n != 1 || !bytes.HasSuffix(s, []byte(",0);\n"))) {
				t.Fatalf("a statement with %d error values: %q", bad, s)
			}
			if !ok || !bytes.Contains(s, []byte("INTO `t` (`a`,`e`) VALUES\n(")) || !bytes.HasSuffix(s, []byte(");\n")) {
				t.Fatalf("not a statement: %q", s)
			}
			if len(s) > limit && n > 1 {
				t.Fatalf("a statement of %d rows has %d bytes, limit %d", n, len(s), limit)
			}
		}
		if got != len(rows) || invalid != 0 {
			t.Fatalf("%d rows written, want %d; %d error values are missing", got, len(rows), invalid)
		}
	})
}

func TestConditions(t *testing.T) {
	one := &key{columns: []keyColumn{{name: "id", nullable: true}}}
	two := &key{columns: []keyColumn{{name: "a"}, {name: "b"}}}
	for _, c := range []struct {
		k    *key
		r    keyRange
		want string
	}{
		{one, keyRange{}, ""},
		{one, keyRange{to: []string{"-5"}}, "(`id` < -5 OR `id` IS NULL)"},
		{one, keyRange{from: []string{"-5"}, to: []string{"10"}}, "`id` >= -5 AND `id` < 10"},
		{one, keyRange{from: []string{"10"}}, "`id` >= 10"},
		{two, keyRange{from: []string{"1"}, to: []string{"2", "x'61'"}}, "`a` >= 1 AND (`a` < 2 OR (`a` = 2 AND `b` < x'61'))"},
	} {
		if d := cmp.Diff(c.want, c.k.condition(c.r)); d != "" {
			t.Error(d)
		}
	}
}

func TestSameStructure(t *testing.T) {
	a := "CREATE TABLE `t` (\n  `id` int COMMENT ') ENGINE=InnoDB AUTO_INCREMENT=7'\n) ENGINE=InnoDB AUTO_INCREMENT=5 DEFAULT CHARSET=latin1"
	if !dumpdir.SameStructure(a, strings.Replace(a, "AUTO_INCREMENT=5", "AUTO_INCREMENT=6", 1)) ||
		!dumpdir.SameStructure(a, strings.Replace(a, " AUTO_INCREMENT=5", "", 1)) {
		t.Error("the counter alone counts as a change")
	}
	if dumpdir.SameStructure(a, strings.Replace(a, "=7", "=8", 1)) || dumpdir.SameStructure(a, strings.Replace(a, "latin1", "utf8", 1)) {
		t.Error("a change is not seen")
	}
}

func TestReadExpr(t *testing.T) {
	for _, c := range [][3]string{{"float", "float", "`c`*1e0"}, {"float", "float(7,3)", "`c`*1e0"},
		{"double", "double(20,5)", "`c`*1e0"}, {"double", "double", "`c`"}, {"decimal", "decimal(10,2)", "`c`"}, {"vector", "vector(3)", "CAST(`c` AS BINARY)"}} {
		if got := readColumn(schema.Column{Name: "c", Type: c[0]}, c[1]).expr; got != c[2] {
			t.Errorf("%s: %s", c[1], got)
		}
	}
}

// TestEscapesAreFoundAnywhere: eight bytes at once are looked at as one by one.
func TestEscapesAreFoundAnywhere(t *testing.T) {
	for c := range 256 {
		for at := range 19 {
			v := bytes.Repeat([]byte{'x'}, 19)
			v[at] = byte(c)
			want := string(v)
			if esc := escapes[c]; esc != 0 {
				want = string(v[:at]) + "\\" + string(esc) + string(v[at+1:])
			}
			if got := string(appendEscaped(nil, v)); got != want {
				t.Fatalf("%q became %q", v, got)
			}
		}
	}
}
