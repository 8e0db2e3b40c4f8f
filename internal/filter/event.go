package filter

import "strings"

// Event is what a rows event or a statement does, in the words of binlog event
// filters.
type Event uint8

// The events. Other is a statement that has no name among them, or that nobody
// can read: only the text of it counts.
const (
	Other Event = iota
	InsertRows
	UpdateRows
	DeleteRows
	CreateDatabase
	DropDatabase
	AlterDatabase
	CreateTable
	DropTable
	TruncateTable
	RenameTable
	AlterTable
	CreateIndex
	DropIndex
	CreateView
	DropView
	events // their number
)

// IsRows tells rows events from statements.
func (e Event) IsRows() bool { return e >= InsertRows && e <= DeleteRows }

// aboutSchema tells the events that concern a schema and no table.
func (e Event) aboutSchema() bool { return e >= CreateDatabase && e <= AlterDatabase }

// String gives the event's name in a filter.
func (e Event) String() string {
	return [...]string{"other statement", "insert", "update", "delete", "create database", "drop database", "alter database",
		"create table", "drop table", "truncate table", "rename table", "alter table", "create index", "drop index",
		"create view", "drop view"}[e]
}

// eventSet is a set of events.
type eventSet uint32

func (s eventSet) has(e Event) bool { return s&(1<<e) != 0 }

// add puts the events from first to last into the set.
func (s *eventSet) add(first, last Event) {
	for e := first; e <= last; e++ {
		*s |= 1 << e
	}
}

// aliases are other names of events, and names that later versions have.
func aliases() map[string]Event {
	return map[string]Event{"create schema": CreateDatabase, "drop schema": DropDatabase, "alter schema": AlterDatabase, "add index": CreateIndex}
}

// EventNames lists what the events of a filter may be called.
func EventNames() []string {
	out := []string{"all", "all dml", "all ddl", "none", "none dml", "none ddl"}
	for e := InsertRows; e < events; e++ {
		out = append(out, e.String())
	}
	return append(out, "create schema", "drop schema", "alter schema", "add index")
}

// readEvents makes a set of a list of names. For each event the list is read in
// order up to the first name that is about it: "none dml" before "insert" wins.
// unknown is a name that does not exist.
func readEvents(names []string) (set eventSet, unknown string) {
	var settled eventSet
	for _, name := range names {
		about, yes := named(strings.ToLower(strings.TrimSpace(name)))
		if about == 0 {
			return 0, name
		}
		if yes {
			set |= about &^ settled
		}
		settled |= about
	}
	return set, ""
}

// named gives the events that a name is about, none for an unknown name, and
// whether it is for or against them.
func named(name string) (about eventSet, yes bool) {
	group, against := strings.CutPrefix(name, "none")
	if !against {
		group, yes = strings.CutPrefix(name, "all")
	}
	if against || yes {
		switch group {
		case "":
			about.add(InsertRows, events-1)
		case " dml":
			about.add(InsertRows, DeleteRows)
		case " ddl":
			about.add(CreateDatabase, events-1)
		}
		return about, yes
	}
	for e := InsertRows; e < events; e++ {
		if e.String() == name {
			return 1 << e, true
		}
	}
	if e, ok := aliases()[name]; ok {
		return 1 << e, true
	}
	return 0, false
}
