// Package precheck proves, before anything is stored, that a source or a task
// can work: it asks the real databases.
//
// CheckSource runs when a source is created, CheckTask before a task starts and
// for check-task; both run on the leading master, which therefore has to reach
// every database. Nothing is changed on any server, and a worker does not rely
// on what was true here: it meets the same mistakes again as errors of its own.
//
// A server that cannot be reached is one fault with its side and a hint. What a
// reachable server lacks is a Result with the exact statement that helps; the
// Report of all of them becomes DM's error 26005 when one failed. All checks of
// all sources run at the same time, within time limits.
//
// Differences from DM, all deliberate: a table without a key is a warning, since
// such tables are migrated exactly here; tables that the task names one by one
// must exist; a full or all task that selects no table fails; the user of the
// target must be allowed to keep the task's state in the meta schema.
package precheck
