// Package workload is what runs against a cluster while faults happen: traffic
// on the upstreams, readers of the target, operators with dmctl, followers of
// the masters' change streams. Everything is recorded in a history; nothing is
// judged here.
//
// A run calls, for each workload in the order of All: Setup on a healthy
// cluster (it makes the schemas, and starts and awaits its tasks), Run until
// its context ends, side by side, and after everything was healed Final in
// turn, which waits for quiescence as long as its context lets it and records
// what is left. A wrong end state is recorded too: saying so is check's part.
//
// Clients connect to the servers directly, not through the gates: an outcome is
// Unknown only when a server itself was lost in the middle of a COMMIT. Every
// choice is drawn from the generator that Run is given.
package workload
