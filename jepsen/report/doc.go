// Package report keeps what a jepsen run leaves: the history as it happened,
// the runner's log, the data directories and logs of all processes, and, when
// a run has failed, a timeline to look at first. A run that found nothing
// wrong leaves nothing.
//
// It also writes the two lines that people see of a run: what was done how
// often (Summary), and the command that does it again (Again).
package report
