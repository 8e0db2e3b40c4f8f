package main

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"

	"golang.org/x/sync/errgroup"
)

const (
	writers = 16
	// packed is how many transactions go to the server in one packet.
	packed = 50
	// filled is how many rows one statement of fill has.
	filled = 500
)

// writer makes the text of statements for one connection.
type writer struct {
	*rand.Rand
	kind
	number int // of all writers
	ids    int // given out by unused
	text   []byte
}

func (w *writer) add(format string, args ...any) { w.text = fmt.Appendf(w.text, format, args...) }

// back takes the last byte away.
func (w *writer) back() { w.text = w.text[:len(w.text)-1] }

// digits adds groups of eleven digits with dashes between, as sysbench does.
func (w *writer) digits(groups int) {
	for range groups {
		n := w.Uint64()
		for range 11 {
			w.text = append(w.text, byte('0'+n%10))
			n /= 10
		}
		w.text = append(w.text, '-')
	}
	w.back()
}

func (w *writer) quoted(groups int) {
	w.add("'")
	w.digits(groups)
	w.add("'")
}

// moment adds a time that every time zone has.
func (w *writer) moment() {
	w.add("'20%02d-%02d-%02d %02d:%02d:%02d'", 1+w.IntN(30), 1+w.IntN(12), 1+w.IntN(28), 4+w.IntN(20), w.IntN(60), w.IntN(60))
}

// table gives the name of one of the tables.
func (w *writer) table() string { return tableName(1 + w.IntN(w.tables)) }

func tableName(n int) string { return fmt.Sprintf("%s.sbtest%d", schemaName, n) }

// own gives the id of a row that no other writer changes.
func (w *writer) own() int { return 1 + w.IntN(w.rows/writers)*writers + w.number }

// unused gives an id that no row has had.
func (w *writer) unused() int {
	w.ids++
	return w.rows + w.ids*writers + w.number
}

// fill makes the tables as they are before the backlog: the same on any server.
func (k kind) fill(ctx context.Context, db *sql.DB, seed uint64) error {
	if _, err := db.ExecContext(ctx, "CREATE DATABASE "+schemaName); err != nil {
		return err
	}
	for i := range k.tables {
		if _, err := db.ExecContext(ctx, fmt.Sprintf("CREATE TABLE %s (%s)", tableName(i+1), k.columns)); err != nil {
			return err
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	for i := range k.tables {
		g.Go(func() error { return k.fillTable(ctx, db, seed, i+1) })
	}
	return g.Wait()
}

func (k kind) fillTable(ctx context.Context, db *sql.DB, seed uint64, n int) error {
	w := &writer{Rand: rand.New(rand.NewPCG(seed, uint64(n))), kind: k}
	for id := 1; id <= k.rows; {
		w.text = fmt.Appendf(w.text[:0], "INSERT INTO %s VALUES ", tableName(n))
		for last := min(id+filled-1, k.rows); id <= last; id++ {
			w.add("(")
			k.values(w, id)
			w.add("),")
		}
		w.back()
		if _, err := db.ExecContext(ctx, string(w.text)); err != nil {
			return err
		}
	}
	return nil
}

// backlogInto writes the transactions and gives the number of rows they change.
// Each statement outside of BEGIN and COMMIT is a transaction by itself, also
// when many come in one packet.
func (k kind) backlogInto(ctx context.Context, db *sql.DB, seed uint64) (int64, error) {
	each := k.transactions / writers
	g, ctx := errgroup.WithContext(ctx)
	for i := range writers {
		w := &writer{Rand: rand.New(rand.NewPCG(seed, 1000+uint64(i))), kind: k, number: i}
		g.Go(func() error { return w.run(ctx, db, each) })
	}
	return int64(each) * writers * int64(k.perTxn), g.Wait()
}

// run writes so many transactions over a connection of its own.
func (w *writer) run(ctx context.Context, db *sql.DB, transactions int) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for done := 0; done < transactions; {
		w.text = w.text[:0]
		for last := min(done+packed, transactions); done < last; done++ {
			w.write(w)
		}
		if _, err := conn.ExecContext(ctx, string(w.text)); err != nil {
			return err
		}
	}
	return nil
}
