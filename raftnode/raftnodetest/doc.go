// Package raftnodetest runs n raftnode members in one process, on loopback
// addresses and real files, for tests of raftnode and of what builds on it.
// When a test ends it makes the closing check: the members that run come to
// the same index and their stores' dumps are equal.
package raftnodetest
