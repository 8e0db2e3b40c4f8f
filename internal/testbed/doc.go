// Package testbed starts real servers and real raftdm processes on 127.0.0.1
// for tests, the demo and the benchmark: MariaDB as upstream, TiDB as target,
// dm-master, dm-worker and dmctl built from this checkout. It also brings what
// such runs need around them: seeded workloads, a row-by-row comparison of two
// servers, a TCP proxy that cuts and slows connections, and a network of gates
// before every port of a cluster whose links are cut and slowed one by one.
//
// Nothing here is mocked and nothing of the product is imported but the plain
// configuration types, so that what a test sees is what an operator would see.
//
// Invariants: every process is a child in a process group of its own, is
// killed by the kernel when the starting process dies, and is ended by pid,
// never by name. All data lives under the directory that the caller gives.
// Ports are taken below the ephemeral range, so that the port of a stopped
// server stays free until it is started again.
//
// Failure cases: a missing program (mariadbd, go) is an error that names
// `make deps`; a server that does not become ready in time is an error with
// the last lines of its log.
//
// Start at server.go (one database), cluster.go (the product's processes),
// net.go, workload.go and compare.go.
package testbed
