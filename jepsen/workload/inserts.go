package workload

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/jepsen/cluster"
	"github.com/raftdm/raftdm/jepsen/history"
)

// Inserts writes each row into a table with a key and into one without, in one
// transaction; later it raises versions and deletes some. Readers look at a
// window of one client's rows on the target, together with the positions that
// are recorded there, in one snapshot.
type Inserts struct{ Rates Rates }

// Name gives "inserts".
func (w *Inserts) Name() string { return "inserts" }

func rowsSchema(i int) string { return fmt.Sprintf("rows%d", i+1) }
func rowsTask(i int) string   { return fmt.Sprintf("rows-%d", i+1) }

// windowRows is how many rows a reader looks at.
const windowRows = 40

// Setup makes the tables and starts a task per source. The index of the second
// table is no key: rows are found by it quickly, and not told apart.
func (w *Inserts) Setup(ctx context.Context, env Env) error {
	for i, up := range env.Upstreams {
		schema := rowsSchema(i)
		err := up.Exec(ctx, "CREATE DATABASE "+schema,
			"CREATE TABLE "+schema+".keyed (client INT, seq INT, version INT, PRIMARY KEY (client, seq))",
			"CREATE TABLE "+schema+".keyless (client INT, seq INT, version INT, KEY (client, seq))")
		if err != nil {
			return err
		}
		if err := env.StartTask(ctx, rowsTask(i), i, schema); err != nil {
			return err
		}
	}
	return nil
}

// Run writes and reads until ctx ends.
func (w *Inserts) Run(ctx context.Context, env Env, rng *rand.Rand, rec *history.Recorder) error {
	c := crew{g: new(errgroup.Group), rng: rng}
	for i, up := range env.Upstreams {
		next := make([]atomic.Int64, w.Rates.RowClients)
		for n := range w.Rates.RowClients {
			a := &author{up: up, i: i, client: n, next: &next[n], live: map[int]int{}, rec: rec}
			c.add(ctx, w.Rates.WritePause, a.act)
		}
		for n := range w.Rates.Readers {
			client := fmt.Sprintf("rows reader %s %d", cluster.SourceName(i), n)
			c.add(ctx, w.Rates.ReadPause, func(ctx context.Context, r *rand.Rand) {
				who := r.IntN(len(next))
				top := int(next[who].Load())
				high := top + 5 // what is being written is looked for, too
				if r.IntN(4) == 0 {
					high = windowRows + r.IntN(top+1)
				}
				in := history.Window{Source: cluster.SourceName(i), Client: who, Low: max(0, high-windowRows), High: high}
				readWindow(ctx, env, i, rec.Call(client, history.RowsRead, in), in)
			})
		}
	}
	return c.g.Wait()
}

// author is one client and the rows that only it writes.
type author struct {
	up     *testbed.Server
	i      int
	client int
	next   *atomic.Int64 // the sequence number of its next row
	rec    *history.Recorder
	live   map[int]int // rows whose state is known, with their versions
	seqs   []int       // the keys of live, and some that have left it
}

// act does one transaction: half of them inserts.
func (a *author) act(ctx context.Context, r *rand.Rand) {
	seq, found := a.pick(r)
	switch n := r.IntN(10); {
	case n < 5 || !found:
		a.insert(ctx, 1+max(0, r.IntN(6)-2), r.IntN(20) == 0)
	case n < 9:
		a.change(ctx, seq, a.live[seq]+1)
	default:
		a.change(ctx, seq, 0)
	}
}

// pick finds a row to change: mostly a young one, where a race is likely.
func (a *author) pick(r *rand.Rand) (int, bool) {
	for len(a.seqs) > 0 {
		i := r.IntN(len(a.seqs))
		if r.IntN(3) > 0 {
			i = len(a.seqs) - 1 - r.IntN(min(10, len(a.seqs)))
		}
		if _, ok := a.live[a.seqs[i]]; ok {
			return a.seqs[i], true
		}
		a.seqs = append(a.seqs[:i], a.seqs[i+1:]...)
	}
	return 0, false
}

func (a *author) call(in history.Write) *history.Pending {
	in.Source, in.Client = cluster.SourceName(a.i), a.client
	return a.rec.Call(fmt.Sprintf("rows %s %d", cluster.SourceName(a.i), a.client), history.RowsWrite, in)
}

func (a *author) insert(ctx context.Context, count int, undo bool) {
	seq := int(a.next.Add(int64(count))) - count
	values := make([]string, count)
	for n := range values {
		values[n] = fmt.Sprintf("(%d, %d, 1)", a.client, seq+n)
	}
	p := a.call(history.Write{Op: history.Insert, Seq: seq, Count: count, Version: 1, Undone: undo})
	list := strings.Join(values, ", ")
	outcome := transaction(ctx, a.up.DB(), p, undo, "INSERT INTO "+rowsSchema(a.i)+".keyed VALUES "+list,
		"INSERT INTO "+rowsSchema(a.i)+".keyless VALUES "+list)
	for n := range count {
		if outcome == history.OK {
			a.live[seq+n] = 1
			a.seqs = append(a.seqs, seq+n)
		}
	}
}

// change gives a row a version, or deletes it with version 0.
func (a *author) change(ctx context.Context, seq, version int) {
	in := history.Write{Op: history.Update, Seq: seq, Count: 1, Version: version}
	form := fmt.Sprintf("UPDATE %s.%%s SET version = %d WHERE client = %d AND seq = %d", rowsSchema(a.i), version, a.client, seq)
	if version == 0 {
		in.Op = history.Delete
		form = fmt.Sprintf("DELETE FROM %s.%%s WHERE client = %d AND seq = %d", rowsSchema(a.i), a.client, seq)
	}
	switch outcome := transaction(ctx, a.up.DB(), a.call(in), false, fmt.Sprintf(form, "keyed"), fmt.Sprintf(form, "keyless")); {
	case outcome == history.OK && version > 0:
		a.live[seq] = version
	case outcome != history.Failed:
		delete(a.live, seq) // gone, or nobody knows: it is not touched any more
	}
}

// Final waits until both sides are equal, or ctx ends, and records both.
func (w *Inserts) Final(ctx context.Context, env Env, rec *history.Recorder) error {
	var errs []error
	for i, up := range env.Upstreams {
		p := rec.Call("rows", history.RowsFinal, history.Side{Source: cluster.SourceName(i)})
		asked, cancel := lastWord(ctx)
		_ = settle(ctx, time.Second, func(context.Context) (bool, error) {
			var same [2]string
			for n, db := range []*sql.DB{up.DB(), env.Target.DB()} {
				var err error
				if same[n], err = digest(asked, db, i); err != nil {
					return false, err
				}
			}
			return same[0] == same[1], nil
		}) // unequal in the end is for check to say
		out, err := bothSides(asked, env, i)
		cancel()
		if err != nil {
			p.Failed(nil, err)
			errs = append(errs, fmt.Errorf("the rows of %s cannot be read in the end: %w", cluster.SourceName(i), err))
			continue
		}
		p.OK(out)
	}
	return errors.Join(errs...)
}

// digest is what two equal sides have in common, at little cost.
func digest(ctx context.Context, db *sql.DB, i int) (string, error) {
	var out []string
	for _, table := range []string{"keyed", "keyless"} {
		var rows, sum string
		q := fmt.Sprintf("SELECT COUNT(*), COALESCE(SUM(CRC32(CONCAT_WS(',', client, seq, version))), 0) FROM %s.%s", rowsSchema(i), table)
		if err := db.QueryRowContext(ctx, q).Scan(&rows, &sum); err != nil {
			return "", err
		}
		out = append(out, rows, sum)
	}
	return strings.Join(out, " "), nil
}

func bothSides(ctx context.Context, env Env, i int) (history.RowsEnd, error) {
	var out history.RowsEnd
	scan := func(rows *sql.Rows) (o history.OwnedRow, err error) {
		err = rows.Scan(&o[0], &o[1], &o[2])
		return o, err
	}
	for _, part := range []struct {
		db    *sql.DB
		table string
		into  *[]history.OwnedRow
	}{
		{env.Upstreams[i].DB(), "keyed", &out.UpstreamKeyed}, {env.Upstreams[i].DB(), "keyless", &out.UpstreamKeyless},
		{env.Target.DB(), "keyed", &out.TargetKeyed}, {env.Target.DB(), "keyless", &out.TargetKeyless},
	} {
		var err error
		*part.into, err = collect(ctx, part.db, scan, "SELECT client, seq, version FROM "+rowsSchema(i)+"."+part.table)
		if err != nil {
			return out, err
		}
	}
	return out, nil
}
