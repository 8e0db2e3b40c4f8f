package edges

import (
	"fmt"
	"slices"
	"strings"
)

// Groups lists the types of MariaDB.
func Groups() []Group {
	return []Group{
		{"integers", integerColumns()}, {"numbers", numberColumns()}, {"bits", bitColumns()}, {"times", timeColumns()},
		{"elements", elementColumns()}, {"bytes", byteColumns()}, {"unicode", unicodeColumns()}, {"charsets", charsetColumns()},
		{"documents", documentColumns()}, {"addresses", addressColumns()}, {"shapes", shapeColumns()}, {"compressed", compressedColumns()},
	}
}

func integerColumns() []Column {
	return []Column{
		{Type: "TINYINT", Values: []string{"-128", "127", "0"}}, {Type: "TINYINT UNSIGNED", Values: []string{"255", "128", "0"}},
		{Type: "BOOLEAN", Values: []string{"TRUE", "FALSE"}},
		{Type: "SMALLINT", Values: []string{"-32768", "32767"}}, {Type: "SMALLINT UNSIGNED", Values: []string{"65535", "32768"}},
		{Type: "MEDIUMINT", Values: []string{"-8388608", "8388607"}}, {Type: "MEDIUMINT UNSIGNED", Values: []string{"16777215", "8388608"}},
		{Type: "INT", Values: []string{"-2147483648", "2147483647"}}, {Type: "INT(6) UNSIGNED ZEROFILL", Values: []string{"4294967295", "2147483648", "5"}},
		{Type: "BIGINT", Values: []string{"-9223372036854775808", "9223372036854775807"}},
		{Type: "BIGINT UNSIGNED", Values: []string{"18446744073709551615", "9223372036854775808", "9223372036854775807", "0"}},
		{Type: "YEAR", Values: []string{"0", "1901", "2155", "2024"}},
	}
}

func numberColumns() []Column {
	nines := strings.Repeat("9", 35) + "." + strings.Repeat("9", 30)
	return []Column{
		{Type: "DECIMAL(65,30)", Values: []string{"0", "-0.5", "'" + nines + "'", "'-" + nines + "'", "0." + strings.Repeat("0", 29) + "1"}},
		{Type: "DECIMAL(65,0)", Values: []string{"'" + strings.Repeat("9", 65) + "'", "'-" + strings.Repeat("9", 65) + "'", "1"}},
		{Type: "DECIMAL(30,30)", Values: []string{"0." + strings.Repeat("9", 30), "-0." + strings.Repeat("1", 30)}},
		{Type: "DECIMAL(10,0)", Values: []string{"-1", "0", "9999999999"}}, {Type: "DECIMAL(4,4) UNSIGNED", Values: []string{"0.0001", "0.9999"}},
		{Type: "DECIMAL(12,2) ZEROFILL", Values: []string{"1.5", "0"}},
		{Type: "FLOAT", Values: []string{"0", "-0e0", "-0.1", "1.2345678", "3.402823e38", "1.1754944e-38", "16777217", "1e-45"}},
		{Type: "FLOAT(7,3)", Values: []string{"1.2345", "-1234.567"}}, {Type: "FLOAT UNSIGNED", Values: []string{"0.1", "3e38"}},
		{Type: "DOUBLE", Values: []string{"0", "-0e0", "0.1", "1.7976931348623157e308", "-1.7976931348623157e308", "2.2250738585072014e-308", "-123456789.123456789", "5e-324"}},
		{Type: "DOUBLE(10,4)", Values: []string{"1.2345", "-1234.5678"}},
	}
}

func bitColumns() []Column {
	var out []Column
	for n := 1; n <= 64; n++ {
		values := []string{"b'0'", "b'1'", "b'" + strings.Repeat("1", n) + "'", "b'1" + strings.Repeat("0", n-1) + "'"}
		if n == 1 {
			values = values[:2]
		}
		out = append(out, Column{Type: fmt.Sprintf("BIT(%d)", n), Values: values})
	}
	return out
}

func timeColumns() []Column {
	dates := []string{"'0000-00-00'", "'2020-00-00'", "'2020-01-00'", "'9999-12-31'", "'1000-01-01'", "'0001-01-01'", "'2024-02-29'"}
	out := []Column{{Type: "DATE", Values: dates}, {Type: "DATETIME", Values: append(dates, "'2024-03-31 02:30:00'")}}
	for n := 0; n <= 6; n++ {
		digits := "." + "123456"[:n]
		ones := "." + "000001"[6-n:]
		if n == 0 {
			digits, ones = "", ""
		}
		out = append(out,
			Column{Type: fmt.Sprintf("DATETIME(%d)", n), Values: []string{"'2024-01-02 03:04:05" + digits + "'", "'9999-12-31 23:59:59" + digits + "'",
				"'0000-00-00 00:00:00'", "'2024-00-01 00:00:00" + ones + "'", "'2024-12-31 23:59:59" + ones + "'"}},
			Column{Type: fmt.Sprintf("TIMESTAMP(%d) NULL", n), Values: []string{"'1970-01-01 00:00:01'", "'2038-01-19 03:14:07" + digits + "'",
				"'0000-00-00 00:00:00'", "'2024-10-27 02:30:00" + ones + "'"}},
			Column{Type: fmt.Sprintf("TIME(%d)", n), Values: []string{"'838:59:59'", "'-838:59:59'", "'00:00:00'", "'-00:00:01'", "'100:00:00" + digits + "'",
				"'-00:00:00" + ones + "'", "'-24:59:59" + digits + "'"}})
	}
	return out
}

func elementColumns() []Column {
	many := make([]string, 64)
	for i := range many {
		many[i] = fmt.Sprintf("'e%d'", i)
	}
	long := make([]string, 300)
	for i := range long {
		long[i] = fmt.Sprintf("'e%d'", i)
	}
	return []Column{
		{Type: "ENUM('a','b c','ü','it''s','1','x,y')", Values: []string{"'a'", "'ü'", "'it''s'", "'1'", "'x,y'", "0"}},
		{Type: "ENUM('','x')", Values: []string{"''", "0", "'x'"}}, {Type: "ENUM('0','1')", Values: []string{"'0'", "'1'", "0"}},
		{Type: "ENUM(" + strings.Join(long, ",") + ")", Values: []string{"'e0'", "'e255'", "'e299'", "0"}},
		{Type: "ENUM('é','z') CHARACTER SET latin1", Values: []string{"'é'", "'z'", "0"}},
		{Type: "SET('x','ü','z')", Values: []string{"''", "'x'", "'x,ü,z'"}},
		{Type: "SET(" + strings.Join(many, ",") + ")", Values: []string{"18446744073709551615", "9223372036854775808", "1", "0"}},
	}
}

func byteColumns() []Column {
	values := []string{"''", "x'00'", "x'0102'", "x'6100'", "x'610000'", "x'FF00FF'", "x'27'", "x'5C27'", "x'80'", "x'20'"}
	all := fmt.Sprintf("x'%x'", allBytes())
	return []Column{
		{Type: "BINARY(4)", Values: values}, {Type: "BINARY(1)", Values: []string{"''", "x'00'", "x'FF'"}}, {Type: "BINARY(255)", Values: append(values, "LEFT("+all+", 255)")},
		{Type: "VARBINARY(10)", Values: values}, {Type: "VARBINARY(300)", Values: append(values, all)},
		{Type: "CHAR(10) CHARACTER SET binary", Values: values}, {Type: "BLOB", Values: append(values, all, "REPEAT(x'00', 65535)")},
		{Type: "TINYBLOB", Values: values}, {Type: "MEDIUMBLOB", Values: values}, {Type: "LONGBLOB", Values: append(values, "REPEAT(x'00FF', 100000)")},
	}
}

func allBytes() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func unicodeColumns() []Column {
	values := []string{"''", "'a'", "'A'", "'a '", "'it''s \\\\ \"q\"'", "'a\\0b\\nc\\rd\\Ze'", "'  x  '", "'äöüß€'", "';\\n'", "'%_'", "CHAR(0 USING utf8mb4)"}
	four := append(slices.Clone(values), "'日本🎉'", "'\U0010FFFF'")
	three := append(slices.Clone(values), "'日本'", "'\uFFFD'")
	return []Column{
		{Type: "CHAR(20)", Values: four}, {Type: "VARCHAR(20)", Values: four}, {Type: "VARCHAR(20) COLLATE utf8mb4_bin", Values: four},
		{Type: "VARCHAR(500)", Values: append(four, "REPEAT('🎉', 500)")},
		{Type: "CHAR(255)", Values: append(values, "REPEAT('🎉', 255)")}, {Type: "CHAR(20) CHARACTER SET utf8mb3", Values: three},
		{Type: "VARCHAR(300) CHARACTER SET utf8mb3", Values: append(three, "REPEAT('日', 300)")},
		{Type: "TINYTEXT", Values: four}, {Type: "TEXT", Values: append(four, "REPEAT('x', 65535)")}, {Type: "MEDIUMTEXT", Values: four},
		{Type: "LONGTEXT", Values: append(four, "REPEAT('é', 100000)")},
		{Type: "VARCHAR(9) CHARACTER SET ascii", Values: []string{"''", "'~'", "'\\0'", "x'7F'"}},
		{Type: "TEXT CHARACTER SET ascii", Values: []string{"''", "'~'", "x'7F'"}},
	}
}

// charsetColumns has texts of other character sets. x'..' is what stands in the
// column; TiDB takes some of them as UTF-8.
func charsetColumns() []Column {
	latin1 := []string{"''", "'a'", "'é'", "'€'", "x'8081828D8F909DA0FF'", fmt.Sprintf("x'%x'", allBytes())}
	out := []Column{
		{Type: "CHAR(255) CHARACTER SET latin1", Values: latin1[:5]}, {Type: "VARCHAR(300) CHARACTER SET latin1", Values: latin1},
		{Type: "TEXT CHARACTER SET latin1", Values: latin1},
		{Type: "VARCHAR(20) CHARACTER SET gbk", Values: []string{"''", "'a'", "'中文'", "x'D6D0CEC4'", "x'815C'", "x'817C27'", "x'FE4F'"}},
		{Type: "CHAR(20) CHARACTER SET gbk COLLATE gbk_bin", Values: []string{"''", "'a'", "'中文'", "x'D6D0CEC4'"}},
		{Type: "TEXT CHARACTER SET gbk", Values: []string{"''", "'中文'", "x'815C'"}},
	}
	for _, cs := range []string{"cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852", "koi8r", "latin2", "latin5", "latin7", "macroman"} {
		for _, typ := range []string{"VARCHAR(20)", "TEXT"} {
			out = append(out, Column{Type: typ + " CHARACTER SET " + cs, Values: []string{"''", "'a'", "x'E1E2E3'", "x'C5D6FA'"}, OnTiDB: typ + " CHARACTER SET utf8mb4"})
		}
	}
	for cs, v := range map[string]string{"cp932": "x'93FA967B835C'", "euckr": "x'B0A1C8FE'", "ucs2": "x'65E5672C0027'", "utf16": "x'65E5D83CDF89FFFD'",
		"utf16le": "x'E5653CD889DF'", "utf32": "x'000065E50001F3890010FFFF'"} {
		for _, typ := range []string{"VARCHAR(20)", "CHAR(20)", "LONGTEXT"} {
			out = append(out, Column{Type: typ + " CHARACTER SET " + cs, Values: []string{"''", "'a'", v}, OnTiDB: typ + " CHARACTER SET utf8mb4"})
		}
	}
	for cs, v := range map[string]string{"big5": "x'A4A4A145'", "sjis": "x'93FA815F8160'", "ujis": "x'C6FCA1C0'", "eucjpms": "x'C6FCF9A1'", "gb2312": "x'D6D0A1A4'",
		"greek": "x'A1E1'", "hebrew": "x'E0AF'", "tis620": "x'A1'", "cp866": "x'FC80'", "koi8u": "x'95A4'", "armscii8": "x'B2'", "geostd8": "x'C0'",
		"dec8": "x'E1'", "hp8": "x'E1'", "swe7": "x'5B'", "keybcs2": "x'80'", "macce": "x'80'"} {
		for _, typ := range []string{"VARCHAR(20)", "TEXT"} {
			out = append(out, Column{Type: typ + " CHARACTER SET " + cs, Values: []string{"''", "'a'", v}, OnTiDB: "-"})
		}
	}
	// Codes of gbk that stand for no character.
	return append(out, Column{Type: "VARCHAR(20) CHARACTER SET gbk COLLATE gbk_nopad_bin", Values: []string{"x'A2A1'", "x'A6D9'", "x'AAA1'", "''"}, OnTiDB: "-"})
}

func documentColumns() []Column {
	return []Column{{Type: "JSON", Values: []string{`'{"a": "ü\\n\\"q\\"", "b": [1, 2.5, null, true]}'`, "'[]'", "'\"\\\\u00e9\"'", "'null'",
		`'{"b":1,  "a":[]}'`, "'18446744073709551615'", "'{}'"}},
		// MariaDB keeps the text as it was written, TiDB the last of two equal keys.
		{Type: "JSON", Values: []string{`' {"b":1,  "a":2, "a":3} '`, "'0'"}, OnTiDB: "-"}}
}

func addressColumns() []Column {
	return []Column{
		{Type: "INET6", Values: []string{"'::'", "'2001:db8::1'", "'::ffff:192.0.2.1'", "'fe80::'", "'::1.2.3.4'"}, OnTiDB: "VARCHAR(40) COLLATE utf8mb4_bin"},
		{Type: "INET4", Values: []string{"'0.0.0.0'", "'192.0.2.0'", "'255.255.255.255'"}, OnTiDB: "VARCHAR(15) COLLATE utf8mb4_bin"},
		{Type: "UUID", Values: []string{"'123e4567-e89b-12d3-a456-426655440000'", "'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
			"'f47ac10b-58cc-4372-a567-0e02b2c3d479'", "'018f4d2e-7b1a-7cc3-98c4-dc0c0c07398f'", "'1ec9414c-232a-6b00-b3c8-9e6bdeced846'",
			"'320c3d4d-cc00-875b-8ec9-32d5f69181c0'", "'00000000-0000-0000-0000-000000000001'", "'00010000-0000-0000-0000-000000000000'"}, OnTiDB: "CHAR(36) COLLATE utf8mb4_bin"},
	}
}

func shapeColumns() []Column {
	out := []Column{
		{Type: "POINT", Values: []string{"ST_GeomFromText('POINT(1 -2.5)')", "ST_GeomFromText('POINT(0 1e300)', 4326)"}, OnTiDB: "-"},
		{Type: "POINT REF_SYSTEM_ID=4326", Values: []string{"ST_GeomFromText('POINT(1 -2.5)', 4326)", "ST_GeomFromText('POINT(5 6)', 4326)"}, OnTiDB: "-"},
	}
	for typ, text := range map[string]string{"LINESTRING": "LINESTRING(0 0,1 1)", "POLYGON": "POLYGON((0 0,0 1,1 1,0 0))", "MULTIPOINT": "MULTIPOINT(1 1,2 2)",
		"MULTILINESTRING": "MULTILINESTRING((0 0,1 1),(2 2,3 3))", "MULTIPOLYGON": "MULTIPOLYGON(((0 0,0 1,1 1,0 0)))",
		"GEOMETRYCOLLECTION": "GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))", "GEOMETRY": "POLYGON((0 0,0 9,9 9,0 0),(1 1,1 2,2 2,1 1))"} {
		out = append(out, Column{Type: typ, Values: []string{"ST_GeomFromText('" + text + "')", "ST_GeomFromText('" + text + "', 3857)"}, OnTiDB: "-"})
	}
	return out
}

// compressedColumns are packed by the server, in its binlog too, when that pays.
func compressedColumns() []Column {
	text, raw := []string{"''", "'a'", "'äöüß'", "REPEAT('ab', 400)"}, []string{"''", "x'00'", "'a'", "REPEAT(x'00FF', 400)"}
	return []Column{
		{Type: "VARCHAR(1000) COMPRESSED", Values: text, OnTiDB: "VARCHAR(1000)"},
		{Type: "TEXT COMPRESSED", Values: append(text, "REPEAT('日', 20000)"), OnTiDB: "TEXT"},
		{Type: "VARBINARY(1000) COMPRESSED", Values: raw, OnTiDB: "VARBINARY(1000)"},
		{Type: "LONGBLOB COMPRESSED", Values: append(raw, "REPEAT('x', 200000)"), OnTiDB: "LONGBLOB"},
	}
}
