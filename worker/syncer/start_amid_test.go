package syncer

import (
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestStartInsideTransaction: a task that is to begin at an event inside a
// transaction would lack what the transaction did before. It is refused, wherever
// that is, and nothing is written.
func TestStartInsideTransaction(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), false)
	s := b.schema()
	for _, server := range []*testbed.Server{b.up, b.down} {
		b.must(server.Exec(t.Context(), "CREATE DATABASE "+s, "CREATE TABLE "+s+".t (id INT PRIMARY KEY)"))
	}
	from := b.master().Position
	b.relaxed(func(exec func(string)) {
		exec("SET SESSION binlog_annotate_row_events = OFF")
		exec("BEGIN")
		exec("INSERT INTO " + s + ".t VALUES (1)")
		exec("INSERT INTO " + s + ".t VALUES (2)")
		exec("COMMIT")
	})
	events, err := b.up.DB().Query("SHOW BINLOG EVENTS IN '" + from.Name + "'")
	b.must(err)
	defer events.Close()
	places := map[string]uint32{} // the last of each kind
	for events.Next() {
		var name, kind, info string
		var pos, server, end uint32
		b.must(events.Scan(&name, &pos, &kind, &server, &end, &info))
		places[kind] = pos
	}
	b.must(events.Err())
	task := b.sub.Task
	for kind, want := range map[string]fault.Kind{"Table_map": fault.Invalid, "Write_rows_v1": fault.Corrupt, "Xid": fault.Invalid} {
		if places[kind] <= from.Pos {
			t.Fatalf("no %s in %v", kind, places)
		}
		b.sub.Task = task + kind // each begins for the first time
		b.sub.Start.BinlogPos = places[kind]
		r := b.start()
		select {
		case <-r.done:
		case <-time.After(10 * time.Second):
			t.Errorf("%s: the run goes on", kind)
		}
		err := r.stop()
		b.sub.Task = task
		if !fault.Is(err, want) {
			t.Errorf("%s: the run ended with %v", kind, err)
		}
	}
	var n int
	b.must(b.down.DB().QueryRow("SELECT COUNT(*) FROM " + s + ".t").Scan(&n))
	if n > 0 {
		t.Errorf("%d rows are written", n)
	}
}
