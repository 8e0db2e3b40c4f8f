package syncer

import (
	"fmt"
	"slices"
	"strings"
)

// matrixGroup is a number of columns that go through the matrix together.
type matrixGroup struct {
	name    string
	columns []matrixColumn
}

// matrixGroups lists the types of MariaDB. Values are written with an empty
// sql_mode, which lets in what old applications have left in their tables.
func matrixGroups() []matrixGroup {
	return []matrixGroup{
		{"integers", integerColumns()}, {"numbers", numberColumns()}, {"bits", bitColumns()}, {"times", timeColumns()},
		{"elements", elementColumns()}, {"bytes", byteColumns()}, {"unicode", unicodeColumns()}, {"charsets", charsetColumns()},
		{"documents", documentColumns()}, {"addresses", addressColumns()}, {"shapes", shapeColumns()},
	}
}

func integerColumns() []matrixColumn {
	return []matrixColumn{
		{column: "TINYINT", values: []string{"-128", "127", "0"}}, {column: "TINYINT UNSIGNED", values: []string{"255", "128", "0"}},
		{column: "BOOLEAN", values: []string{"TRUE", "FALSE"}},
		{column: "SMALLINT", values: []string{"-32768", "32767"}}, {column: "SMALLINT UNSIGNED", values: []string{"65535", "32768"}},
		{column: "MEDIUMINT", values: []string{"-8388608", "8388607"}}, {column: "MEDIUMINT UNSIGNED", values: []string{"16777215", "8388608"}},
		{column: "INT", values: []string{"-2147483648", "2147483647"}}, {column: "INT(6) UNSIGNED ZEROFILL", values: []string{"4294967295", "2147483648", "5"}},
		{column: "BIGINT", values: []string{"-9223372036854775808", "9223372036854775807"}},
		{column: "BIGINT UNSIGNED", values: []string{"18446744073709551615", "9223372036854775808", "9223372036854775807", "0"}},
		{column: "YEAR", values: []string{"0", "1901", "2155", "2024"}},
	}
}

func numberColumns() []matrixColumn {
	nines := strings.Repeat("9", 35) + "." + strings.Repeat("9", 30)
	return []matrixColumn{
		{column: "DECIMAL(65,30)", values: []string{"0", "-0.5", "'" + nines + "'", "'-" + nines + "'", "0." + strings.Repeat("0", 29) + "1"}},
		{column: "DECIMAL(65,0)", values: []string{"'" + strings.Repeat("9", 65) + "'", "'-" + strings.Repeat("9", 65) + "'", "1"}},
		{column: "DECIMAL(30,30)", values: []string{"0." + strings.Repeat("9", 30), "-0." + strings.Repeat("1", 30)}},
		{column: "DECIMAL(10,0)", values: []string{"-1", "0", "9999999999"}}, {column: "DECIMAL(4,4) UNSIGNED", values: []string{"0.0001", "0.9999"}},
		{column: "DECIMAL(12,2) ZEROFILL", values: []string{"1.5", "0"}},
		{column: "FLOAT", values: []string{"0", "-0e0", "-0.1", "1.2345678", "3.402823e38", "1.1754944e-38", "16777217", "1e-45"}},
		{column: "FLOAT(7,3)", values: []string{"1.2345", "-1234.567"}}, {column: "FLOAT UNSIGNED", values: []string{"0.1", "3e38"}},
		{column: "DOUBLE", values: []string{"0", "-0e0", "0.1", "1.7976931348623157e308", "-1.7976931348623157e308", "2.2250738585072014e-308", "-123456789.123456789", "5e-324"}},
		{column: "DOUBLE(10,4)", values: []string{"1.2345", "-1234.5678"}},
	}
}

func bitColumns() []matrixColumn {
	var out []matrixColumn
	for n := 1; n <= 64; n++ {
		values := []string{"b'0'", "b'1'", "b'" + strings.Repeat("1", n) + "'", "b'1" + strings.Repeat("0", n-1) + "'"}
		if n == 1 {
			values = values[:2]
		}
		out = append(out, matrixColumn{column: fmt.Sprintf("BIT(%d)", n), values: values})
	}
	return out
}

func timeColumns() []matrixColumn {
	dates := []string{"'0000-00-00'", "'2020-00-00'", "'2020-01-00'", "'9999-12-31'", "'1000-01-01'", "'0001-01-01'", "'2024-02-29'"}
	out := []matrixColumn{{column: "DATE", values: dates}, {column: "DATETIME", values: append(dates, "'2024-03-31 02:30:00'")}}
	for n := 0; n <= 6; n++ {
		digits := "." + "123456"[:n]
		ones := "." + "000001"[6-n:]
		if n == 0 {
			digits, ones = "", ""
		}
		out = append(out,
			matrixColumn{column: fmt.Sprintf("DATETIME(%d)", n), values: []string{"'2024-01-02 03:04:05" + digits + "'", "'9999-12-31 23:59:59" + digits + "'",
				"'0000-00-00 00:00:00'", "'2024-00-01 00:00:00" + ones + "'", "'2024-12-31 23:59:59" + ones + "'"}},
			matrixColumn{column: fmt.Sprintf("TIMESTAMP(%d) NULL", n), values: []string{"'1970-01-01 00:00:01'", "'2038-01-19 03:14:07" + digits + "'",
				"'0000-00-00 00:00:00'", "'2024-10-27 02:30:00" + ones + "'"}},
			matrixColumn{column: fmt.Sprintf("TIME(%d)", n), values: []string{"'838:59:59'", "'-838:59:59'", "'00:00:00'", "'-00:00:01'", "'100:00:00" + digits + "'",
				"'-00:00:00" + ones + "'", "'-24:59:59" + digits + "'"}})
	}
	return out
}

func elementColumns() []matrixColumn {
	many := make([]string, 64)
	for i := range many {
		many[i] = fmt.Sprintf("'e%d'", i)
	}
	long := make([]string, 300)
	for i := range long {
		long[i] = fmt.Sprintf("'e%d'", i)
	}
	return []matrixColumn{
		{column: "ENUM('a','b c','ü','it''s','1','x,y')", values: []string{"'a'", "'ü'", "'it''s'", "'1'", "'x,y'", "0"}},
		{column: "ENUM('','x')", values: []string{"''", "0", "'x'"}}, {column: "ENUM('0','1')", values: []string{"'0'", "'1'", "0"}},
		{column: "ENUM(" + strings.Join(long, ",") + ")", values: []string{"'e0'", "'e255'", "'e299'", "0"}},
		{column: "ENUM('é','z') CHARACTER SET latin1", values: []string{"'é'", "'z'", "0"}},
		{column: "SET('x','ü','z')", values: []string{"''", "'x'", "'x,ü,z'"}},
		{column: "SET(" + strings.Join(many, ",") + ")", values: []string{"18446744073709551615", "9223372036854775808", "1", "0"}},
	}
}

func byteColumns() []matrixColumn {
	values := []string{"''", "x'00'", "x'0102'", "x'6100'", "x'610000'", "x'FF00FF'", "x'27'", "x'5C27'", "x'80'", "x'20'"}
	all := fmt.Sprintf("x'%x'", allBytes())
	return []matrixColumn{
		{column: "BINARY(4)", values: values}, {column: "BINARY(1)", values: []string{"''", "x'00'", "x'FF'"}}, {column: "BINARY(255)", values: append(values, "LEFT("+all+", 255)")},
		{column: "VARBINARY(10)", values: values}, {column: "VARBINARY(300)", values: append(values, all)},
		{column: "CHAR(10) CHARACTER SET binary", values: values}, {column: "BLOB", values: append(values, all, "REPEAT(x'00', 65535)")},
		{column: "TINYBLOB", values: values}, {column: "MEDIUMBLOB", values: values}, {column: "LONGBLOB", values: append(values, "REPEAT(x'00FF', 100000)")},
	}
}

func allBytes() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func unicodeColumns() []matrixColumn {
	values := []string{"''", "'a'", "'A'", "'a '", "'it''s \\\\ \"q\"'", "'a\\0b\\nc\\rd\\Ze'", "'  x  '", "'äöüß€'", "';\\n'", "'%_'", "CHAR(0 USING utf8mb4)"}
	four := append(slices.Clone(values), "'日本🎉'", "'\U0010FFFF'")
	three := append(slices.Clone(values), "'日本'", "'\uFFFD'")
	return []matrixColumn{
		{column: "CHAR(20)", values: four}, {column: "VARCHAR(20)", values: four}, {column: "VARCHAR(20) COLLATE utf8mb4_bin", values: four},
		{column: "VARCHAR(500)", values: append(four, "REPEAT('🎉', 500)")},
		{column: "CHAR(255)", values: append(values, "REPEAT('🎉', 255)")}, {column: "CHAR(20) CHARACTER SET utf8mb3", values: three},
		{column: "VARCHAR(300) CHARACTER SET utf8mb3", values: append(three, "REPEAT('日', 300)")},
		{column: "TINYTEXT", values: four}, {column: "TEXT", values: append(four, "REPEAT('x', 65535)")}, {column: "MEDIUMTEXT", values: four},
		{column: "LONGTEXT", values: append(four, "REPEAT('é', 100000)")},
		{column: "VARCHAR(9) CHARACTER SET ascii", values: []string{"''", "'~'", "'\\0'", "x'7F'"}},
		{column: "TEXT CHARACTER SET ascii", values: []string{"''", "'~'", "x'7F'"}},
	}
}

// charsetColumns has texts of other character sets. x'..' is what stands in the
// column; TiDB takes some of them as UTF-8.
func charsetColumns() []matrixColumn {
	latin1 := []string{"''", "'a'", "'é'", "'€'", "x'8081828D8F909DA0FF'", fmt.Sprintf("x'%x'", allBytes())}
	out := []matrixColumn{
		{column: "CHAR(255) CHARACTER SET latin1", values: latin1[:5]}, {column: "VARCHAR(300) CHARACTER SET latin1", values: latin1},
		{column: "TEXT CHARACTER SET latin1", values: latin1},
		{column: "VARCHAR(20) CHARACTER SET gbk", values: []string{"''", "'a'", "'中文'", "x'D6D0CEC4'", "x'815C'", "x'817C27'", "x'FE4F'"}},
		{column: "CHAR(20) CHARACTER SET gbk COLLATE gbk_bin", values: []string{"''", "'a'", "'中文'", "x'D6D0CEC4'"}},
		{column: "TEXT CHARACTER SET gbk", values: []string{"''", "'中文'", "x'815C'"}},
	}
	for _, cs := range []string{"cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852", "koi8r", "latin2", "latin5", "latin7", "macroman"} {
		for _, typ := range []string{"VARCHAR(20)", "TEXT"} {
			out = append(out, matrixColumn{column: typ + " CHARACTER SET " + cs, values: []string{"''", "'a'", "x'E1E2E3'", "x'C5D6FA'"}, onTiDB: typ + " CHARACTER SET utf8mb4"})
		}
	}
	for cs, v := range map[string]string{"cp932": "x'93FA967B835C'", "euckr": "x'B0A1C8FE'", "ucs2": "x'65E5672C0027'", "utf16": "x'65E5D83CDF89FFFD'",
		"utf16le": "x'E5653CD889DF'", "utf32": "x'000065E50001F3890010FFFF'"} {
		for _, typ := range []string{"VARCHAR(20)", "CHAR(20)", "LONGTEXT"} {
			out = append(out, matrixColumn{column: typ + " CHARACTER SET " + cs, values: []string{"''", "'a'", v}, onTiDB: typ + " CHARACTER SET utf8mb4"})
		}
	}
	for cs, v := range map[string]string{"big5": "x'A4A4A145'", "sjis": "x'93FA815F8160'", "ujis": "x'C6FCA1C0'", "eucjpms": "x'C6FCF9A1'", "gb2312": "x'D6D0A1A4'",
		"greek": "x'A1E1'", "hebrew": "x'E0AF'", "tis620": "x'A1'", "cp866": "x'FC80'", "koi8u": "x'95A4'", "armscii8": "x'B2'", "geostd8": "x'C0'",
		"dec8": "x'E1'", "hp8": "x'E1'", "swe7": "x'5B'", "keybcs2": "x'80'", "macce": "x'80'"} {
		for _, typ := range []string{"VARCHAR(20)", "TEXT"} {
			out = append(out, matrixColumn{column: typ + " CHARACTER SET " + cs, values: []string{"''", "'a'", v}, onTiDB: "-"})
		}
	}
	// Codes of gbk that stand for no character.
	return append(out, matrixColumn{column: "VARCHAR(20) CHARACTER SET gbk COLLATE gbk_nopad_bin", values: []string{"x'A2A1'", "x'A6D9'", "x'AAA1'", "''"}, onTiDB: "-"})
}

func documentColumns() []matrixColumn {
	return []matrixColumn{{column: "JSON", values: []string{`'{"a": "ü\\n\\"q\\"", "b": [1, 2.5, null, true]}'`, "'[]'", "'\"\\\\u00e9\"'", "'null'",
		`'{"b":1,  "a":[]}'`, "'18446744073709551615'", "'{}'"}},
		// MariaDB keeps the text as it was written, TiDB the last of two equal keys.
		{column: "JSON", values: []string{`' {"b":1,  "a":2, "a":3} '`, "'0'"}, onTiDB: "-"}}
}

func addressColumns() []matrixColumn {
	return []matrixColumn{
		{column: "INET6", values: []string{"'::'", "'2001:db8::1'", "'::ffff:192.0.2.1'", "'fe80::'", "'::1.2.3.4'"}, onTiDB: "VARCHAR(40) COLLATE utf8mb4_bin"},
		{column: "INET4", values: []string{"'0.0.0.0'", "'192.0.2.0'", "'255.255.255.255'"}, onTiDB: "VARCHAR(15) COLLATE utf8mb4_bin"},
		{column: "UUID", values: []string{"'123e4567-e89b-12d3-a456-426655440000'", "'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
			"'f47ac10b-58cc-4372-a567-0e02b2c3d479'", "'018f4d2e-7b1a-7cc3-98c4-dc0c0c07398f'", "'1ec9414c-232a-6b00-b3c8-9e6bdeced846'",
			"'320c3d4d-cc00-875b-8ec9-32d5f69181c0'", "'00000000-0000-0000-0000-000000000001'", "'00010000-0000-0000-0000-000000000000'"}, onTiDB: "CHAR(36) COLLATE utf8mb4_bin"},
	}
}

func shapeColumns() []matrixColumn {
	out := []matrixColumn{
		{column: "POINT", values: []string{"ST_GeomFromText('POINT(1 -2.5)')", "ST_GeomFromText('POINT(0 1e300)', 4326)"}, onTiDB: "-"},
		{column: "POINT REF_SYSTEM_ID=4326", values: []string{"ST_GeomFromText('POINT(1 -2.5)', 4326)", "ST_GeomFromText('POINT(5 6)', 4326)"}, onTiDB: "-"},
	}
	for typ, text := range map[string]string{"LINESTRING": "LINESTRING(0 0,1 1)", "POLYGON": "POLYGON((0 0,0 1,1 1,0 0))", "MULTIPOINT": "MULTIPOINT(1 1,2 2)",
		"MULTILINESTRING": "MULTILINESTRING((0 0,1 1),(2 2,3 3))", "MULTIPOLYGON": "MULTIPOLYGON(((0 0,0 1,1 1,0 0)))",
		"GEOMETRYCOLLECTION": "GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))", "GEOMETRY": "POLYGON((0 0,0 9,9 9,0 0),(1 1,1 2,2 2,1 1))"} {
		out = append(out, matrixColumn{column: typ, values: []string{"ST_GeomFromText('" + text + "')", "ST_GeomFromText('" + text + "', 3857)"}, onTiDB: "-"})
	}
	return out
}
