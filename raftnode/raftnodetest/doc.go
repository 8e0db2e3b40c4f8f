// Package raftnodetest runs n raftnode members in one process, for tests of
// raftnode and of what builds on it: on loopback addresses (New), or on a
// network in memory whose requests a test can drop, delay, reorder and cut
// (NewInMemory, Network). Data directories are real files either way.
//
// When a test ends, the closing checks are made: the members that run come to
// the same index and their stores' dumps are equal, their logs agree, and bbolt
// finds no fault in any file.
package raftnodetest
