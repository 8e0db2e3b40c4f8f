package syncer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestForeignKeysInAnySchedule applies random histories of parents, children,
// grandchildren and rows that point to each other to targets that check foreign
// keys, in any order that is allowed: no statement is refused, what cascades on
// the source does so on the target, nothing follows from what the source did not
// check, and the rows in the end are equal. Then the
// end of the history is replayed in safe mode, as behind a crash whose progress was
// lost, and changes nothing: REPLACE deletes no children (peer-bugs 16). Where keys
// cascade, that holds for a replay from the beginning of what the source has checked
// (docs/limits.md).
func TestForeignKeysInAnySchedule(t *testing.T) {
	targets(t, func(t *testing.T, _, down *testbed.Server) {
		cfg := down.Config()
		cfg.Session = map[string]string{"foreign_key_checks": "1"}
		db, err := dbconn.Open(t.Context(), fault.Downstream, withSession(cfg), dbconn.Options{MaxConns: 2, SQLMode: rowsMode, TimeZone: utc, TxnMode: "optimistic"})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		all := kinFamilies()
		for n, k := range all {
			name := fmt.Sprintf("kin%d", n)
			text := append([]string{"DROP DATABASE IF EXISTS " + name, "CREATE DATABASE " + name}, k.create(name)...)
			if err := down.Exec(t.Context(), text...); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = down.Exec(context.Background(), "DROP DATABASE "+name) })
			for i := range k.plans {
				k.plans[i] = k.plans[i].in(name)
			}
		}
		to := &target{db: db}
		defer to.close()
		rapid.Check(t, func(rt *rapid.T) {
			n := rapid.IntRange(0, len(all)-1).Draw(rt, "family")
			all[n].anySchedule(rt, down, fmt.Sprintf("kin%d", n), to)
		})
	})
}

// in is a plan for the same table of another schema.
func (p *plan) in(schemaName string) *plan {
	table := *p.table
	table.Name.Schema = schemaName
	return newPlan(&table, &there{table: &table, related: true}, p.other)
}

func (k *kin) anySchedule(t *rapid.T, down *testbed.Server, schemaName string, to *target) {
	k.forget()
	err := down.Exec(t.Context(), "DELETE FROM "+schemaName+".g", "DELETE FROM "+schemaName+".c", "DELETE FROM "+schemaName+".p", "UPDATE "+schemaName+".s SET ref = NULL", "DELETE FROM "+schemaName+".s")
	if err != nil {
		t.Fatal(err)
	}
	l := &lane{target: to, strict: true, compact: rapid.Bool().Draw(t, "compact"), multi: rapid.Bool().Draw(t, "multiple-rows")}
	txns := k.drawHistory(t, 12)
	l.follow(t, txns)
	k.same(t, down, schemaName)
	last := max(0, len(txns)-1)
	if k.cascading() {
		if slices.ContainsFunc(txns, func(tx *Txn) bool { return slices.ContainsFunc(tx.Rows, func(r Row) bool { return r.unchecked }) }) {
			return
		}
		last = 0
	}
	var again []*Txn
	for _, tx := range txns[rapid.IntRange(0, last).Draw(t, "from"):] {
		again = append(again, &Txn{Last: true, Rows: tx.Rows, safe: true})
	}
	l.follow(t, again)
	k.same(t, down, schemaName)
}

func (k *kin) same(t *rapid.T, down *testbed.Server, schemaName string) {
	var parts []string
	for _, name := range kinNames {
		parts = append(parts, fmt.Sprintf("SELECT '%s' AS t, id, ref, v FROM %s.%[1]s", name, schemaName))
	}
	rows, err := down.DB().Query("SELECT CONCAT(t, '|', id, '|', COALESCE(ref, 'NULL'), '|', v, '|') FROM (" + strings.Join(parts, " UNION ALL ") + ") AS x ORDER BY FIELD(t, 'p', 'c', 'g', 's'), id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		got = append(got, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(k.content(), got); diff != "" {
		t.Fatal(diff)
	}
}

// TestForeignKeysInSafeModeAndKilled: in safe mode, into a target that checks
// foreign keys, a worker dies at random statements. The rows in the end are those of
// a real source with the same keys, children included (peer-bugs 16), though the source
// did not check all its changes, or though half of the times what was recorded is lost,
// so that all is replayed over rows of later times.
func TestForeignKeysInSafeModeAndKilled(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		rnd := rand.New(rand.NewPCG(seed, 0))
		b := newBench(t, up, down, true)
		in, err := testbed.OpenInjector(down.Addr())
		b.must(err)
		t.Cleanup(func() { _ = in.Close() })
		b.sub.Target = through(t, down, in.Addr())
		b.meta = b.sub.Target
		b.sub.Target.Session = map[string]string{"foreign_key_checks": "1"}
		b.sub.Sync.SafeMode, b.sub.Sync.Batch, b.sub.Sync.WorkerCount = true, 5, 8
		b.sub.Sync.MultipleRows, b.sub.Sync.Compact = true, true
		s := b.schema()
		create := append([]string{"CREATE DATABASE " + s}, kinFamilies()[1].create(s)...)
		b.exec(create...)
		b.must(down.Exec(t.Context(), create...))
		at := b.master()
		b.sub.Start.BinlogName, b.sub.Start.BinlogPos, b.sub.Start.BinlogGTID = at.Position.Name, at.Position.Pos, at.GTID.String()
		unchecked := rnd.IntN(2) == 0
		b.family(rnd, 400, unchecked)
		lost := 0
		for range 8 {
			in.Arm(0, testbed.Refuse, false)
			r := b.start()
			hit := in.Arm(10+rnd.IntN(60), [...]testbed.Injection{testbed.CutBefore, testbed.CutAfter}[rnd.IntN(2)], true)
			r.until("it is hit or at the end", time.Minute, func() bool { return isClosed(hit) || r.status().Synced })
			at := r.at()
			t.Logf("epoch %d was at %s, hit %t: %s; end %v", b.epoch, at, isClosed(hit), in.Text(), r.stop())
			b.epoch++
			if !unchecked && rnd.IntN(2) == 0 {
				lost++
				t.Log("its progress is lost")
				b.must(down.Exec(t.Context(), "DELETE FROM dm_meta."+b.sub.Task+"_raftdm_lane", "DELETE FROM dm_meta."+b.sub.Task+"_syncer_checkpoint"))
			}
		}
		in.Arm(0, testbed.Refuse, false)
		r := b.start()
		r.until("it has begun", time.Minute, func() bool { return r.at().Name != "" })
		t.Logf("the last run begins at %s, the end is %s", r.at(), b.master().Position)
		r.caughtUp()
		t.Logf("progress was lost %d times", lost)
		r.end()
		b.equal()
	})
}

// family changes rows at random on the source, some without checks of foreign
// keys if there are to be such; what its keys refuse is no matter.
func (b *bench) family(rnd *rand.Rand, statements int, unchecked bool) {
	b.t.Helper()
	number := func() int { return 1 + rnd.IntN(6) }
	session := func(checks int) *sql.Conn {
		conn, err := b.up.Session(b.t.Context())
		b.must(err)
		_, err = conn.ExecContext(b.t.Context(), fmt.Sprintf("SET foreign_key_checks = %d", checks))
		b.must(err)
		return conn
	}
	sessions := [...]*sql.Conn{session(0), session(1)}
	defer sessions[0].Close()
	defer sessions[1].Close()
	for range statements {
		table := b.schema() + "." + kinNames[rnd.IntN(len(kinNames))]
		text := fmt.Sprintf("INSERT INTO %s VALUES (%d, %d, %d)", table, number(), number(), number())
		switch rnd.IntN(6) {
		case 0:
			text = fmt.Sprintf("INSERT INTO %s VALUES (%d, NULL, %d)", table, number(), number())
		case 1:
			text = fmt.Sprintf("UPDATE %s SET v = v + 1 WHERE id <> %d", table, number())
		case 2:
			text = fmt.Sprintf("UPDATE %s SET id = %d, v = v + 1 WHERE id = %d", table, number(), number())
		case 3:
			text = fmt.Sprintf("DELETE FROM %s WHERE id = %d", table, number())
		}
		checks := 1
		if unchecked {
			checks = min(1, rnd.IntN(5))
		}
		_, err := sessions[checks].ExecContext(b.t.Context(), text)
		var answer *mysql.MySQLError
		if errors.As(err, &answer) && (answer.Number == 1062 || answer.Number == 1451 || answer.Number == 1452) {
			continue
		}
		b.must(err)
	}
}
