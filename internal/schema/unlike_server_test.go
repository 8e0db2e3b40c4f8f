package schema_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/internal/testbed"
)

// converted are types with values of them.
func converted(r *rand.Rand) map[string][]string {
	numbers := func(format string, low, high float64) []string {
		var out []string
		for range 8 {
			out = append(out, fmt.Sprintf(format, low+r.Float64()*(high-low)))
		}
		return out
	}
	return map[string][]string{
		"BIGINT": append(numbers("%.0f", -1e5, 1e5), "0", "1", "2", "300", "20240102", "20240102030405", "9223372036854775807", "-9223372036854775808", "102030",
			"-102030", "2024", "70", "155", "99", "5"),
		"BIGINT UNSIGNED": append(numbers("%.0f", 0, 1e19), "0", "1", "18446744073709551615", "9223372036854775808", "20240102"),
		"DECIMAL(20,4)":   append(numbers("%.4f", -1e3, 1e6), "0", "1.5", "-1.5", "0.4999", "1234567890.1250", "-0.5", "20240102.5", "102030.5", "9999999999999999.9999"),
		"DOUBLE": append(append(numbers("%.3f", -1e3, 1e6), numbers("%.17g", -1, 1)...), "0", "1.5", "2.5", "0.1", "1e20", "-1e20", "1e14", "1e-10", "0.0001", "102030.5",
			"1e300", "20240102.5", "-9223372036854775808", "9223372036854775807"),
		"FLOAT":       append(numbers("%.2f", -1e3, 1e4), "0", "1.5", "2.5", "0.1", "1e20", "16777216", "123456.789", "999999", "1e-7"),
		"VARCHAR(20)": append(numbers("'%.1f'", -100, 3000), "''", "'12'", "'x'", "'[1]'", "' 12'", "'12 '", "'12x'", "'1e3'", "'-1'", "'2024-01-02'", "'2024-01-02 03:04:05.678'", "'2024-01-02 03:04:05'", "'10:20:30.5'", "'10:20:30'", "'10:20'", "'102030'", "'true'", "'a'", "'b'", "'300'", "'1'", "'0'", "'äöü'", "'99999999999999999999'", "'2024'", "'1910'", "'2149'"),
		"TEXT":        {"''", "'12'", "'x'", "'1.5'", "'äöü'", "'a'", "'x,y'", "'2'"},
		"CHAR(7)":     {"''", "'12'", "'x'", "'2.5'", "'a '", "'10:20'"},
		"BINARY(5)":   {"'a'", "'12'", "'1.5'", "''", `'ab\0c'`, "'12345'"},
		"BLOB":        {"'a'", "'12'", "'1.5'", "''", "x'ff00'", "'äöü'", "'2024-01-02'"},
		"BIT(9)":      {"b'0'", "b'1'", "b'111111111'", "b'110001'"},
		"JSON":        {"'1'", `'"a"'`, "'[1]'", `'{"b": 1, "aa": 2}'`, "'1.5'", "'true'", "'null'"},
		"DATETIME(3)": {"'2024-01-02 03:04:05.678'", "'2024-12-31 23:59:59.999'", "'0000-00-00'", "'1000-01-01'", "'2024-01-02 10:11:12.25'", "'2024-01-02 03:04:05.5'", "'2024-01-02 03:04:05'"},
		"DATETIME":    {"'2024-01-02 03:04:05'", "'2024-12-31 23:59:59'"},
		"DATE":        {"'2024-01-02'", "'0000-00-00'", "'1000-01-01'"},
		"TIME(2)":     {"'10:20:30.5'", "'-10:20:30.5'", "'838:59:58.99'", "'00:00:00.4'", "'23:59:59.99'", "'10:20:30'"},
		"TIME":        {"'10:20:30'", "'-10:20:30'", "'838:59:59'"},
		"YEAR":        {"2024", "1901", "0", "2155"},
		// Moments: the session's time zone is UTC.
		"TIMESTAMP(6) NULL":      {"'2024-01-02 03:04:05.678901'", "'2024-12-31 23:59:59.999999'", "'2024-01-02 03:04:05.5'", "'2024-01-02 03:04:05'"},
		"ENUM('a','b','12','1')": {"'a'", "'b'", "'12'", "'1'"},
		"SET('x','y','z','1')":   {"''", "'x'", "'x,y'", "'z'", "'1'"},
		"VARBINARY(9)":           {"'a'", "'12'", "x'ff00'", "'a\\0'", "''", "'2.5'"},
		"TINYTEXT":               {"'a '", "'b'", "'1'", "''"},
	}
}

var convertedTo = []string{
	"INT", "BIGINT UNSIGNED", "TINYINT", "MEDIUMINT UNSIGNED", "BIGINT", "DECIMAL(20,4)", "DECIMAL(9)", "DECIMAL(20,1)", "DOUBLE", "FLOAT", "VARCHAR(20)", "VARCHAR(3)",
	"CHAR(7)", "TEXT", "TINYTEXT", "BINARY(5)", "VARBINARY(9)", "BLOB", "BIT(9)", "BIT", "JSON", "DATETIME", "DATETIME(3)", "DATE", "TIME", "TIME(2)", "YEAR", "TIMESTAMP NULL",
	"TIMESTAMP(6) NULL", "ENUM('a','b','12')", "SET('x','y','z')", "INT NOT NULL", "ENUM('1','12','c','b','a')", "SET('1','z','y','x')", "BINARY(9)", "CHAR(30)", "BIT(12)",
	"DATETIME(6)", "DECIMAL(5,2) UNSIGNED", "INT UNSIGNED", "MEDIUMTEXT", "VARCHAR(30) COLLATE utf8mb4_general_ci",
}

// TestUnlike: whatever of the values that Unlike has nothing against one server
// converts, the other converts to the same. RAFTDM_CONVERSIONS=all tries every pair
// of types in every mode, a run without it one in four.
func TestUnlike(t *testing.T) {
	testbed.SkipIfShort(t)
	convertsAlike(t, servers.MariaDB(t), servers.TiDB(t))
}

func convertsAlike(t *testing.T, one, other *testbed.Server) {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	c := converter{t: t, one: sessionOf(t, one), other: sessionOf(t, other), rnd: r, maria: one.Name == "mariadb" || other.Name == "mariadb"}
	for from, values := range converted(r) {
		for _, to := range convertedTo {
			for _, mode := range []string{"", "STRICT_TRANS_TABLES"} {
				if os.Getenv("RAFTDM_CONVERSIONS") == "all" || r.IntN(4) == 0 {
					c.convert(from, to, mode, values)
				}
			}
		}
	}
	t.Logf("%d conversions compared, %d refused, %d values left out as unlike of %d", c.compared, c.refused, c.left, c.values)
	if c.compared < c.refused/4 || c.compared == 0 {
		t.Error("too few are compared")
	}
}

type converter struct {
	maria                           bool
	t                               *testing.T
	one, other                      *sql.Conn
	rnd                             *rand.Rand
	compared, refused, left, values int
}

func sessionOf(t *testing.T, s *testbed.Server) *sql.Conn {
	t.Helper()
	conn, err := s.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{"SET time_zone = '+00:00'", "SET NAMES utf8mb4", "CREATE DATABASE IF NOT EXISTS unlike", "USE unlike"} {
		if _, err := conn.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		_ = conn.Close()
		_ = s.Exec(context.Background(), "DROP DATABASE IF EXISTS unlike")
	})
	return conn
}

// convert compares what both sides make of some values, in the lenient mode of all.
func (c *converter) convert(from, to, mode string, values []string) {
	c.t.Helper()
	chosen := values
	if mode != "" { // with one that does not do a strict server refuses all
		chosen = nil
		for range 1 + c.rnd.IntN(3) {
			chosen = append(chosen, values[c.rnd.IntN(len(values))])
		}
	}
	var rows []string
	for i, v := range chosen {
		rows = append(rows, fmt.Sprintf("(%d, %s)", i, v))
	}
	if !strings.Contains(to, "NOT NULL") {
		rows = append(rows, "(1000, NULL)")
	}
	table := func(typ string) string {
		return "CREATE TABLE e (id INT PRIMARY KEY, c " + typ + ") CHARSET utf8mb4 COLLATE utf8mb4_bin"
	}
	condition := c.column(table(to)).Unlike(c.column(table(from)), "`c`", c.maria)
	alter := "ALTER TABLE e MODIFY c " + to
	var got [2]string
	for i, conn := range []*sql.Conn{c.one, c.other} {
		before := []string{"SET sql_mode = ''", "DROP TABLE IF EXISTS e", table(from), "INSERT INTO e VALUES " + strings.Join(rows, ", ")}
		if condition != "" {
			before = append(before, "DELETE FROM e WHERE "+condition)
		}
		for _, q := range append(before, "SET sql_mode = '"+mode+"'") {
			if _, err := conn.ExecContext(c.t.Context(), q); err != nil {
				c.t.Fatalf("%s: %v", q, err)
			}
		}
		if i == 0 {
			var n int
			if err := conn.QueryRowContext(c.t.Context(), "SELECT COUNT(*) FROM e WHERE id < 1000").Scan(&n); err != nil {
				c.t.Fatal(err)
			}
			c.left, c.values = c.left+len(chosen)-n, c.values+len(chosen)
		}
		_, err := conn.ExecContext(c.t.Context(), alter)
		if answer := (*mysql.MySQLError)(nil); errors.As(err, &answer) {
			c.refused++
			return
		} else if err != nil {
			c.t.Fatal(err)
		}
		got[i] = c.rows(conn, to)
	}
	if c.compared++; got[0] != got[1] {
		c.t.Errorf("[%s] %s to %s, without those WHERE %s:\n%s\n%s", mode, from, to, condition, got[0], got[1])
	}
}

func (c *converter) column(create string) *schema.Column {
	c.t.Helper()
	parsed, err := schema.Parse(create, "", "unlike")
	if err != nil {
		c.t.Fatal(err)
	}
	return parsed.Column("c")
}

func (c *converter) rows(conn *sql.Conn, typ string) string {
	c.t.Helper()
	show := "HEX(c)"
	switch {
	case typ == "FLOAT":
		show = "c * 1e0" // which is printed in full
	case !strings.Contains(typ, "BI") && !strings.Contains(typ, "BLOB"):
		show = "c"
	}
	list, err := conn.QueryContext(c.t.Context(), "SELECT id, "+show+" FROM e ORDER BY id")
	if err != nil {
		c.t.Fatal(err)
	}
	defer list.Close()
	out := ""
	for list.Next() {
		var id int
		var v sql.NullString
		if err := list.Scan(&id, &v); err != nil {
			c.t.Fatal(err)
		}
		if doc := any(nil); typ == "JSON" && json.Unmarshal([]byte(v.String), &doc) == nil {
			v.String = fmt.Sprint(doc) // the same document in other words
		}
		out += fmt.Sprintf(" %d=%q", id, v.String)
	}
	if err := list.Err(); err != nil {
		c.t.Fatal(err)
	}
	return out
}
