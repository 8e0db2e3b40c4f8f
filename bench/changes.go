package main

import (
	"context"

	"github.com/raftdm/raftdm/internal/testbed"
)

const tables = 4

// changes writes the transactions to replicate, in the mix of sysbench's
// oltp_write_only, to the rows that fill has made.
func (b *bench) changes(ctx context.Context) error {
	say("changing the upstream: %d transactions", b.transactions)
	list, err := pick("mixed")
	if err != nil {
		return err
	}
	if b.start, err = testbed.BinlogEnd(ctx, b.up.DB()); err != nil {
		return err
	}
	mixed := list[0]
	mixed.rows, mixed.transactions = b.options.rows/tables, b.transactions
	b.change, err = mixed.backlogInto(ctx, b.up.DB(), b.seed)
	return err
}
