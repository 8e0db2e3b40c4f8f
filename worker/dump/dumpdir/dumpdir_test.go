package dumpdir

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/fault"
)

func TestNames(t *testing.T) {
	got := []string{SchemaFile("db"), TableFile("db", "t"), DataFile("db", "t", 3, 0), DataFile("db", "t", 3, 2),
		TableFile("a.b", "x/y%-schema"), TableFile("..", "a-b")}
	want := []string{"db-schema-create.sql", "db.t-schema.sql", "db.t.000000003.sql", "db.t.000000003.0002.sql",
		"a%2Eb.x%2Fy%25%2Dschema-schema.sql", "%2E%2E.a-b-schema.sql"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	long := strings.Repeat("ü", 64)
	a, b := DataFile(long+"", long, 1, 1), DataFile(long[:126]+"x", long, 1, 1)
	if len(a) > 255 || a == b {
		t.Errorf("long names: %d bytes, equal %v", len(a), a == b)
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestPrepareKeepsForeignFiles: only a directory that we made is emptied.
func TestPrepareKeepsForeignFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "dump")
	if err := Prepare(dir, "task", "src", "1"); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "db.t.000000000.sql", "x")
	write(t, dir, ManifestName, "{}")
	if err := Prepare(dir, "task", "src", "2"); err != nil {
		t.Fatal(err)
	}
	if names, _ := list(dir); len(names) != 1 {
		t.Errorf("files left: %v", names)
	}
	refused := func(what, task, source string) {
		t.Helper()
		before, _ := list(dir)
		if err := Prepare(dir, task, source, "3"); !fault.Is(err, fault.Conflict) || fault.HintOf(err) == "" {
			t.Errorf("%s: %v", what, err)
		}
		if after, _ := list(dir); len(after) != len(before) {
			t.Errorf("%s: files are gone: %v", what, after)
		}
	}
	refused("another task's directory", "other", "src")
	refused("another source's directory", "task", "other")
	write(t, dir, "letter.txt", "dear")
	refused("a foreign file", "task", "src")
	dir = t.TempDir()
	write(t, dir, "db.t.sql", "somebody's dump")
	refused("a directory without our marker", "task", "src")
}

// TestManifest is peer-bugs 5: whatever is not the complete dump is refused.
func TestManifest(t *testing.T) {
	dir := t.TempDir()
	if _, err := ReadManifest(dir, nil); !errors.Is(err, ErrMissing) {
		t.Errorf("empty directory: %v", err)
	}
	f, err := WriteFile(dir, "db.t-schema.sql", []byte(FileHead+"CREATE TABLE `t` (`a` int);\n"))
	if err != nil {
		t.Fatal(err)
	}
	m := &Manifest{Version: Version, DumpID: "id", Task: "t", Source: "s", Started: time.Unix(1, 0).UTC(),
		Snapshot: binlog.Location{Position: binlog.Position{Name: "bin.000001", Pos: 4}},
		Tables:   []Table{{Schema: "db", Name: "t", File: f}}}
	if err := m.Write(dir); err != nil {
		t.Fatal(err)
	}
	got, err := ReadManifest(dir, nil)
	if err != nil || got.DumpID != "id" || got.Snapshot.Position != m.Snapshot.Position {
		t.Fatalf("read back %+v, %v", got, err)
	}
	if text, err := got.Tables[0].Create(dir); err != nil || text != "CREATE TABLE `t` (`a` int)" {
		t.Errorf("CREATE TABLE: %q, %v", text, err)
	}
	write(t, dir, f.Name, FileHead+"CREATE TABLE `t` (`b` int);\n")
	if err := f.Check(dir); !errors.Is(err, ErrDamaged) {
		t.Errorf("other contents: %v", err)
	}
	for _, boot := range []string{"", Boot(), "an earlier one"} { // only behind the last is it not known that the file is as written
		m.Snapshots = []Snapshot{{Boot: boot}}
		if err := m.Write(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadManifest(dir, nil); errors.Is(err, ErrDamaged) != (boot == "an earlier one") {
			t.Errorf("other contents, written in boot %q: %v", boot, err)
		}
	}
	write(t, dir, f.Name, "short")
	if _, err := ReadManifest(dir, nil); !errors.Is(err, ErrDamaged) {
		t.Errorf("other size: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, f.Name)); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadManifest(dir, nil); !errors.Is(err, ErrDamaged) {
		t.Errorf("missing file: %v", err)
	}
	write(t, dir, ManifestName, "{")
	if _, err := ReadManifest(dir, nil); !errors.Is(err, ErrDamaged) {
		t.Errorf("torn manifest: %v", err)
	}
}

func TestRemove(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dump")
	if err := Prepare(dir, "task", "src", "1"); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"db-schema-create.sql", "db.t-schema.sql", "db.t.000000000.sql", MetadataName, ManifestName} {
		write(t, dir, n, "x")
	}
	if err := RemoveData(dir); err != nil {
		t.Fatal(err)
	}
	got, _ := list(dir)
	if d := cmp.Diff([]string{"db-schema-create.sql", "db.t-schema.sql", MetadataName, markerName}, got); d != "" {
		t.Error(d)
	}
	if err := Remove(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory is still there: %v", err)
	}
	if err := Remove(dir); err != nil {
		t.Errorf("removing it again: %v", err)
	}
}

func TestMetadata(t *testing.T) {
	at := binlog.Location{Position: binlog.Position{Name: "bin.000007", Pos: 1234}}
	m := &Manifest{Started: time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC), Finished: time.Date(2024, 1, 2, 3, 4, 6, 0, time.UTC), Snapshot: at}
	got := string(Metadata(m))
	want := "Started dump at: 2024-01-02 03:04:05\nSHOW MASTER STATUS:\n\tLog: bin.000007\n\tPos: 1234\n\tGTID:\n\nFinished dump at: 2024-01-02 03:04:06\n"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	later := binlog.Location{Position: binlog.Position{Name: "bin.000008", Pos: 4}}
	m.Snapshots = []Snapshot{{At: at}, {At: later}}
	want = strings.Replace(want, "GTID:\n\n", "GTID:\n\nSHOW MASTER STATUS: /* AFTER CONNECTION POOL ESTABLISHED */\n\tLog: bin.000008\n\tPos: 4\n\tGTID:\n\n", 1)
	if d := cmp.Diff(want, string(Metadata(m))); d != "" {
		t.Error(d)
	}
}
