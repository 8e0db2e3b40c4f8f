//go:build mysql

package rowevent_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/raftdm/raftdm/internal/binjson"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestMySQLRows is TestServerRows with a MySQL 9, and types that only it has.
func TestMySQLRows(t *testing.T) {
	s := openSource(t, testbed.MySQL(t), mysql.MySQLFlavor, "rowevent")
	cases := []serverCase{
		{"VECTOR(3)", "HEX(v)", []string{"STRING_TO_VECTOR('[1,-0.1,1e20]')"}}, {"VECTOR(16383)", "HEX(v)", nil},
		{"GEOMCOLLECTION", "HEX(v)", []string{"ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))')"}},
		{"BINARY(255)", "HEX(TRIM(TRAILING x'00' FROM v))", []string{"''", "'a'", "x'6100'"}}, {"CHAR(255) CHARACTER SET gb18030", "HEX(v)", []string{"'中'", "REPEAT('🎉', 255)"}},
	}
	for _, c := range serverCases() {
		if !strings.Contains(c.column, "COMPRESSED") && !strings.HasPrefix(c.column, "INET") && c.column != "UUID" && c.column != "JSON" {
			cases = append(cases, c)
		}
	}
	for i, c := range cases {
		s.check(fmt.Sprintf("t%d", i), c)
	}
}

// TestMySQLPartialDocuments: what has changed in a document becomes the whole
// document again, also beside other documents, NULLs and columns.
func TestMySQLPartialDocuments(t *testing.T) {
	s := openSource(t, testbed.MySQL(t), mysql.MySQLFlavor, "partial")
	s.exec("SET SESSION binlog_row_value_options='PARTIAL_JSON'")
	s.exec("CREATE TABLE t (id INT PRIMARY KEY, a JSON, x VARCHAR(20), b JSON, y INT, c JSON)")
	doc := `{"k": [1, 2, {"deep": "aaaaaaaaaaaaaaaaaaaa"}], "s": "` + strings.Repeat("s", 200) + `", "n": 5}`
	s.exec("INSERT INTO t VALUES (1, '%[1]s', 'x', '%[1]s', 7, NULL), (2, NULL, NULL, '%[1]s', NULL, '%[1]s')", doc)
	s.next()
	for _, set := range []string{
		"a = JSON_SET(a, '$.n', 6)", "b = JSON_REPLACE(b, '$.k[2].deep', 'b'), y = 8", "c = JSON_REMOVE(c, '$.k[0]'), x = 'z'",
		"a = JSON_SET(a, '$.new', 1), b = JSON_SET(b, '$.n', NULL), c = JSON_SET(c, '$.s', '')", "a = '[]'", "a = JSON_ARRAY_APPEND(a, '$', 1), b = NULL", "c = 'null', b = '1'",
	} {
		s.exec("UPDATE t SET %s", set)
		want := map[int][]sql.NullString{}
		for column, name := range map[int]string{1: "a", 3: "b", 5: "c"} {
			want[column] = s.read("SELECT " + name + " FROM t ORDER BY id")
		}
		e := s.next()
		if len(e.Images) == 0 || len(e.Images)%2 != 0 || e.Missing >= 0 {
			t.Fatalf("%s: %d images, column %d is missing", set, len(e.Images), e.Missing)
		}
		for i := 1; i < len(e.Images); i += 2 {
			after := e.Images[i]
			for column, texts := range want {
				v, want := after.Value(column), texts[after.Value(0).Int()-1]
				text, _, err := v.Bytes()
				if e.PartialJSON && v.Type == mysql.MYSQL_TYPE_JSON {
					t.Errorf("%s: a document of a partial update has the type JSON", set)
				}
				if !e.PartialJSON && !v.IsNull() {
					text, err = binjson.AppendText(nil, text)
				}
				if err != nil || v.IsNull() == want.Valid || string(text) != want.String {
					t.Errorf("%s: column %d of row %d is %s, %v; the server says %s", set, column, i, text, err, want.String)
				}
			}
		}
		s.seen[e.Type]++
	}
	if s.seen[byte(replication.PARTIAL_UPDATE_ROWS_EVENT)] == 0 {
		t.Error("no update was partial")
	}
}
