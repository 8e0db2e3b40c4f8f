// Package plan says what a task would do, without doing it: where each table of
// the sources goes, which rules of the task file say so, what is left out and
// why, which statements create what the target lacks, and what would stop it.
//
// It asks the same code that does it: the block-allow list and the catalogue
// queries of the dump, the routes, filters and expressions of the replication,
// the statements of the load (internal/create) and the pre-checks. Nothing is
// changed on any server. What is read is what is there now; a task reads anew.
//
// Rows and bytes are the estimates of the source's information_schema. Whether
// the target accepts a statement only shows when it is executed.
package plan
