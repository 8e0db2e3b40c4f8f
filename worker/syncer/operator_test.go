package syncer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/operation"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

var requestNumber int

// operate carries out a request about a DDL as a worker does, beside a run or,
// with what that has ended with, behind it.
func (b *bench) operate(r *running, kind operation.Kind, pos string, statements ...string) (string, error) {
	b.t.Helper()
	db, err := dbconn.Open(b.t.Context(), fault.Downstream, b.down.Config(), dbconn.Options{})
	b.must(err)
	defer db.Close()
	requestNumber++
	ops := Operators{Subtask: b.sub, Running: r != nil && !isClosed(r.done), ID: fmt.Sprintf("request-%d", requestNumber), Log: slog.New(slog.DiscardHandler)}
	if ops.Running {
		ops.Meta = checkpoint.Attach(db, b.sub, b.epoch)
	} else {
		ops.Meta, err = checkpoint.Open(b.t.Context(), db, b.sub, b.epoch)
		b.must(err)
		if r != nil {
			ops.Stopped = r.err
		}
	}
	return ops.Do(b.t.Context(), operation.Operator{Kind: kind, Position: pos, Statements: statements})
}

// mustOperate is operate for what has to succeed.
func (b *bench) mustOperate(r *running, kind operation.Kind, pos string, statements ...string) string {
	b.t.Helper()
	msg, err := b.operate(r, kind, pos, statements...)
	b.must(err)
	return msg
}

// again starts the next run, as another worker.
func (b *bench) again() *running {
	b.epoch++
	return b.start()
}

// transactions writes n rows, each a transaction of its own, from id on.
func (b *bench) transactions(table string, from, n int, columns string) {
	b.t.Helper()
	for id := from; id < from+n; id++ {
		b.exec(fmt.Sprintf("INSERT INTO %s.%s VALUES (%s)", b.schema(), table, strings.ReplaceAll(columns, "#", fmt.Sprint(id))))
	}
}

// rowsOf counts the rows of a table on the target.
func (b *bench) rowsOf(table string) (n int) {
	b.t.Helper()
	b.must(b.down.DB().QueryRow("SELECT COUNT(*) FROM " + b.schema() + "." + table).Scan(&n))
	return n
}

// TestSkipThenTheRowsBehind: a statement that the target refuses amid rows of many
// transactions is skipped, in a run and in the next, and no row before or behind it
// is lost (peer-bugs 8, 22).
func TestSkipThenTheRowsBehind(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		modes(t, func(t *testing.T, gtid bool) {
			b := newBench(t, up, down, gtid)
			s := b.schema()
			r := b.start()
			b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY, v INT, w VARCHAR(9)) CHARSET utf8mb4", "CREATE TABLE "+s+".b (id INT PRIMARY KEY, v INT)")
			r.caughtUp()
			refused := "ALTER TABLE a CONVERT TO CHARACTER SET latin1"
			if down.Name == "mariadb" {
				b.must(down.Exec(t.Context(), "CREATE INDEX k ON "+s+".a (v)"))
				refused = "ALTER TABLE a ADD KEY k (w), ADD KEY k2 (v)"
			}
			b.transactions("a", 1, 20, "#, #, 'x'")
			b.transactions("b", 1, 20, "#, #")
			b.session(refused)
			b.transactions("a", 21, 20, "#, #, 'y'")
			b.transactions("b", 21, 20, "#, 0")
			r.ends(t)
			var where *DDLError
			if !errors.As(r.err, &where) || !strings.Contains(where.Error(), "startLocation: [position: ("+where.Place.Begin.Name) {
				t.Fatalf("the run ended with %v", r.err)
			}
			if n, m := b.rowsOf("a"), b.rowsOf("b"); n != 20 || m != 20 {
				t.Errorf("before the statement %d and %d rows are on the target, want 20 and 20", n, m)
			}
			b.mustOperate(r, operation.Skip, "")
			if got := b.mustOperate(r, operation.List, ""); !strings.Contains(got, `"op":"skip"`) {
				t.Errorf("listed: %s", got)
			}
			r = b.again()
			r.caughtUp()
			r.end()
			if got := b.mustOperate(r, operation.List, ""); got != "[]" {
				t.Errorf("listed behind the statement: %s", got)
			}
			r = b.again() // nothing of it comes back
			b.exec("UPDATE " + s + ".a SET v = v + 1 WHERE id % 2 = 0")
			r.caughtUp()
			r.end()
			b.equal()
		})
	})
}

// addsUnique prepares a target that refuses a statement of the source about table
// a, and gives it with those that do the same there.
func (b *bench) addsUnique(table string) (refused string, instead []string) {
	b.t.Helper()
	s := b.schema()
	on := "ALTER TABLE `" + s + "`.`" + table + "` "
	instead = []string{on + "ADD COLUMN x INT", on + "ADD UNIQUE u (new_col)"}
	if b.down.Name == "mariadb" {
		b.must(b.down.Exec(b.t.Context(), on+"ADD COLUMN new_col INT"))
	} else {
		instead = append([]string{on + "ADD COLUMN new_col INT"}, instead...)
	}
	return on + "ADD COLUMN new_col INT UNIQUE, ADD COLUMN x INT", instead
}

// TestReplaceGoesOnInTheMiddle: the second of the statements that replace another
// is refused as well, and others take their place. What was executed is not
// executed again, and rows are read as the source has made them.
func TestReplaceGoesOnInTheMiddle(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, true)
		s := b.schema()
		r := b.start()
		b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)")
		b.transactions("a", 1, 10, "#")
		r.caughtUp()
		refused, instead := b.addsUnique("a")
		b.exec(refused)
		b.transactions("a", 11, 10, "#, #, 0")
		r.ends(t)
		b.mustOperate(r, operation.Replace, "", append(instead[:1:1], "ALTER TABLE `"+s+"`.a ADD KEY k (nothing)", instead[1])...)
		r = b.again()
		if f := r.ends(t); !strings.Contains(r.err.Error(), "nothing") {
			t.Errorf("the run ended with %v", f)
		}
		if got := b.mustOperate(r, operation.List, ""); strings.Count(got, "{") != 1 || !strings.Contains(got, "nothing") {
			t.Errorf("listed: %s", got)
		}
		b.mustOperate(r, operation.Replace, "", instead[1:]...)
		r = b.again()
		r.caughtUp()
		r.end()
		b.equal()
		r = b.again()
		b.transactions("a", 21, 3, "#, #, 1")
		b.exec("ALTER TABLE "+s+".a DROP COLUMN x", "INSERT INTO "+s+".a VALUES (30, NULL)")
		r.caughtUp()
		r.end()
		b.equal()
	})
}

// TestRevert takes back what has not taken effect, also when it has begun to.
func TestRevert(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), false)
	s := b.schema()
	r := b.start()
	b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)")
	r.caughtUp()
	if _, err := b.operate(r, operation.Skip, ""); err == nil || !strings.Contains(err.Error(), "source 's1' has no error") {
		t.Errorf("without an error: %v", err)
	}
	refused, instead := b.addsUnique("a")
	b.exec(refused)
	b.transactions("a", 1, 3, "#, #, 0")
	r.ends(t)
	isNone := func(err error) bool {
		f := (*fault.Error)(nil)
		return errors.As(err, &f) && f.Code == codeNoOperator && strings.HasPrefix(f.Msg, "error operator not exist, position: ")
	}
	if _, err := b.operate(r, operation.Revert, ""); !isNone(err) {
		t.Errorf("nothing to revert: %v", err)
	}
	b.mustOperate(r, operation.Skip, "")
	b.mustOperate(r, operation.Revert, "")
	r = b.again()
	r.ends(t)
	b.mustOperate(r, operation.Replace, "", instead[0], "ALTER TABLE `"+s+"`.a ADD KEY k (nothing)")
	r = b.again()
	r.ends(t)
	b.mustOperate(r, operation.Revert, "") // the first statement stays done; the source's is refused as before
	r = b.again()
	if r.ends(t); !strings.Contains(r.err.Error(), "UNIQUE") {
		t.Errorf("behind revert the run ended with %v", r.err)
	}
	b.must(b.down.Exec(t.Context(), "ALTER TABLE "+s+".a DROP COLUMN new_col, DROP COLUMN x"))
	r = b.again()
	r.caughtUp()
	r.end()
	b.equal()
	if _, err := b.operate(r, operation.Revert, positionID(r.at())); !isNone(err) {
		t.Errorf("behind the statement: %v", err)
	}
}

// TestPositionsInAdvance: operators that are given for a place take effect when it
// comes and nowhere else, whether the place is that of the statement, of its
// transaction, or as DM's relay log has it.
func TestPositionsInAdvance(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), true)
	s := b.schema()
	r := b.start()
	b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)", "CREATE TABLE "+s+".b (id INT PRIMARY KEY)")
	r.caughtUp()
	first := b.master().Position
	if _, err := b.operate(r, operation.Skip, "4"); err == nil || !strings.Contains(err.Error(), "invalid --binlog-pos 4 in handle-error operation: \"4\" is not a binlog position") {
		t.Errorf("no position: %v", err)
	}
	if _, err := b.operate(r, operation.Skip, first.Name+":4"); !errors.Is(err, checkpoint.ErrOperatorPassed) {
		t.Errorf("a place behind the task: %v", err)
	}
	r.end()
	at := map[string]string{}
	for _, q := range []string{"ALTER TABLE a ADD COLUMN x INT", "INSERT INTO a VALUES (1, 1)", "ALTER TABLE a DROP COLUMN x", "INSERT INTO a VALUES (2)",
		"CREATE TABLE c (id INT PRIMARY KEY)", "INSERT INTO c VALUES (1)", "ALTER TABLE b ADD COLUMN y INT", "INSERT INTO b VALUES (1, 1)", "CREATE TABLE d (id INT)"} {
		begin := b.master().Position
		b.session(q)
		at[q] = positionID(begin)
		var event int64 // behind the transaction's GTID event
		b.must(b.up.DB().QueryRow(fmt.Sprintf("SHOW BINLOG EVENTS IN '%s' FROM %d LIMIT 1", begin.Name, begin.Pos)).
			Scan(new(string), new(int64), new(string), new(int64), &event, new(string)))
		at["event of "+q] = fmt.Sprintf("%s:%d", begin.Name, event)
	}
	b.must(b.down.Exec(t.Context(), "ALTER TABLE "+s+".a ADD COLUMN x2 INT"))
	relay := strings.Replace(at["event of ALTER TABLE a ADD COLUMN x INT"], ".", "|000001.", 1)
	b.mustOperate(r, operation.Replace, relay, "ALTER TABLE "+s+".a CHANGE x2 x INT")
	b.mustOperate(r, operation.Replace, "'"+at["CREATE TABLE c (id INT PRIMARY KEY)"]+"'", "CREATE TABLE "+s+".c (id INT PRIMARY KEY, extra INT DEFAULT 5)")
	b.mustOperate(r, operation.Inject, at["event of ALTER TABLE b ADD COLUMN y INT"], "ALTER TABLE "+s+".b COMMENT 'injected'")
	b.mustOperate(r, operation.Skip, at["INSERT INTO c VALUES (1)"])
	b.mustOperate(r, operation.Skip, at["event of INSERT INTO b VALUES (1, 1)"])
	b.mustOperate(r, operation.Skip, at["CREATE TABLE d (id INT)"])
	b.mustOperate(r, operation.Revert, at["CREATE TABLE d (id INT)"])
	want := `[{"op":"replace","binlogPos":"` + strings.Replace(relay, "|000001", "", 1) + `","sqls":["ALTER TABLE ` + s + `.a CHANGE x2 x INT"]},`
	if got := b.mustOperate(r, operation.List, ""); !strings.HasPrefix(got, want) || strings.Count(got, `"op"`) != 5 {
		t.Errorf("listed: %s", got)
	}
	if got := b.mustOperate(r, operation.List, at["INSERT INTO b VALUES (1, 1)"]); strings.Count(got, `"op"`) != 1 {
		t.Errorf("listed from a place on: %s", got)
	}
	r = b.again()
	r.caughtUp()
	r.end()
	b.must(b.up.Exec(t.Context(), "ALTER TABLE "+s+".c ADD COLUMN extra INT DEFAULT 5")) // to compare
	b.equal()
	if text := showCreate(b, b.down.DB(), testbed.TableName{Schema: s, Table: "b"}); !strings.Contains(text, "injected") {
		t.Errorf("%s", text)
	}
	if got := b.mustOperate(r, operation.List, ""); got != "[]" {
		t.Errorf("listed at the end: %s", got)
	}
}

// TestSkipWhatCannotBeRead: a statement that nobody can read, or that crosses the
// border of the task, is passed by an operator too.
func TestSkipWhatCannotBeRead(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), servers.TiDB(t), false)
	s := b.schema()
	other := s + "_other"
	t.Cleanup(func() { _ = b.up.Exec(context.Background(), "DROP DATABASE IF EXISTS "+other) })
	r := b.start()
	b.exec("CREATE DATABASE "+s, "CREATE DATABASE "+other, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)", "CREATE TABLE "+s+".gone (id INT PRIMARY KEY)", "CREATE TABLE "+s+".log (id INT PRIMARY KEY)")
	r.caughtUp()
	for _, c := range []struct {
		q, instead string
		then       []string
	}{
		{"ALTER TABLE a ADD COLUMN g GEOMETRY, ADD COLUMN h INT INVISIBLE DEFAULT (id + 1)", "ALTER TABLE $.a ADD COLUMN g BLOB, ADD COLUMN h INT",
			[]string{"INSERT INTO a (id) VALUES (1), (2)", "ALTER TABLE a DROP COLUMN g", "INSERT INTO a (id) VALUES (3)"}},
		{"RENAME TABLE gone TO " + other + ".gone", "", []string{"CREATE TABLE gone (id INT PRIMARY KEY)", "INSERT INTO gone VALUES (1)"}},
		{"SET STATEMENT binlog_format = 'STATEMENT' FOR INSERT INTO log VALUES (1)", "", []string{"DELETE FROM log", "INSERT INTO log VALUES (2)"}},
	} {
		b.session(c.q)
		b.session(c.then...)
		if r.ends(t); r.err == nil {
			t.Fatal("no error")
		}
		if c.instead != "" {
			b.mustOperate(r, operation.Replace, "", strings.ReplaceAll(c.instead, "$", s))
		} else {
			b.mustOperate(r, operation.Skip, "")
		}
		b.sub.Sync.Strict = false // what was skipped made a row that is deleted
		r = b.again()
		r.caughtUp()
	}
	r.end()
	b.equal()
}

// TestOnlyDDLIsHandled: rows that the target refuses are not for operators, and
// what operators may bring is checked before.
func TestOnlyDDLIsHandled(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), false)
	s := b.schema()
	r := b.start()
	b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)")
	r.caughtUp()
	here := positionID(b.master().Position)
	for _, c := range []struct {
		statements []string
		code       int
		text       string
	}{
		{nil, 0, "no statement is given"},
		{[]string{"INSERT INTO " + s + ".a VALUES (1)"}, codeInjectDDLOnly, "only support inject DDL"},
		{[]string{"SELECT 1"}, codeInjectDDLOnly, "only support inject DDL"},
		{[]string{"ALTER TABLE a ADD COLUMN x INT"}, codeInjectSchema, "without schema name not valid"},
		{[]string{"ALTRE TABLE " + s + ".a ADD COLUMN x INT"}, codeParseSQL, "cannot be read"},
		{[]string{"CREATE TABLE " + s + ".ok (id INT)", "CREATE TABLE elsewhere.a (id INT)"}, 0, "about nothing that the task replicates"},
	} {
		f := (*fault.Error)(nil)
		_, err := b.operate(r, operation.Replace, here, c.statements...)
		if !errors.As(err, &f) || f.Code != c.code || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%q: %v", c.statements, err)
		}
	}
	if _, err := b.operate(r, operation.Skip, here, "DROP TABLE "+s+".a"); !fault.Is(err, fault.Invalid) {
		t.Errorf("skip with a statement: %v", err)
	}
	if got := b.mustOperate(r, operation.List, ""); got != "[]" {
		t.Errorf("listed: %s", got)
	}
	b.must(b.down.Exec(t.Context(), "INSERT INTO "+s+".a VALUES (1)"))
	b.exec("INSERT INTO " + s + ".a VALUES (1)")
	r.ends(t)
	if _, err := b.operate(r, operation.Skip, ""); !errors.Is(err, errNoDDL) {
		t.Errorf("a row that the target refuses: %v", err)
	}
}

// TestOperatorWhileItsStatementRuns: what is being executed cannot be skipped; when
// the task has been stopped it can, and the next run waits until the target is done
// with it.
func TestOperatorWhileItsStatementRuns(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), true)
	s := b.schema()
	r := b.start()
	b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)", "INSERT INTO "+s+".a VALUES (1)")
	r.caughtUp()
	begin := positionID(b.master().Position)
	hold, err := b.down.Session(t.Context())
	b.must(err)
	defer hold.Close()
	for _, q := range []string{"BEGIN", "SELECT * FROM " + s + ".a"} { // holds the table's metadata
		_, err := hold.ExecContext(t.Context(), q)
		b.must(err)
	}
	b.exec("ALTER TABLE "+s+".a ADD COLUMN x INT", "INSERT INTO "+s+".a VALUES (2, 2)")
	r.until("the statement runs", time.Minute, func() bool {
		n := 0
		b.must(b.down.DB().QueryRow("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'ALTER TABLE%' AND STATE LIKE 'Waiting%' AND INFO LIKE ?", "%"+s+"%").Scan(&n))
		return n == 1
	})
	if _, err := b.operate(r, operation.Skip, begin); !errors.Is(err, checkpoint.ErrOperatorBusy) {
		t.Fatalf("while it runs: %v", err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- r.stop() }()
	_, err = hold.ExecContext(t.Context(), "COMMIT")
	b.must(err)
	<-stopped
	r = b.again()
	r.caughtUp()
	r.end()
	b.equal()
}
