// Package check judges a history: every promise of the product is one function
// that reads the history and answers one named error, or nil. The functions are
// pure; they can be run again on a saved history (see TestSaved).
//
// A checker must not raise a false alarm: what is Unknown may have happened at
// any time or never, and only what was acknowledged has to be there. It must
// not be blind either: each has tests with a history that breaks the promise.
//
// All times are those of the history. Memory is bounded by the number of
// operations plus one small record per row that was ever written.
//
// Start at errors.go, the promises, and all.go.
package check
