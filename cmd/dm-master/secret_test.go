package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/config"
)

// TestAMasterNeedsItsKey: with a key that cannot open what is in the data-dir, or
// without any, a master does not start, and names the source and both keys.
func TestAMasterNeedsItsKey(t *testing.T) {
	t.Parallel()
	keys := map[string]config.SecretKey{"none": {}}
	for _, digit := range []string{"a", "b", "b\na"} {
		path := filepath.Join(t.TempDir(), "secret.key")
		lines := strings.ReplaceAll(digit, "a", strings.Repeat("a", 64))
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(lines, "b", strings.Repeat("b", 64))), 0o600); err != nil {
			t.Fatal(err)
		}
		key, err := config.ReadSecretKey(path)
		if err != nil {
			t.Fatal(err)
		}
		keys[strings.ReplaceAll(digit, "\n", "")] = key
	}
	b := founders(t, 1, func(b *box) { b.key = keys["a"] })[0]
	src := config.Source{SourceID: "s1", From: config.Database{Host: "h", Port: 1, User: "u", Password: "p@ss"}}
	res, err := b.m.proposer.Propose(t.Context(), fsm.Meta{}, fsm.PutSource{ID: "s1", Config: keys["a"].EncodeSource(src)})
	if err != nil || res.Err != nil {
		t.Fatal(err, res.Err)
	}
	_ = b.end()
	for _, wrong := range []string{"b", "none"} {
		b.key = keys[wrong]
		b.start()
		refused(t, b.ended(10*time.Second), "source s1", keys["a"].IDs()[0], "secret-key-path", strings.Join(keys[wrong].IDs(), ""))
	}
	b.key = keys["ba"] // the key was changed, and the old one is still there
	b.start()
	until(t, "it leads", func() bool { return b.m.node.IsLeader() })
}
