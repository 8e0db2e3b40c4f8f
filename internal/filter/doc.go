// Package filter decides which upstream tables belong to a task, DM's
// block-allow lists, and which changes of them are left out, its binlog event
// filters; both with wildcard and regular-expression names (Pattern).
//
// A Filter is built once from the rules of one task and source and is immutable
// and safe for concurrent use. It looks at upstream names only and does not
// touch a database. internal/config builds it; dump and syncer ask it for every
// table and every statement. System schemas never match, whatever the rules
// say, and neither do the schemas the builder names as internal (the task's own
// meta schema). New fails with a fault of kind Invalid when a pattern is
// malformed; matching never fails.
//
// Events are asked by the syncer alone: once for the rows of a table, and for
// each statement with all the ways in which it is written.
package filter
