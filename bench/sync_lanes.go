package main

import (
	"context"
	"fmt"
)

// slowdown is how much slower than the best number of lanes a greater one may be.
const slowdown = 0.05

// sweep has raftdm catch up into MariaDB with each worker-count.
func (b *backlog) sweep(ctx context.Context) error {
	for _, n := range b.o.lanes {
		b.workers = n
		if err := b.contend(ctx, fmt.Sprintf("%d lanes", n), b.byRaftdm); err != nil {
			return err
		}
		b.results[len(b.results)-1].lanes = n
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
