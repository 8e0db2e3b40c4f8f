package raftnode

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
)

// self is like raft.Raft: it prints itself and can not be encoded.
type self struct{ c chan int }

func (*self) String() string { return "node at here" }

func TestLoggerKeepsLevelsAndValues(t *testing.T) {
	var buf bytes.Buffer
	h := slog.NewJSONHandler(&buf, &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	l := newLogger(slog.New(h)).Named("net").With("id", 1)
	l.Debug("not shown")
	l.Trace("not shown")
	l.Info("entering", "leader", &self{}, "took", hclog.Fmt("%d ms", 3), "wait", time.Second)
	l.Warn("w")
	l.Error("e")
	l.StandardLogger(nil).Print("line")
	var got []map[string]any
	for d := json.NewDecoder(&buf); d.More(); {
		var m map[string]any
		if err := d.Decode(&m); err != nil {
			t.Fatal(err)
		}
		got = append(got, m)
	}
	want := []map[string]any{
		{"level": "INFO", "msg": "raft.net: entering", "id": 1.0, "leader": "node at here", "took": "3 ms", "wait": "1s"},
		{"level": "WARN", "msg": "raft.net: w", "id": 1.0},
		{"level": "ERROR", "msg": "raft.net: e", "id": 1.0},
		{"level": "INFO", "msg": "raft.net: line", "id": 1.0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if l.IsDebug() || !l.IsInfo() || !l.IsError() || l.GetLevel() != hclog.Info || l.Name() != "raft.net" {
		t.Errorf("level %v of %s", l.GetLevel(), l.Name())
	}
}
