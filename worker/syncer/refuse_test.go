package syncer

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
)

// ends waits for a run that needs an operator and gives its error.
func (r *running) ends(t testing.TB) *fault.Error {
	t.Helper()
	select {
	case <-r.done:
	case <-time.After(20 * time.Second):
		t.Fatalf("the run goes on: %+v", r.status())
	}
	err := r.stop()
	var f *fault.Error
	if !errors.As(err, &f) || fault.HintOf(err) == "" {
		t.Fatalf("the run ended with %v, want an error with a hint", err)
	}
	t.Logf("%v\n  hint: %s", err, fault.HintOf(err))
	return f
}

// TestPurgedBinlogStops: a binlog that is gone is never jumped over (peer-bugs 34).
func TestPurgedBinlogStops(t *testing.T) {
	testbed.SkipIfShort(t)
	modes(t, func(t *testing.T, gtid bool) {
		b := newBench(t, servers.MariaDB(t), secondMariaDB(t), gtid)
		r := b.start()
		b.exec("CREATE DATABASE "+b.schema(), "CREATE TABLE "+b.schema()+".a (id INT PRIMARY KEY)")
		r.caughtUp()
		r.end()
		b.exec("INSERT INTO "+b.schema()+".a VALUES (1)", "FLUSH BINARY LOGS", "INSERT INTO "+b.schema()+".a VALUES (2)", "FLUSH BINARY LOGS")
		b.awaitPurged()
		b.epoch++
		if f := b.start().ends(t); f.Code != codeGetEvent {
			t.Errorf("code %d", f.Code)
		}
	})
}

// TestMissingRowStopsWhenStrict: an UPDATE that meets no row names the row, and
// without strict is counted (peer-bugs 13).
func TestMissingRowStopsWhenStrict(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, false)
		s := b.schema()
		r := b.start()
		b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY, v INT)", "INSERT INTO "+s+".a VALUES (1, 1), (2, 2)")
		r.caughtUp()
		b.must(b.down.Exec(t.Context(), "DELETE FROM "+s+".a WHERE id = 1"))
		b.exec("UPDATE " + s + ".a SET v = 3")
		if f := r.ends(t); f.Kind != fault.Data {
			t.Errorf("kind %s", f.Kind)
		}
		b.epoch++
		b.sub.Sync.Strict = false
		r = b.start()
		r.caughtUp()
		if st := r.status(); st.UnmatchedRows != 1 || st.LastUnmatched == "" {
			t.Errorf("status %+v", st)
		}
		r.end()
	})
}

// TestStatementFormatStops: what a statement changed is never guessed.
func TestStatementFormatStops(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), false)
	s := b.schema()
	r := b.start()
	b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)")
	r.caughtUp()
	conn, err := b.up.Session(t.Context())
	b.must(err)
	defer conn.Close()
	for _, q := range []string{"SET SESSION binlog_format = 'STATEMENT'", "INSERT INTO " + s + ".a VALUES (1)", "SET SESSION binlog_format = 'ROW'"} {
		_, err := conn.ExecContext(t.Context(), q)
		b.must(err)
	}
	if f := r.ends(t); f.Code != codeDML {
		t.Errorf("code %d", f.Code)
	}
}

// TestDuplicateRowIsNamed: a refusal names the statement's row and position.
func TestDuplicateRowIsNamed(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, true)
		s := b.schema()
		r := b.start()
		b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)")
		r.caughtUp()
		b.must(b.down.Exec(t.Context(), "INSERT INTO "+s+".a VALUES (7)"))
		b.exec("INSERT INTO " + s + ".a VALUES (6), (7), (8)")
		r.ends(t)
		b.must(b.down.Exec(t.Context(), "DELETE FROM "+s+".a WHERE id = 7"))
		b.epoch++
		r = b.start()
		r.caughtUp()
		r.end()
		b.equal()
	})
}

// TestSequenceInUse: a sequence's rows stop the task, and the advice is to leave it out.
func TestSequenceInUse(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, false)
		b.exec("CREATE DATABASE IF NOT EXISTS "+b.schema(), "CREATE SEQUENCE "+b.schema()+".numbers")
		at := b.master()
		b.sub.Start = &config.StartPoint{BinlogName: at.Position.Name, BinlogPos: at.Position.Pos}
		b.exec("DO NEXTVAL(" + b.schema() + ".numbers)")
		if f := b.start().ends(t); f.Kind != fault.Schema || f.Code != codeFetchDownstream || !strings.Contains(fault.HintOf(f), "ignore-tables") {
			t.Errorf("code %d, kind %s, hint %q", f.Code, f.Kind, fault.HintOf(f))
		}
	})
}
