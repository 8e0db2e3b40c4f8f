package main

import (
	"context"
	"fmt"
	"io"
)

// slowdown is how much slower than the best number of lanes a greater one may be.
const slowdown = 0.05

// sweep has raftdm catch up into MariaDB with each worker-count.
func (b *backlog) sweep(ctx context.Context) error {
	for _, n := range b.o.lanes {
		b.workers = n
		if err := b.contend(ctx, fmt.Sprintf("worker-count %d", n), b.byRaftdm); err != nil {
			return err
		}
	}
	return nil
}

// tooMany gives the results with more lanes than the best that are slower than
// it by more than is allowed.
func (b *backlog) tooMany() (best syncResult, slower []syncResult) {
	for _, r := range b.results {
		if b.rate(r) > b.rate(best) {
			best = r
		}
	}
	for _, r := range b.results {
		if r.lanes > best.lanes && b.rate(r) < (1-slowdown)*b.rate(best) {
			slower = append(slower, r)
		}
	}
	return best, slower
}

// printSweep tells whether more lanes than the best number cost something.
func (b *backlog) printSweep(out io.Writer) {
	best, slower := b.tooMany()
	fmt.Fprintf(out, "\nbest: %s; more lanes slower by more than %.0f %%: %s\n", best.who, 100*slowdown, yes(len(slower) > 0))
	for _, r := range slower {
		fmt.Fprintf(out, "  %s: %.0f %% slower\n", r.who, 100*(1-b.rate(r)/b.rate(best)))
	}
}
