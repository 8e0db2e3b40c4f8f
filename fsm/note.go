package fsm

import (
	"encoding/binary"
	"fmt"

	"github.com/raftdm/raftdm/internal/fault"
)

// Note writes down, for the audit trail, what leaves no other trace in the
// state: a request that was refused, or one that did something outside of it.
// It changes nothing else. Value: none.
type Note struct {
	// Action is what was asked for, in dmctl's words: "start-task".
	Action  string
	Task    TaskName   `json:",omitempty"`
	Sources []SourceID `json:",omitempty"`
	// Member is the worker or master that it was about.
	Member string `json:",omitempty"`
	// Refused: it was not done; Msg says why.
	Refused bool   `json:",omitempty"`
	Msg     string `json:",omitempty"`
}

// longestNote bounds the text of a note: it is kept for a week.
const longestNote = 4096

func (c Note) apply(t *txn) (any, error) {
	if err := checkName("action of a note", c.Action); err != nil {
		return nil, err
	}
	if n := len(c.Task) + len(c.Member) + len(c.Msg); n > longestNote {
		return nil, fault.New(fault.Invalid, fmt.Sprintf("the note has %d bytes; at most %d are allowed", n, longestNote))
	}
	t.note = &c
	return nil, nil
}

// ChangesBack gives every change that is kept to fn, the newest first, until fn
// answers false.
func (v *View) ChangesBack(fn func(Change) bool) {
	c := v.tx.Bucket([]byte(bucketChanges)).Cursor()
	for k, raw := c.Last(); k != nil; k, raw = c.Prev() {
		var ch Change
		if !v.unmarshal(bucketChanges, k, raw, &ch) {
			return
		}
		ch.Index = Index(binary.BigEndian.Uint64(k))
		if !fn(ch) {
			return
		}
	}
}
