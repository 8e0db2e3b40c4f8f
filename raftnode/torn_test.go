package raftnode_test

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/raftnode"
	"github.com/raftdm/raftdm/raftnode/raftnodetest"
)

const page = 4096

// spoil is a way in which a file can be found after a crash.
type spoil struct {
	name string
	fn   func(t *testing.T, f *os.File, size int64)
	// harmless: what was lost had not been acknowledged, or the other file
	// has it, so the member must start.
	harmless bool
}

// newerMeta gives where the meta page of the last transaction is.
func newerMeta(t *testing.T, f *os.File) int64 {
	t.Helper()
	var ids [2]uint64
	for i := range ids {
		raw := make([]byte, 8)
		// Behind the page header of 16 bytes and the meta's other fields.
		if _, err := f.ReadAt(raw, int64(i)*page+16+48); err != nil {
			t.Fatal(err)
		}
		ids[i] = binary.NativeEndian.Uint64(raw)
	}
	if ids[1] > ids[0] {
		return page
	}
	return 0
}

func write(t *testing.T, f *os.File, at int64, n int) {
	t.Helper()
	junk := make([]byte, n)
	if _, err := io.ReadFull(rand.Reader, junk); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(junk, at); err != nil {
		t.Fatal(err)
	}
}

func spoils() []spoil {
	cut := func(t *testing.T, f *os.File, to int64) {
		if err := f.Truncate(to); err != nil {
			t.Fatal(err)
		}
	}
	return []spoil{
		{name: "garbage behind the end", harmless: true, fn: func(t *testing.T, f *os.File, size int64) { write(t, f, size, 3*page) }},
		{name: "half a page behind the end", harmless: true, fn: func(t *testing.T, f *os.File, size int64) { write(t, f, size, page/2) }},
		{name: "newer meta page garbled", harmless: true, fn: func(t *testing.T, f *os.File, _ int64) { write(t, f, newerMeta(t, f)+16, 64) }},
		{name: "newer meta page half written", harmless: true, fn: func(t *testing.T, f *os.File, _ int64) { write(t, f, newerMeta(t, f)+16+40, 24) }},
		{name: "both meta pages garbled", fn: func(t *testing.T, f *os.File, _ int64) { write(t, f, 0, 2*page) }},
		{name: "last page lost", fn: func(t *testing.T, f *os.File, size int64) { cut(t, f, size-page) }},
		{name: "half of the file lost", fn: func(t *testing.T, f *os.File, size int64) { cut(t, f, size/2/page*page) }},
		{name: "all but the meta pages lost", fn: func(t *testing.T, f *os.File, _ int64) { cut(t, f, 2*page) }},
		{name: "half a page left", fn: func(t *testing.T, f *os.File, _ int64) { cut(t, f, page/2) }},
		{name: "empty", fn: func(t *testing.T, f *os.File, _ int64) { cut(t, f, 0) }},
		{name: "every data page garbled", fn: func(t *testing.T, f *os.File, size int64) {
			for at := int64(2 * page); at < size; at += page {
				write(t, f, at, 64)
			}
		}},
		{name: "one page in three garbled", fn: func(t *testing.T, f *os.File, size int64) {
			for at := int64(3 * page); at < size; at += 3 * page {
				write(t, f, at, page)
			}
		}},
	}
}

// Peer-bugs §3 and design: a write that was torn by a crash or a power cut. The
// member starts with what came before it, or refuses with a sentence; it never
// panics, and never runs with less than it acknowledged without saying so.
func TestTornWrites(t *testing.T) {
	c := raftnodetest.New(t, 1, func(cfg *raftnode.Config) {
		cfg.SnapshotEntries, cfg.TrailingEntries = 1<<20, 1<<20
	})
	m := c.Leader()
	const n = 40
	for i := range n {
		c.Do(fsm.RequestID(fmt.Sprint("r", i)), source(i))
	}
	c.Stop(m)
	for _, file := range []string{"raft.db", "state.db"} {
		for _, s := range spoils() {
			t.Run(file+" "+s.name, func(t *testing.T) {
				cfg := m.Config
				cfg.DataDir = filepath.Join(t.TempDir(), "m1")
				if err := os.CopyFS(cfg.DataDir, os.DirFS(m.Config.DataDir)); err != nil {
					t.Fatal(err)
				}
				damage(t, filepath.Join(cfg.DataDir, file), s)
				startTorn(t, cfg, s, file, n)
			})
		}
	}
}

func damage(t *testing.T, path string, s spoil) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	s.fn(t, f, info.Size())
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func startTorn(t *testing.T, cfg raftnode.Config, s spoil, file string, n int) {
	refused := func(err error) {
		t.Helper()
		t.Logf("refused: %v", err)
		// The log went back by a transaction that the state has: the newest
		// entry may be one that was acknowledged.
		if s.harmless && (file == "state.db" || !errors.Is(err, raftnode.ErrDataDir)) {
			t.Errorf("it is refused: %v", err)
		}
		if !errors.Is(err, raftnode.ErrDataDir) || fault.HintOf(err) == "" {
			t.Errorf("the refusal is not the data directory's, or has no hint: %v", err)
		}
	}
	store, err := raftnode.OpenStore(cfg)
	if err != nil {
		refused(err)
		return
	}
	node, err := raftnode.Open(t.Context(), cfg, store)
	if err != nil {
		refused(err)
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		return
	}
	until(t, "it leads", node.IsLeader)
	if got := sources(t, store); got != n {
		t.Errorf("it runs with %d of %d sources", got, n)
	}
	if _, err := node.Propose(t.Context(), fsm.Meta{}, source(1000)); err != nil {
		t.Error(err)
	}
	if err := errors.Join(node.Close(), store.Close()); err != nil {
		t.Error(err)
	}
	raftnodetest.CheckFiles(t, cfg.DataDir)
}
