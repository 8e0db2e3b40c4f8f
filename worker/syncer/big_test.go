package syncer

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// peak samples how much memory the process holds until ctx ends, in MiB.
func peak(ctx context.Context) <-chan uint64 {
	out := make(chan uint64, 1)
	go func() {
		s := []runtimemetrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for most := uint64(0); ; {
			runtimemetrics.Read(s)
			most = max(most, s[0].Value.Uint64()-s[1].Value.Uint64())
			select {
			case <-tick.C:
			case <-ctx.Done():
				out <- most >> 20
				return
			}
		}
	}()
	return out
}

// TestMillionRowTransaction: memory does not grow with a transaction, neither
// with its rows nor with its bytes (peer-bugs 29).
func TestMillionRowTransaction(t *testing.T) {
	testbed.SkipIfShort(t)
	const limit = 512 // MiB
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), true)
	s := b.schema()
	r := b.start()
	b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".narrow (id INT PRIMARY KEY, v INT)", "CREATE TABLE "+s+".fat (id INT PRIMARY KEY, v LONGTEXT)")
	r.caughtUp()
	for _, c := range []struct{ name, text string }{
		{"narrow", "INSERT INTO %s.narrow SELECT seq, seq FROM seq_1_to_1000000"},
		{"fat", "INSERT INTO %s.fat SELECT seq, REPEAT('v', 262144) FROM seq_1_to_600"},
		{"delete", "DELETE FROM %s.narrow WHERE id <= 300000"},
	} {
		b.exec("USE "+s, fmt.Sprintf(strings.ReplaceAll(c.text, "FROM seq", "FROM "+s+".seq"), s))
		debug.FreeOSMemory()
		ctx, cancel := context.WithCancel(t.Context())
		most, began := peak(ctx), time.Now()
		end := b.master()
		r.until("the target is at "+end.String(), 5*time.Minute, func() bool { return r.at().Compare(end.Position) >= 0 })
		cancel()
		held := <-most
		t.Logf("%s: %s, at most %d MiB", c.name, time.Since(began).Round(time.Millisecond), held)
		if held > limit {
			t.Errorf("%s: the process held %d MiB, more than %d", c.name, held, limit)
		}
	}
	r.end()
	for _, q := range []string{"SELECT COUNT(*), SUM(id), SUM(v) FROM " + s + ".narrow", "SELECT COUNT(*), SUM(id), SUM(CRC32(v)) FROM " + s + ".fat"} {
		var there, here [3]string
		b.must(b.up.DB().QueryRow(q).Scan(&here[0], &here[1], &here[2]))
		b.must(b.down.DB().QueryRow(q).Scan(&there[0], &there[1], &there[2]))
		if here != there {
			t.Errorf("%s: %v on the source, %v on the target", q, here, there)
		}
	}
}

// TestThousandColumns: rows as wide as a server lets them be.
func TestThousandColumns(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, false)
		s := b.schema()
		var columns, names, values []string
		for i := range 999 {
			columns = append(columns, fmt.Sprintf("c%d INT", i))
			names = append(names, fmt.Sprintf("c%d", i))
			values = append(values, fmt.Sprintf("seq * %d", i))
		}
		r := b.start()
		b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".wide (id INT PRIMARY KEY, "+strings.Join(columns, ", ")+")",
			"CREATE TABLE "+s+".keyless ("+strings.Join(columns, ", ")+")",
			"INSERT INTO "+s+".wide SELECT seq, "+strings.Join(values, ", ")+" FROM "+s+".seq_1_to_200",
			"INSERT INTO "+s+".keyless ("+strings.Join(names, ", ")+") SELECT "+strings.Join(values, ", ")+" FROM "+s+".seq_1_to_50",
			"UPDATE "+s+".wide SET c998 = NULL WHERE id % 2", "DELETE FROM "+s+".wide WHERE id % 5 = 0",
			"UPDATE "+s+".keyless SET c0 = 1 WHERE c1 > 10", "DELETE FROM "+s+".keyless WHERE c1 = 7",
			"ALTER TABLE "+s+".wide ADD COLUMN last INT AFTER c500", "UPDATE "+s+".wide SET last = id")
		r.caughtUp()
		r.end()
		b.equal()
	})
}

// TestThousandsOfTables: what a run has to know about a table it learns at the
// table's first row, so a task over many tables begins at once, and each is
// followed. RAFTDM_TABLES says how many.
func TestThousandsOfTables(t *testing.T) {
	testbed.SkipIfShort(t)
	tables := 400
	if s := os.Getenv("RAFTDM_TABLES"); s != "" {
		var err error
		if tables, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), true)
	s := b.schema()
	b.exec("CREATE DATABASE " + s)
	at := b.master()
	b.sub.Start.BinlogName, b.sub.Start.BinlogPos, b.sub.Start.BinlogGTID = at.Position.Name, at.Position.Pos, at.GTID.String()
	b.must(b.down.Exec(t.Context(), "CREATE DATABASE "+s))
	for i := range tables {
		b.exec(fmt.Sprintf("CREATE TABLE %s.t%d (id INT PRIMARY KEY, v VARCHAR(20), KEY (v))", s, i))
	}
	r := b.start()
	r.until("the tables are there", 10*time.Minute, func() bool { return r.at().Compare(b.master().Position) >= 0 })
	for range 2 {
		for i := range tables {
			b.exec(fmt.Sprintf("INSERT INTO %s.t%d SELECT COALESCE(MAX(id), 0) + 1, 'x' FROM %s.t%d", s, i, s, i))
		}
		r.caughtUp()
		r.end()
		b.epoch++
		began := time.Now()
		r = b.start()
		r.until("it runs", 30*time.Second, func() bool { return r.status().SyncerBinlog != "" })
		t.Logf("the run began within %s", time.Since(began).Round(time.Millisecond))
	}
	r.caughtUp()
	r.end()
	b.equal()
}
