package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// mostMiB is how much memory a worker may hold in the full phase.
const mostMiB = 400

// fullOptions is what the flags say about -full.
type fullOptions struct {
	options
	mib      int
	profiles string
}

// full is one run of -full.
type full struct {
	*bench
	o       fullOptions
	tables  []string
	bytes   int64 // of the data files of our dump
	results []fullResult
}

// fullResult is one measurement.
type fullResult struct {
	phase, who string
	took       time.Duration
	cpu        float64 // seconds of the worker; 0 for others
	mib        int     // the most that it has held
}

// runFull measures dump and load, each alone, beside mydumper and myloader.
func runFull(ctx context.Context, out io.Writer, o fullOptions) (err error) {
	dir, err := os.MkdirTemp("", "raftdm-bench-")
	if err != nil {
		return err
	}
	tidb := o.tidb
	o.tidb = false // each tool has a TiDB of its own, one after the other
	f := &full{bench: &bench{options: o.options, dir: dir}, o: o}
	defer func() { err = errors.Join(err, f.close()) }()
	if err := f.startServers(ctx); err != nil {
		return err
	}
	if err := f.fillFull(ctx); err != nil {
		return err
	}
	if err := f.peers(ctx, tidb); err != nil {
		return err
	}
	if err := f.raftdm(ctx, tidb); err != nil {
		return err
	}
	return f.print(out)
}

// fillFull makes tables like sysbench's, one of many types and one without a
// key, inside the server.
func (f *full) fillFull(ctx context.Context) error {
	say("filling the upstream with about %d MiB", f.o.mib)
	const bytesOfRow, bytesOfMixed = 205, 420
	size := int64(f.o.mib) << 20
	each := max(size*7/10/bytesOfRow/tables, 1)
	mixed, nokey := max(size*2/10/bytesOfMixed, 1), max(size/10/bytesOfRow, 1)
	db := f.up.DB()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	text := "CONCAT(SHA2(seq, 256), SHA1(seq))"
	q := []string{"SET SESSION sql_log_bin = 0", "CREATE DATABASE " + schemaName, "USE " + schemaName}
	for i := range tables {
		name := fmt.Sprintf("sbtest%d", i+1)
		f.tables = append(f.tables, name)
		q = append(q, "CREATE TABLE "+name+" (id INT NOT NULL AUTO_INCREMENT, k INT NOT NULL DEFAULT 0, c CHAR(120) NOT NULL DEFAULT '',"+
			" pad CHAR(60) NOT NULL DEFAULT '', PRIMARY KEY (id), KEY k_1 (k))")
		q = append(q, pieces(each, "INSERT INTO "+name+" SELECT seq, CRC32(seq) DIV 4, "+text+", SHA1(-seq) FROM %s")...)
	}
	f.tables = append(f.tables, "mixed", "nokey")
	q = append(q, "CREATE TABLE mixed (id BIGINT UNSIGNED NOT NULL PRIMARY KEY, d DECIMAL(20,4), f DOUBLE, t DATETIME(3), s VARCHAR(100) UNIQUE,"+
		" b BLOB, x TEXT, e ENUM('a','b','c'), n INT NULL, KEY n (n))")
	q = append(q, pieces(mixed, "INSERT INTO mixed SELECT seq * 3, seq / 7, seq / 3, '2024-01-01' + INTERVAL seq SECOND, CONCAT('s', seq),"+
		" UNHEX(SHA2(seq, 256)), REPEAT("+text+", 2), 1 + seq %% 3, NULLIF(seq %% 10, 0) FROM %s")...)
	q = append(q, "CREATE TABLE nokey (a INT, b VARCHAR(200))", "CREATE TABLE empty_one (a INT PRIMARY KEY)")
	q = append(q, pieces(nokey, "INSERT INTO nokey SELECT seq DIV 2, "+text+" FROM %s")...)
	q = append(q, "ANALYZE TABLE "+strings.Join(f.tables, ", "))
	for _, s := range q {
		if _, err := conn.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// pieces repeats a statement over parts of 1..n, which MariaDB makes by itself.
func pieces(n int64, statement string) []string {
	const step = 500_000
	var out []string
	for from := int64(1); from <= n; from += step {
		out = append(out, fmt.Sprintf(statement, fmt.Sprintf("seq_%d_to_%d", from, min(n, from+step-1))))
	}
	return out
}

// peers runs mydumper and myloader.
func (f *full) peers(ctx context.Context, tidb bool) error {
	dir := filepath.Join(f.dir, "mydumper")
	took, err := tool(ctx, "mydumper", f.up, f.threads, "--database="+schemaName, "--outputdir="+dir, "--chunk-filesize=64")
	if err != nil {
		return err
	}
	f.add(fullResult{phase: "dump", who: "mydumper", took: took})
	load := func(label string, to *testbed.Server) error {
		took, err := tool(ctx, "myloader", to, f.threads, "--directory="+dir)
		if err != nil {
			return err
		}
		f.add(fullResult{phase: "load into " + label, who: "myloader", took: took})
		return f.same(ctx, "myloader's copy in "+label, to)
	}
	if err := load("MariaDB", f.peer); err != nil {
		return err
	}
	if tidb {
		if err := f.withTiDB(ctx, "tidb-peer", func(s *testbed.Server) error { return load("TiDB", s) }); err != nil {
			return err
		}
	}
	return os.RemoveAll(dir)
}

// withTiDB runs do with a TiDB of its own.
func (f *full) withTiDB(ctx context.Context, name string, do func(*testbed.Server) error) (err error) {
	s, err := testbed.StartTiDB(ctx, filepath.Join(f.dir, name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close(), os.RemoveAll(filepath.Join(f.dir, name))) }()
	return do(s)
}

func (f *full) add(r fullResult) {
	f.results = append(f.results, r)
	say("%s by %s: %s", r.phase, r.who, r.took.Round(10*time.Millisecond))
}

// same compares a digest of every table with the upstream's.
func (f *full) same(ctx context.Context, what string, down *testbed.Server) error {
	for _, t := range f.tables {
		columns := map[string]string{"mixed": "id, d, t, s, HEX(b), x, e, n", "nokey": "a, b"}[t]
		if columns == "" {
			columns = "id, k, c, pad"
		}
		q := fmt.Sprintf("SELECT CONCAT_WS(' ', COUNT(*), SUM(CRC32(CONCAT_WS('#', %s)))) FROM %s.%s", columns, schemaName, t)
		var want, got string
		if err := errors.Join(f.up.DB().QueryRowContext(ctx, q).Scan(&want), down.DB().QueryRowContext(ctx, q).Scan(&got)); err != nil {
			return err
		}
		if want != got {
			return fmt.Errorf("%s is wrong, so its speed does not count: table %s has %s, the upstream %s", what, t, got, want)
		}
	}
	return nil
}

// print writes the table; an error when a worker has held too much.
func (f *full) print(out io.Writer) error {
	mb := float64(f.bytes) / 1e6
	fmt.Fprintf(out, "\n%.0f MB of INSERTs, %d connections\n\n%-18s %-10s %9s %9s %7s %9s %9s\n", mb, f.threads,
		"phase", "by", "seconds", "MB/s", "ratio", "CPU s", "RSS MiB")
	peer := map[string]time.Duration{}
	var most int
	for _, r := range f.results {
		if _, known := peer[r.phase]; !known {
			peer[r.phase] = r.took // peers come first
		}
		own := fmt.Sprintf("%9s %9s", "", "")
		if r.mib > 0 {
			own = fmt.Sprintf("%9.1f %9d", r.cpu, r.mib)
		}
		most = max(most, r.mib)
		fmt.Fprintf(out, "%-18s %-10s %9.2f %9.1f %7.2f %s\n", r.phase, r.who, r.took.Seconds(), mb/r.took.Seconds(),
			peer[r.phase].Seconds()/r.took.Seconds(), own)
	}
	fmt.Fprintln(out, "\nratio: the peer's time by ours; above 1.00 raftdm is faster. CPU and RSS (the most held) are of dm-worker.")
	if most >= mostMiB {
		return fmt.Errorf("a worker has held %d MiB, which is not below %d", most, mostMiB)
	}
	return nil
}
