package syncer

import (
	"database/sql"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// schedule gives transactions to lanes and lets them work in any order that the
// rules allow; do applies what a lane takes at once.
func schedule(t *rapid.T, txns []*Txn, do func(group []*Txn)) {
	lanes := rapid.IntRange(1, 4).Draw(t, "lanes")
	q := newQueues(t, lanes)
	w := newWindow(binlog.Location{}, checkpoint.Applied{})
	left := len(txns)
	step := func(lane int) bool {
		var group []*Txn
		for most := rapid.IntRange(1, 4).Draw(t, "group"); len(group) < most; {
			j, ok := q.next(lane)
			if !ok {
				break
			}
			group = append(group, j.txns...)
		}
		if len(group) == 0 {
			return false
		}
		do(group)
		w.finish(group...)
		q.applied(lane, group)
		left -= len(group)
		return true
	}
	next := 0
	for left > 0 {
		if next < len(txns) && rapid.IntRange(0, 2).Draw(t, "next") > 0 {
			tx := txns[next]
			next++
			for i := range tx.Rows {
				var err error
				if tx.keys, err = tx.Rows[i].plan.appendKeys(tx.keys, &tx.Rows[i]); err != nil {
					t.Fatal(err)
				}
				tx.Rows[i].keyEnd = int32(len(tx.keys))
			}
			q.put(w, tx)
			continue
		}
		q.some(next == len(txns))
		first := rapid.IntRange(0, lanes-1).Draw(t, "lane")
		moved := false
		for i := 0; i < lanes && !moved; i++ {
			moved = step((first + i) % lanes)
		}
		if !moved && next == len(txns) {
			t.Fatalf("%d transactions are left and no lane can go on", left)
		}
	}
}

// queues are the order and the dispatch of a coordinator, and what lanes have
// been handed.
type queues struct {
	t     *rapid.T
	order *order
	d     *dispatch
	jobs  [][]job
}

func newQueues(t *rapid.T, lanes int) *queues {
	batch := rapid.IntRange(1, 8).Draw(t, "batch")
	q := &queues{t: t, order: newOrder(lanes, batch), jobs: make([][]job, lanes)}
	list := make([]chan job, lanes)
	for i := range list {
		list[i] = make(chan job, 100)
	}
	q.d = newDispatch(list, batch, q.order)
	return q
}

// put takes a transaction as the coordinator does.
func (q *queues) put(w *window, tx *Txn) {
	q.order.forget(w.takePassed())
	if !w.tryAdd(tx) {
		q.t.Fatal("the window is full")
	}
	if err := q.d.put(q.t.Context(), tx, q.order.assign(tx)); err != nil {
		q.t.Fatal(err)
	}
}

// some hands out more, or all when nothing comes any more.
func (q *queues) some(all bool) {
	err := q.d.sendSome(q.t.Context())
	if all {
		err = q.d.sendAll(q.t.Context())
	}
	if err != nil {
		q.t.Fatal(err)
	}
}

// next gives a lane its next job, if that does not have to wait.
func (q *queues) next(lane int) (job, bool) {
	for len(q.d.lanes[lane]) > 0 {
		q.jobs[lane] = append(q.jobs[lane], <-q.d.lanes[lane])
	}
	if len(q.jobs[lane]) == 0 || !allDone(q.jobs[lane][0].waits) {
		return job{}, false
	}
	j := q.jobs[lane][0]
	q.jobs[lane] = q.jobs[lane][1:]
	return j, true
}

func (q *queues) applied(lane int, group []*Txn) {
	for _, tx := range group {
		q.order.done(lane, len(tx.Rows))
	}
}

// TestAnyScheduleIsEqual: whatever order lanes take, the rows in the end are
// those of the source's order, for keys of either side.
func TestAnyScheduleIsEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := newModel(drawShape(t, 2))
		txns := drawHistory(t, want, 25)
		got := newModel(want.shapes)
		compact, multi := rapid.Bool().Draw(t, "compact"), rapid.Bool().Draw(t, "multiple-rows")
		schedule(t, txns, func(group []*Txn) {
			ops := singles(changesOf(t, group))
			if rapid.Bool().Draw(t, "rewrite") {
				ops = rewrite(changesOf(t, group), compact, multi)
			}
			for i := range ops {
				if err := got.do(&ops[i]); err != nil {
					t.Fatalf("%s of %d: %v", ops[i].kind(), len(ops[i].changes), err)
				}
			}
		})
		if diff := cmp.Diff(content(want.rows), content(got.rows)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// TestAnyScheduleOnServers does the same with the statements that lanes
// execute, on a MariaDB and a TiDB, and reads their rows.
func TestAnyScheduleOnServers(t *testing.T) {
	targets(t, func(t *testing.T, _, down *testbed.Server) {
		db, err := dbconn.Open(t.Context(), fault.Downstream, withSession(down.Config()), dbconn.Options{MaxConns: 2, SQLMode: rowsMode, TimeZone: utc, TxnMode: "optimistic"})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		to := &target{db: db}
		defer to.close()
		rapid.Check(t, func(rt *rapid.T) { onServer(rt, down, to) })
	})
}

func onServer(t *rapid.T, down *testbed.Server, to *target) {
	want := newModel(drawShape(t, 2))
	txns := drawHistory(t, want, 8)
	createOn(t, down, want)
	l := &lane{target: to, strict: true, compact: rapid.Bool().Draw(t, "compact"), multi: rapid.Bool().Draw(t, "multiple-rows")}
	l.follow(t, txns)
	sameRows(t, down, want)
}

func createOn(t *rapid.T, down *testbed.Server, m *model) {
	for i, s := range m.shapes {
		name := fmt.Sprintf("d.t%d ", i)
		if err := down.Exec(t.Context(), "CREATE DATABASE IF NOT EXISTS d", "DROP TABLE IF EXISTS "+name, "CREATE TABLE "+name+s.target); err != nil {
			t.Fatal(err)
		}
	}
}

// follow applies transactions in any order that is allowed, without lane rows.
func (l *lane) follow(t *rapid.T, txns []*Txn) {
	schedule(t, txns, func(group []*Txn) {
		if err := l.write(group, rapid.Bool().Draw(t, "rewrite")); err != nil {
			t.Fatal(err)
		}
		counts, err := l.target.transaction(t.Context(), &l.sql, "DO 0")
		if err == nil {
			_, err = l.unmatched(group, counts)
		}
		if err == nil {
			err = l.target.commit(t.Context())
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, l.sql.text)
		}
	})
}

func sameRows(t *rapid.T, down *testbed.Server, want *model) {
	rows := make([][][]any, len(want.shapes))
	for i := range rows {
		rows[i] = readRows(t, down.DB(), fmt.Sprintf("SELECT id, a, b, c, d, v FROM d.t%d", i))
	}
	if diff := cmp.Diff(content(want.rows), content(rows)); diff != "" {
		t.Fatal(diff)
	}
}

// TestAnyReplayIsEqual applies the end of a history once more in safe mode, in
// any order that is allowed: the rows stay what they are. It takes both ways of
// making room for a row.
func TestAnyReplayIsEqual(t *testing.T) {
	testbed.SkipIfShort(t)
	down := secondMariaDB(t)
	db, err := dbconn.Open(t.Context(), fault.Downstream, withSession(down.Config()), dbconn.Options{MaxConns: 2, SQLMode: rowsMode, TimeZone: utc})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	l := &lane{target: &target{db: db}, strict: true}
	defer l.target.close()
	rapid.Check(t, func(t *rapid.T) {
		want := newModel(drawShape(t, 1))
		fit := &want.shapes[0].plan.fit
		if !fit.replace || fit.where == nil {
			t.Skip("a key that only the target has stops a replay; a table without a key cannot be replayed")
		}
		fit.replace = rapid.Bool().Draw(t, "replace")
		txns := drawHistory(t, want, 8)
		createOn(t, down, want)
		l.compact, l.multi = rapid.Bool().Draw(t, "compact"), rapid.Bool().Draw(t, "multiple-rows")
		l.follow(t, txns)
		var again []*Txn
		for _, tx := range txns[rapid.IntRange(0, max(0, len(txns)-1)).Draw(t, "from"):] {
			again = append(again, &Txn{Last: true, Rows: tx.Rows, safe: true})
		}
		l.follow(t, again)
		sameRows(t, down, want)
	})
}

func readRows(t *rapid.T, db *sql.DB, query string) [][]any {
	list, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	var out [][]any
	for list.Next() {
		var n [4]sql.NullInt64
		var s [2]sql.NullString
		if err := list.Scan(&n[0], &n[1], &n[2], &s[0], &s[1], &n[3]); err != nil {
			t.Fatal(err)
		}
		row := []any{n[0].Int64, n[1].Int64, nil, s[0].String, nil, n[3].Int64}
		if n[2].Valid {
			row[2] = n[2].Int64
		}
		if s[1].Valid {
			row[4] = s[1].String
		}
		out = append(out, row)
	}
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
