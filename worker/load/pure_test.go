package load

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
	"github.com/raftdm/raftdm/worker/load/sqlfile"
)

// ownItem is a file of ours with a text.
func ownItem(text string) item {
	return item{table: &table{Name: schema.Name{Schema: "s", Table: "t"}}, file: file{name: "f", bytes: int64(len(text)), rows: -1,
		open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}}
}

// TestStatementsGoOnAnywhere: from the end of each statement and of each row, in
// a file of ours and in a foreign one, the rest of the rows is read and no other,
// whole or in parts.
func TestStatementsGoOnAnywhere(t *testing.T) {
	const ours = dumpdir.FileHead + "INSERT INTO `t` (`a`) VALUES\n(1),\n('x;\\n'),\n(')');\nINSERT INTO `t` (`a`) VALUES\n(4),\n(5);\n"
	const theirs = "/*!40101 SET NAMES binary*/;\n-- it's a comment;\nINSERT INTO `t` VALUES\n(1),(\"x;\n\"),\n ( ')' ) ;\n\ninsert ignore into s.`t` values (4), (5); \n"
	want := []string{"1", "x;\n", ")", "4", "5"}
	for name, text := range map[string]string{"ours": ours, "theirs": theirs} {
		own := name == "ours"
		var ends []int64 // behind each row
		for limit := 1; limit < 200; limit += 13 {
			rows, at := readRows(t, own, text, 0, limit)
			if d := cmp.Diff(want, rows); d != "" {
				t.Fatalf("%s: %s", name, d)
			}
			if limit == 1 {
				ends = at
			}
		}
		for i, at := range ends {
			rest, _ := readRows(t, own, text, at, 10)
			if d := cmp.Diff(want[i+1:], rest, cmpopts.EquateEmpty()); d != "" {
				t.Errorf("%s from byte %d: %s", name, at, d)
			}
		}
		if last := ends[len(ends)-1]; last != int64(len(text)) {
			t.Errorf("%s: the last row ends at byte %d of %d", name, last, len(text))
		}
	}
	s, err := openStatements(true, ownItem(dumpdir.FileHead+"INSERT INTO"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.batch(1); !errors.Is(err, dumpdir.ErrDamaged) {
		t.Errorf("a torn file: %v", err)
	}
}

// readRows reads the values of the rows from offset on, cut to parts of limit
// bytes, and where each transaction would end.
func readRows(t *testing.T, own bool, text string, offset int64, limit int) (rows []string, ends []int64) {
	t.Helper()
	it := ownItem(text)
	it.table.text = func() (string, error) { return "CREATE TABLE `t` (`a` varchar(9), `b` int INVISIBLE)", nil }
	s, err := openStatements(own, it, offset)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	var pending []statement
	for {
		if len(pending) == 0 {
			if pending, err = s.batch(limit); err != nil {
				t.Fatal(err)
			}
		}
		if len(pending) == 0 {
			return rows, ends
		}
		var group []statement
		if group, pending, err = take(pending, limit, limit); err != nil {
			t.Fatal(err)
		}
		for _, st := range group {
			in, err := sqlfile.ParseInsert(st.text, nil)
			if err != nil || len(in.Rows) != int(st.rows) || len(in.Columns) != 1 {
				t.Fatalf("%q: %v, %d rows", st.text, err, st.rows)
			}
			for _, r := range in.Rows {
				v := strings.Trim(string(sqlfile.Values(r.Of(st.text))[0]), "'\"")
				rows = append(rows, strings.ReplaceAll(v, `\n`, "\n"))
			}
		}
		ends = append(ends, group[len(group)-1].end)
	}
}
