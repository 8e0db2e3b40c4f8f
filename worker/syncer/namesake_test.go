package syncer

import (
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestTablesThatDifferInCase: on a TiDB two tables of the source would be one. The
// task stops before their rows meet, whether the second table comes by its DDL or by
// its rows, and goes on when one of them is left out. A table may be made anew in another case.
func TestTablesThatDifferInCase(t *testing.T) {
	testbed.SkipIfShort(t)
	up, down := servers.MariaDB(t), servers.TiDB(t)
	refused := func(t *testing.T, b *bench, r *running) {
		t.Helper()
		select {
		case <-r.done:
		case <-time.After(20 * time.Second):
			t.Error("the run goes on")
		}
		if err := r.stop(); !fault.Is(err, fault.Schema) || fault.HintOf(err) == "" {
			t.Fatalf("the run ended with %v", err)
		}
		b.sub.Filter = butFor{inSchema(b.schema()), "order"}
		r = b.again()
		b.exec("INSERT INTO "+b.schema()+".`Order` VALUES (3)", "INSERT INTO "+b.schema()+".`order` VALUES (4)")
		r.caughtUp()
		r.end()
		if n := b.rowsOf("`Order`"); n != 2 {
			t.Errorf("%d rows on the target", n)
		}
	}
	t.Run("created", func(t *testing.T) {
		b := newBench(t, up, down, true)
		s := b.schema()
		b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".`Order` (id INT PRIMARY KEY)", "INSERT INTO "+s+".`Order` VALUES (1)",
			"CREATE TABLE "+s+".`order` (id INT PRIMARY KEY)", "INSERT INTO "+s+".`order` VALUES (2)")
		refused(t, b, b.start())
	})
	t.Run("there before", func(t *testing.T) {
		b := newBench(t, up, down, true)
		s := b.schema()
		b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".`Order` (id INT PRIMARY KEY)", "CREATE TABLE "+s+".`order` (id INT PRIMARY KEY)")
		b.must(down.Exec(t.Context(), "CREATE DATABASE "+s, "CREATE TABLE "+s+".`Order` (id INT PRIMARY KEY)"))
		at := b.master()
		b.sub.Start.BinlogName, b.sub.Start.BinlogPos, b.sub.Start.BinlogGTID = at.Position.Name, at.Position.Pos, at.GTID.String()
		b.exec("INSERT INTO "+s+".`Order` VALUES (1)", "INSERT INTO "+s+".`order` VALUES (2)")
		refused(t, b, b.start())
	})
	t.Run("made anew", func(t *testing.T) {
		b := newBench(t, up, down, true)
		s := b.schema()
		r := b.start()
		b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".`Order` (id INT PRIMARY KEY)", "INSERT INTO "+s+".`Order` VALUES (1)",
			"DROP TABLE "+s+".`Order`", "CREATE TABLE "+s+".`ORDER` (id INT PRIMARY KEY)", "INSERT INTO "+s+".`ORDER` VALUES (2)")
		r.caughtUp()
		r.end()
		b.equal()
	})
}
