package dumpdir

import (
	"path/filepath"
	"testing"

	"github.com/raftdm/raftdm/internal/fault"
)

// TestOneWorkerInADirectory: a second process waits for its own work there, and is
// sent elsewhere when the directory is another source's.
func TestOneWorkerInADirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dump")
	unlock, err := Lock(dir, "task", "one")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir, "task", "two"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("while it is being prepared: %v", err)
	}
	if err := Prepare(dir, "task", "one", "id"); err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir, "task", "one"); !fault.Is(err, fault.Unavailable) || fault.HintOf(err) == "" {
		t.Errorf("the same source: %v", err)
	}
	if _, err := Lock(dir, "task", "two"); !fault.Is(err, fault.Conflict) || fault.HintOf(err) == "" {
		t.Errorf("another source: %v", err)
	}
	unlock()
	again, err := Lock(dir, "task", "one")
	if err != nil {
		t.Fatalf("when the first has ended: %v", err)
	}
	again()
}
