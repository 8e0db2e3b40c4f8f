package fsm

import (
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/raftdm/raftdm/internal/fault"
)

// Errors of a store, as opposed to refusals of commands (*fault.Error in a Result).
var (
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("store is closed")
	// ErrLocked: another process has the store open.
	ErrLocked = errors.New("store is in use by another process")
	// ErrCompacted: the changes asked for were trimmed; start from a View.
	ErrCompacted = errors.New("changes are compacted")
	// ErrSnapshot: the bytes offered to Restore are not an intact snapshot.
	ErrSnapshot = errors.New("snapshot is damaged")
	// ErrSchema: the store was written by another version.
	ErrSchema = errors.New("store has another schema version")
)

// DM's numbers for the refusals (spec errors.md §6).
const (
	codeJoin              = 38040
	codeNoMaster          = 38048
	codeWorkerExists      = 46003
	codeNoWorker          = 46004
	codeWorkerOnline      = 46005
	codeInvalidTransition = 46006
	codeSourceExists      = 46007
	codeNoSource          = 46008
	codeSourceHasTasks    = 46010
	codeTaskExists        = 46014
	codeInvalidStage      = 46015
	codeNoSubtaskSource   = 46017
	codeNoTask            = 46018
	codeStillRunning      = 46019
)

// refuse makes the refusal of a command.
func refuse(k fault.Kind, code int, msg, hint string) error {
	return &fault.Error{Kind: k, Code: code, Msg: msg, Hint: hint}
}

// maxName bounds names: they are keys, and keys of keys.
const maxName = 255

// checkName refuses names that could not be told apart as keys or on a screen.
func checkName(what, name string) error {
	switch {
	case name == "":
		return fault.New(fault.Invalid, "the "+what+" is empty")
	case len(name) > maxName:
		return fault.New(fault.Invalid, fmt.Sprintf("the %s is %d bytes long; at most %d are allowed", what, len(name), maxName))
	case !utf8.ValidString(name):
		return fault.New(fault.Invalid, fmt.Sprintf("the %s %q is not UTF-8", what, name))
	}
	for _, r := range name {
		if unicode.IsControl(r) {
			return fault.New(fault.Invalid, fmt.Sprintf("the %s %q contains a control character", what, name))
		}
	}
	return nil
}
