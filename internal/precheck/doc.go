// Package precheck proves, before anything is stored, that a source or a task
// can work: it asks the real databases.
package precheck
