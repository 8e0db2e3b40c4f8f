// Command bench measures dump, load and sync on this machine, beside public
// tools that do the same on the same data in the same run: mydumper, myloader
// and a MariaDB parallel replica. It prints rows per second and ratios; every
// copy is compared with its source row by row before its numbers count.
//
// raftdm runs as an operator runs it: real processes, told by dmctl. Its times
// include what dmctl and the scheduling take, and are seen through query-status,
// which knows them to about a second: measure with enough rows.
//
// With -full it measures dump and load, each alone and beside each other, with
// memory and processor time.
// With -sync it measures at length how fast a backlog of binlog is caught up.
// With -failover it measures how long the cluster is away after a kill -9. With
// -big it measures time and memory of what is large at once.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	var o syncOptions
	flag.IntVar(&o.rows, "rows", 1_000_000, "rows to dump and load, in 4 sysbench tables")
	flag.IntVar(&o.transactions, "transactions", 40_000, "source transactions to replicate; each changes 4 rows")
	flag.IntVar(&o.threads, "threads", 4, "connections of dump and load, ours and theirs")
	flag.IntVar(&o.workers, "workers", 16, "worker-count and slave_parallel_threads")
	flag.IntVar(&o.batch, "batch", 100, "batch of the syncer")
	flag.BoolVar(&o.tidb, "tidb", true, "measure raftdm into TiDB as well")
	flag.Uint64Var(&o.seed, "seed", 1, "seed of the data")
	kills := flag.Int("failover", 0, "measure failover instead: kill the leader and a worker so often")
	big := flag.Bool("big", false, "measure what is large at once instead: -big-rows, -big-mib, -big-tables")
	bigRows := flag.Int("big-rows", 10_000_000, "rows of one transaction")
	bigMiB := flag.Int("big-mib", 1024, "MiB that one statement inserts")
	bigTables := flag.Int("big-tables", 10_000, "tables to create and to fill")
	bigLimit := flag.Int("big-limit", 512, "MiB that a worker may hold at most; more is an error")
	sync := flag.Bool("sync", false, "measure replication of a backlog instead")
	full := flag.Bool("full", false, "measure dump and load at length, each alone and beside each other, instead")
	mib := flag.Int("full-mib", 2048, "MiB of INSERTs to dump and load with -full")
	rounds := flag.Int("full-rounds", 3, "how often each tool dumps and loads with -full, and tasks of each kind in mode full run")
	load := flag.Bool("full-load", true, "measure more than the dump with -full")
	o.flags(flag.CommandLine)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	switch {
	case *kills > 0:
		err = runFailover(ctx, *kills)
	case *big:
		err = runBig(ctx, *bigRows, *bigMiB, *bigTables, *bigLimit)
	case *full:
		err = runFull(ctx, os.Stdout, fullOptions{options: o.options, mib: *mib, rounds: *rounds, load: *load, profiles: o.profiles})
	case *sync:
		err = runSync(ctx, os.Stdout, o)
	default:
		err = run(ctx, o.options)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}
