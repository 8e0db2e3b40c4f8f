package schema

import "testing"

// TestHolds: which column takes the values of which, both ways.
func TestHolds(t *testing.T) {
	for _, c := range []struct {
		a, b   string
		ab, ba bool // b holds a's values, a holds b's
	}{
		{"int", "int", true, true}, {"int", "int(5)", true, true}, {"int", "bigint", true, false}, {"int", "int unsigned", false, false}, {"int unsigned", "bigint", true, false},
		{"bigint unsigned", "bigint", false, false}, {"bool", "tinyint(4)", true, true}, {"decimal(10,2)", "int", false, false}, {"decimal(9,0)", "int", true, false},
		{"decimal", "bigint", true, false}, {"int", "decimal(10,0)", true, false}, {"int", "decimal(9)", false, true}, {"bigint unsigned", "decimal(20)", true, false},
		{"decimal(10,2)", "decimal(12,4)", true, false}, {"decimal(10,2)", "decimal(10,4)", false, false}, {"decimal(10,2) unsigned", "decimal(10,2)", true, false},
		{"decimal(10,2)", "double", true, false}, {"decimal(20,2)", "double", false, false}, {"int", "double", true, false}, {"bigint", "double", false, false}, {"int", "float", false, false},
		{"mediumint", "float", true, false}, {"float", "double", true, false}, {"float", "float(7,2)", false, true}, {"double", "decimal(30,10)", false, false}, {"double", "double(12,3)", false, true},
		{"double(12,3)", "double(14,3)", true, false}, {"double", "double unsigned", false, true},
		{"bit(3)", "bit(8)", true, false}, {"bit", "bit(1)", true, true}, {"bit(3)", "int", false, false}, {"year", "smallint", true, false}, {"year", "year(4)", true, true}, {"year", "tinyint unsigned", false, false},
		{"varchar(20)", "varchar(30)", true, false}, {"char(20)", "varchar(20)", true, false}, {"varchar(20)", "text", true, false}, {"varchar(20)", "tinytext", true, false}, {"varchar(200)", "tinytext", false, false},
		{"tinytext", "varchar(255)", true, false}, {"text", "longtext", true, false}, {"text character set latin1", "text", true, true}, {"enum('a','b')", "enum('c','b','a')", true, false},
		{"enum('a','bc')", "varchar(2)", true, false}, {"enum('a','bc')", "char(1)", false, false}, {"enum('','a')", "varchar(9)", false, false}, {"enum('','a')", "enum('','a','b')", true, false}, {"enum('','a')", "enum('a','')", false, false},
		{"set('a','b')", "set('a')", false, true}, {"set('a','b')", "enum('a','b')", false, false}, {"set('a','b')", "varchar(4)", true, false},
		{"int", "varchar(12)", true, false}, {"int", "varchar(5)", false, false}, {"decimal(10,2)", "char(12)", true, false}, {"float", "varchar(99)", false, false},
		{"json", "longtext", true, true}, {"json", "text", false, false}, {"json", "json", true, true}, {"varchar(20)", "json", false, false},
		{"binary(4)", "binary(4)", true, true}, {"binary(4)", "binary(5)", false, false}, {"binary(4)", "varbinary(4)", true, false}, {"varbinary(4)", "blob", true, false}, {"blob", "varbinary(70)", false, true}, {"blob", "longblob", true, false},
		{"text", "blob", false, false}, {"varchar(4)", "varbinary(16)", false, false},
		{"date", "datetime", true, false}, {"datetime", "datetime(6)", true, false}, {"datetime", "datetime(0)", true, true}, {"time(3)", "time", false, true}, {"timestamp", "datetime", false, false}, {"timestamp(3)", "timestamp(6)", true, false},
		{"datetime", "varchar(30)", true, false}, {"timestamp", "varchar(30)", false, false}, {"time", "datetime", false, false},
		{"point", "geometry", true, true}, {"uuid", "char(36)", true, true}, // not judged
		{"int", "int as (1) stored", false, false},
	} {
		a, b := column(t, c.a), column(t, c.b)
		if got := b.Holds(a); got != c.ab {
			t.Errorf("%s holds %s: %v", c.b, c.a, got)
		}
		if got := a.Holds(b); got != c.ba {
			t.Errorf("%s holds %s: %v", c.a, c.b, got)
		}
	}
}

// TestKeeps: what Holds, and what a strict server refuses where it does not hold.
func TestKeeps(t *testing.T) {
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"bigint", "int", true}, {"int", "int unsigned", true}, {"decimal(12,2)", "decimal(6,2)", true}, {"decimal(12,2)", "decimal(12,1)", false}, {"decimal(10,2)", "int", false},
		{"bigint", "double", false}, {"double", "float", false}, {"double", "decimal(30,10)", false}, {"float", "varchar(99)", false}, {"int", "year", false}, {"year", "tinyint", true},
		{"varchar(20)", "varchar(10)", true}, {"longtext", "text", true}, {"text", "varchar(10)", true}, {"varchar(20)", "char(20)", false}, {"char(20)", "char(10)", true},
		{"int", "varchar(5)", true}, {"datetime", "varchar(3)", true}, {"timestamp", "varchar(30)", false}, {"varchar(20)", "int", false}, {"json", "text", true}, {"varchar(20)", "json", false},
		{"enum('a','b')", "enum('a')", true}, {"enum('','a')", "enum('a','')", false}, {"enum('a','bc')", "char(1)", true}, {"set('a','b')", "enum('a','b')", false},
		{"binary(4)", "binary(3)", true}, {"binary(4)", "binary(5)", false}, {"varbinary(4)", "binary(4)", false}, {"blob", "varbinary(10)", true}, {"text", "blob", false},
		{"bit(8)", "bit(3)", true}, {"bit(1)", "tinyint(1)", false}, {"datetime(3)", "datetime", false}, {"datetime", "date", false}, {"time(6)", "time(3)", false}, {"timestamp", "datetime", false},
		{"int", "int as (1) stored", true}, {"int as (1) stored", "int", true}, {"uuid", "char(36)", true},
	} {
		if got := column(t, c.to).Keeps(column(t, c.from)); got != c.want {
			t.Errorf("%s keeps %s: %v", c.to, c.from, got)
		}
	}
}
