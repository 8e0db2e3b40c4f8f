package syncer

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/operation"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// cut makes the breaker break the connection once, before or behind the n-th
// statement that has to do with a DDL, from looking for its operator on.
func (b *breaker) cut(n int, before bool, hit chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	begun := false
	b.choose = func(text string) verdict {
		begun = begun || strings.Contains(text, "_raftdm_operator` WHERE")
		about := slices.ContainsFunc([]string{"_raftdm_operator`", "_raftdm_ddl`", "COMMIT", "GET_LOCK", "ALTER TABLE"}, func(word string) bool {
			return strings.Contains(text, word) && !strings.Contains(text, "CREATE TABLE IF NOT EXISTS")
		})
		if !begun || !about {
			return pass
		}
		if n--; n != -1 {
			return pass
		}
		close(hit)
		if before {
			return breakBefore
		}
		return breakAfter
	}
}

// TestReplaceIsExecutedOnce breaks the connection to the target, or ends the
// worker, before and behind each statement of a replaced DDL: each of the
// statements that replace it has run once, the DDL itself never, and all rows are
// there (peer-bugs 8, 9, 22). RAFTDM_ORDINALS=all tries every step, else some are.
func TestReplaceIsExecutedOnce(t *testing.T) {
	testbed.SkipIfShort(t)
	up, down := servers.MariaDB(t), secondMariaDB(t)
	b := newBench(t, up, down, true)
	br := openBreaker(t, down)
	b.sub.Target = through(t, down, br.listen.Addr().String())
	b.meta = b.sub.Target
	b.exec("CREATE DATABASE " + b.schema())
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	const most = 36 // there are fewer, and how many depends on what is retried
	enough := 5
	if os.Getenv("RAFTDM_ORDINALS") == "all" {
		enough = most
	}
	steps, reached := rnd.Perm(most), 0
	for i, n := range steps {
		if reached == enough {
			break
		}
		began := time.Now()
		if b.replaceOnce(br, fmt.Sprintf("a%d", i), n, rnd.IntN(2) == 0, rnd.IntN(2) == 0) {
			reached++
		}
		if testing.Verbose() {
			t.Logf("step %d took %s", n, time.Since(began))
		}
	}
	b.equal()
	if reached < 5 {
		t.Errorf("of the steps %v only %d were reached", steps, reached)
	}
}

// replaceOnce replaces one DDL while the n-th statement breaks, and tells whether
// there was an n-th.
func (b *bench) replaceOnce(br *breaker, table string, n int, before, dies bool) bool {
	b.t.Helper()
	r := b.again()
	b.exec("CREATE TABLE " + b.schema() + "." + table + " (id INT PRIMARY KEY)")
	b.transactions(table, 1, 3, "#")
	r.caughtUp()
	refused, instead := b.addsUnique(table)
	b.exec(refused)
	b.transactions(table, 4, 3, "#, #, 0")
	if r.ends(b.t); b.rowsOf(table) != 3 {
		b.t.Errorf("before the statement %d rows of %s are on the target", b.rowsOf(table), table)
	}
	b.mustOperate(r, operation.Replace, "", instead...)
	file, pos := downstreamEnd(b, false)
	hit := make(chan struct{})
	br.cut(n, before, hit)
	r = b.again()
	end := b.master()
	r.until("the step is reached", time.Minute, func() bool { return isClosed(hit) || r.at().Compare(end.Position) >= 0 })
	if dies && isClosed(hit) {
		br.arm(-1, "", nil)
		_ = r.stop()
		r = b.again()
	}
	r.caughtUp()
	br.arm(-1, "", nil)
	r.end()
	for text, times := range executions(b, file, pos, "`"+table+"`", false) {
		if times > 1 || strings.Contains(text, "new_col INT UNIQUE") {
			b.t.Errorf("step %d (before %v, dies %v): executed %d times: %s", n, before, dies, times, text)
		}
	}
	if n := b.rowsOf(table); n != 6 {
		b.t.Errorf("%d rows of %s are on the target", n, table)
	}
	return isClosed(hit)
}

// TestSkipWaitsForWhatWasBegun: when a worker has died while the target executed
// its statement, the statement is skipped only when the target is done with it.
func TestSkipWaitsForWhatWasBegun(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), true)
	s := b.schema()
	br := openBreaker(t, b.down)
	b.sub.Target = through(t, b.down, br.listen.Addr().String())
	b.meta = b.sub.Target
	r := b.start()
	b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)")
	r.caughtUp()
	begin := positionID(b.master().Position)
	hit := make(chan struct{})
	br.dead("ALTER TABLE a ADD KEY k (id)", hit)
	b.session("ALTER TABLE a ADD KEY k (id)", "INSERT INTO a VALUES (1)")
	<-hit
	_ = r.stop() // whether the statement runs is not known
	br.arm(-1, "", nil)
	b.mustOperate(r, operation.Skip, begin)

	holder, other := b.onTarget(), b.onTarget()
	lock := (&ddlRunner{meta: &checkpoint.Meta{Schema: b.sub.MetaSchema, Task: b.sub.Task, Source: b.sub.SourceID}}).lockName()
	for conn, q := range map[*sql.Conn]string{holder: "DO GET_LOCK('" + lock + "', 10)", other: "DO GET_LOCK('" + s + "', 10)"} {
		_, err := conn.ExecContext(t.Context(), q)
		b.must(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := holder.ExecContext(context.Background(), "DO GET_LOCK('"+s+"', 60)") // what the target is busy with
		discard(holder)
		done <- err
	}()
	r = b.again()
	r.until("the run waits", time.Minute, func() bool {
		st := status.Subtask{Stage: status.StageRunning}
		r.unit.Fill(&st)
		return st.Err != nil && strings.Contains(st.Err.Error(), "still executes a DDL of this task")
	})
	if n := b.rowsOf("a"); n != 0 {
		t.Errorf("%d rows are there before the target is done", n)
	}
	discard(other)
	b.must(<-done)
	r.caughtUp()
	r.end()
	b.equal()
}

// onTarget is a session of the target of its own.
func (b *bench) onTarget() *sql.Conn {
	b.t.Helper()
	conn, err := b.down.Session(b.t.Context())
	b.must(err)
	return conn
}

// dead makes the breaker break the connection before a statement, and every one
// from then on.
func (b *breaker) dead(statement string, hit chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.choose = func(text string) verdict {
		if !isClosed(hit) && !strings.Contains(text, statement) || strings.Contains(text, "_raftdm_ddl`") && !isClosed(hit) {
			return pass
		}
		if !isClosed(hit) {
			close(hit)
		}
		return breakBefore
	}
}
