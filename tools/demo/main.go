// Command demo shows the main job from beginning to end on this machine: it
// starts a MariaDB with data and traffic, a TiDB, three dm-masters and two dm-workers,
// migrates one into the other through dmctl, kills a worker and the leader on the way and
// compares every row at the end. It uses what an operator has, dmctl and SQL.
//
// It ends with 0 when both sides are equal, with 1 otherwise. Ctrl-C ends
// every process that it started. With KEEP=1 the servers stay until Ctrl-C.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	o := options{keep: os.Getenv("KEEP") == "1"}
	flag.IntVar(&o.rows, "rows", 200_000, "rows to begin with")
	flag.IntVar(&o.writers, "writers", 8, "connections that keep writing")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "seed of data and traffic")
	flag.DurationVar(&o.limit, "limit", 5*time.Minute, "give up after this time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "\nError: %v\n", err)
		os.Exit(1)
	}
}
