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
// Structures are read once, however many checks ask for them: a statement for
// each table, and nothing else that grows with their number. TestEveryItem has a
// right and a wrong server for each item of ignore-checking-items.
//
// Differences from DM, all deliberate: a table without a key is a warning, since
// such tables are migrated exactly here; tables that the task names one by one
// must exist; a full or all task that selects no table fails; SELECT has to cover
// every table; a binlog that leaves out a schema of the task fails, and so does a
// start point whose file is gone; character sets and collations are compared with
// what the target has, unless the table is there already; an auto-increment key of
// tables that become one passes when the target's table does not have it; unique
// keys that differ among these are a warning; foreign keys that TiDB would ignore
// are no finding, those that change rows are a warning; the user of the target must
// be allowed to keep the task's state in the meta schema and to write the tables.
package precheck
