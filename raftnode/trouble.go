package raftnode

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// What can be wrong with a member; refused connections, other keys and snapshot loops have
// the other member's name behind theirs.
const (
	troubleLogFull   = "disk full: log"
	troubleStateFull = "disk full: state"
	troubleHang      = "disk hangs"
	troubleRemoved   = "removed"
	troubleStranger  = "stranger"
	troubleSnapshot  = "snapshots "
	troubleRefused   = "refused "
	troubleKeys      = "keys "
)

// troubles is what is wrong now, a sentence each. It is logged when it begins
// and when it is over, however often it is told.
type troubles struct {
	log *slog.Logger

	mu  sync.Mutex // guards now
	now map[string]trouble
}

type trouble struct {
	sentence string
	told     time.Time // when it was told last
}

func newTroubles(l *slog.Logger) *troubles { return &troubles{log: l, now: map[string]trouble{}} }

func (t *troubles) is(what, sentence string) {
	t.mu.Lock()
	known := t.now[what].sentence == sentence
	t.now[what] = trouble{sentence, time.Now()}
	t.mu.Unlock()
	if !known {
		t.log.Warn(sentence)
	}
}

func (t *troubles) over(what string) {
	t.mu.Lock()
	it, was := t.now[what]
	delete(t.now, what)
	t.mu.Unlock()
	if was {
		t.log.Info("no longer: " + it.sentence)
	}
}

// fade ends the troubles of a kind that nobody has told of for a while.
func (t *troubles) fade(kind string, after time.Duration) {
	var faded []string
	t.mu.Lock()
	for what, it := range t.now {
		if strings.HasPrefix(what, kind) && time.Since(it.told) > after {
			faded = append(faded, what)
		}
	}
	t.mu.Unlock()
	for _, what := range faded {
		t.over(what)
	}
}

// only ends the troubles of a kind that are about somebody else than those named.
func (t *troubles) only(kind string, names func(string) bool) {
	var gone []string
	t.mu.Lock()
	for what := range t.now {
		if name, ok := strings.CutPrefix(what, kind); ok && !names(name) {
			gone = append(gone, what)
		}
	}
	t.mu.Unlock()
	for _, what := range gone {
		t.over(what)
	}
}

// String gives the sentences.
func (t *troubles) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []string
	for _, what := range slices.Sorted(maps.Keys(t.now)) {
		out = append(out, t.now[what].sentence)
	}
	return strings.Join(slices.Compact(out), "; ")
}

func (t *troubles) has(what string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.now[what]
	return ok
}

func removedSentence(name string) string {
	return fmt.Sprintf("dm-master %s was removed from the cluster; stop it, and empty its data-dir before it joins again", name)
}

// diskFull gives who hears from the writes of one kind whether there was room.
func (n *Node) diskFull(what string) func(full bool) {
	return func(full bool) {
		if full {
			n.trouble.is(what, "the disk of data-dir "+n.cfg.DataDir+" is full; make room, this dm-master then goes on by itself")
			return
		}
		n.trouble.over(what)
	}
}

// snapshotAgain hears of each snapshot sent to a member, or with an empty name
// received, since that member last took entries.
func (n *Node) snapshotAgain(peer string, sent int) {
	what := troubleSnapshot + peer
	switch {
	case sent < manySnapshots:
		n.trouble.over(what)
	case peer == "":
		n.trouble.is(what, fmt.Sprintf("dm-master %s is sent snapshots again and again and takes no entries after them", n.cfg.Name))
	default:
		n.trouble.is(what, fmt.Sprintf("dm-master %s is sent snapshots again and again and takes no entries after them", peer))
	}
}
