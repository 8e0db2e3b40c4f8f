// Package fsm holds what the cluster has agreed on: sources, workers, tasks,
// subtasks and who is bound to what.
package fsm
