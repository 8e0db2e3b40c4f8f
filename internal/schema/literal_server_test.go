package schema_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/raftdm/raftdm/internal/rowevent"
	"github.com/raftdm/raftdm/internal/rowevent/rowtest"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestLiteralRoundTrip writes values of every type on a real server, reads them
// from its binlog, writes them through Literal into a second table and into one
// of a TiDB, and compares. It covers peer-bugs 13 (BINARY padding), 14 (latin1)
// and 31 (unsigned integers, dates with zero parts).
func TestLiteralRoundTrip(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	roundTrip(t, ctx, servers.MariaDB(t), mysql.MariaDBFlavor, literalCases())
}

func roundTrip(t *testing.T, ctx context.Context, server *testbed.Server, flavor string, cases []literalCase) {
	t.Helper()
	conn, err := server.Session(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	exec := func(format string, args ...any) {
		t.Helper()
		if _, err := conn.ExecContext(ctx, fmt.Sprintf(format, args...)); err != nil {
			t.Fatalf("%v\n%s", err, fmt.Sprintf(format, args...))
		}
	}
	exec("SET NAMES utf8mb4")
	exec("SET sql_mode='ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO', time_zone='+00:00'")
	exec("CREATE DATABASE literal_%s", flavor)
	exec("USE literal_%s", flavor)
	target := openTarget(t, ctx, flavor, cases)
	tables := make([]*schema.Table, len(cases))
	for i, c := range cases {
		exec("CREATE TABLE src%d (id INT PRIMARY KEY AUTO_INCREMENT, v %s)", i, c.column)
		exec("CREATE TABLE dst%d LIKE src%d", i, i)
		tables[i] = structure(t, ctx, conn, fmt.Sprintf("src%d", i))
	}
	next := rowtest.Follow(t, server, flavor)
	for i, c := range cases {
		for _, v := range append(c.values, "NULL") {
			exec("INSERT INTO src%d (v) VALUES (%s)", i, v)
			row := inserted(next)
			id, table := row.Value(0).Int(), tables[i]
			text, err := table.NamingCharsets().Columns[1].Literal(nil, row.Value(1))
			if err != nil {
				t.Errorf("%s: %v", table.CreateSQL, err)
				continue
			}
			exec("INSERT INTO dst%d (id, v) VALUES (%d, %s)", i, id, text)
			if text, err = table.Columns[1].Literal(nil, row.Value(1)); err != nil {
				t.Errorf("%s: %v", table.CreateSQL, err)
			}
			target.insert(fmt.Sprintf("src%d", i), id, text)
			if keys, err := table.ConflictKeys(nil, table.Visible(row)); err != nil || len(keys) == 0 {
				t.Errorf("%s: keys %x, %v", table.CreateSQL, keys, err)
			}
		}
		compareHex(t, ctx, conn, i, c)
		target.compare(conn, i, c)
	}
}

// structure reads what a server says of a table.
func structure(t *testing.T, ctx context.Context, conn *sql.Conn, name string) *schema.Table {
	t.Helper()
	var create string
	if err := conn.QueryRowContext(ctx, "SHOW CREATE TABLE "+name).Scan(new(string), &create); err != nil {
		t.Fatal(err)
	}
	table, err := schema.Parse(create, "", "literal")
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func compareHex(t *testing.T, ctx context.Context, conn *sql.Conn, i int, c literalCase) {
	t.Helper()
	number := "1" // HEX of an ENUM is its text; the number matters too
	if strings.HasPrefix(c.column, "ENUM") || strings.HasPrefix(c.column, "SET") {
		number = "v+0"
	}
	rows, err := conn.QueryContext(ctx, fmt.Sprintf("SELECT s.id, s.v, HEX(s.v), s.n, d.id, HEX(d.v), d.n, s.v = d.v OR s.v IS NULL "+
		"FROM (SELECT *, %[2]s AS n FROM src%[1]d) s LEFT JOIN (SELECT *, %[2]s AS n FROM dst%[1]d) d USING (id) ORDER BY 1", i, number))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for n := 0; rows.Next(); n++ {
		var id int
		var other sql.NullInt64
		var shown, src, srcNum, dst, dstNum sql.NullString
		var equal sql.NullBool
		if err := rows.Scan(&id, &shown, &src, &srcNum, &other, &dst, &dstNum, &equal); err != nil {
			t.Fatal(err)
		}
		if !other.Valid || src != dst || srcNum != dstNum || !equal.Bool {
			t.Errorf("%s value %s: source %s (%q), written %s", c.column, append(c.values, "NULL")[n], src.String, shown.String, dst.String)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// inserted gives the next row that is inserted into a source table.
func inserted(next func() rowtest.Event) rowevent.Image {
	for {
		if e := next(); strings.HasPrefix(e.Table.Name, "src") {
			return e.Images[0]
		}
	}
}

// literalCase is a column and values to write into it.
type literalCase struct {
	column string
	values []string
}

func literalCases() []literalCase {
	texts := []string{"''", "'a'", "'it''s \\\\ \"q\"'", "'a\\0b\\nc\\rd\\Ze'", "'  x  '", "'äöüß€'"}
	binaries := []string{"''", "x'00'", "x'0102'", "x'6100'", "x'FF00FF'", "x'27'", "x'5C27'", "x'80'"}
	dates := []string{"'0000-00-00'", "'2020-00-00'", "'2020-02-31'", "'9999-12-31'", "'1000-01-01'", "'2024-02-29'"}
	return []literalCase{
		{"TINYINT", []string{"-128", "127", "0", "-1"}}, {"TINYINT UNSIGNED", []string{"255", "128", "0"}},
		{"SMALLINT", []string{"-32768", "32767"}}, {"SMALLINT UNSIGNED", []string{"65535", "32768"}},
		{"MEDIUMINT", []string{"-8388608", "8388607"}}, {"MEDIUMINT UNSIGNED", []string{"16777215", "8388608"}},
		{"INT", []string{"-2147483648", "2147483647"}}, {"INT UNSIGNED ZEROFILL", []string{"4294967295", "2147483648", "5"}},
		{"BIGINT", []string{"-9223372036854775808", "9223372036854775807"}}, {"BIGINT UNSIGNED", []string{"18446744073709551615", "9223372036854775808"}},
		{"DECIMAL(65,30)", []string{"0", "-0.5", "12345678901234567890123456789012345.123456789012345678901234567891", "-99999999999999999999999999999999999.999999999999999999999999999999"}},
		{"DECIMAL(10,0)", []string{"-1", "0", "9999999999"}}, {"DECIMAL(4,4) UNSIGNED", []string{"0.0001", "0.9999"}}, {"DECIMAL(12,2) ZEROFILL", []string{"1.5"}},
		{"FLOAT", []string{"0", "-0.1", "1.2345678", "3.402823e38", "1.1754944e-38", "16777217", "1e-45"}},
		{"FLOAT(7,3)", []string{"1.2345", "-1234.567"}},
		{"DOUBLE", []string{"0", "0.1", "1.7976931348623157e308", "2.2250738585072014e-308", "-123456789.123456789", "5e-324", "-0e0"}},
		{"BIT(1)", []string{"b'0'", "b'1'"}}, {"BIT(17)", []string{"b'10000000000000001'"}}, {"BIT(64)", []string{"x'FFFFFFFFFFFFFFFF'", "x'8000000000000001'"}},
		{"YEAR", []string{"0", "1901", "2155", "2024"}},
		{"DATE", dates}, {"DATETIME", append(dates, "'2024-01-02 03:04:05'")},
		{"DATETIME(3)", []string{"'2024-01-02 03:04:05.678'", "'0000-00-00 00:00:00.000'", "'2024-00-01 00:00:00.5'"}},
		{"DATETIME(6)", []string{"'2024-01-02 03:04:05.000001'", "'9999-12-31 23:59:59.999999'", "'0000-00-00'"}},
		{"TIMESTAMP NULL", []string{"'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'", "'0000-00-00 00:00:00'"}},
		{"TIMESTAMP(6) NULL", []string{"'2024-06-30 12:00:00.123456'", "'0000-00-00 00:00:00'"}},
		{"TIME", []string{"'838:59:59'", "'-838:59:59'", "'00:00:00'", "'-00:00:01'", "'100:00:00'"}},
		{"TIME(2)", []string{"'-00:00:00.01'", "'-00:00:01.10'", "'12:34:56.78'", "'-838:59:58.99'"}},
		{"TIME(4)", []string{"'-00:00:00.0001'", "'-12:34:56.7899'"}},
		{"TIME(6)", []string{"'-00:00:00.000001'", "'838:59:58.999999'", "'-01:00:00.5'"}},
		{"ENUM('a','b c','ü','it''s','1')", []string{"'a'", "'ü'", "'it''s'", "'1'", "0"}}, {"ENUM('','x')", []string{"''", "0", "'x'"}},
		{"SET('x','ü','z')", []string{"''", "'x'", "'x,ü,z'"}}, {manySet(), []string{"18446744073709551615", "9223372036854775808", "1"}},
		{"CHAR(20) CHARACTER SET utf8mb4", append(texts, "'日本🎉'")}, {"VARCHAR(20) CHARACTER SET utf8mb4", append(texts, "'日本🎉'")},
		{"VARCHAR(300) CHARACTER SET utf8mb3", append(texts, "REPEAT('日', 300)")},
		{"CHAR(255) CHARACTER SET utf8mb4", []string{"REPEAT('🎉', 255)", "''"}},
		{"CHAR(10) CHARACTER SET latin1", append(texts, "x'8081828D8F909DA0FF'")}, {"VARCHAR(300) CHARACTER SET latin1", append(texts, allBytes())},
		{"TEXT CHARACTER SET latin1", append(texts, allBytes())}, {"TEXT CHARACTER SET utf8mb4", append(texts, "REPEAT('x', 65535)")},
		{"LONGTEXT", append(texts, "REPEAT('é', 100000)")}, {"TINYTEXT", texts}, {"VARCHAR(9) CHARACTER SET ascii", texts[:5]},
		{"BINARY(4)", binaries}, {"BINARY(255)", binaries}, {"VARBINARY(10)", binaries}, {"VARBINARY(300)", binaries},
		{"BLOB", append(binaries, allBytes())}, {"TINYBLOB", binaries}, {"MEDIUMBLOB", binaries}, {"LONGBLOB", append(binaries, "REPEAT(x'00FF', 100000)")},
		{"JSON", []string{`'{"a": "ü\\n\\"q\\"", "b": [1, 2.5, null, true]}'`, "'[]'", "'\"\\\\u00e9\"'"}},
		{"INET6", []string{"'::'", "'2001:db8::1'", "'::ffff:192.0.2.1'", "'fe80::'"}}, {"INET4", []string{"'0.0.0.0'", "'192.0.2.0'", "'255.255.255.255'"}},
		{"VARCHAR(1000) COMPRESSED", append(texts, "REPEAT('añ', 500)", "REPEAT('x', 1000)")}, {"VARCHAR(50) COMPRESSED CHARACTER SET latin1", texts},
		{"TEXT COMPRESSED", append(texts, "REPEAT('日本', 9000)")}, {"TINYTEXT COMPRESSED", texts}, {"LONGTEXT COMPRESSED", append(texts, "REPEAT('é', 100000)")},
		{"BLOB COMPRESSED", append(binaries, "REPEAT(x'00FF', 30000)", allBytes())}, {"VARBINARY(300) COMPRESSED", append(binaries, "REPEAT(x'80', 300)")},
		{"UUID", []string{"'123e4567-e89b-12d3-a456-426655440000'", "'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"}},
		{"POINT", []string{"ST_GeomFromText('POINT(1 -2.5)')"}}, {"GEOMETRY", []string{"ST_GeomFromText('POLYGON((0 0,0 1,1 1,0 0))', 4326)"}},
	}
}

// manySet is a SET with all 64 elements.
func manySet() string {
	names := make([]string, 64)
	for i := range names {
		names[i] = fmt.Sprintf("'e%d'", i)
	}
	return "SET(" + strings.Join(names, ",") + ")"
}

// allBytes is a literal of each byte once.
func allBytes() string {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return fmt.Sprintf("x'%x'", b)
}
