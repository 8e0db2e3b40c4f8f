package syncer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/testbed"
)

// typeCase is a column and values that replication easily gets wrong. The
// values are written on the source with an empty sql_mode, which lets in what
// old applications have left in their tables.
type typeCase struct {
	column string
	values []string
}

func typeCases() []typeCase {
	dates := []string{"'0000-00-00'", "'2020-00-00'", "'2020-02-31'", "'9999-12-31'", "'2024-02-29'"}
	return []typeCase{
		{"BIGINT UNSIGNED", []string{"0", "18446744073709551615"}},
		{"MEDIUMINT UNSIGNED", []string{"0", "16777215"}},
		{"DECIMAL(30,10)", []string{"0", "-0.5", "12345678901234567890.0123456789"}},
		{"FLOAT", []string{"0", "0.1", "-1.2345678", "3.402823e38", "16777217", "1e-45"}},
		{"FLOAT(7,3)", []string{"1.2345", "-1234.567"}},
		{"DOUBLE", []string{"0", "0.1", "-123456789.123456789", "5e-324", "1.7976931348623157e308"}},
		{"DOUBLE(10,4)", []string{"1.2345", "-1234.5678"}},
		{"BIT(1)", []string{"b'0'", "b'1'"}}, {"BIT(64)", []string{"0", "x'FFFFFFFFFFFFFFFF'"}},
		{"YEAR", []string{"0", "1901", "2155"}},
		{"DATE", dates}, {"DATETIME", append(dates, "'2024-03-31 02:30:00'")},
		{"DATETIME(6)", []string{"'2024-01-02 03:04:05.000001'", "'0000-00-00'"}},
		{"TIMESTAMP NULL", []string{"'1970-01-02 00:00:01'", "'2024-10-27 02:30:00'", "'0000-00-00 00:00:00'"}},
		{"TIMESTAMP(6) NULL", []string{"'2024-06-30 12:00:00.123456'", "'0000-00-00 00:00:00'"}},
		{"TIME", []string{"'838:59:59'", "'-838:59:59'", "'-00:00:01'"}}, {"TIME(2)", []string{"'-00:00:00.01'", "'12:34:56.78'"}},
		{"ENUM('a','it''s')", []string{"'a'", "'it''s'", "0"}}, {"ENUM('','x')", []string{"''", "0", "'x'"}},
		{"SET('x','ü')", []string{"''", "'x,ü'"}},
		{"CHAR(20)", []string{"''", "'a'", "'A '", "'日本🎉'"}}, {"VARCHAR(20)", []string{"''", "'a'", "'A'", "'a '", "'日本🎉'"}},
		{"VARCHAR(20) CHARACTER SET latin1", []string{"''", "'é'", "x'8081FF'"}},
		{"TEXT", []string{"'%_\\\\\\'\"'", "REPEAT('x', 65535)"}},
		{"BINARY(4)", []string{"''", "x'00'", "x'6100'", "x'01020304'"}}, {"VARBINARY(10)", []string{"''", "x'00'", "x'6100'"}},
		{"BLOB", []string{"''", "x'00FF'", "x'27'"}},
		{"JSON", []string{`'{"a": "ü\\n", "b": [1, 2.5, null, true]}'`, "'[]'"}},
	}
}

// TestEveryTypeFollows inserts, updates and deletes each value of each type: in
// a table without a key, where the value has to find its row, and as the key.
func TestEveryTypeFollows(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		for _, c := range typeCases() {
			t.Run(c.column, func(t *testing.T) {
				b := newBench(t, up, down, false)
				r := b.start()
				s := b.schema()
				b.exec("CREATE DATABASE " + s + " DEFAULT CHARACTER SET utf8mb4")
				tables := []string{"CREATE TABLE " + s + ".bare (v " + c.column + ", n INT)"}
				if keyable(c.column) {
					tables = append(tables, "CREATE TABLE "+s+".keyed (v "+strings.TrimSuffix(c.column, " NULL")+" NOT NULL, n INT, PRIMARY KEY (v, n))")
				}
				b.exec(tables...)
				b.relaxed(func(exec func(string)) {
					for i, v := range append(c.values, "NULL") {
						exec(fmt.Sprintf("INSERT INTO %s.bare VALUES (%s, %d), (%s, %d), (%s, %d)", s, v, i, v, i, v, 100+i))
						if len(tables) > 1 && v != "NULL" {
							exec(fmt.Sprintf("INSERT INTO %s.keyed VALUES (%s, %d), (%s, %d)", s, v, i, v, 100+i))
						}
					}
					exec("UPDATE " + s + ".bare SET n = n + 1000")
					exec("DELETE FROM " + s + ".bare WHERE n >= 1100")
					if len(tables) > 1 {
						exec("UPDATE " + s + ".keyed SET n = n + 1000")
						exec("DELETE FROM " + s + ".keyed WHERE n >= 1100")
					}
				})
				r.caughtUp()
				r.end()
				b.equal()
			})
		}
	})
}

func keyable(column string) bool {
	for _, no := range []string{"TEXT", "BLOB", "JSON"} {
		if strings.HasPrefix(column, no) {
			return false
		}
	}
	return true
}

// relaxed runs statements on one session of the source without any sql_mode.
func (b *bench) relaxed(f func(exec func(string))) {
	b.t.Helper()
	conn, err := b.up.Session(b.t.Context())
	b.must(err)
	defer conn.Close()
	exec := func(q string) {
		b.t.Helper()
		_, err := conn.ExecContext(b.t.Context(), q)
		b.must(err)
	}
	exec("SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00'")
	f(exec)
}
