package workload

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// What snapshot reads of a TiDB is a snapshot, also beside many writers and
// without raftdm: otherwise its own store's slips would be called torn
// transactions.
func TestSnapshotsOfTiDB(t *testing.T) {
	s := testbed.TiDB(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := s.Exec(t.Context(), "CREATE DATABASE b", "CREATE TABLE b.a (id INT PRIMARY KEY, balance BIGINT NOT NULL)"); err != nil {
		t.Fatal(err)
	}
	const rows = 12
	for i := range rows {
		if err := s.Exec(t.Context(), fmt.Sprintf("INSERT INTO b.a VALUES (%d, 1000)", i)); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	var writes, reads atomic.Int64
	for range 8 {
		wg.Go(func() {
			for ctx.Err() == nil {
				if shift(ctx, s.DB(), rand.IntN(rows), rand.IntN(rows)) == nil {
					writes.Add(1)
				}
			}
		})
	}
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				got, err := snapshot(ctx, s, func(c *sql.Conn) (got [2]int64, err error) {
					err = c.QueryRowContext(ctx, "SELECT COUNT(*), SUM(balance) FROM (SELECT id, balance FROM b.a ORDER BY id) x").Scan(&got[0], &got[1])
					return got, err
				})
				if err != nil {
					continue // a write conflict does not matter here
				}
				reads.Add(1)
				if got != [2]int64{rows, rows * 1000} {
					t.Errorf("a snapshot has %d rows that hold %d", got[0], got[1])
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d reads beside %d writes", reads.Load(), writes.Load())
	if writes.Load() < 100 || reads.Load() < 100 {
		t.Errorf("%d reads beside %d writes: too few to say anything", reads.Load(), writes.Load())
	}
}

// shift takes one from a row and gives it to another.
func shift(ctx context.Context, db *sql.DB, from, to int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing
	for id, delta := range map[int]int{from: -1, to: 1} {
		if from == to {
			delta = 0
		}
		if _, err := tx.ExecContext(ctx, "UPDATE b.a SET balance = balance + ? WHERE id = ?", delta, id); err != nil {
			return err
		}
	}
	return tx.Commit()
}
