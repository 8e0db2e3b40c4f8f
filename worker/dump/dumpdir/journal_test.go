package dumpdir

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/schema"
)

// journalBed is a directory with a dump that was interrupted, written in a boot.
func journalBed(t *testing.T, boot string) (dir string, data []byte) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "dump")
	if err := Prepare(dir, "task", "src", "id"); err != nil {
		t.Fatal(err)
	}
	j, err := Begin(dir, Header{DumpID: "id", Task: "task", Source: "src"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := schema.Name{Schema: "db", Table: "t"}
	steps := []error{
		j.Snapshot(Snapshot{At: binlog.Location{Position: binlog.Position{Name: "bin.000001", Pos: 4}}, Boot: boot}),
		j.Table(Progress{Schema: "db", Name: "t", Keyed: true, Pieces: []Piece{{Walk: true}, {}}}),
		j.Table(Progress{Schema: "db", Name: "gone", Pieces: []Piece{{}}}),
		j.Gone(schema.Name{Schema: "db", Table: "gone"}),
	}
	for i, r := range []Range{{To: []string{"5"}}, {From: []string{"5"}, To: []string{"9"}}} {
		f, err := WriteFile(dir, DataFile("db", "t", i, 0), []byte("x"))
		steps = append(steps, err, j.Chunk(n, Chunk{No: i, Range: r}), j.Chunk(n, Chunk{No: i, Range: r, Done: true, Files: []File{f}}))
	}
	if _, err := WriteFile(dir, DataFile("db", "t", 7, 0), []byte("left behind")); err != nil {
		t.Fatal(err)
	}
	for _, err := range append(steps, j.Sync(), j.Close()) {
		if err != nil {
			t.Fatal(err)
		}
	}
	data, err = os.ReadFile(filepath.Join(dir, journalName))
	if err != nil {
		t.Fatal(err)
	}
	return dir, data
}

// TestJournalEndsAnywhere: whatever of the journal is on the disk is a state
// that the dump has been in, and what is not listed in it goes.
func TestJournalEndsAnywhere(t *testing.T) {
	dir, data := journalBed(t, Boot())
	seen := map[int]bool{}
	for cut := len(data); cut >= 0; cut -= 7 {
		write(t, dir, journalName, string(data[:cut]))
		j, s, err := Resume(dir, "task", "src", "id", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if s == nil {
			continue // the beginning is not there
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		done := 0
		if tbl := s.Tables[schema.Name{Schema: "db", Table: "t"}]; tbl != nil {
			for _, c := range tbl.Chunks {
				if c.Done {
					done++
				}
			}
		}
		seen[done] = true
		names, _ := list(dir)
		if len(names) != done+2 {
			t.Fatalf("%d chunks are complete, the directory holds %v", done, names)
		}
	}
	if !seen[0] || !seen[1] || !seen[2] {
		t.Errorf("numbers of complete chunks: %v", seen)
	}
}

// TestJournalIsChecked: a damaged line and what follows it count as not written,
// and a chunk whose file is not whole is not complete.
func TestJournalIsChecked(t *testing.T) {
	dir, data := journalBed(t, Boot())
	write(t, dir, DataFile("db", "t", 0, 0), "longer")
	_, s, err := Resume(dir, "task", "src", "id", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	tbl := s.Tables[schema.Name{Schema: "db", Table: "t"}]
	if tbl.Chunks[0].Done || !tbl.Chunks[1].Done || tbl.Complete() {
		t.Errorf("chunks %+v", tbl.Chunks)
	}
	rest, ok := tbl.Rest(0)
	if d := cmp.Diff(Range{From: []string{"9"}}, rest); d != "" || !ok {
		t.Error(d, ok)
	}
	if rest, ok := tbl.Rest(1); !ok || rest.From != nil {
		t.Errorf("the second piece has left %v", rest)
	}
	for i := range data {
		bad := append([]byte(nil), data...)
		bad[i] ^= 0x01
		if s, n := replay(bad); n > int64(i) {
			t.Fatalf("byte %d is wrong, and %d bytes are taken (%+v)", i, n, s)
		}
	}
	for _, other := range [][3]string{{"task", "src", "other"}, {"task", "src", ""}} {
		if j, s, err := Resume(dir, other[0], other[1], other[2], nil, nil); j != nil || s != nil || err != nil {
			t.Errorf("%v: %v, %v", other, s, err)
		}
	}
	if _, _, err := Resume(dir, "other", "src", "id", nil, nil); err == nil {
		t.Error("the directory of another task is taken up")
	}
}

// TestAnotherBootLooksIntoFiles: a file that has its size but not its contents is
// noticed when the machine was booted since it was written, where it may never
// have come to the disk; and what was looked into once is not looked into again.
func TestAnotherBootLooksIntoFiles(t *testing.T) {
	for _, c := range []struct {
		boot string
		done bool
	}{{Boot(), true}, {"", true}, {"an earlier one", false}} {
		dir, _ := journalBed(t, c.boot)
		write(t, dir, DataFile("db", "t", 0, 0), "y") // instead of x
		done := func() [2]bool {
			j, s, err := Resume(dir, "task", "src", "id", nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			chunks := s.Tables[schema.Name{Schema: "db", Table: "t"}].Chunks
			return [2]bool{chunks[0].Done, chunks[1].Done}
		}
		if got := done(); got != [2]bool{c.done, true} {
			t.Errorf("boot %q: complete are %v", c.boot, got)
		}
		write(t, dir, DataFile("db", "t", 1, 0), "y")
		if got := done(); got != [2]bool{c.done, true} {
			t.Errorf("boot %q, later: complete are %v", c.boot, got)
		}
	}
}

// TestOnDiskIsSaidOfEarlierBoots only.
func TestOnDiskIsSaidOfEarlierBoots(t *testing.T) {
	s := &State{Snapshots: []Snapshot{{Boot: "a"}, {Boot: "b"}}}
	if !s.apply(record{OnDisk: "b"}) || s.Snapshots[0].Boot != "" || s.Snapshots[1].Boot != "b" {
		t.Errorf("%+v", s.Snapshots)
	}
}

// TestTargetHearsNothingThatIsNotOnTheDisk: files are handed to the load, and what
// the target shall keep of them, only when the journal could be synced.
func TestTargetHearsNothingThatIsNotOnTheDisk(t *testing.T) {
	dir, _ := journalBed(t, Boot())
	j, _, err := Resume(dir, "task", "src", "id", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	good := j.file
	from, to, err := os.Pipe() // takes what is written, and cannot be synced
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	defer to.Close()
	r := j.Follow(dir, nil, 0).Reader()
	all := func(*Progress) bool { return true }
	j.file = to
	if files, more, err := r.Next(t.Context(), all); err == nil || more != nil {
		t.Errorf("a journal that is not on the disk: %d files, %d bytes for the target", len(files), len(more))
	}
	j.file = good
	if files, _, err := j.live.Reader().Next(t.Context(), all); err != nil || len(files) != 2 {
		t.Errorf("%d files, %v", len(files), err)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}
