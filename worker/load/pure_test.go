package load

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
)

func TestStatements(t *testing.T) {
	dir := t.TempDir()
	one, two := "INSERT INTO `t` (`a`) VALUES\n(1),\n('x;\\n');\n", "INSERT INTO `t` (`a`) VALUES\n(3);\n"
	text := dumpdir.FileHead + one + two
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte(text+"INSERT INTO"), 0o600); err != nil {
		t.Fatal(err)
	}
	type got struct {
		Text string
		From int64
		Rows int64
	}
	read := func(offset int) (out []got, err error) {
		s, err := openStatements(dir, dumpdir.File{Name: "f"}, int64(offset))
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		for {
			st, err := s.next()
			if err != nil {
				return out, err
			}
			if st.text[0] == 'I' {
				out = append(out, got{string(st.text), st.from, st.rows})
			}
		}
	}
	head := int64(len(dumpdir.FileHead))
	all, err := read(0)
	if d := cmp.Diff([]got{{one, head, 2}, {two, head + int64(len(one)), 1}}, all); d != "" || !errors.Is(err, dumpdir.ErrDamaged) {
		t.Errorf("%s %v", d, err)
	}
	if rest, _ := read(int(head) + len(one)); len(rest) != 1 || rest[0].Text != two {
		t.Errorf("from the second statement: %v", rest)
	}
}

func TestFit(t *testing.T) {
	create := "CREATE TABLE `latin1_swedish_ci` (\n  `a` varchar(9) COLLATE latin1_swedish_ci DEFAULT 'latin1_swedish_ci' COMMENT 'it''s \\' latin1_swedish_ci'" +
		"\n) DEFAULT CHARSET=latin1 COLLATE=LATIN1_SWEDISH_CI COMMENT=\"latin1_swedish_ci\""
	want := "CREATE TABLE `latin1_swedish_ci` (\n  `a` varchar(9) COLLATE latin1_bin DEFAULT 'latin1_swedish_ci' COMMENT 'it''s \\' latin1_swedish_ci'" +
		"\n) DEFAULT CHARSET=latin1 COLLATE=latin1_bin COMMENT=\"latin1_swedish_ci\""
	got, done := fit(dbconn.Server{TiDB: true}, create)
	if d := cmp.Diff(want, got); d != "" || len(done) != 2 {
		t.Errorf("%d replaced: %s", len(done), d)
	}
	if got, done := fit(dbconn.Server{}, create); got != create || done != nil {
		t.Error("a statement for another server than TiDB was changed")
	}
	if got := ifNotExists("CREATE TABLE `t` (`a` int)"); got != "CREATE TABLE IF NOT EXISTS `t` (`a` int)" {
		t.Error(got)
	}
}
