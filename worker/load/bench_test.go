package load_test

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/raftdm/raftdm/worker/dump/dumpdir"
)

// benchRows is per table; a row is about 210 bytes of SQL.
const benchRows = 200_000

// BenchmarkFull dumps and loads sysbench-like tables and, in the same run and
// on the same servers, lets mydumper and myloader do the same with as many
// threads. It reports MB/s of each and the ratios.
func BenchmarkFull(b *testing.B) {
	src, dst := servers.MariaDB(b), mariaTarget(b)
	const name = "bench"
	task := newBed(b, name, src, dst)
	task.sub.Dump.Threads, task.sub.Dump.ChunkBytes, task.sub.Dump.StatementSize = 4, 64<<20, 1_000_000
	tables := task.sysbench(name, 4, benchRows)
	for b.Loop() {
		ours, peer := task.ours(tables), task.peers(name)
		b.ReportMetric(ours.dump, "dump-MB/s")
		b.ReportMetric(ours.load, "load-MB/s")
		if peer.dump > 0 {
			b.ReportMetric(ours.dump/peer.dump, "dump/mydumper")
			b.ReportMetric(ours.load/peer.load, "load/myloader")
		}
	}
}

// speed is in MB/s.
type speed struct{ dump, load float64 }

// ours dumps and loads with this repository's units.
func (b *bed) ours(tables []string) speed {
	b.t.Helper()
	b.sub.Task += "x"
	for _, tbl := range tables {
		b.exec(b.dst, "CREATE DATABASE IF NOT EXISTS bench", "DROP TABLE IF EXISTS bench."+tbl)
	}
	b.sub.Load.Dir = filepath.Join(b.t.TempDir(), "dump")
	m, closeMeta := b.meta(b.t.Context())
	defer closeMeta()
	start := time.Now()
	if err := b.dump(b.t.Context(), m); err != nil {
		b.t.Fatal(err)
	}
	dumped := time.Since(start)
	manifest, err := dumpdir.ReadManifest(b.sub.Load.Dir, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	start = time.Now()
	if err := b.load(b.t.Context(), m); err != nil {
		b.t.Fatal(err)
	}
	return rates(manifest.Bytes(), dumped, time.Since(start))
}

// peers does it with mydumper and myloader; zero where they are not installed.
func (b *bed) peers(name string) speed {
	b.t.Helper()
	if _, err := exec.LookPath("mydumper"); err != nil {
		return speed{}
	}
	dir := filepath.Join(b.t.TempDir(), "peer")
	start := time.Now()
	b.command("mydumper", "-h", b.src.Host, "-P", strconv.Itoa(b.src.Port), "-u", b.src.User, "-p", b.src.Password,
		"-B", name, "-o", dir, "-t", "4", "-F", "64", "-s", "1000000")
	dumped := time.Since(start)
	files, err := filepath.Glob(filepath.Join(dir, "*.sql"))
	if err != nil || len(files) == 0 {
		b.t.Fatalf("mydumper wrote nothing: %v", err)
	}
	var size int64
	for _, f := range files {
		size += fileSize(b.t, f)
	}
	start = time.Now()
	b.command("myloader", "-h", b.dst.Host, "-P", strconv.Itoa(b.dst.Port), "-u", b.dst.User, "-p", b.dst.Password,
		"-d", dir, "-o", "-t", strconv.Itoa(b.sub.Load.PoolSize))
	return rates(size, dumped, time.Since(start))
}

func (b *bed) command(name string, args ...string) {
	b.t.Helper()
	if out, err := exec.CommandContext(b.t.Context(), name, args...).CombinedOutput(); err != nil {
		b.t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

func rates(size int64, dumped, loaded time.Duration) speed {
	mb := float64(size) / 1e6
	return speed{dump: mb / dumped.Seconds(), load: mb / loaded.Seconds()}
}
