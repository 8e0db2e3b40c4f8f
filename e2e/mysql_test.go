//go:build mysql

package e2e

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/testbed"
)

// MySQL 9 as the source: no SHOW MASTER STATUS, caching_sha2_password only,
// GTID sets. All mode, with writers and kills.
func TestMySQLAllMode(t *testing.T) { mysqlAllMode(t, testbed.TiDB(t)) }

// TestMySQLIntoMySQL is the same with MySQL 9 as the target, too.
func TestMySQLIntoMySQL(t *testing.T) { mysqlAllMode(t, testbed.MySQL(t)) }

// TestMySQLCompressedAndTagged is the same with binlog_transaction_compression and
// with transactions whose GTIDs have tags, some before the dump, some behind each kill.
func TestMySQLCompressedAndTagged(t *testing.T) {
	mysqlAllMode(t, testbed.TiDB(t), "--binlog-transaction-compression=ON")
}

func mysqlAllMode(t *testing.T, down *testbed.Server, args ...string) {
	s := newStandWith(t, testbed.MySQL(t, args...), down)
	r := rand.New(rand.NewPCG(s.seed, 99))
	w := mysqlWorkload(s)
	must(t, s.up.Exec(t.Context(), "CREATE DATABASE "+schemaName, "CREATE TABLE "+schemaName+".tagged (id INT PRIMARY KEY, v INT)"))
	s.tagged("before", 0)
	must(t, w.Load(t.Context(), 20_000, s.seed))
	s.createSource(true)
	traffic := startWriters(t, w, 8, s.seed)
	s.startTask(s.task("all"))
	for i := range 5 {
		pause(t.Context(), time.Duration(300+r.IntN(2500))*time.Millisecond)
		s.tagged([]string{"blue", "green"}[i%2], 10+i)
		s.worker.Kill()
		must(t, s.worker.Launch())
	}
	s.tagged("blue", 20)
	s.await(90*time.Second, "it replicates after the last kill", running)
	traffic.stop()
	s.wantEqual()
}

// tagged writes a transaction whose GTID has a tag.
func (s *stand) tagged(tag string, id int) {
	s.t.Helper()
	conn, err := s.up.Session(s.t.Context())
	must(s.t, err)
	defer conn.Close()
	for _, q := range []string{"SET SESSION gtid_next = 'AUTOMATIC:" + tag + "'", "BEGIN", fmt.Sprintf("INSERT INTO %s.tagged VALUES (%d, 0)", schemaName, id),
		"UPDATE " + schemaName + ".tagged SET v = v + 1", "COMMIT", "SET SESSION gtid_next = 'AUTOMATIC'"} {
		_, err := conn.ExecContext(s.t.Context(), q)
		must(s.t, err)
	}
}

func TestMySQLIncrementalFromPosition(t *testing.T) {
	mysqlIncremental(t, false, func(p testbed.BinlogPosition) *config.StartPoint {
		return &config.StartPoint{BinlogName: p.Name, BinlogPos: p.Pos}
	})
}

func TestMySQLIncrementalFromGTID(t *testing.T) {
	mysqlIncremental(t, true, func(p testbed.BinlogPosition) *config.StartPoint {
		return &config.StartPoint{BinlogGTID: p.GTID}
	})
}

func mysqlIncremental(t *testing.T, gtid bool, start func(testbed.BinlogPosition) *config.StartPoint) {
	s := newStandWith(t, testbed.MySQL(t), testbed.TiDB(t))
	must(t, s.up.Exec(t.Context(), "CREATE DATABASE before_the_start"))
	from, err := testbed.BinlogEnd(t.Context(), s.up.DB())
	must(t, err)
	w := mysqlWorkload(s)
	w.DDL = true
	must(t, w.Load(t.Context(), 5_000, s.seed))
	s.createSource(gtid)
	file := s.task("incremental")
	file.Start = start(from)
	s.startTask(file)
	traffic := startWriters(t, w, 8, s.seed)
	s.await(time.Minute, "it replicates", running)
	pause(t.Context(), 3*time.Second)
	traffic.stop()
	s.wantEqual()
}

func mysqlWorkload(s *stand) *testbed.Workload {
	return &testbed.Workload{DB: s.up.DB(), Schema: schemaName, SysbenchTables: 2, Pace: 20 * time.Millisecond}
}
