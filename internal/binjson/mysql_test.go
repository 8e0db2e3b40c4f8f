//go:build mysql

package binjson

import (
	"bytes"
	"database/sql"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/raftdm/raftdm/internal/testbed"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files with what the server wrote")

// table is what every test here writes to. Each update sets step, so that even
// one that leaves the document alone is in the binlog, and can be told there.
const table = "CREATE TABLE d.t (id INT PRIMARY KEY, step INT, doc JSON)"

// bench is a server and what its statements have made of the documents.
type bench struct {
	up    *testbed.Server
	conn  *sql.Conn
	from  testbed.BinlogPosition
	step  int
	rows  int
	after map[int]outcome // by step

	documents, patches bytes.Buffer // what check saw, for the golden files
}

// outcome is what the server shows after a statement.
type outcome struct{ statement, text string }

func newBench(t *testing.T, up *testbed.Server) *bench {
	t.Helper()
	b := &bench{up: up, after: map[int]outcome{}}
	var err error
	if b.conn, err = up.Session(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.conn.Close() })
	b.exec(t, "DROP DATABASE IF EXISTS d", "CREATE DATABASE d", table, "SET SESSION binlog_row_value_options = 'PARTIAL_JSON'")
	if b.from, err = testbed.BinlogEnd(t.Context(), up.DB()); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := b.conn.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// insert stores a document that an expression gives.
func (b *bench) insert(t *testing.T, expr string) (id int) {
	t.Helper()
	b.step++
	b.rows++
	b.exec(t, fmt.Sprintf("INSERT INTO d.t VALUES (%d, %d, %s)", b.rows, b.step, expr))
	b.record(t, b.rows, expr)
	return b.rows
}

// update stores what an expression makes of a document.
func (b *bench) update(t *testing.T, id int, expr string) {
	t.Helper()
	b.step++
	b.exec(t, fmt.Sprintf("UPDATE d.t SET step = %d, doc = %s WHERE id = %d", b.step, expr, id))
	b.record(t, id, expr)
}

func (b *bench) record(t *testing.T, id int, statement string) {
	t.Helper()
	var text string
	if err := b.conn.QueryRowContext(t.Context(), fmt.Sprintf("SELECT CAST(doc AS CHAR) FROM d.t WHERE id = %d", id)).Scan(&text); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	b.after[b.step] = outcome{statement, text}
}

// check reads the binlog and compares every document in it with what the
// server showed; it counts what the partial updates did.
func (b *bench) check(t *testing.T) (ops map[string]int) {
	t.Helper()
	ops = map[string]int{}
	images := 0
	for _, im := range rowImages(t, b.up, b.from) {
		want, ok := b.after[im.step]
		if !ok {
			t.Fatalf("the binlog has the unknown step %d", im.step)
		}
		images++
		got, err := AppendText(nil, im.doc)
		if im.partial {
			got, err = AppendPatched(nil, im.before, im.doc)
			countOps(t, ops, im.doc)
			if len(im.before)+len(im.doc) < 600 {
				fmt.Fprintf(&b.patches, "%s\nbefore %x\ndiffs %x\n%s\n\n", want.statement, im.before, im.doc, want.text)
			}
		} else if len(im.doc) < 300 {
			fmt.Fprintf(&b.documents, "%s\ndoc %x\n%s\n\n", want.statement, im.doc, want.text)
		}
		if err != nil || string(got) != want.text {
			t.Errorf("step %d, partial %t, %s:\n got %s (%v)\nwant %s\n% x", im.step, im.partial, want.statement, got, err, want.text, im.doc)
		}
	}
	t.Logf("%d documents compared with the server's, partial updates: %v", images, ops)
	if images < len(b.after) {
		t.Errorf("%d documents in the binlog, and %d steps", images, len(b.after))
	}
	return ops
}

func writeGolden(t *testing.T, file string, data []byte) {
	t.Helper()
	if !*rewrite {
		return
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func countOps(t *testing.T, ops map[string]int, diffs []byte) {
	t.Helper()
	if len(diffs) == 0 {
		ops["none"]++
	}
	for len(diffs) > 0 {
		var d diff
		var err error
		if d, diffs, err = nextDiff(diffs); err != nil {
			t.Fatal(err)
		}
		kind := "member"
		if bytes.HasSuffix(d.path, []byte("]")) {
			kind = "cell"
		}
		ops[fmt.Sprintf("%s %s", d.op, kind)]++
		if bytes.Contains(d.path, []byte("[last")) {
			ops["last"]++
		}
	}
}

// TestMySQL holds the package against a server. It needs root, see `make
// test-mysql`.
func TestMySQL(t *testing.T) {
	up := testbed.MySQL(t)
	t.Run("documents", func(t *testing.T) { testDocuments(t, up) })
	t.Run("updates", func(t *testing.T) { testPartialUpdates(t, up) })
	t.Run("random updates", func(t *testing.T) { testRandomUpdates(t, up) })
	t.Run("replay", func(t *testing.T) { testReplay(t, up) })
}

// testDocuments is every kind of value that the server's functions make.
func testDocuments(t *testing.T, up *testbed.Server) {
	b := newBench(t, up)
	for _, expr := range mysqlDocuments() {
		b.insert(t, expr)
	}
	for i, c := range mysqlColumns() {
		b.exec(t, fmt.Sprintf("CREATE TABLE d.c%d (c %s)", i, c[0]), fmt.Sprintf("INSERT INTO d.c%d VALUES (%s)", i, c[1]))
		b.insert(t, fmt.Sprintf("(SELECT JSON_OBJECT('c', c, 'sub', JSON_ARRAY((SELECT c FROM d.c%d))) FROM d.c%d)", i, i))
	}
	b.exec(t, "ALTER TABLE d.t MODIFY doc JSON NOT NULL", "SET SESSION sql_mode = ''")
	b.insert(t, "'{}'")
	b.step, b.rows = b.step+1, b.rows+1
	b.exec(t, fmt.Sprintf("INSERT IGNORE INTO d.t VALUES (%d, %d, NULL), (%d, %d, NULL)", b.rows, b.step, b.rows+1, b.step))
	b.record(t, b.rows, "INSERT IGNORE")
	b.check(t)
	writeGolden(t, documentsFile, b.documents.Bytes())
}

// mysqlDocuments is every kind of value.
func mysqlDocuments() []string {
	out := []string{
		"'null'", "'true'", "'false'", "'{}'", "'[]'", `'""'`, `'{"": ""}'`,
		"'[0, -1, 32767, -32768, 32768, -32769, 65535, 65536, 2147483647, -2147483648, 2147483648, 4294967296]'",
		"'[9223372036854775807, -9223372036854775808, 9223372036854775808, 18446744073709551615, 18446744073709551616]'",
		"JSON_ARRAY(CAST(0 AS UNSIGNED), CAST(65535 AS UNSIGNED), CAST(65536 AS UNSIGNED), CAST(4294967296 AS UNSIGNED), ~0)",
		"'[0.0, -0.0, 1.0, -1.0, 1.5, 0.1, 1e0, 1e14, 1e15, 1e16, 123456789012345.6, 1234567890123456.5, 12345678901234567890, 1e-5, 1e-14, 1e-15, 1e-16, 1.5e-15, 1.5e-16, 1.7976931348623157e308, 2.2250738585072014e-308, 5e-324, 100.25, -1e100, 3e-7]'",
		"JSON_ARRAY(1e0/3, 2e0/3, -1e15/3, 1e22, 1e21, 1e23, 9007199254740993e0, 4503599627370496.5e0)",
		`'"quotes \\" back \\\\ slash / control \\u0001 \\u001f \\b \\f \\n \\r \\t del \\u007f é \\u00e9 漢 🎉 \\ud83c\\udf89 <&> \\u2028"'`,
		`'{"b": 1, "a": 2, "aa": 3, "B": 4, "é": 5, "": 6, "zz\\n": 7, "a b": 8, "\\"": 9, "<": 10}'`,
		"JSON_ARRAY(1.0, -1.50, 0.0, 0.00, 123456789.123456789, 0.000000001, -0.5, 12345678901234567890123456789012345.123456789012345678901234567890)",
		"JSON_ARRAY(-99999999999999999999999999999999999999999999999999999999999999999, CAST(0 AS DECIMAL(65,30)), CAST(-0.0 AS DECIMAL(5,2)), 1234567890.0, 12345678901.10)",
		"JSON_OBJECT('d', DATE '2015-01-15', 'ts', TIMESTAMP '2015-01-15 23:24:25', 'us', TIMESTAMP '2015-01-15 23:24:25.123456', 't', TIME '23:24:25.12', 'neg', TIME '-838:59:59', 'half', TIME '-00:00:00.5', 'zero', TIME '00:00:00')",
		"JSON_ARRAY(CAST('0000-00-00' AS DATE), CAST('0000-00-00 00:00:00' AS DATETIME), DATE '9999-12-31', TIMESTAMP '0001-01-01 00:00:00', TIME '100:00:00.000001')",
		"JSON_ARRAY(x'cafe', _binary'abc', b'101', CAST('x' AS BINARY), CAST('xy' AS BINARY(4)), CAST(REPEAT('x', 57) AS BINARY), CAST(REPEAT('x', 58) AS BINARY), CAST(REPEAT('xyz', 100) AS BINARY))",
		"JSON_ARRAY(ST_GeomFromText('POINT(1 2)'), CAST(2024 AS YEAR), TRUE, NULL, 'x')",
		"JSON_OBJECT('k', CAST('[1, {\"a\": [{}]}]' AS JSON), 'n', NULL)",
		"JSON_ARRAY(REPEAT('x', 127), REPEAT('y', 128), REPEAT('z', 16383), REPEAT('z', 16384))",
		"JSON_ARRAY(REPEAT('x', 70000), 1, 70000, 5000000000, 1.5, TRUE)",
		"JSON_OBJECT('a', REPEAT('x', 70000), 'b', 1, 'c', 70000, 'd', -70000, 'e', JSON_ARRAY(1, 70000), 'f', NULL)",
		"CONCAT(REPEAT('[', 100), REPEAT(']', 100))",
		"CONCAT(REPEAT('{\"a\":', 99), '[1]', REPEAT('}', 99))",
		"CONCAT('[', REPEAT('1,', 30000), '2]')",
	}
	return out
}

// mysqlColumns are columns, each with a value, that become values of documents.
func mysqlColumns() [][2]string {
	return [][2]string{
		{"BIT(12)", "b'101010101'"}, {"BLOB", "'blob'"}, {"VARBINARY(9)", "'vb'"}, {"BINARY(3)", "'b'"}, {"YEAR", "1999"},
		{"ENUM('p', 'q')", "'q'"}, {"SET('p', 'q')", "'p,q'"}, {"TIMESTAMP(3)", "'2020-02-03 04:05:06.789'"}, {"FLOAT", "1.1"},
		{"LONGBLOB", "REPEAT('lb', 99)"}, {"TINYBLOB", "'tb'"}, {"MEDIUMBLOB", "''"}, {"POINT", "ST_GeomFromText('POINT(1 2)')"},
		{"TINYINT", "-3"}, {"BIGINT UNSIGNED", "~0"}, {"DECIMAL(20, 5)", "-0.50000"}, {"VARCHAR(5) CHARACTER SET latin1", "'é'"},
		{"TIME(2)", "'-10:00:00.25'"}, {"DATE", "'2024-02-29'"}, {"DATETIME", "'2024-02-29 01:02:03'"}, {"JSON", "'[1.0]'"},
		{"TEXT", "REPEAT('é', 100)"}, {"DOUBLE", "1e16"},
	}
}
