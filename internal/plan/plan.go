package plan

import (
	"github.com/raftdm/raftdm/internal/create"
	"github.com/raftdm/raftdm/internal/schema"
)

// Plan is what a task would do.
type Plan struct {
	Task     string     `json:"task"`
	Mode     string     `json:"mode"`
	Target   string     `json:"target"`
	Summary  Summary    `json:"summary"`
	Stops    []Remark   `json:"stops"`
	Remarks  []Remark   `json:"remarks"`
	Schemas  []Schema   `json:"schemas"`
	Tables   []Table    `json:"tables"`
	Filtered []Filtered `json:"filtered"`
}

// Summary counts.
type Summary struct {
	Tables   int `json:"tables"`   // of the sources that are migrated
	Targets  int `json:"targets"`  // tables that they become
	Created  int `json:"created"`  // of those, created by the task
	Exist    int `json:"exist"`    // there already
	Differ   int `json:"differ"`   // there already, with another structure
	Filtered int `json:"filtered"` // tables that are not migrated
	// EstimatedRows and EstimatedBytes are what information_schema says.
	EstimatedRows  int64 `json:"estimatedRows"`
	EstimatedBytes int64 `json:"estimatedBytes"`
}

// Remark is something to know, about a table or the whole task.
type Remark struct {
	Source string `json:"source,omitempty"`
	Table  string `json:"table,omitempty"`
	Says   string `json:"says"`
	Help   string `json:"help,omitempty"`
}

// Name is a table's name.
type Name struct {
	Schema string `json:"schema"`
	Table  string `json:"table"`
}

// Rule is a rule of the task file that has a say about a table.
type Rule struct {
	Kind string `json:"kind"` // the section: block-allow-list, routes, filters, expression-filter
	Name string `json:"name,omitempty"`
	Says string `json:"says"`
}

// Schema is a schema that the load creates unless it is there.
type Schema struct {
	Source string            `json:"source"`
	Name   string            `json:"name"`
	Target string            `json:"target"`
	Exists bool              `json:"exists"`
	Create *create.Statement `json:"create,omitempty"` // unless it exists
}

// On is how the target has a table.
type On string

// The states of a table on the target.
const (
	OnCreated On = "created"  // the task creates it
	OnShared  On = "shared"   // another table of the task, listed before, has created it
	OnExists  On = "exists"   // it is there
	OnMissing On = "missing"  // it is not there, and this task mode does not create it
	OnNowhere On = "nowhere"  // nothing is written to the target
	OnUnclear On = "no route" // the routes contradict each other
)

// Table is one table of a source.
type Table struct {
	Source string `json:"source"`
	Name
	Target Name   `json:"target"`
	Rules  []Rule `json:"rules"`
	// EstimatedRows and EstimatedBytes are what information_schema says.
	EstimatedRows  int64             `json:"estimatedRows"`
	EstimatedBytes int64             `json:"estimatedBytes"`
	On             On                `json:"onTarget"`
	Create         *create.Statement `json:"create,omitempty"`
	// Differs says in what the structure of the target's table is another one.
	Differs []create.Difference `json:"differs,omitempty"`

	structure *schema.Table // that its statement makes
}

// Filtered is a table that is not migrated.
type Filtered struct {
	Source string `json:"source"`
	Name
	Why string `json:"why"`
}
