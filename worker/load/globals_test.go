package load_test

import (
	"testing"

	"github.com/raftdm/raftdm/internal/testbed"
)

// TestGlobalSettings: what servers give to each new session does not leave out rows.
func TestGlobalSettings(t *testing.T) {
	for _, c := range []struct{ name, of, value string }{
		{"selectlimit", "sql_select_limit", "10"},
		{"autocommit", "autocommit", "0"},
		{"chain", "completion_type", "'CHAIN'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := "glob" + c.name
			b := newBed(t, name, testbed.MariaDB(t), mariaTarget(t))
			tables := append(b.sysbench(name, 1, 3000), "nokey", "walked")
			b.keyless(name, 3000)
			b.exec(b.src, "CREATE TABLE "+name+".walked (id VARCHAR(40) PRIMARY KEY)", "INSERT INTO "+name+".walked SELECT SHA1(seq) FROM "+name+".seq_1_to_1000", "ANALYZE TABLE "+name+".walked")
			b.sub.Dump.Rows = 50 // so that there are more chunks than the limit, too
			sources := b.rows(b.src, name, "walked")
			for _, s := range []*testbed.Server{b.src, b.dst} {
				b.exec(s, "SET GLOBAL "+c.of+" = "+c.value)
			}
			b.run()
			for _, s := range []*testbed.Server{b.src, b.dst} {
				b.exec(s, "SET GLOBAL "+c.of+" = DEFAULT")
				s.DB().SetMaxIdleConns(0) // sessions from now on have it
			}
			b.equal(name, tables...)
			if n := b.count(b.dst, name+".walked"); n != len(sources) || n != 1000 {
				t.Errorf("%d rows", n)
			}
		})
	}
}

// TestWarningsOfTheTarget: what the target would say about an altered row is heard,
// however few warnings its sessions keep.
func TestWarningsOfTheTarget(t *testing.T) {
	const name = "globwarnings"
	b := newBed(t, name, servers.MariaDB(t), testbed.MariaDB(t, testbed.WithoutBinlog(), testbed.WithArgs("--max-error-count=0")))
	b.exec(b.src, "CREATE DATABASE "+name, "CREATE TABLE "+name+".t (id INT PRIMARY KEY, e ENUM('a','b'), v VARCHAR(10))",
		"INSERT IGNORE INTO "+name+".t VALUES (1, 'x', 'abcdef'), (2, 'b', 'abc')")
	b.run()
	b.equal(name, "t")
	if n := b.count(b.dst, name+".t WHERE e + 0 = 0"); n != 1 {
		t.Errorf("%d error values", n)
	}
}
