package dump

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// typesTable has a column of each kind that a file writes in its own way.
const typesTable = `CREATE TABLE %s.types (id INT PRIMARY KEY, i BIGINT UNSIGNED, d DECIMAL(30,10), f FLOAT, g DOUBLE, c VARCHAR(100), l CHAR(20) CHARACTER SET latin1,
	b VARBINARY(50), x LONGBLOB, t TIMESTAMP(6) NULL, dt DATETIME(3), da DATE, ti TIME(2), y YEAR, bi BIT(17), e ENUM('a','b''c'), s SET('x','y'), j JSON,
	p POINT, v INT AS (id + 1) VIRTUAL, w INT AS (id * 2) STORED)`

const typesRows = `INSERT INTO %s.types (id,i,d,f,g,c,l,b,x,t,dt,da,ti,y,bi,e,s,j,p) VALUES
	(1, 18446744073709551615, -12345678901234567890.0123456789, 1.5e-30, -1.7976931348623157e308, 'it''s \\ "quoted"\n;\nnext', 'ÄÖÜ', x'00ff0a27', REPEAT(x'00', 5000),
	 '2024-03-31 02:30:00.123456', '1000-01-01 00:00:00.999', '0000-00-00', '-838:59:59', 2155, b'10101', 'b''c', 'x,y', '{"a": [1, "é"]}', ST_GeomFromText('POINT(1 2)')),
	(2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(3, 0, 0, -0.0, 0, '', '', '', '', '1970-01-02 00:00:01', '9999-12-31 23:59:59', '2024-02-29', '00:00:00', 0, b'0', 'a', '', '[]', ST_GeomFromText('POINT(-1e-9 1e9)'))`

// TestMyloaderLoadsTheDump: what the real myloader makes of the files, plain and
// compressed, is what was dumped.
func TestMyloaderLoadsTheDump(t *testing.T) {
	if _, err := exec.LookPath("myloader"); err != nil {
		t.Fatalf("install the package mydumper, or run make deps: %v", err)
	}
	src := servers.MariaDB(t)
	for _, compression := range []string{"", "gzip"} {
		name := "myl_" + compression
		b := newBed(t, src, name, typesTable, "SET STATEMENT sql_mode = '' FOR "+typesRows,
			"CREATE TABLE %s.many (k VARCHAR(20), n INT, v VARCHAR(50), PRIMARY KEY (k, n))",
			"INSERT INTO %s.many SELECT CONCAT('k', seq MOD 7), seq, REPEAT('y', seq MOD 50) FROM %s.seq_1_to_5000",
			"CREATE TABLE %s.`odd name-schema.x` (`a\"b` INT)", "INSERT INTO %s.`odd name-schema.x` VALUES (1), (1)",
			"CREATE TABLE %s.nothing (id INT PRIMARY KEY)", "CREATE VIEW %s.view AS SELECT 1", "ANALYZE TABLE %s.many")
		b.sub.Dump.Rows, b.sub.Dump.ChunkBytes, b.sub.Dump.Compress = 1000, 8000, compression
		if err := b.run(nil); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(b.sub.Load.Dir, name+".many.*.sql*"))
		if err != nil || len(files) < 10 {
			t.Errorf("%d files of 8000 bytes, %v", len(files), err)
		}
		cfg := src.Config()
		// One thread: several meet each other in deadlocks, and myloader ends at one.
		cmd := exec.CommandContext(t.Context(), "myloader", "-d", b.sub.Load.Dir, "-B", name+"_copy", "-t", "1", "-h", cfg.Host, "-P", fmt.Sprint(cfg.Port),
			"-u", cfg.User, "-p", cfg.Password.Reveal(), "-v", "2")
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Fatalf("myloader: %v\n%s", err, out)
		}
		for _, tbl := range []string{"types", "many", "`odd name-schema.x`", "nothing"} {
			want, got := b.rows(name+"."+tbl), b.rows(name+"_copy."+tbl)
			if !slices.Equal(want, got) {
				t.Errorf("%s: table %s has %d rows, want %d\n%.500s\n%.500s", compression, tbl, len(got), len(want), got, want)
			}
		}
	}
}
