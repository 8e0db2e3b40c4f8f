// Package operation holds what a master asks of a worker beside its assignment:
// plain data that rpc decodes and the worker carries out, so that neither has to
// know the other.
package operation

import "github.com/raftdm/raftdm/internal/schema"

// Whom says which subtask a master means. Another one than that of the worker's
// present assignment is refused.
type Whom struct {
	Task   string
	Source string
	Epoch  uint64
	// ID names the request: one that comes twice is carried out once.
	ID string
}

// Kind is what to do about a DDL of the source.
type Kind string

// The kinds of Operator. The first three are set for a place in the binlog.
const (
	Skip    Kind = "skip"
	Replace Kind = "replace"
	Inject  Kind = "inject"
	Revert  Kind = "revert"
	List    Kind = "list"
)

// Operator is a request about a DDL of the source.
type Operator struct {
	Kind Kind
	// Position is where the DDL is, "file:pos"; "" for the one that has stopped the task.
	Position   string
	Statements []string
}

// Verb is what to do about the structure that rows of a table are read with.
type Verb string

// The verbs of Structure.
const (
	Get    Verb = "get"
	Set    Verb = "set"
	Remove Verb = "remove"
)

// Structure is a request about a table's structure.
type Structure struct {
	Verb  Verb
	Table schema.Name
	// Text is the CREATE TABLE to set, unless it is to be taken from a database.
	Text                   string
	FromSource, FromTarget bool
	// NoFlush and Sync are DM's flags; see the answer to them.
	NoFlush, Sync bool
}
