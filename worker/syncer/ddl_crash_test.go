package syncer

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// crashKind is a kind of DDL: N in its texts is a number, new each time.
type crashKind struct {
	name  string
	setup []string
	ddl   string
	// repeats tells that the statement changes no structure and does no harm when
	// it is executed again before anything else is.
	repeats bool
	// every asks for every step into a MariaDB; other kinds are tried at some of them.
	every bool
}

// onlineKind is followed as an online DDL.
const onlineKind = "online"

func crashKinds(tidb bool) []crashKind {
	const table = "CREATE TABLE aN (id INT PRIMARY KEY, v INT, w VARCHAR(9))"
	const rows = "INSERT INTO aN VALUES (1, 1, 'x'), (15, 2, 'y')"
	const parts = "CREATE TABLE aN (id INT PRIMARY KEY, v INT) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20))"
	const partRows = "INSERT INTO aN VALUES (1, 1), (15, 2)"
	list := []crashKind{
		{"create", nil, table, false, false},
		{"or replace", []string{table, rows}, "CREATE OR REPLACE TABLE aN (id INT PRIMARY KEY, z INT)", false, true},
		{"add column", []string{table, rows}, "ALTER TABLE aN ADD COLUMN c TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) FIRST", false, false},
		{"several clauses", []string{table, rows}, "ALTER TABLE aN ADD COLUMN c INT AFTER id, DROP COLUMN v, ADD KEY (w), COMMENT 'x', RENAME TO bN", false, false},
		{"rename", []string{table, rows}, "RENAME TABLE aN TO bN", false, false},
		{"swap", []string{table, rows, "CREATE TABLE bN (k INT PRIMARY KEY)"}, "RENAME TABLE aN TO cN, bN TO aN, cN TO bN", false, true},
		{"drop", []string{table, rows, "CREATE TABLE bN (k INT PRIMARY KEY)"}, "DROP TABLE aN, bN", false, false},
		{"truncate", []string{table, rows}, "TRUNCATE TABLE aN", true, false},
		{"exchange", []string{parts, partRows, "CREATE TABLE bN (id INT PRIMARY KEY, v INT)", "INSERT INTO bN VALUES (2, 2)"},
			"ALTER TABLE aN EXCHANGE PARTITION p0 WITH TABLE bN", false, true},
		{onlineKind, []string{table, rows, "CREATE TABLE _aN_gho LIKE aN", "ALTER TABLE _aN_gho ADD COLUMN c INT AFTER id", "ALTER TABLE _aN_gho DROP COLUMN v",
			"INSERT INTO _aN_gho (id, w) SELECT id, w FROM aN"}, "RENAME TABLE aN TO _aN_del, _aN_gho TO aN", false, false},
	}
	if tidb {
		return list
	}
	return append(list, []crashKind{
		{"like", []string{table}, "CREATE TABLE bN LIKE aN", false, false},
		{"index", []string{table, rows}, "CREATE UNIQUE INDEX iN ON aN (v)", false, false},
		{"unnamed index", []string{table, rows}, "ALTER TABLE aN ADD INDEX (v)", false, false},
		{"drop index", []string{table, "CREATE INDEX i ON aN (v)", rows}, "DROP INDEX i ON aN", false, false},
		{"convert", []string{table, rows}, "ALTER TABLE aN CONVERT TO CHARACTER SET latin1", false, false},
		{"drop partition", []string{parts, partRows}, "ALTER TABLE aN DROP PARTITION p0", false, false},
		{"truncate partition", []string{parts, partRows}, "ALTER TABLE aN TRUNCATE PARTITION p0", true, false},
		{"reorganize", []string{parts, partRows}, "ALTER TABLE aN REORGANIZE PARTITION p0 INTO (PARTITION x VALUES LESS THAN (5), PARTITION y VALUES LESS THAN (10))", false, false},
		{"not readable", []string{table, rows}, "ALTER TABLE aN ADD COLUMN g GEOMETRY, ADD COLUMN h INT INVISIBLE DEFAULT (id + 1)", false, false},
		{"create not readable", nil, "CREATE TABLE aN (id INT PRIMARY KEY, g POINT NOT NULL, SPATIAL KEY (g))", false, false},
	}...)
}

// TestDDLIsExecutedOnce breaks the connection to the target, or ends the worker,
// before and behind each step of a DDL, for each kind of DDL: the lock, the
// intent and its COMMIT, the statement, the record and its COMMIT. The statement
// has run once (peer-bugs 9, 22). RAFTDM_ORDINALS=all tries every step of each.
func TestDDLIsExecutedOnce(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		tidb := strings.HasSuffix(t.Name(), "/tidb")
		for _, kind := range crashKinds(tidb) {
			t.Run(kind.name, func(t *testing.T) { crashEverywhere(t, up, down, kind, tidb) })
		}
	})
}

// steps are texts of the statements of a DDL in their order.
func steps(ddl string) []string {
	return []string{"GET_LOCK", "_raftdm_ddl", "COMMIT", ddl, "_raftdm_ddl", "COMMIT"}
}

func crashEverywhere(t *testing.T, up, down *testbed.Server, kind crashKind, tidb bool) {
	b := newBench(t, up, down, true)
	br := openBreaker(t, down)
	b.sub.Target = through(t, down, br.listen.Addr().String())
	b.meta = b.sub.Target
	if kind.name == onlineKind {
		b.online()
	}
	s := b.schema()
	b.exec("CREATE DATABASE " + s)
	broken := 0
	at := rand.Perm(2 * len(steps("")))
	if os.Getenv("RAFTDM_ORDINALS") != "all" && (tidb || !kind.every) {
		at = at[:4]
	}
	for _, n := range at {
		numbered := func(text string) string {
			text = strings.NewReplacer("aN", "a"+fmt.Sprint(n)+"_", "bN", "b"+fmt.Sprint(n)+"_", "cN", "c"+fmt.Sprint(n)+"_", "iN", "i"+fmt.Sprint(n)).Replace(text)
			return text
		}
		r := b.start()
		for _, q := range kind.setup {
			b.exec("USE "+s, numbered(q))
		}
		r.caughtUp()
		file, pos := downstreamEnd(b, tidb)
		hit := make(chan struct{})
		br.arm(n, numbered("aN"), hit)
		b.exec("USE "+s, numbered(kind.ddl))
		if n%4 < 2 { // the worker dies
			end := b.master()
			r.until("the step is reached", time.Minute, func() bool { return isClosed(hit) || r.at().Compare(end.Position) >= 0 })
			br.arm(-1, "", nil)
			_ = r.stop()
			b.epoch++
			r = b.start()
		}
		r.caughtUp()
		br.arm(-1, "", nil)
		if isClosed(hit) {
			broken++
		}
		r.end()
		b.epoch++
		b.equal()
		if runs := executions(b, file, pos, numbered("aN"), tidb); !kind.repeats {
			for text, times := range runs {
				if times > 1 {
					t.Errorf("step %d: executed %d times: %s", n, times, text)
				}
			}
		}
	}
	if broken < len(at)-3 { // nothing is behind the last step of some
		t.Errorf("only %d breaks at %v", broken, at)
	}
}

// arm makes the breaker break the connection once: before step n/2 of the DDL
// about a table, or behind it. A negative n disarms it.
func (b *breaker) arm(n int, table string, hit chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	list, at := steps(table), 0
	b.choose = func(text string) verdict {
		if n < 0 || at > n/2 || !strings.Contains(text, list[at]) {
			return pass
		}
		if at++; at <= n/2 {
			return pass
		}
		close(hit)
		if n%2 == 0 {
			return breakBefore
		}
		return breakAfter
	}
}

// downstreamEnd is where the target's binlog ends; nowhere for a TiDB, which has none.
func downstreamEnd(b *bench, tidb bool) (file string, pos int64) {
	b.t.Helper()
	if !tidb {
		b.must(b.down.DB().QueryRowContext(b.t.Context(), "SHOW MASTER STATUS").Scan(&file, &pos, new(any), new(any)))
	}
	return file, pos
}

// executions counts the statements about a table that the target has executed.
func executions(b *bench, file string, pos int64, table string, tidb bool) map[string]int {
	b.t.Helper()
	out := map[string]int{}
	if tidb {
		return out
	}
	rows, err := b.down.DB().QueryContext(b.t.Context(), fmt.Sprintf("SHOW BINLOG EVENTS IN '%s' FROM %d", file, pos))
	b.must(err)
	defer rows.Close()
	for rows.Next() {
		var kind, info string
		b.must(rows.Scan(new(string), new(int64), &kind, new(int64), new(int64), &info))
		if kind == "Query" && strings.Contains(info, table) {
			out[info]++
		}
	}
	b.must(rows.Err())
	return out
}
