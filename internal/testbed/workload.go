package testbed

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Workload is a schema of sysbench-style tables and one table of each awkward
// kind (awkward.go), and the traffic on them. Everything it writes follows
// from the seeds that it is given; only the interleaving of its writers does
// not.
type Workload struct {
	DB     *sql.DB
	Schema string
	// SysbenchTables is the number of tables sbtest1, sbtest2, ...
	SysbenchTables int
	// SysbenchOnly leaves the awkward tables out.
	SysbenchOnly bool
	// Pace is a pause after each transaction of a writer; 0 is full speed.
	Pace time.Duration
	// DDL makes one more writer that changes table structures.
	DDL bool

	counts Counts
	ddl    ddlSteps
	ids    int // the ids of the sysbench tables after Load, roughly
}

// Counts is what the writers did so far. Its fields are read with Workload.Counts.
type Counts struct {
	Transactions, Inserts, Updates, Deletes int64
	RolledBack                              int64 // by intent
	Conflicts                               int64 // duplicate keys, deadlocks: rolled back
	Lost                                    int64 // the connection was lost and made again
	DDLs                                    int64
}

// Rows is how many rows were inserted, updated or deleted.
func (c Counts) Rows() int64 { return c.Inserts + c.Updates + c.Deletes }

// Counts gives a copy of what was done so far; also while writers run.
func (w *Workload) Counts() Counts {
	c := &w.counts
	return Counts{
		Transactions: atomic.LoadInt64(&c.Transactions), Inserts: atomic.LoadInt64(&c.Inserts),
		Updates: atomic.LoadInt64(&c.Updates), Deletes: atomic.LoadInt64(&c.Deletes),
		RolledBack: atomic.LoadInt64(&c.RolledBack), Conflicts: atomic.LoadInt64(&c.Conflicts),
		Lost: atomic.LoadInt64(&c.Lost), DDLs: atomic.LoadInt64(&c.DDLs),
	}
}

// Load creates the schema and the tables and fills them with about rows rows:
// most in the sysbench tables, at least some hundred in each awkward one.
func (w *Workload) Load(ctx context.Context, rows int, seed uint64) error {
	if err := w.create(ctx); err != nil {
		return err
	}
	awkward := max(rows/100, 200)
	each := 0
	if w.SysbenchTables > 0 {
		each = max(rows-awkward*len(w.awkward()), 0) / w.SysbenchTables
	}
	w.ids = max(each*11/10, 100)
	var wg sync.WaitGroup
	errs := make([]error, w.SysbenchTables)
	for i := range w.SysbenchTables {
		wg.Go(func() { errs[i] = w.fillSysbench(ctx, i+1, each, newRand(seed, uint64(i))) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if w.SysbenchOnly {
		return nil
	}
	return w.fillAwkward(ctx, awkward, newRand(seed, 1000))
}

// awkward gives the awkward tables that this workload has.
func (w *Workload) awkward() []awkwardTable {
	if w.SysbenchOnly {
		return nil
	}
	return awkwardTables()
}

func (w *Workload) create(ctx context.Context) error {
	stmts := []string{"CREATE DATABASE IF NOT EXISTS " + quote(w.Schema)}
	for i := range w.SysbenchTables {
		stmts = append(stmts, fmt.Sprintf("CREATE TABLE %s (id INT NOT NULL AUTO_INCREMENT, k INT NOT NULL DEFAULT 0, "+
			"c CHAR(120) NOT NULL DEFAULT '', pad CHAR(60) NOT NULL DEFAULT '', PRIMARY KEY (id), KEY k_1 (k))",
			w.table(fmt.Sprintf("sbtest%d", i+1))))
	}
	for _, t := range w.awkward() {
		stmts = append(stmts, "CREATE TABLE "+w.table(t.name)+" "+t.columns)
	}
	for _, q := range stmts {
		if _, err := w.DB.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("%.80s...: %w", q, err)
		}
	}
	return nil
}

func (w *Workload) table(name string) string { return quote(w.Schema) + "." + quote(name) }

func (w *Workload) fillSysbench(ctx context.Context, n, rows int, r *rand.Rand) error {
	const perStatement = 500
	for done := 0; done < rows; done += perStatement {
		if err := w.insertSysbench(ctx, w.DB, n, min(perStatement, rows-done), r); err != nil {
			return err
		}
	}
	return nil
}

// execer is a pool, a session or a transaction.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func (w *Workload) insertSysbench(ctx context.Context, ex execer, n, rows int, r *rand.Rand) error {
	args := make([]any, 0, 3*rows)
	for range rows {
		args = append(args, r.IntN(1<<30), digits(r, 119), digits(r, 59))
	}
	_, err := ex.ExecContext(ctx, fmt.Sprintf("INSERT INTO %s (k, c, pad) VALUES %s",
		w.table(fmt.Sprintf("sbtest%d", n)), tuples(rows, 3)), args...)
	return err
}

// tuples gives "(?,?),(?,?)".
func tuples(rows, columns int) string {
	one := "(" + strings.TrimSuffix(strings.Repeat("?,", columns), ",") + ")"
	return strings.TrimSuffix(strings.Repeat(one+",", rows), ",")
}

// digits gives text like sysbench's: groups of digits with dashes.
func digits(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		if i%12 == 11 {
			b[i] = '-'
		} else {
			b[i] = byte('0' + r.IntN(10))
		}
	}
	return string(b)
}

func newRand(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }

// Writers runs n writers until ctx ends and gives what they did. Lost
// connections are made again, so that a server may be stopped and started
// meanwhile; any other failure than a conflict ends all writers.
func (w *Workload) Writers(ctx context.Context, n int, seed uint64) (Counts, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	errs := make([]error, n+1)
	run := func(i int, f func(context.Context, *rand.Rand) error) {
		wg.Go(func() {
			errs[i] = w.loop(ctx, newRand(seed, uint64(i)), f)
			if errs[i] != nil {
				cancel()
			}
		})
	}
	for i := range n {
		run(i, w.transaction)
	}
	if w.DDL {
		w.ddl.w = w
		run(n, w.ddl.next)
	}
	wg.Wait()
	return w.Counts(), errors.Join(errs...)
}

// loop calls f again and again and sorts its failures.
func (w *Workload) loop(ctx context.Context, r *rand.Rand, f func(context.Context, *rand.Rand) error) error {
	for ctx.Err() == nil {
		err := f(ctx, r)
		refused := (*mysql.MySQLError)(nil)
		switch {
		case err == nil || ctx.Err() != nil:
		case errors.As(err, &refused) && conflict(refused.Number):
			atomic.AddInt64(&w.counts.Conflicts, 1)
		case errors.As(err, &refused) && refused.Number != 1053: // shutdown in progress
			return err
		default:
			atomic.AddInt64(&w.counts.Lost, 1)
			wait(ctx, 100*time.Millisecond)
		}
		wait(ctx, w.Pace)
	}
	return nil
}

// conflict tells errors that concurrent writers cause each other.
func conflict(number uint16) bool {
	switch number {
	case 1062, 1205, 1213, 1020, // duplicate, lock timeout, deadlock, row changed
		1054, 1136, 1146, 1412: // a table structure changed meanwhile
		return true
	}
	return false
}

func wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// transaction does one to six changes; one transaction in ten is rolled back.
func (w *Workload) transaction(ctx context.Context, r *rand.Rand) error {
	tx, err := w.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	changes := 1
	if r.IntN(3) == 0 {
		changes = 2 + r.IntN(5)
	}
	var did Counts
	for range changes {
		if err := w.change(ctx, tx, r, &did); err != nil {
			// The first error says why; a failing ROLLBACK means that the
			// connection is gone, and with it the transaction.
			_ = tx.Rollback()
			return err
		}
	}
	if r.IntN(10) == 0 {
		atomic.AddInt64(&w.counts.RolledBack, 1)
		return tx.Rollback()
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	atomic.AddInt64(&w.counts.Transactions, 1)
	atomic.AddInt64(&w.counts.Inserts, did.Inserts)
	atomic.AddInt64(&w.counts.Updates, did.Updates)
	atomic.AddInt64(&w.counts.Deletes, did.Deletes)
	return nil
}
