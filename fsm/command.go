package fsm

import (
	"encoding/json"
	"fmt"

	"github.com/raftdm/raftdm/internal/fault"
)

// Command is one thing the cluster can be asked to agree on. The set is
// closed: each command lives in the file of its noun and is listed in kinds.
type Command interface {
	// apply checks every invariant first and writes only afterwards, so that
	// a refusal leaves nothing behind. A *fault.Error is a refusal, which is a
	// result like any other; every other error is a broken store.
	apply(t *txn) (any, error)
}

// Meta says who asks for a command. It travels in the envelope, because the
// state machine has no clock and no peers of its own to look at.
type Meta struct {
	// RequestID makes the command execute once however often it is proposed;
	// empty for commands that may be repeated without harm.
	RequestID RequestID `json:"request,omitempty"`
	// Actor is who asks: "dmctl", "scheduler", "worker w1".
	Actor string `json:"actor,omitempty"`
	// Addr is where they ask from, host:port.
	Addr string `json:"addr,omitempty"`
	// UnixMilli is the proposer's clock, for the audit trail only.
	UnixMilli int64 `json:"at,omitempty"`
}

// Entry is one committed log entry as raft hands it over. Data is empty for
// entries that are raft's own business and only advance the index.
type Entry struct {
	Index Index
	Data  []byte
}

// Result is what a command came to. The type of Value depends on the command
// and is named in the command's comment; nil when it has none.
type Result struct {
	// Index is the entry that executed the command: for a repeated request
	// that of the first execution.
	Index Index
	// Err is the refusal, nil when the command was carried out.
	Err *fault.Error
	// Value is what the command answers.
	Value any
}

// envelope is a command on its way through the log.
type envelope struct {
	Kind    string          `json:"kind"`
	Version int             `json:"v"`
	Meta    Meta            `json:"meta"`
	Payload json.RawMessage `json:"payload"`
}

// kind ties a command's name in the log to its Go types.
type kind struct {
	name    string
	version int
	decode  func([]byte) (Command, error)
	value   func([]byte) (any, error) // reads back a stored Result.Value
	is      func(Command) bool
}

// none is the value type of commands that answer nothing but success.
type none struct{}

func kindOf[C Command, V any](name string, version int) kind {
	return kind{
		name: name, version: version,
		decode: func(b []byte) (Command, error) {
			var c C
			err := json.Unmarshal(b, &c)
			return c, err
		},
		value: func(b []byte) (any, error) {
			var v V
			if _, nothing := any(v).(none); nothing {
				return nil, nil
			}
			err := json.Unmarshal(b, &v)
			return v, err
		},
		is: func(c Command) bool { _, ok := c.(C); return ok },
	}
}

// kinds lists every command. A name or version, once in a log, stays readable
// for ever: a changed payload gets a new version beside the old one.
func kinds() []kind {
	return []kind{
		kindOf[SetClusterID, none]("SetClusterID", 2),
		kindOf[SetClusterID, none]("SetClusterID", 1), // without Epochs
		kindOf[RegisterWorker, none]("RegisterWorker", 1),
		kindOf[RemoveWorker, none]("RemoveWorker", 1),
		kindOf[OpenSession, SessionID]("OpenSession", 1),
		kindOf[ExpireSession, bool]("ExpireSession", 1),
		kindOf[PutSource, none]("PutSource", 1),
		kindOf[RemoveSource, none]("RemoveSource", 1),
		kindOf[BindSource, Epoch]("BindSource", 1),
		kindOf[UnbindSource, bool]("UnbindSource", 2),
		kindOf[UnbindSource, bool]("UnbindSource", 1), // without Epoch
		kindOf[TransferSource, Epoch]("TransferSource", 1),
		kindOf[StartTask, Started]("StartTask", 1),
		kindOf[StopTask, []SourceID]("StopTask", 1),
		kindOf[PutSubtask, bool]("PutSubtask", 1),
		kindOf[SetStage, []SourceID]("SetStage", 1),
		kindOf[PutMember, none]("PutMember", 1),
		kindOf[RemoveMember, none]("RemoveMember", 1),
		kindOf[HoldLoadFiles, none]("HoldLoadFiles", 1),
		kindOf[DropLoadFiles, none]("DropLoadFiles", 1),
		kindOf[UpdateTask, []SourceID]("UpdateTask", 1),
		kindOf[UpdateSource, []TaskName]("UpdateSource", 1),
		kindOf[Note, none]("Note", 1),
	}
}

// Encode puts a command into the form in which it travels through the log.
func Encode(m Meta, c Command) ([]byte, error) {
	for _, k := range kinds() {
		if !k.is(c) {
			continue
		}
		payload, err := json.Marshal(c)
		if err != nil {
			return nil, fault.Wrap("encode "+k.name, err)
		}
		return json.Marshal(envelope{Kind: k.name, Version: k.version, Meta: m, Payload: payload})
	}
	return nil, fault.New(fault.Internal, fmt.Sprintf("command %T is not listed in fsm.kinds", c))
}

// decode reads an entry. Its error is a refusal, the same on every member:
// bytes that mean nothing must not stop the log. It is of kind Unsupported when
// they mean something to a later version, whose members carry it out: this
// member must stop then, until it runs that version.
func decode(data []byte) (envelope, kind, Command, *fault.Error) {
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil || e.Kind == "" {
		return e, kind{}, nil, fault.New(fault.Corrupt, "the log entry is not a command")
	}
	known := false
	for _, k := range kinds() {
		known = known || k.name == e.Kind
		if k.name != e.Kind || k.version != e.Version {
			continue
		}
		c, err := k.decode(e.Payload)
		if err != nil {
			return e, k, nil, fault.New(fault.Corrupt, "the payload of command "+k.name+" is not readable")
		}
		return e, k, c, nil
	}
	f := fault.New(fault.Unsupported, fmt.Sprintf("command %q is not known to this version", e.Kind))
	if known {
		f.Msg = fmt.Sprintf("version %d of command %q is not known to this version", e.Version, e.Kind)
	}
	f.Hint = "start this dm-master in the version that the other members run; it goes on where it stopped"
	return e, kind{}, nil, f
}
