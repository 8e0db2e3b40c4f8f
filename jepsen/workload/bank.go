package workload

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/jepsen/cluster"
	"github.com/raftdm/raftdm/jepsen/history"
)

// Bank moves money between accounts of one source and reads all of them on the
// target in one snapshot: together they always hold the same.
type Bank struct{ Rates Rates }

// Name gives "bank".
func (b *Bank) Name() string { return "bank" }

// startBalance is what each account begins with.
const startBalance = 1000

func bankSchema(i int) string { return fmt.Sprintf("bank%d", i+1) }
func bankTask(i int) string   { return fmt.Sprintf("bank-%d", i+1) }

// Setup makes the accounts and starts a task per source.
func (b *Bank) Setup(ctx context.Context, env Env) error {
	for i, up := range env.Upstreams {
		values := make([]string, b.Rates.Accounts)
		for n := range values {
			values[n] = fmt.Sprintf("(%d, %d)", n, startBalance)
		}
		schema := bankSchema(i)
		err := up.Exec(ctx, "CREATE DATABASE "+schema,
			"CREATE TABLE "+schema+".accounts (id INT PRIMARY KEY, balance BIGINT NOT NULL)",
			"INSERT INTO "+schema+".accounts VALUES "+strings.Join(values, ", "))
		if err != nil {
			return err
		}
		if err := env.StartTask(ctx, bankTask(i), i, schema); err != nil {
			return err
		}
	}
	return nil
}

func (b *Bank) what(i int) history.Bank {
	return history.Bank{Source: cluster.SourceName(i), Accounts: b.Rates.Accounts, Total: int64(b.Rates.Accounts) * startBalance}
}

// Run transfers and reads until ctx ends.
func (b *Bank) Run(ctx context.Context, env Env, rng *rand.Rand, rec *history.Recorder) error {
	c := crew{g: new(errgroup.Group), rng: rng}
	for i, up := range env.Upstreams {
		for n := range b.Rates.BankClients {
			client := fmt.Sprintf("bank %s %d", cluster.SourceName(i), n)
			c.add(ctx, b.Rates.WritePause, func(ctx context.Context, r *rand.Rand) { b.transfer(ctx, up, i, client, r, rec) })
		}
		for n := range b.Rates.Readers {
			client := fmt.Sprintf("bank reader %s %d", cluster.SourceName(i), n)
			c.add(ctx, b.Rates.ReadPause, func(ctx context.Context, _ *rand.Rand) { b.read(ctx, env, i, client, rec) })
		}
	}
	return c.g.Wait()
}

// transfer moves money from one account to one to four others; now and then it
// changes its mind.
func (b *Bank) transfer(ctx context.Context, up *testbed.Server, i int, client string, r *rand.Rand, rec *history.Recorder) {
	n := 2
	if r.IntN(5) == 0 {
		n = min(3+r.IntN(3), b.Rates.Accounts)
	}
	in := history.Transfer{Source: cluster.SourceName(i), Undone: r.IntN(20) == 0}
	var statements []string
	left := int64(0)
	for k, account := range r.Perm(b.Rates.Accounts)[:n] {
		delta := 1 + r.Int64N(50)
		if k == n-1 {
			delta = -left
		}
		left += delta
		in.Moves = append(in.Moves, history.Move{Account: account, Delta: delta})
		statements = append(statements, fmt.Sprintf("UPDATE %s.accounts SET balance = balance + %d WHERE id = %d", bankSchema(i), delta, account))
	}
	transaction(ctx, up.DB(), rec.Call(client, history.BankTransfer, in), in.Undone, statements...)
}

func (b *Bank) read(ctx context.Context, env Env, i int, client string, rec *history.Recorder) {
	p := rec.Call(client, history.BankRead, b.what(i))
	out, err := snapshot(ctx, env.Target, func(conn *sql.Conn) (history.Balances, error) {
		rows, err := accounts(ctx, conn, i)
		return history.Balances{Rows: rows}, err
	})
	if err != nil {
		p.Failed(nil, err)
		return
	}
	p.OK(out)
}

func accounts(ctx context.Context, q querier, i int) ([]history.Balance, error) {
	scan := func(rows *sql.Rows) (b history.Balance, err error) { err = rows.Scan(&b[0], &b[1]); return b, err }
	return collect(ctx, q, scan, "SELECT id, balance FROM "+bankSchema(i)+".accounts ORDER BY id")
}

// Final waits until both sides are equal, or ctx ends, and records both.
func (b *Bank) Final(ctx context.Context, env Env, rec *history.Recorder) error {
	var errs []error
	for i, up := range env.Upstreams {
		p := rec.Call("bank", history.BankFinal, b.what(i))
		var end history.BankEnd
		asked, cancel := lastWord(ctx)
		err := settle(ctx, time.Second, func(context.Context) (bool, error) {
			var errUp, errDown error
			end.Upstream, errUp = accounts(asked, up.DB(), i)
			end.Target, errDown = accounts(asked, env.Target.DB(), i)
			err := errors.Join(errUp, errDown)
			return err == nil && slices.Equal(end.Upstream, end.Target), err
		})
		cancel()
		if end.Upstream == nil || end.Target == nil {
			p.Failed(nil, err)
			errs = append(errs, fmt.Errorf("the accounts of %s cannot be read in the end: %w", cluster.SourceName(i), err))
			continue
		}
		p.OK(end)
	}
	return errors.Join(errs...)
}

// lastWord gives a context that outlives ctx by the time of one query: the last
// look at the end state must not be cut off.
func lastWord(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(context.WithoutCancel(ctx), deadline.Add(opLimit))
}
