package load_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
)

// typeTables are tables with the values that dumps get wrong elsewhere. Each
// column is one that TiDB has too.
func typeTables() []string {
	return []string{
		`CREATE TABLE nums (id INT PRIMARY KEY, t TINYINT UNSIGNED, b BIGINT UNSIGNED, z INT(6) UNSIGNED ZEROFILL,
			d DECIMAL(40,12), f FLOAT, f2 FLOAT(7,3), g DOUBLE, g2 DOUBLE(20,5), y YEAR, bt BIT(12), b1 BIT(1), bo BOOLEAN)`,
		`INSERT INTO nums VALUES (1, 255, 18446744073709551615, 42, '-1234567890123456789012345678.123456789012', 0.1, 1234.567, 0.1, 123456789012345.12345, 2024, b'101010101010', b'1', TRUE)`,
		`INSERT INTO nums VALUES (2, 0, 0, 0, 0, 16777217, -0.001, 1.7976931348623157e308, -0.5, 0, b'0', b'0', FALSE)`,
		`INSERT INTO nums VALUES (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`,
		`INSERT INTO nums (id, f, g) VALUES (4, 3.4028234663852886e38, 2.2250738585072014e-308), (5, 1.17549435e-38, 4.9e-322), (6, -0e0, -0e0), (7, 123456.789, 123456789.123456789)`,
		`CREATE TABLE txt (id VARCHAR(40) PRIMARY KEY, c CHAR(10), v VARCHAR(200), t TEXT, m MEDIUMTEXT, e ENUM('a','b''c','ü','x,y'), s SET('r','g','b')) DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_bin`,
		`INSERT INTO txt VALUES ('quotes', 'a''b', 'c"d\\e', '\0\n\r\Z\t\b%_', ';\nINSERT INTO x VALUES (1);\n', 'b''c', 'r,b')`,
		`INSERT INTO txt VALUES ('unicode', 'ünï', '日本語 🎉', '\u0000', 'ß', 'ü', ''), ('spaces', 'x  ', 'y  ', ' z ', '', 'x,y', 'r,g,b'), ('nulls', NULL, NULL, NULL, NULL, NULL, NULL)`,
		"INSERT INTO txt (id, m) VALUES ('long', REPEAT('0123456789abcdef', 65536))",
		"CREATE TABLE remarks (id INT PRIMARY KEY COMMENT 'one; two\n;\nDROP TABLE nums; -- it''s', v VARCHAR(9) DEFAULT ';\n' COMMENT '/* ; */') COMMENT 'a;\nb \\\\; # c'",
		`INSERT INTO remarks (id) VALUES (1)`,
		`CREATE TABLE lat (id INT PRIMARY KEY, v VARCHAR(100)) DEFAULT CHARSET latin1 COLLATE latin1_swedish_ci`,
		`INSERT INTO lat VALUES (1, CONVERT(x'E4F6FC80819F' USING latin1)), (2, '')`,
		`CREATE TABLE bin (id INT PRIMARY KEY, b BINARY(8), v VARBINARY(100), bl BLOB, lb LONGBLOB)`,
		`INSERT INTO bin VALUES (1, x'0001', x'', x'00FF27220A0D5C1A', x'3B0A'), (2, x'FFFFFFFFFFFFFFFF', x'6100', '', NULL), (3, '', NULL, REPEAT(x'0027', 40000), x'00')`,
		`CREATE TABLE tim (id INT PRIMARY KEY, d DATE, dt DATETIME(6), ts TIMESTAMP NULL, ts6 TIMESTAMP(6) NULL, t TIME(6), zd DATE, zt DATETIME)`,
		`INSERT INTO tim VALUES (1, '0000-00-00', '0000-00-00 00:00:00', '2024-03-31 01:30:00', '2038-01-19 03:14:07.999999', '-838:59:59', '2024-00-10', '2024-02-00 10:11:12'),
			(2, '9999-12-31', '9999-12-31 23:59:59.999999', '1970-01-01 00:00:01', NULL, '838:59:59', '2024-02-31', NULL), (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`,
		`CREATE TABLE js (id INT PRIMARY KEY, j JSON)`,
		`INSERT INTO js VALUES (1, '{"a": [1, 2.5, "x\\"y\\\\n", null], "ü": {}}'), (2, '[]'), (3, NULL)`,
		"CREATE TABLE gen (id INT PRIMARY KEY, a INT, `b c` INT AS (a + 1) VIRTUAL, d INT AS (a * 2) STORED, `e``f` VARCHAR(10) DEFAULT 'it''s')",
		"INSERT INTO gen (id, a) VALUES (1, 5), (2, NULL)",
		"CREATE TABLE `odd.name-schema%/ü` (id INT PRIMARY KEY, `select` INT)",
		"INSERT INTO `odd.name-schema%/ü` VALUES (1, 2)",
		"CREATE TABLE nokey (a INT, b VARCHAR(10))",
		"INSERT INTO nokey VALUES (1, 'x'), (1, 'x'), (NULL, NULL), (NULL, NULL)",
		"CREATE TABLE uniq (a INT NULL, b INT NULL, UNIQUE KEY (a, b))",
		"INSERT INTO uniq VALUES (NULL, 1), (NULL, 1), (1, NULL), (1, NULL), (1, 1)",
		"CREATE TABLE comp (a INT, b VARCHAR(20), c INT, PRIMARY KEY (a, b))",
		"INSERT INTO comp VALUES (1, 'x', 1), (1, 'y', 2), (-5, '', 3)",
		"CREATE TABLE auto0 (id INT AUTO_INCREMENT PRIMARY KEY, v INT)",
		"INSERT INTO auto0 (v) VALUES (1)", "UPDATE auto0 SET id = 0",
		"CREATE TABLE empty_one (id INT PRIMARY KEY)",
		"CREATE TABLE my (id INT PRIMARY KEY, v INT) ENGINE = MyISAM",
		"INSERT INTO my VALUES (1, 1), (2, 2)",
		"CREATE VIEW a_view AS SELECT * FROM my",
	}
}

func typeNames() []string {
	return []string{"nums", "txt", "remarks", "lat", "bin", "tim", "js", "gen", "odd.name-schema%/ü", "nokey", "uniq", "comp", "auto0", "empty_one", "my"}
}

// fillTypes makes the type tables in a schema of the source.
func (b *bed) fillTypes(schema string) {
	b.t.Helper()
	ctx := b.t.Context()
	conn, err := b.src.Session(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	defer conn.Close()
	setup := []string{"CREATE DATABASE `" + schema + "` DEFAULT CHARSET latin1", "USE `" + schema + "`", "SET NAMES utf8mb4",
		"SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', time_zone = '+00:00'"}
	for _, q := range append(setup, typeTables()...) {
		if _, err := conn.ExecContext(ctx, q); err != nil {
			b.t.Fatalf("%s: %v", q, err)
		}
	}
}

// TestEveryTypeArrives is peer-bugs 14 for the full phase: the bytes of every
// value are the same on both sides.
func TestEveryTypeArrives(t *testing.T) {
	for _, target := range []string{"mariadb", "tidb"} {
		t.Run(target, func(t *testing.T) {
			var dst *testbed.Server
			if target == "tidb" {
				dst = servers.TiDB(t)
			} else {
				dst = mariaTarget(t)
			}
			name := "types_" + target
			b := newBed(t, name, servers.MariaDB(t), dst)
			b.fillTypes(name)
			b.run()
			b.equal(name, typeNames()...)
		})
	}
}

// TestWhereAndRows honours the dump's filter and its rows per chunk.
func TestWhereAndRows(t *testing.T) {
	const name = "whererows"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	b.sub.Dump.Where = "id % 3 = 0"
	b.sub.Dump.Rows = 100
	b.exec(b.src, "CREATE DATABASE "+name, "CREATE TABLE "+name+".t (id INT PRIMARY KEY, v VARCHAR(100))",
		"INSERT INTO "+name+".t SELECT seq, REPEAT('x', 50) FROM "+name+".seq_1_to_5000", "ANALYZE TABLE "+name+".t")
	b.run()
	if n := b.count(b.dst, name+".t"); n != 1666 {
		t.Errorf("%d rows arrived, want 1666", n)
	}
	if n := b.count(b.dst, name+".t WHERE id % 3 <> 0"); n != 0 {
		t.Errorf("%d rows arrived that the filter excludes", n)
	}
}

// TestWhereChangesBehindTheDump: rows that only the new filter lets in are in no
// file, so the load does not end as if all were there.
func TestWhereChangesBehindTheDump(t *testing.T) {
	const name = "wherechanges"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	b.sub.Dump.Where = "id > 100"
	b.exec(b.src, "CREATE DATABASE "+name, "CREATE TABLE "+name+".t (id INT PRIMARY KEY)", "INSERT INTO "+name+".t SELECT seq FROM "+name+".seq_1_to_1000")
	m, closeMeta := b.meta(t.Context())
	defer closeMeta()
	if err := b.dump(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	b.sub.Dump.Where = ""
	if err := b.load(t.Context(), m); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "id > 100") || fault.HintOf(err) == "" {
		t.Errorf("with another filter: %v (hint: %s)", err, fault.HintOf(err))
	}
	b.sub.Dump.Where = "id > 100"
	if err := b.load(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if n := b.count(b.dst, name+".t"); n != 900 {
		t.Errorf("%d rows", n)
	}
}

// TestWhereThatFitsNoTable ends the dump with its cause, not with another try.
func TestWhereThatFitsNoTable(t *testing.T) {
	const name = "badwhere"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	b.sub.Dump.Where = "nothing_like_it > 1"
	b.sysbench(name, 1, 10)
	m, closeMeta := b.meta(t.Context())
	defer closeMeta()
	if err := b.dump(t.Context(), m); !fault.Is(err, fault.Invalid) || !strings.Contains(fault.HintOf(err), "where") {
		t.Errorf("error %v, hint %q", err, fault.HintOf(err))
	}
}

func (b *bed) count(s *testbed.Server, from string) int {
	b.t.Helper()
	var n int
	if err := s.DB().QueryRowContext(b.t.Context(), "SELECT COUNT(*) FROM "+from).Scan(&n); err != nil {
		b.t.Fatal(err)
	}
	return n
}

// sysbench makes tables like sysbench's in a schema of the source.
func (b *bed) sysbench(schema string, tables, rows int) []string {
	b.t.Helper()
	b.exec(b.src, "CREATE DATABASE "+schema)
	var names []string
	for i := 1; i <= tables; i++ {
		tbl := fmt.Sprintf("sbtest%d", i)
		names = append(names, tbl)
		b.exec(b.src, fmt.Sprintf("CREATE TABLE %s.%s (id INT NOT NULL AUTO_INCREMENT, k INT NOT NULL DEFAULT 0, c CHAR(120) NOT NULL DEFAULT '',"+
			" pad CHAR(60) NOT NULL DEFAULT '', PRIMARY KEY (id), KEY k_1 (k))", schema, tbl),
			fmt.Sprintf("INSERT INTO %s.%s SELECT seq, seq %% 1000, %s, %s FROM %s.seq_1_to_%d", schema, tbl,
				"CONCAT(SHA2(seq, 256), '-', LEFT(SHA2(seq + 1, 256), 34))", "LEFT(SHA2(seq + 2, 256), 32)", schema, rows),
			fmt.Sprintf("ANALYZE TABLE %s.%s", schema, tbl))
	}
	return names
}

// keyless makes a table in which every row is there twice.
func (b *bed) keyless(schema string, rows int) {
	b.t.Helper()
	b.exec(b.src, "CREATE TABLE "+schema+".nokey (a INT, b VARCHAR(100))",
		fmt.Sprintf("INSERT INTO %s.nokey SELECT seq DIV 2, REPEAT('k', 60) FROM %s.seq_1_to_%d", schema, schema, rows))
}

// quoted lists names for a message.
func quoted(names []string) string { return strings.Join(names, ", ") }
