package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// fullOptions is what the flags say about -full.
type fullOptions struct {
	options
	mib      int
	rounds   int  // of what each tool does, and of tasks in mode full with and without overlap
	load     bool // else only dumps are measured
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

// runFull measures dump and load, each alone, beside mydumper and myloader, and
// both of ours beside each other.
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
	if err := f.dumps(ctx); err != nil {
		return err
	}
	if !o.load {
		return f.print(out)
	}
	if err := f.loads(ctx); err != nil {
		return err
	}
	if tidb {
		if err := f.tidbLoads(ctx); err != nil {
			return err
		}
	}
	if err := errors.Join(os.RemoveAll(f.peerDir()), f.whole(ctx, o.rounds, phaseSerial, phaseWhole), f.slowSource(ctx)); err != nil {
		return err
	}
	return f.print(out)
}

// inTurn runs both so often, one after the other and the next time the other way
// round, so that neither always finds the machine as the other has left it.
func inTurn(rounds int, a, b func(last bool) error) error {
	for i := range rounds {
		both := []func(bool) error{a, b}
		if i%2 == 1 {
			slices.Reverse(both)
		}
		for _, one := range both {
			if err := one(i == rounds-1); err != nil {
				return err
			}
		}
	}
	return nil
}

// dumps measures both dumps. The last of each is what is loaded.
func (f *full) dumps(ctx context.Context) error {
	theirs := func(last bool) error {
		took, cpu, err := f.using(func() (time.Duration, error) {
			return tool(ctx, "mydumper", f.up, f.threads, "--database="+schemaName, "--outputdir="+f.peerDir(), "--chunk-filesize=64")
		})
		if err == nil && !last {
			err = os.RemoveAll(f.peerDir())
		}
		f.add(fullResult{phase: phaseDump, who: "mydumper", took: took, server: cpu})
		return err
	}
	ours := func(last bool) error {
		if err := f.alone(ctx, phaseDump, f.fullTask("dump", f.ours[0], f.oursDir()), f.ours[0]); err != nil || last {
			return err
		}
		return os.RemoveAll(f.dumped())
	}
	return inTurn(f.o.rounds, theirs, ours)
}

// using runs do and gives the processor time of the upstream meanwhile.
func (f *full) using(do func() (time.Duration, error)) (time.Duration, float64, error) {
	before, err := cpuSeconds(f.up.PID())
	if err != nil {
		return 0, 0, err
	}
	took, err := do()
	after, cpuErr := cpuSeconds(f.up.PID())
	return took, after - before, errors.Join(err, cpuErr)
}

func (f *full) peerDir() string { return filepath.Join(f.dir, "mydumper") }
func (f *full) oursDir() string { return filepath.Join(f.dir, "ours") }

// dumped is where a task of that directory and the name dump has its files.
func (f *full) dumped() string { return f.oursDir() + ".dump" }

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

// loads measures both loads of the tools' own files into a MariaDB each.
func (f *full) loads(ctx context.Context) error {
	theirs := func(bool) error {
		if err := f.peer.Exec(ctx, "DROP DATABASE IF EXISTS "+schemaName); err != nil {
			return err
		}
		return f.peerLoad(ctx, phaseLoad, f.peer)
	}
	ours := func(bool) error {
		if err := f.ours[0].Exec(ctx, "DROP DATABASE IF EXISTS "+schemaName); err != nil {
			return err
		}
		return f.alone(ctx, phaseLoad, f.fullTask("load", f.ours[0], f.dumped()), f.ours[0])
	}
	return inTurn(f.o.rounds, theirs, ours)
}

// tidbLoads does so once, into TiDBs.
func (f *full) tidbLoads(ctx context.Context) error {
	const phase = "load into TiDB"
	if err := f.withTiDB(ctx, "tidb-peer", func(s *testbed.Server) error { return f.peerLoad(ctx, phase, s) }); err != nil {
		return err
	}
	return f.withTiDB(ctx, "tidb-ours", func(s *testbed.Server) error {
		to := target{s, "TiDB"}
		return f.alone(ctx, phase, f.fullTask("load", to, f.dumped()), to)
	})
}

// peerLoad loads mydumper's files with myloader.
func (f *full) peerLoad(ctx context.Context, phase string, to *testbed.Server) error {
	took, err := tool(ctx, "myloader", to, f.threads, "--directory="+f.peerDir())
	if err != nil {
		return err
	}
	f.add(fullResult{phase: phase, who: "myloader", took: took})
	return f.same(ctx, "myloader's "+phase, to)
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
