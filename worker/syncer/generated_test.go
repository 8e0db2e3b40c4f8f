package syncer

import (
	"fmt"
	"testing"

	"github.com/raftdm/raftdm/internal/testbed"
)

// TestGeneratedUniqueKeys hands the values of unique keys over generated columns
// from row to row, so that lanes which did not see them would meet duplicates.
func TestGeneratedUniqueKeys(t *testing.T) {
	testbed.SkipIfShort(t)
	for _, rewritten := range []bool{false, true} {
		b := newBench(t, servers.MariaDB(t), secondMariaDB(t), true)
		b.sub.Sync.WorkerCount, b.sub.Sync.Batch = 8, 4
		b.sub.Sync.Compact, b.sub.Sync.MultipleRows = rewritten, rewritten
		full := b.schema() + ".g"
		b.exec("CREATE DATABASE "+b.schema(), "CREATE TABLE "+full+
			" (id INT PRIMARY KEY, a INT, v INT AS (a % 1000) VIRTUAL, s INT AS (a + 1) STORED, UNIQUE KEY v (v), UNIQUE KEY s (s))",
			"INSERT INTO "+full+" (id, a) VALUES (0, 990)", "INSERT INTO "+full+" (id, a) VALUES (1, 991)",
			"INSERT INTO "+full+" (id, a) VALUES (2, 992)", "INSERT INTO "+full+" (id, a) VALUES (3, 993)")
		for i := range 60 {
			x, y := i%4, (i+1)%4
			b.exec(fmt.Sprintf("UPDATE %s SET a = %d WHERE id = %d", full, 500+i, x),
				fmt.Sprintf("UPDATE %s SET a = %d WHERE id = %d", full, 2000+i, y),
				fmt.Sprintf("UPDATE %s SET a = %d WHERE id = %d", full, 3100+i, x),
				fmt.Sprintf("UPDATE %s SET a = %d WHERE id = %d", full, 1500+i, y)) // v that x had just before
		}
		r := b.start()
		r.caughtUp()
		r.end()
		b.equal()
	}
}

// TestComputedOnTheSourceOnly: columns that the source computes are plain ones on
// the target, as where a TiDB does not know the expression. They get the values
// that the binlog has, and rows that came without them are found.
func TestComputedOnTheSourceOnly(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		for _, rewritten := range []bool{false, true} {
			b := newBench(t, up, down, true)
			b.sub.Sync.Compact, b.sub.Sync.MultipleRows = rewritten, rewritten
			s := b.schema()
			const columns = "k INT NOT NULL, v INT, w BIGINT%s, x VARCHAR(20)%s"
			b.exec("CREATE DATABASE " + s)
			b.must(down.Exec(t.Context(), "CREATE DATABASE "+s))
			for _, key := range []string{"", ", PRIMARY KEY (k)"} {
				name := fmt.Sprintf("%s.t%d", s, len(key))
				b.exec("CREATE TABLE " + name + " (" + fmt.Sprintf(columns, " AS (v * 2) STORED", " AS (CONCAT('v', v)) VIRTUAL") + key + ")")
				b.must(down.Exec(t.Context(), "CREATE TABLE "+name+" ("+fmt.Sprintf(columns, "", "")+key+")", "INSERT INTO "+name+" (k, v) VALUES (0, 0)"))
				b.exec("SET STATEMENT sql_log_bin = 0 FOR INSERT INTO " + name + " (k, v) VALUES (0, 0)")
				for i := range 6 {
					b.exec(fmt.Sprintf("INSERT INTO %s (k, v) VALUES (%d, %d)", name, i+1, i))
				}
				b.exec("UPDATE "+name+" SET v = v + 1 WHERE k < 6", "DELETE FROM "+name+" WHERE k = 2")
			}
			r := b.start()
			r.caughtUp()
			r.end()
			b.equal()
		}
	})
}
