package syncer

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"slices"
	"testing"
)

// TestSafeModeIsCounted: DM's manual tells people to look for these two words in
// the log, so they are an interface.
func TestSafeModeIsCounted(t *testing.T) {
	var log bytes.Buffer
	c := &coordinator{safeMode: true, safeUntil: place(t, 200, "0-1-2"), ddl: &ddlRunner{log: slog.New(slog.NewJSONHandler(&log, nil))}}
	c.beginSafe()
	for _, step := range []struct {
		pos  uint32
		safe bool
	}{{100, true}, {200, false}, {300, false}} {
		if got := c.inSafeWindow(&Txn{Begin: place(t, step.pos, "").Position}); got != step.safe {
			t.Errorf("at %d: %v", step.pos, got)
		}
	}
	var counts []int
	for lines := json.NewDecoder(&log); ; {
		var line struct {
			Msg string `json:"msg"`
			New int    `json:"new count"`
		}
		if err := lines.Decode(&line); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if line.Msg == "change count" {
			counts = append(counts, line.New)
		}
	}
	if want := []int{1, 2, 1}; !slices.Equal(counts, want) {
		t.Errorf("counts %v, want %v", counts, want)
	}
}
