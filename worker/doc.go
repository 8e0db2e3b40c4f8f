// Package worker makes this machine look like the masters' change stream says:
// for the one source it is bound to it runs a subtask per task, each of them a
// row of units (dump, load, syncer), and it reports how they do.
//
// # How it works
//
// Worker.Run is one loop over four kinds of events: a new assignment, the end
// of an attempt, a due auto-resume, and shutdown. After each of them it asks
// reconcile, a pure function, what to do about every subtask: start an attempt,
// cancel the running one, forget it, or nothing. The loop keeps no other plan,
// so an event that is lost, doubled or late changes nothing in the end.
//
// An attempt opens the target, takes over the meta tables with the epoch of the
// binding, reads which phase the data is in and runs the units from there.
// Pausing is cancelling an attempt; resuming is starting another. What has been
// done is known by the target alone: the worker keeps no state on disk besides
// the dump's files.
//
// # Invariants
//
//   - At most one attempt per task runs; the next starts after the former returned.
//   - An attempt obeys exactly one identity: source configuration, task
//     configuration and epoch. When any of them changes, it is cancelled first.
//   - A subtask's stage is derived from what runs, never stored beside it.
//   - Losing the lease is an empty assignment: everything is cancelled. That is
//     a courtesy; what protects the data is the epoch in the target's rows.
//
// # Failures
//
// A failure of a database connection is retried inside the attempt and shown
// while the stage stays Running. Any other failure ends the attempt: the
// subtask is Paused with the error, and tried again by itself with growing
// pauses unless the error needs a person (see resumable) or the operator
// paused it. A failure to understand a configuration is such an error too.
package worker
