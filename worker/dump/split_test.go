package dump

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
)

// splitCase is a table of which each chunk should have about 1000 rows.
type splitCase struct {
	name   string
	create string   // columns and keys
	fill   []string // with %s for the table
	rows   int      // per chunk asked for
	one    bool     // it cannot be cut
}

var splitCases = []splitCase{
	{name: "even integers", create: "id INT PRIMARY KEY, v INT",
		fill: []string{"INSERT INTO %s SELECT seq, 1 FROM seq_1_to_20000"}},
	{name: "two clusters at the ends of the range", create: "id BIGINT UNSIGNED PRIMARY KEY, v INT", fill: []string{
		"INSERT INTO %s SELECT seq, 1 FROM seq_1_to_10000",
		"INSERT INTO %s SELECT 18446744073709551615 - seq, 1 FROM seq_0_to_9999",
		"INSERT INTO %s VALUES (9223372036854775808, 1)"}},
	{name: "negative and sparse", create: "id BIGINT PRIMARY KEY, v INT", fill: []string{
		"INSERT INTO %s SELECT -9000000000000000000 + CAST(seq*seq*seq AS SIGNED), 1 FROM seq_1_to_10000",
		"INSERT INTO %s SELECT seq*100003, 1 FROM seq_1_to_10000"}},
	{name: "quadratic integers", create: "id BIGINT PRIMARY KEY, v INT",
		fill: []string{"INSERT INTO %s SELECT seq*seq, 1 FROM seq_1_to_20000"}},
	{name: "one large tenant", create: "tenant INT, id BIGINT, v INT, PRIMARY KEY (tenant, id)", fill: []string{
		"INSERT INTO %s SELECT 7, seq, 1 FROM seq_1_to_15000",
		"INSERT INTO %s SELECT seq MOD 1000 + 100, seq, 1 FROM seq_1_to_5000"}},
	{name: "one tenant only, text behind it", create: "tenant INT, id VARCHAR(40), PRIMARY KEY (tenant, id)",
		fill: []string{"INSERT INTO %s SELECT 1, LEFT(SHA2(seq, 256), 32) FROM seq_1_to_20000"}},
	{name: "text in a collation that ignores case", create: "id VARCHAR(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci PRIMARY KEY",
		fill: []string{
			"INSERT INTO %s SELECT CONCAT(IF(seq MOD 2, 'Customer', 'customer'), '/', seq) FROM seq_1_to_18000",
			"INSERT INTO %s SELECT CONCAT('Ünïcode \\'quoted\\' \\\\ ', seq, ' 日本') FROM seq_1_to_2000"}},
	{name: "latin1 text with a common prefix", create: "id CHAR(80) CHARACTER SET latin1 PRIMARY KEY",
		fill: []string{"INSERT INTO %s SELECT CONCAT(REPEAT('é', 60), seq) FROM seq_1_to_20000"}},
	{name: "bytes", create: "id VARBINARY(20) PRIMARY KEY",
		fill: []string{"INSERT INTO %s SELECT UNHEX(LEFT(SHA2(seq, 256), 40)) FROM seq_1_to_20000"}},
	{name: "decimal and time", create: "d DECIMAL(20,4), t DATETIME(3), PRIMARY KEY (d, t)",
		fill: []string{"INSERT INTO %s SELECT (CAST(seq MOD 40 AS SIGNED) - 20) / 7, '2020-01-01' + INTERVAL seq MINUTE FROM seq_1_to_20000"}},
	{name: "timestamp", create: "t TIMESTAMP(6) NOT NULL PRIMARY KEY",
		fill: []string{"INSERT INTO %s SELECT FROM_UNIXTIME(1600000000 + seq / 1000) FROM seq_1_to_20000"}},
	{name: "zero dates first", create: "d DATE, n INT, PRIMARY KEY (d, n)", fill: []string{
		"INSERT INTO %s SELECT '0000-00-00', seq FROM seq_1_to_10000",
		"INSERT INTO %s SELECT '2021-02-31', seq FROM seq_1_to_10000"}},
	{name: "uuid", create: "id UUID PRIMARY KEY", fill: []string{"INSERT INTO %s SELECT CONCAT(LPAD(HEX(seq*7919), 8, '0'), '-0000-4000-8000-', LPAD(HEX(seq), 12, '0')) FROM seq_1_to_20000"}},
	{name: "enum behind an integer", create: "n INT, e ENUM('z','a'), PRIMARY KEY (n, e)", fill: []string{
		"INSERT INTO %s SELECT seq, 1 FROM seq_1_to_10000", "INSERT INTO %s SELECT seq, 2 FROM seq_1_to_10000"}},
	{name: "not unique, by name, with NULLs", rows: 1000, create: "v VARCHAR(20), w INT, KEY (v)", fill: []string{
		"INSERT INTO %s SELECT NULL, seq FROM seq_1_to_1000",
		"INSERT INTO %s SELECT CONCAT(IF(seq MOD 3, 'a', 'A'), seq DIV 100), seq FROM seq_1_to_19000"}},
	{name: "enum", create: "e ENUM('z','a'), PRIMARY KEY (e)", fill: []string{"INSERT INTO %s VALUES ('z'), ('a')"}, one: true},
	{name: "no key", create: "v INT", fill: []string{"INSERT INTO %s SELECT seq FROM seq_1_to_20000"}, one: true},
}

// TestChunksAreEven: whatever the key, each row is in one chunk, chunks are
// within a factor of two of each other, and the server reads each as a range of
// the key.
func TestChunksAreEven(t *testing.T) { chunksAreEven(t, servers.MariaDB(t), splitCases) }

func chunksAreEven(t *testing.T, src *testbed.Server, cases []splitCase) {
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			name := fmt.Sprintf("split%d", i)
			tbl := name + ".t"
			session, err := src.Session(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close()
			statements := []string{"CREATE DATABASE " + name, "USE " + name, "SET sql_mode = 'ALLOW_INVALID_DATES'", "CREATE TABLE " + tbl + " (" + c.create + ")"}
			for _, f := range c.fill {
				statements = append(statements, src.Numbers(fmt.Sprintf(f, tbl)))
			}
			for _, q := range append(statements, "ANALYZE TABLE "+tbl) {
				if _, err := session.ExecContext(t.Context(), q); err != nil {
					t.Fatalf("%s: %v", q, err)
				}
			}
			checkSplit(t, src, name, c)
		})
	}
}

func checkSplit(t *testing.T, src *testbed.Server, name string, c splitCase) {
	db, err := dbconn.Open(t.Context(), fault.Upstream, src.Config(), dbconn.Options{MaxConns: 4, TimeZone: "+00:00", SQLMode: sessionMode})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tbl, chunks := planned(t, db, name, c.rows)
	if c.one {
		if len(chunks) != 1 || chunks[0] != "" {
			t.Errorf("cut by %q", chunks)
		}
		return
	}
	var counts []int
	for _, cond := range chunks {
		var n int
		if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+name+".t WHERE "+cond).Scan(&n); err != nil {
			t.Fatalf("%s: %v", cond, err)
		}
		counts = append(counts, n)
		if kind := explainType(t, db, tbl.query(keyRange{}, cond)); kind != "range" && kind != "index" && n > 0 {
			t.Errorf("the server reads %s by %q", cond, kind)
		}
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	if least, most := slices.Min(counts), slices.Max(counts); len(counts) < 10 || most > 2*least {
		t.Errorf("%d chunks of %d to %d rows: %v", len(counts), least, most, counts)
	}
	var all int
	if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+name+".t").Scan(&all); err != nil {
		t.Fatal(err)
	}
	if total != all {
		t.Errorf("the chunks have %d rows together, the table %d", total, all)
	}
}

// planned answers the conditions of all chunks of the one table of a schema.
func planned(t *testing.T, db *dbconn.DB, name string, rows int) (*table, []string) {
	t.Helper()
	cat := &catalogue{filter: oneSchema(name), threads: 2, anyIndex: rows > 0}
	if err := cat.read(t.Context(), db, config.Dump{Threads: 2, Rows: 1000}); err != nil {
		t.Fatal(err)
	}
	var (
		mu    sync.Mutex
		conds []string
		out   *table
	)
	r := &readers{db: db, log: slog.New(slog.DiscardHandler), note: func(schema.Name, dumpdir.Chunk) error { return nil }}
	for _, tbl := range cat.tables {
		out = tbl
		if err := r.plan(context.WithoutCancel(t.Context()), []*tableState{newTableState(tbl, 0)}, true, func(j job) error {
			mu.Lock()
			defer mu.Unlock()
			cond := ""
			if tbl.key != nil {
				cond = tbl.key.condition(j.keyRange())
			}
			conds = append(conds, cond)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return out, conds
}

func explainType(t *testing.T, db *dbconn.DB, query string) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "EXPLAIN FORMAT=TRADITIONAL "+query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if !rows.Next() {
		t.Fatal(rows.Err())
	}
	row, err := dbconn.ScanNamed(rows)
	if err != nil {
		t.Fatal(err)
	}
	return row["TYPE"]
}
