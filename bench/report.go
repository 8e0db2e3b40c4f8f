package main

import (
	"fmt"
	"io"
	"time"
)

// result is one measurement.
type result struct {
	phase, who string
	rows       int64
	took       time.Duration
}

func (r result) rate() float64 { return float64(r.rows) / r.took.Seconds() }

// report collects the measurements in the order they were made.
type report struct{ results []result }

func (r *report) add(phase, who string, rows int64, took time.Duration) {
	r.results = append(r.results, result{phase, who, rows, took})
	say("%s by %s: %d rows in %s", phase, who, rows, took.Round(10*time.Millisecond))
}

// print writes the table: the peer of a phase first, ratios against it.
func (r *report) print(out io.Writer, b *bench) {
	fmt.Fprintf(out, "\n%d rows in %d tables; %d changed rows in %d transactions; %d dump/load connections, %d sync workers; seed %d\n\n",
		b.rows, tables, b.change, b.transactions, b.threads, b.workers, b.seed)
	fmt.Fprintf(out, "%-6s %-22s %12s %10s %8s\n", "phase", "by", "rows/s", "seconds", "ratio")
	for _, phase := range []string{"dump", "load", "sync"} {
		var peer float64
		for _, x := range r.results {
			if x.phase != phase {
				continue
			}
			if peer == 0 { // peers are measured first
				peer = x.rate()
			}
			fmt.Fprintf(out, "%-6s %-22s %12.0f %10.2f %8.2f\n", x.phase, x.who, x.rate(), x.took.Seconds(), x.rate()/peer)
		}
	}
	fmt.Fprintln(out, "\nratio: rows/s against the public tool of the phase, whose target is MariaDB; 1.00 is as fast")
}
