package sqlfile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/worker/load/sqlfile"
)

// TestInfile: rows whose values LOAD DATA reads as INSERT does, and all others.
func TestInfile(t *testing.T) {
	const p, h = sqlfile.Plain, sqlfile.Hex
	for _, c := range []struct {
		rows  string
		n     int64
		forms []sqlfile.Form // nil: LOAD DATA is not to be used
	}{
		{"(1,'a',NULL);\n", 1, []sqlfile.Form{p, p, 0}},
		{"(-1.5e-7,x'00ff',x''),\n(NULL,NULL,x'27');\n", 2, []sqlfile.Form{p, h, h}},
		{`(0,'it\'s','\0\n\r\Z\\\"');` + "\n", 1, []sqlfile.Form{p, p, p}},
		{`(0,'),\n(','doubled''quote');` + "\n", 1, []sqlfile.Form{p, p, p}},
		{"(0,'','NULL');\n", 1, []sqlfile.Form{p, p, p}},
		{"(0,'\\\\','ü');\n", 1, []sqlfile.Form{p, p, p}},
		{"(1,_latin2 x'61',2);\n", 0, nil},
		{"(1,STRING_TO_VECTOR('[1]'),2);\n", 0, nil},
		{"(1,'a',2),\n(1,x'61',2);\n", 0, nil}, // both forms
		{"(1,'a');\n", 0, nil},
		{"(1,'a',2,3);\n", 0, nil},
		{"(1,'\\%',2);\n", 0, nil}, // LOAD DATA leaves the backslash out
		{"(1,'\xe4',2);\n", 0, nil},
		{"(1,'a',2)\n", 0, nil},
		{"(1,'a',2);\n(1,'a',2);\n", 0, nil},
		{"(1,'a',2) ON DUPLICATE KEY UPDATE a = (1);\n", 0, nil},
		{"(1,'a,2);\n", 0, nil},
		{"(1,'a\\);\n", 0, nil},
		{"(x'6,x',2);\n", 0, nil},
		{"(", 0, nil}, {"", 0, nil}, {");\n", 0, nil}, {"(1,x');\n", 0, nil}, {"(1,NULL);\n", 0, nil}, {"(N);\n", 0, nil},
	} {
		forms := []sqlfile.Form{p, h, p} // what is left of the last time
		n, ok := sqlfile.Infile([]byte(c.rows), forms)
		if ok != (c.forms != nil) {
			t.Errorf("%q: %t", c.rows, ok)
		}
		if ok && (n != c.n || !cmp.Equal(forms, c.forms)) {
			t.Errorf("%q: %d rows, %v", c.rows, n, forms)
		}
	}
}

// FuzzInfile: no text makes it fail, and what it takes has one line for each row.
func FuzzInfile(f *testing.F) {
	f.Add("(1,'a'),\n(NULL,x'00');\n")
	f.Fuzz(func(t *testing.T, text string) {
		n, ok := sqlfile.Infile([]byte(text), make([]sqlfile.Form, 2))
		if lines := int64(strings.Count(text, "\n")); ok && n > lines {
			t.Errorf("%q has %d rows in %d lines", text, n, lines)
		}
	})
}

func TestInfileHead(t *testing.T) {
	for _, c := range []struct {
		text    string
		columns []string
	}{
		{"INSERT INTO `t` (`a`,`b``c`) VALUES\n(1,2);\n", []string{"a", "b`c"}},
		{"INSERT INTO `s`.`t` (`a`) VALUES\n(1);\n", []string{"a"}},
		{"INSERT INTO `t` VALUES\n(1);\n", nil},
		{"INSERT INTO `t` (`a`) VALUES(1);\n", nil},
		{"SET NAMES utf8mb4;\n", nil},
	} {
		head, rows, columns, ok := sqlfile.InfileHead([]byte(c.text))
		if ok != (c.columns != nil) || ok && (!cmp.Equal(columns, c.columns) || string(head)+string(rows) != c.text || rows[0] != '(') {
			t.Errorf("%q: %q %q %q %t", c.text, head, rows, columns, ok)
		}
	}
}
