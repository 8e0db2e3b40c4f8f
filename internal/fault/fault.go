// Package fault is the one error type that crosses package boundaries: what
// was attempted, what kind of failure it is, whose side it is on, and what
// the operator can do about it.
//
// A package wraps once at its boundary with New or Wrap; readers match with
// errors.Is / errors.As and KindOf, never with text. The rendering for DM's
// tools (class, scope, level) lives at the edge, in rpc/code.go.
package fault

import (
	"context"
	"errors"
	"strings"
)

// Kind says what sort of failure an error is. There are twelve and no more:
// a caller decides by kind, a person reads the text.
type Kind uint8

// The kinds of failure.
const (
	Internal    Kind = iota // a broken assumption of ours
	Invalid                 // the input is wrong; it must be changed
	NotFound                // the named thing does not exist
	Exists                  // the named thing exists already
	Conflict                // it contradicts the present state
	NotLeader               // another master has to be asked
	Unavailable             // a peer or server does not answer now; try again
	Unsupported             // understood, and not supported yet
	Data                    // the rows contradict each other
	Schema                  // a table structure does not fit
	Corrupt                 // stored bytes are damaged
	Cancelled               // the caller gave up
)

var kindNames = [...]string{"internal", "invalid", "not found", "exists", "conflict", "not leader",
	"unavailable", "unsupported", "data", "schema", "corrupt", "cancelled"}

// String gives the kind as a word for logs.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Side says where a failure arose: DM calls it the scope.
type Side uint8

// The sides of a failure.
const (
	Self       Side = iota // raftdm itself
	Upstream               // the source database
	Downstream             // the target database
)

// String gives the side in DM's words for an error's scope.
func (s Side) String() string {
	return [...]string{"internal", "upstream", "downstream"}[s]
}

// Error is a failure with what an operator needs to act on it. Every field
// but Kind may be empty.
type Error struct {
	// Op is what was attempted, with its subject: "dump task=t1 source=s1".
	Op string
	// Kind decides how callers react.
	Kind Kind
	// Side is whose fault it is.
	Side Side
	// Code is DM's number for this failure (spec errors.md §6), 0 when DM has none.
	Code int
	// Msg is one sentence for a person.
	Msg string
	// Hint is what to do: a command, a GRANT, a key to change.
	Hint string
	// Err is the cause.
	Err error
}

// Error renders "op: message: cause". The hint is not part of it: it has its
// own place wherever an error is shown.
func (e *Error) Error() string {
	parts := make([]string, 0, 3)
	for _, p := range []string{e.Op, e.Msg} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	if len(parts) == 0 {
		return e.Kind.String()
	}
	return strings.Join(parts, ": ")
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// New makes an error of a kind with a sentence.
func New(k Kind, msg string) *Error { return &Error{Kind: k, Msg: msg} }

// Wrap puts an operation in front of a cause and keeps its kind, side, code
// and hint. It answers nil for nil.
func Wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	out := &Error{Op: op, Err: err, Kind: KindOf(err)}
	var inner *Error
	if errors.As(err, &inner) {
		out.Side, out.Code, out.Hint = inner.Side, inner.Code, inner.Hint
	}
	return out
}

// KindOf tells the kind of the outermost fault in err's chain; a bare context
// error is Cancelled (or Unavailable when a deadline passed), anything else Internal.
func KindOf(err error) Kind {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Kind
	case errors.Is(err, context.Canceled):
		return Cancelled
	case errors.Is(err, context.DeadlineExceeded):
		return Unavailable
	default:
		return Internal
	}
}

// Is tells whether err is of kind k.
func Is(err error, k Kind) bool { return err != nil && KindOf(err) == k }

// HintOf gives the innermost advice found in err's chain, "" when there is none.
func HintOf(err error) string {
	hint := ""
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			break
		}
		if e.Hint != "" {
			hint = e.Hint
		}
		err = e.Err
	}
	return hint
}
