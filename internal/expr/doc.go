// Package expr evaluates SQL conditions on rows of the binlog: the expression
// filters of a task.
//
// Parse reads a condition and refuses what can never be evaluated, with the
// place in the text: syntax, unknown functions, subqueries, variables, and what
// gives another answer each time. Bind ties it to a structure of its table,
// which may lack a column. A Bound answers for a row whether the condition is TRUE.
//
// The values are MySQL's: three-valued logic, exact decimals, the columns' own
// collations, and comparison of a date with a text as dates. Vitess's evaluator
// does that; it is the part of that project which its own tests compare with
// MySQL. It answers as MySQL 8 does where a MariaDB or TiDB would not; the test
// against real servers lists these. A session's time zone is UTC, as rows
// travel; a literal with an offset is the moment that it names.
//
// Nothing here keeps state, but a Bound reuses its buffers: it belongs to one
// goroutine.
package expr
