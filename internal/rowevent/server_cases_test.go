package rowevent_test

import (
	"fmt"
	"strings"
)

// serverCases are the types of MariaDB's matrix.
func serverCases() []serverCase {
	const number, unsigned, float, text, raw = "CAST(v AS CHAR)", "CAST(v AS UNSIGNED)", "v*1e0", "CAST(v AS CHAR)", "HEX(v)"
	dates := []string{"'0000-00-00'", "'2020-00-00'", "'2020-02-31'", "'9999-12-31'", "'1000-01-01'", "'2024-02-29'"}
	texts := []string{"''", "'a'", "'it''s'", "'  x  '", "'äöüß€'", "REPEAT('é', 127)"}
	binaries := []string{"''", "x'00'", "x'6100'", "x'FF00FF'", "x'0001'"}
	out := []serverCase{
		{"TINYINT", number, []string{"-128", "127", "0", "-1"}}, {"TINYINT UNSIGNED", unsigned, []string{"255", "128", "0"}},
		{"SMALLINT", number, []string{"-32768", "32767"}}, {"SMALLINT UNSIGNED", unsigned, []string{"65535", "32768"}},
		{"MEDIUMINT", number, []string{"-8388608", "8388607"}}, {"MEDIUMINT UNSIGNED", unsigned, []string{"16777215", "8388608"}},
		{"INT", number, []string{"-2147483648", "2147483647"}}, {"INT UNSIGNED", unsigned, []string{"4294967295", "2147483648"}},
		{"BIGINT", number, []string{"-9223372036854775808", "9223372036854775807"}}, {"BIGINT UNSIGNED", unsigned, []string{"18446744073709551615", "9223372036854775808"}},
		{"FLOAT", float, []string{"0", "-0.1", "1.2345678", "3.402823e38", "1.1754944e-38", "1e-45"}}, {"DOUBLE", float, []string{"0.1", "1.7976931348623157e308", "5e-324", "-0e0"}},
		{"YEAR", unsigned, []string{"0", "1901", "2155"}}, {"BIT(1)", unsigned, []string{"b'0'", "b'1'"}}, {"BIT(9)", unsigned, []string{"b'100000001'"}},
		{"BIT(64)", unsigned, []string{"x'FFFFFFFFFFFFFFFF'", "x'8000000000000001'"}},
		{"ENUM('a','ü')", unsigned, []string{"'a'", "2", "''"}}, {manyElements("ENUM", 300), unsigned, []string{"300", "255"}},
		{"SET('x','y','z')", unsigned, []string{"''", "'x,z'"}}, {manyElements("SET", 20), unsigned, []string{"1048575"}}, {manyElements("SET", 64), unsigned, []string{"18446744073709551615", "9223372036854775808"}},
		{"DATE", text, dates}, {"DATETIME", text, append(dates, "'2024-01-02 03:04:05'")},
		{"TIME", text, []string{"'838:59:59'", "'-838:59:59'", "'00:00:00'", "'-00:00:01'", "'100:00:00'"}},
		{"TIMESTAMP", text, []string{"'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'", "'0000-00-00 00:00:00'"}},
		{"CHAR(255) CHARACTER SET utf8mb4", raw, append(texts, "REPEAT('🎉', 255)")}, {"VARCHAR(255) CHARACTER SET latin1", raw, texts},
		{"VARCHAR(300) CHARACTER SET utf8mb4", raw, append(texts, "REPEAT('🎉', 300)")}, {"CHAR(10) CHARACTER SET ucs2", raw, texts[:4]},
		{"TINYTEXT", raw, texts}, {"TEXT", raw, append(texts, "REPEAT('x', 65535)")}, {"LONGTEXT", raw, append(texts, "REPEAT('x', 1000000)")},
		{"VARBINARY(255)", raw, binaries}, {"VARBINARY(256)", raw, binaries}, {"BLOB", raw, binaries}, {"MEDIUMBLOB", raw, append(binaries, "REPEAT(x'00', 70000)")},
		{"JSON", raw, []string{"'{\"a\": [1, \"ü\"]}'", "'null'"}}, {"INET4", raw, []string{"'1.2.3.4'"}}, {"INET6", raw, []string{"'2001:db8::1'"}},
		{"UUID", "HEX(CAST(v AS BINARY(16)))", []string{"'123e4567-e89b-12d3-a456-426655440001'"}},
		{"POINT", raw, []string{"ST_GeomFromText('POINT(1 -2.5)')"}}, {"GEOMETRY", raw, []string{"ST_GeomFromText('POLYGON((0 0,0 1,1 1,0 0))', 4326)"}},
	}
	return append(append(out, fractionCases()...), append(decimalCases(), packedCases()...)...)
}

// fractionCases are times with each number of digits.
func fractionCases() (out []serverCase) {
	const text = "CAST(v AS CHAR)"
	for digits := 1; digits <= 6; digits++ {
		least := "." + strings.Repeat("0", digits-1) + "1"
		out = append(out,
			serverCase{fmt.Sprintf("DATETIME(%d)", digits), text, []string{"'2024-01-02 03:04:05" + least + "'", "'0000-00-00'", "'2024-00-01 00:00:00.5'", "'9999-12-31 23:59:59.999999'"}},
			serverCase{fmt.Sprintf("TIMESTAMP(%d)", digits), text, []string{"'2024-01-02 03:04:05" + least + "'", "'0000-00-00'", "'2038-01-19 03:14:07.999999'"}},
			serverCase{fmt.Sprintf("TIME(%d)", digits), text, []string{"'-00:00:00" + least + "'", "'-00:00:01.10'", "'838:59:59'", "'-838:59:58.999999'", "'12:34:56.789012'", "'0'", "'-01:00:00.5'", "'-00:00:01'"}})
	}
	return out
}

// decimalCases are decimals with each number of digits left over on either side.
func decimalCases() (out []serverCase) {
	for precision := 1; precision <= 65; precision += 3 {
		for _, scale := range []int{0, precision / 3, precision / 2, precision} {
			scale = min(scale, 30)
			nines := strings.Repeat("9", precision-scale) + "." + strings.Repeat("9", scale)
			out = append(out, serverCase{fmt.Sprintf("DECIMAL(%d,%d)", precision, scale), "CAST(v AS CHAR)",
				[]string{"0", nines, "-" + nines, "0." + strings.Repeat("0", max(scale-1, 0)) + "1", "-0" + nines[1:]}})
		}
	}
	return out
}

// packedCases are COMPRESSED columns: short values are stored as they are.
func packedCases() []serverCase {
	const raw = "HEX(v)"
	values := []string{"''", "'a'", "'ä'", "REPEAT('x', 99)", "REPEAT('x', 100)", "REPEAT('äb', 500)"}
	long := append(values[:6:6], "REPEAT('x', 65000)", "REPEAT('1234567890', 6000)")
	return []serverCase{
		{"VARCHAR(1000) COMPRESSED", raw, values}, {"VARCHAR(100) COMPRESSED", raw, values[:5]}, {"VARCHAR(1000) COMPRESSED CHARACTER SET latin1", raw, values},
		{"TEXT COMPRESSED", raw, long}, {"TINYTEXT COMPRESSED", raw, values[:5]}, {"MEDIUMTEXT COMPRESSED", raw, append(long, "REPEAT('x', 200000)")},
		{"LONGTEXT COMPRESSED", raw, append(long, "REPEAT('x', 17000000)")}, {"BLOB COMPRESSED", raw, append(long, "REPEAT(x'00FF', 30000)")}, {"VARBINARY(300) COMPRESSED", raw, values[:5]},
	}
}

// oldCases are columns in the format of servers before MySQL 5.6.
func oldCases() []serverCase {
	const text = "CAST(v AS CHAR)"
	return []serverCase{
		{"TIME", text, []string{"'838:59:59'", "'-838:59:59'", "'00:00:00'", "'-00:00:01'", "'-10:20:30'"}},
		{"DATETIME", text, []string{"'0000-00-00'", "'2020-02-31 01:02:03'", "'9999-12-31 23:59:59'"}},
		{"TIMESTAMP", text, []string{"'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'", "'0000-00-00 00:00:00'"}},
	}
}

func manyElements(kind string, n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("'e%d'", i)
	}
	return kind + "(" + strings.Join(names, ",") + ")"
}
