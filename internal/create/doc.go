// Package create decides how the schemas and tables of a source are created on
// the target, and what stops that: under which name, in which words, and which
// collations take the place of those that the target lacks.
//
// The load executes what is decided here; check-task --plan shows it. Both hand in
// what they have read of the target, so nothing here asks a server.
package create
