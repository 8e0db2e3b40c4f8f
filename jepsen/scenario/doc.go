// Package scenario says what a jepsen run does: how large the cluster is,
// which traffic runs, and which faults come when.
//
// exploratory.go crosses everything at random from one seed; regression.go has
// one named scenario for each bug that was found, here or elsewhere, with a
// script instead of dice; sabotage.go has those that must be caught. The story
// of a run, from start to report, is jepsen/main_test.go.
package scenario
