// Package lint holds what must stay true of the code base itself as Go tests:
// who may import whom, that every package says what it is, that the state
// machine is deterministic, and that the walk in ARCHITECTURE.md leads
// somewhere. It exports nothing; run it with go test ./internal/lint.
package lint
