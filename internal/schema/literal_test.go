package schema

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/rowevent"
	"github.com/raftdm/raftdm/internal/rowevent/rowtest"
)

// column gives the one column of a table that is declared with typ.
func column(t testing.TB, typ string) *Column {
	t.Helper()
	table, err := Parse("CREATE TABLE t (c "+typ+") DEFAULT CHARSET=utf8mb4", "", "d")
	if err != nil {
		t.Fatal(err)
	}
	return &table.Columns[0]
}

// TestLiteral is peer-bugs 13 and 31 as a table: what each stored type becomes in
// each column type.
func TestLiteral(t *testing.T) {
	for _, c := range []struct {
		typ  string
		v    any
		want string
	}{
		{"int", nil, "NULL"},
		{"tinyint", int8(-1), "-1"}, {"tinyint unsigned", int8(-1), "255"}, {"tinyint unsigned", uint8(255), "255"},
		{"smallint unsigned", int16(-2), "65534"}, {"mediumint unsigned", int32(-1), "16777215"}, {"mediumint", int32(-1), "-1"},
		{"int unsigned", int32(-1), "4294967295"}, {"int unsigned zerofill", int32(7), "7"}, {"int", int32(-2147483648), "-2147483648"},
		{"bigint unsigned", int64(-1), "18446744073709551615"}, {"bigint unsigned", uint64(1) << 63, "9223372036854775808"}, {"bigint", int64(-1), "-1"},
		{"year", 0, "0"}, {"year", 2155, "2155"},
		{"bit(64)", int64(-1), "18446744073709551615"}, {"bit(1)", int64(1), "1"}, {"bit(12)", 0x801, "2049"},
		{"decimal(5,2)", "-0.50", "-0.50"}, {"decimal(5,2)", "0", "0.00"},
		{"float", float32(0.1), "1.0000000149011612e-01"}, {"double", 0.1, "1e-01"}, {"double", float64(0), "0e+00"}, {"double", math.Copysign(0, -1), "-0e+00"},
		{"datetime", "0000-00-00 00:00:00", "'0000-00-00 00:00:00'"}, {"time(2)", "-00:00:00.01", "'-00:00:00.01'"}, {"date", "2020-00-00", "'2020-00-00'"},
		{"timestamp(3)", "2038-01-19 03:14:07.250", "'2038-01-19 03:14:07.250'"}, {"timestamp", "0000-00-00 00:00:00", "'0000-00-00 00:00:00'"},
		{"enum('a','b''c')", int64(2), `'b\'c'`}, {"enum('a')", int64(0), "''"}, {"enum('','a')", int64(0), "0"}, {"enum('','a')", int64(1), "''"},
		{"set('a','b','c')", int64(5), "'a,c'"}, {"set('a')", int64(0), "''"}, {"set('a''','b')", int64(3), `'a\',b'`},
		{"varchar(9)", "a'b\\c\x00\n\r\x1a\"", `'a\'b\\c\0\n\r\Z"'`}, {"varchar(9)", "", "''"}, {"text", []byte("日本"), "'日本'"},
		{"char(9) character set latin1", "\x80\xe4\x81", "'€ä\u0081'"}, {"varchar(9) character set ascii", "a", "'a'"},
		{"varchar(9) character set latin1", "'\xe4\\", `'\'ä\\'`},
		{"binary(4)", "a", "x'61000000'"}, {"binary(4)", "", "x'00000000'"}, {"binary(4)", "abcd", "x'61626364'"}, {"binary(0)", "", "''"},
		{"varbinary(4)", "a", "x'61'"}, {"varbinary(4)", "", "''"}, {"blob", []byte{0xff, 0}, "x'ff00'"},
		{"point", []byte{0, 0, 0, 0, 1}, "x'0000000001'"},
		{"varchar(9) character set gbk", "\xd6\xd0'\x81\x5c", "'中\\'乗'"}, {"char(9) character set utf16", "\x65\xe5\xd8\x3c\xdf\x89\xff\xfd", "'日🎉\uFFFD'"},
		{"varchar(9) character set gb18030", "\xd6\xd0\x94\x39\xbd\x35", "'中🎉'"}, {"text character set cp1251", "\xcf", "'П'"},
		{"uuid", "\x12\x3e\x45\x67\xe8\x9b\x12\xd3\xa4\x56\x42\x66\x55\x44", "'123e4567-e89b-12d3-a456-426655440000'"},
		{"uuid", "\x42\x66\x55\x44\x00\x00\xa4\x56\x12\xd3\xe8\x9b\x12\x3e\x45\x67", "'123e4567-e89b-12d3-a456-426655440000'"}, // of a server before 10.11.5
		{"uuid", "", "'00000000-0000-0000-0000-000000000000'"}, {"inet6", "\x00\x01\x00\x00\x00\x02\x00\x03\x00\x04\x00\x05\x00\x06\x00\x07", "'1::2:3:4:5:6:7'"},
		{"inet6", "", "'::'"}, {"inet6", "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x01\x02", "'::ffff:1.2.0.0'"}, {"inet6", "\x00\x01", "'1::'"},
		{"inet6", "\x20\x01\x0d\xb8", "'2001:db8::'"}, {"inet4", "\x01\x02\x03", "'1.2.3.0'"},
		{"vector(3)", "\x00\x00\x80\x3f\xcd\xcc\xcc\xbd\x00\x00\x00\x00", "'[1,-0.1,0]'"}, {"vector(3)", "", "'[]'"}, {"vector", "\xec\x78\xad\x60", "'[1e+20]'"},
	} {
		checkLiteral(t, column(t, c.typ), rowtest.Value(t, c.typ, c.v), c.want)
	}
}

func checkLiteral(t *testing.T, c *Column, v rowevent.Value, want string) {
	t.Helper()
	got, err := c.Literal([]byte("("), v)
	if err != nil || string(got) != "("+want {
		t.Errorf("%s of %s: %s, %v, want (%s", c.describe(), v, got, err, want)
	}
}

// TestLiteralOfOtherTypes is what a row stores in another way than the column's
// type is stored by the servers of today.
func TestLiteralOfOtherTypes(t *testing.T) {
	for _, c := range []struct {
		typ, stored string
		v           any
		want        string
	}{
		{"json", "longtext", `{"a": "\n"}`, `'{"a": "\\n"}'`}, {"json", "longtext", []byte(nil), "'null'"}, {"json", "blob", []byte("[]"), "'[]'"}, {"json", "varchar(9)", "1", "'1'"},
		{"json", "json", "\x04\x00", "'null'"}, {"json", "json", "\x0c\x04a'\n\\", `'"a\'\\n\\\\"'`}, {"text character set latin1", "json", "\x0c\x02ä", `'"ä"'`},
		{"json", "json", []byte(nil), "'null'"}, {"longtext", "json", []byte(nil), "'null'"},
		{"datetime", "old datetime", "2020-01-02 03:04:05", "'2020-01-02 03:04:05'"}, {"time", "old time", "-838:59:59", "'-838:59:59'"},
		{"timestamp", "old timestamp", "1970-01-01 00:00:01", "'1970-01-01 00:00:01'"}, {"datetime", "timestamp", "2020-01-02 03:04:05", "'2020-01-02 03:04:05'"},
		{"bigint", "int", -1, "-1"}, {"bigint unsigned", "int", -1, "4294967295"}, {"double", "float", float32(0.5), "5e-01"},
		{"varchar(9)", "varchar(9) compressed", "\x00ä", "'ä'"}, {"text", "text compressed", "", "''"}, {"vector(1)", "varbinary(9)", "\x00\x00\x80\x3f", "'[1]'"},
	} {
		checkLiteral(t, column(t, c.typ), rowtest.Value(t, c.stored, c.v), c.want)
	}
}

func TestLiteralRefuses(t *testing.T) {
	for _, c := range []struct {
		typ, stored string
		v           any
		kind        fault.Kind
		says        string
	}{
		{"int", "varchar(9)", "1", fault.Data, "VARCHAR cannot"}, {"decimal(5,2)", "varchar(9)", "1;DROP", fault.Data, "structure"}, {"decimal(5,2)", "text", "", fault.Data, "structure"},
		{"datetime", "varchar(9)", "x' OR 1", fault.Data, "structure"}, {"double", "char(9)", "1", fault.Data, "structure"}, {"varchar(3)", "tinyint", 1, fault.Data, "TINYINT cannot"},
		{"enum('a')", "", 2, fault.Data, "element 2 of 1"}, {"set('a')", "", 2, fault.Data, "1 elements"}, {"enum('a')", "varchar(9)", "a", fault.Data, "structure"},
		{"int", "decimal(5,2)", "1", fault.Data, "DECIMAL cannot"}, {"datetime", "decimal(5,2)", "1", fault.Data, "structure"}, {"decimal(5,2)", "date", "2020-01-01", fault.Data, "structure"},
		{"varchar(9)", "datetime", "2020-01-01 00:00:00", fault.Data, "DATETIME cannot"}, {"json", "int", 1, fault.Data, "structure"}, {"json", "json", "\xff", fault.Corrupt, ""}, {"float", "int", 1, fault.Data, "structure"},
		{"double", "", math.NaN(), fault.Data, "NaN"}, {"float", "", math.Inf(1), fault.Data, "Inf"}, {"vector(1)", "", "\x00\x00\x80\x7f", fault.Data, "Inf"},
		{"varchar(3)", "", "\xff", fault.Data, "not valid"}, {"text", "text compressed", "\x70", fault.Corrupt, "method number 7"},
		{"varchar(3) character set sjis", "", "a", fault.Unsupported, "sjis"}, {"text character set utf16", "", []byte("a"), fault.Data, "utf16"},
		{"varchar(3) character set gbk", "", "\xfe\xfe", fault.Data, "gbk"}, {"varchar(3) character set ucs2", "", "\xd8\x3c\xdf\x89", fault.Data, "ucs2"},
		{"varchar(9) character set gb18030", "", "\xa6\xd9", fault.Data, "gb18030"}, {"varchar(9) character set gb18030", "", "\x81", fault.Data, "gb18030"},
		{"uuid", "", "\xdc\x0c\x0c\x07\x39\x8f\x98\xc4\x7c\xc3\x7b\x1a\x01\x8f\x4d\x2e", fault.Unsupported, "018f4d2e-7b1a-7cc3-98c4-dc0c0c07398f"},
		{"time(6)", "old time", "10:00:00", fault.Unsupported, "format"},
		{"uuid", "", "12345678901234567", fault.Data, "structure"}, {"vector(3)", "", []byte("a"), fault.Data, "structure"}, {"inet4", "", "12345", fault.Data, "structure"},
	} {
		if c.stored == "" {
			c.stored = c.typ
		}
		got, err := column(t, c.typ).Literal(nil, rowtest.Value(t, c.stored, c.v))
		if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "column `c`") {
			t.Errorf("%s %#v: %s, %v", c.typ, c.v, got, err)
		}
	}
}

// TestLiteralNamesCharset: for a target with the same character sets the bytes
// are written as they are, also those that stand for no character.
func TestLiteralNamesCharset(t *testing.T) {
	for _, c := range [][3]string{
		{"varchar(9) character set gbk", "\xa2\xa1'", "_gbk x'a2a127'"}, {"char(9) character set sjis", "\x93\xfa", "_sjis x'93fa'"}, {"text character set ucs2", "", "_ucs2 ''"},
		{"varchar(9) character set latin1", "\xe4", "'ä'"}, {"varchar(9) character set utf8mb3", "ä", "'ä'"}, {"varchar(9) character set ascii", "a", "'a'"},
		{"varbinary(9)", "a", "x'61'"}, {"binary(2)", "a", "x'6100'"}, {"vector(1)", "\x00\x00\x80\x3f", "x'0000803f'"},
	} {
		table := parse(t, "CREATE TABLE t (c "+c[0]+")").NamingCharsets()
		checkLiteral(t, &table.Columns[0], rowtest.Value(t, c[0], c[1]), c[2])
		got, err := table.Columns[0].TextLiteral(nil, []byte(c[1]))
		if err != nil || string(got) != c[2] {
			t.Errorf("%s %q: %s, %v, want %s", c[0], c[1], got, err, c[2])
		}
	}
}

// TestVisible drops as many values as there are hidden columns, or none.
func TestVisible(t *testing.T) {
	table := parse(t, "CREATE TABLE t (a int, b text, c blob, UNIQUE (b), UNIQUE (a, c), UNIQUE (c(5)))")
	for given, want := range map[int]int{2: 2, 3: 3, 4: 4, 5: 3, 6: 6} {
		row := rowtest.Image(t, slices.Repeat([]string{"int"}, given), make([]any, given)...)
		if got := table.Visible(row); got.Len() != want {
			t.Errorf("%d of %d values are left, want %d", got.Len(), given, want)
		}
	}
	if !table.Visible(rowevent.Image{}).IsZero() {
		t.Error("no row has become one")
	}
}

// TestQuotedReadsBack: whatever the bytes, a literal holds exactly one string.
func TestQuotedReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.SampledFrom([]byte("a'\"\\`\x00\n\r\x1a%_0nZ \xc3\xa4"))).Draw(t, "bytes"))
		tokens, err := lex(string(appendQuoted(nil, s)), "")
		if err != nil || len(tokens) != 1 || tokens[0].kind != str || tokens[0].text != s {
			t.Fatalf("%q became %+v, %v", s, tokens, err)
		}
		tokens, err = lex(string(appendIdent(nil, s)), "")
		if err != nil || len(tokens) != 1 || tokens[0].kind != quoted || tokens[0].text != s {
			t.Fatalf("name %q became %+v, %v", s, tokens, err)
		}
		before := rapid.StringN(0, 3, 3).Draw(t, "before")
		if got, want := string(escapeFrom([]byte(before+s), len(before)))+"'", before+string(appendQuoted(nil, s))[1:]; got != want {
			t.Fatalf("%q is escaped in its place as %q, want %q", s, got, want)
		}
	})
}

// TestEscapesAreCounted: each byte is seen wherever it stands, alone and beside
// any other.
func TestEscapesAreCounted(t *testing.T) {
	for b := range 256 {
		for at := range 20 {
			s := []byte(strings.Repeat("x", 20))
			s[at] = byte(b)
			want := 0
			if escapes[b] != 0 {
				want = 1
			}
			if got := countEscapes(s); got != want {
				t.Fatalf("%q: %d, want %d", s, got, want)
			}
			s[(at+7)%20] = '\\'
			if got := countEscapes(s); got != want+1 {
				t.Fatalf("%q: %d, want %d", s, got, want+1)
			}
		}
	}
}
