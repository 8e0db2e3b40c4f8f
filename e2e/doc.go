// Package e2e tests the product as its operators meet it: real dm-master,
// dm-worker and dmctl processes, a real MariaDB as the source and a real TiDB
// (or another MariaDB) as the target. Nothing is reached but through dmctl and
// SQL.
//
// Each test has servers, ports and directories of its own and prints the seed
// it ran with; RAFTDM_SEED=n repeats it. RAFTDM_SEEDS=100 makes as many migrations
// of TestKilledOverTypes... (some ten seconds each), RAFTDM_OUTAGE=5s shortens the
// outages.
// A failed test shows the end of every process's log. All of them are skipped
// with -short.
package e2e
