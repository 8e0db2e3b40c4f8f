// Package edges lists the column types of MariaDB, each with values at its edges:
// what replication easily gets wrong. Tests of units, and those of whole programs
// from outside, fill their tables from the same list.
//
// Values are SQL, to be written in sessions with an empty sql_mode, which lets in
// what old applications have left in their tables, and with the time zone +00:00.
//
// Start at column.go.
package edges
