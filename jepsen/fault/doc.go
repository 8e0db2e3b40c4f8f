// Package fault is the troubles that a jepsen run makes, one file each: what
// it does (Inject) and how it is taken back (Heal). The runner decides when,
// asks for the cluster's health before and after, and writes both moments
// into the history; so a fault neither waits for recovery nor judges it.
//
// A Fault remembers between Inject and Heal what it did; make new ones with
// All for each run. Everything random comes from the generator that Inject is
// given. Heal may be called after a failed Inject and more than once.
//
// To add one: a file here, an entry in All, a line in README.md.
package fault
