// Package worker makes this machine look like the change stream says: for the
// source it is bound to, it runs one subtask per task, each a row of units
// (dump, load, syncer), and reports how they do.
package worker
