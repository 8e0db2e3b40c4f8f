package schema

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/internal/fault"
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

// TestLiteral is peer-bugs 13 and 31 as a table: what each Go type that go-mysql
// gives becomes in each column type.
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
		{"bit(64)", int64(-1), "18446744073709551615"}, {"bit(1)", int64(1), "1"},
		{"decimal(5,2)", "-0.50", "-0.50"},
		{"float", float32(0.1), "1.0000000149011612e-01"}, {"double", 0.1, "1e-01"}, {"double", float64(0), "0e+00"},
		{"datetime", "0000-00-00 00:00:00", "'0000-00-00 00:00:00'"}, {"time(2)", "-00:00:00.01", "'-00:00:00.01'"}, {"date", "2020-00-00", "'2020-00-00'"},
		{"enum('a','b''c')", int64(2), `'b\'c'`}, {"enum('a')", int64(0), "''"}, {"enum('','a')", int64(0), "0"}, {"enum('','a')", int64(1), "''"},
		{"set('a','b','c')", int64(5), "'a,c'"}, {"set('a')", int64(0), "''"},
		{"varchar(9)", "a'b\\c\x00\n\r\x1a\"", `'a\'b\\c\0\n\r\Z"'`}, {"varchar(9)", "", "''"}, {"text", []byte("日本"), "'日本'"},
		{"char(9) character set latin1", "\x80\xe4\x81", "'€ä\u0081'"}, {"varchar(9) character set ascii", "a", "'a'"},
		{"binary(4)", "a", "x'61000000'"}, {"binary(4)", "", "x'00000000'"}, {"binary(4)", "abcd", "x'61626364'"}, {"binary(0)", "", "''"},
		{"varbinary(4)", "a", "x'61'"}, {"varbinary(4)", "", "''"}, {"blob", []byte{0xff, 0}, "x'ff00'"},
		{"json", `{"a": 1}`, `'{"a": 1}'`}, {"json", []byte(nil), "'null'"}, {"json", []byte("[]"), "'[]'"},
		{"point", []byte{0, 0, 0, 0, 1}, "x'0000000001'"},
		{"inet6", "\x20\x01\x0d\xb8", "'2001:db8::'"}, {"inet4", "\x01\x02\x03", "'1.2.3.0'"},
	} {
		got, err := column(t, c.typ).Literal([]byte("("), c.v)
		if err != nil || string(got) != "("+c.want {
			t.Errorf("%s %#v: %s, %v, want (%s", c.typ, c.v, got, err, c.want)
		}
	}
}

func TestLiteralRefuses(t *testing.T) {
	for _, c := range []struct {
		typ  string
		v    any
		kind fault.Kind
		says string
	}{
		{"int", "1", fault.Data, "structure"}, {"decimal(5,2)", "1;DROP", fault.Data, "structure"}, {"decimal(5,2)", "", fault.Data, "structure"},
		{"datetime", "x' OR 1", fault.Data, "structure"}, {"double", "1", fault.Data, "structure"}, {"varchar(3)", int8(1), fault.Data, "structure"},
		{"enum('a')", int64(2), fault.Data, "element 2 of 1"}, {"set('a')", int64(2), fault.Data, "1 elements"}, {"enum('a')", "a", fault.Data, "structure"},
		{"varchar(3)", "\xff", fault.Data, "not valid"},
		{"varchar(3) character set gbk", "a", fault.Unsupported, "gbk"}, {"text character set utf16", []byte("a"), fault.Unsupported, "utf16"},
		{"uuid", "a", fault.Unsupported, "uuid"}, {"vector(3)", []byte("a"), fault.Unsupported, "vector"}, {"json", struct{}{}, fault.Unsupported, "binlog_row_value_options"},
		{"inet4", "12345", fault.Data, "structure"},
	} {
		got, err := column(t, c.typ).Literal(nil, c.v)
		if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "column `c`") {
			t.Errorf("%s %#v: %s, %v", c.typ, c.v, got, err)
		}
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
	})
}
