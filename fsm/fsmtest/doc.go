// Package fsmtest tests fsm and helps others to test with it: random command
// logs (Generator), a canonical dump of a store (Dump) and the invariants
// (Checker).
//
// Its own test applies one log to two stores. One is treated gently; the other
// gets the log in other batches, with overlaps, through snapshots, restores,
// closings and crashes. In the end both hold the same keys and values. It is
// for tests only.
package fsmtest
