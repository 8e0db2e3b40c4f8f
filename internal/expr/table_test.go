package expr_test

import (
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/schema"
)

// declared are the columns of the table that tests use.
func declared() [][2]string {
	return [][2]string{
		{"a", "int"}, {"b", "int"}, {"c", "int"}, {"u", "bigint unsigned"}, {"d", "decimal(10,3)"}, {"f", "double"},
		{"s", "varchar(20)"}, {"x", "varbinary(10)"}, {"y", "binary(4)"}, {"e", "enum('a','B','c')"}, {"o", "set('a','b')"},
		{"dt", "datetime(3)"}, {"da", "date"}, {"ts", "timestamp(3)"}, {"t", "time"}, {"yr", "year"}, {"bt", "bit(8)"}, {"größe", "int"},
	}
}

// table is the table of tests, whose column s has a collation, and how its columns are declared.
func table(t testing.TB, collate string) (*schema.Table, []string) {
	t.Helper()
	var defs, types []string
	for _, c := range declared() {
		def := c[0] + " " + c[1]
		if c[0] == "s" {
			def += " COLLATE " + collate
		}
		if c[0] == "ts" {
			def += " NULL"
		}
		defs, types = append(defs, def), append(types, c[1])
	}
	out, err := schema.Parse("CREATE TABLE t ("+strings.Join(defs, ", ")+") DEFAULT CHARSET utf8mb4", "", "d")
	if err != nil {
		t.Fatal(err)
	}
	return out, types
}
