//go:build !sabotage_fence

package checkpoint

// fence ends the condition of every statement that writes progress; the epoch
// follows it. A row that a later epoch has taken over does not match.
const fence = " AND epoch = "
