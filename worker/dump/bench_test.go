package dump

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// BenchmarkDump reads tables like sysbench's, beside mydumper with as many
// threads; both leave INSERT statements on the disk. MB/s is of what each has written.
func BenchmarkDump(b *testing.B) {
	src := servers.MariaDB(b)
	bed := newBed(b, src, "benchdump")
	for i := range 4 {
		t := fmt.Sprintf("%%s.sbtest%d", i+1)
		bed.exec("CREATE TABLE "+t+" (id INT AUTO_INCREMENT PRIMARY KEY, k INT NOT NULL, c CHAR(120) NOT NULL, pad CHAR(60) NOT NULL, KEY k_1 (k))",
			"INSERT INTO "+t+" SELECT seq, seq*7 MOD 50000, RPAD(CONCAT(seq, '-', MD5(seq), '-', MD5(seq+1), '-'), 119, '7'), RPAD(MD5(-seq), 59, '3') FROM %s.seq_1_to_50000",
			"ANALYZE TABLE "+t)
	}
	bed.sub.Dump.Threads, bed.sub.Dump.ChunkBytes, bed.sub.Dump.StatementSize = 4, 64<<20, 1_000_000
	b.Run("raftdm", func(b *testing.B) {
		bed.t = b
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range b.N {
			bed.exec("DROP DATABASE IF EXISTS " + bed.sub.MetaSchema) // each dump is a new one
			if err := bed.run(nil); err != nil {
				b.Fatal(err)
			}
		}
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(b.N)/200_000, "allocs/row")
		b.ReportMetric(float64(bed.manifest().Bytes())*float64(b.N)/1e6/b.Elapsed().Seconds(), "MB/s")
	})
	b.Run("mydumper", func(b *testing.B) {
		cfg := src.Config()
		for range b.N {
			dir := b.TempDir()
			if out, err := exec.CommandContext(b.Context(), "mydumper", "-h", cfg.Host, "-P", fmt.Sprint(cfg.Port), "-u", cfg.User, "-p", cfg.Password.Reveal(),
				"-B", "benchdump", "-t", "4", "-o", dir, "-r", "12500").CombinedOutput(); err != nil {
				b.Fatalf("%v: %s", err, out)
			}
			b.ReportMetric(sizeOf(b, dir)*float64(b.N)/1e6/b.Elapsed().Seconds(), "MB/s")
		}
	})
}

func sizeOf(b *testing.B, dir string) float64 {
	files, err := filepath.Glob(filepath.Join(dir, "*.sql"))
	if err != nil {
		b.Fatal(err)
	}
	n := 0.0
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			b.Fatal(err)
		}
		n += float64(info.Size())
	}
	return n
}

// TestRowsCostNoMemory: nothing is allocated for a row.
func TestRowsCostNoMemory(t *testing.T) {
	columns := []tableColumn{{name: "a"}, {name: "b"}, {name: "c"}}
	enc := newEncoder("t", columns, 1<<20)
	enc.begin([]column{{typ: 3}, {typ: 253, charset: 45}, {typ: 252, charset: charsetBinary}})
	enc.buf = make([]byte, 0, 1<<20)
	p := packet([]byte("12345"), []byte("it's a \\ line\nbreak"), []byte{0, 1, 2, 255})
	if n := testing.AllocsPerRun(1000, func() {
		if err := enc.row(p); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a row", n)
	}
}
