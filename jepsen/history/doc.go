// Package history records what clients asked of a running cluster, what they
// were told, and when the faults were: the only input of package check. It
// judges nothing itself.
//
// An operation is a call and a return on one monotonic clock with an input and
// an output of the types in types.go. Its outcome is OK (it happened, and its
// output is true), Failed (it certainly did not happen) or Unknown (it may
// happen at any time after the call, or never). What is still open when the
// history is taken is Unknown. Recording Failed for what may have happened
// makes a checker lie; in doubt it is Unknown.
//
// A history is saved as JSON lines in the order in which operations ended, so
// that what a broken run left can be checked again. Start at recorder.go.
package history
