// Package fsm holds what the cluster has agreed on: members, sources,
// workers, tasks, subtasks and who is bound to what. It knows nothing of raft, networks or
// databases to migrate; it is a function from a log of commands to a state.
//
// Glossary, one word per idea:
//
//	source    an upstream database; its configuration is text here
//	worker    a registered dm-worker; online while it has a session
//	member    a dm-master that belongs to the cluster
//	instance  a member's data directory, named by a random id
//	session   a worker's connection to the cluster, named by a log index
//	binding   which worker serves a source
//	epoch     the log index at which a binding was minted; the target fences by it
//	transfer  an operator's move of a source to another worker
//	task      what an operator started, with one configuration per source
//	subtask   a task's part for one source
//	stage     what is wanted of a subtask: Running or Paused
//	revision  the log index of the last command about a subtask
//	load files  what a full migration has on a worker's disk and not yet in the target
//	change    what one command did, without configuration text
//	note      a line of the audit trail about what changed nothing here
//	refusal   a command's answer that it cannot be carried out; a result, not a failure
//
// Apply is the only writer. It runs on one goroutine, takes every input from
// the command, clock and ids included, and commits effects, changes and the
// applied index of a batch in one bbolt transaction. So a replay after a crash
// is a no-op, and two stores fed the same log hold the same keys and values,
// however the log was cut into batches. Readers use View; who follows changes
// uses fsm/feed. Commands are listed in kinds (command.go); start at task.go.
//
// Invariants, after every command:
//
//   - a source is bound to at most one worker, a worker serves at most one source;
//   - a bound worker is online;
//   - a binding's epoch only grows, as does a worker's session;
//   - a task has at least one source, and all its sources exist;
//   - a subtask exists only for a source of its task, as do load files;
//   - the worker that holds load files is registered;
//   - no two members share an address;
//   - a command that was refused wrote nothing.
//
// Failure cases: bytes that are no command are refused and skipped. A command
// of a later version, a record that cannot be read, or a disk that fails, makes
// Apply fail: the member must stop, because skipping an entry that others carry
// out would let it disagree for ever.
package fsm
