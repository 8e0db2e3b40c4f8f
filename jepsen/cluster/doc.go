// Package cluster is what a jepsen run torments: dm-master and dm-worker
// processes, MariaDB upstreams and a target, with a gate before every port so
// that each link can be cut by itself.
//
// It starts and ends things, speaks dmctl, tells whether everything is well
// (health.go), checks the masters' files (stores.go) and keeps the book of who
// committed what on the target (audit.go). It draws no conclusions: those are
// check's.
//
// Clients of the databases connect directly and are disturbed only by what
// happens to the servers themselves; the product's processes connect through
// the gates, whose addresses SourceConfig and TargetConfig give.
package cluster
