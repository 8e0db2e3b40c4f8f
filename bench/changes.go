package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/raftdm/raftdm/internal/testbed"
)

const (
	tables  = 4
	clients = 8 // connections that write the changes
)

// changes writes the transactions to replicate, in the mix of sysbench's
// oltp_write_only: two updates, a delete and an insert of the same row.
func (b *bench) changes(ctx context.Context) (err error) {
	say("changing the upstream: %d transactions", b.transactions)
	if b.start, err = testbed.BinlogEnd(ctx, b.up.DB()); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	rows, errs := make([]int64, clients), make([]error, clients)
	for i := range clients {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(b.seed, uint64(i)))
			// Each client has its own ids: no conflicts, so no repeats.
			for range b.transactions / clients {
				n, err := b.writeOnly(ctx, r, i)
				if err != nil {
					errs[i] = err
					cancel()
					return
				}
				rows[i] += n
			}
		})
	}
	wg.Wait()
	for _, n := range rows {
		b.change += n
	}
	return errors.Join(errs...)
}

// writeOnly is one transaction; it gives the number of rows changed.
func (b *bench) writeOnly(ctx context.Context, r *rand.Rand, client int) (rows int64, err error) {
	perTable := b.options.rows / tables
	id := func() int { return 1 + r.IntN(perTable/clients-1)*clients + client }
	tx, err := b.up.DB().BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	table := fmt.Sprintf("`%s`.sbtest%d", schemaName, 1+r.IntN(tables))
	moved := id()
	for _, s := range []struct {
		query string
		args  []any
	}{
		{"UPDATE %t SET k = k + 1 WHERE id = ?", []any{id()}},
		{"UPDATE %t SET c = ? WHERE id = ?", []any{fmt.Sprintf("%0119d", r.Uint64()), id()}},
		{"DELETE FROM %t WHERE id = ?", []any{moved}},
		{"INSERT INTO %t (id, k, c, pad) VALUES (?, ?, ?, ?)", []any{moved, r.IntN(1 << 30), fmt.Sprintf("%0119d", r.Uint64()), fmt.Sprintf("%059d", r.Uint64())}},
	} {
		n, err := affected(tx.ExecContext(ctx, strings.ReplaceAll(s.query, "%t", table), s.args...))
		if err != nil {
			_ = tx.Rollback() // the first error says why
			return 0, err
		}
		rows += n
	}
	return rows, tx.Commit()
}

func affected(res sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}
