package load_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/route"
	"github.com/raftdm/raftdm/internal/testbed"
)

// probes is how many LOAD DATA a load executes to find out whether it may.
const probes = 1

// executed tells how many statements of a kind, load or insert, a server has
// executed.
func (b *bed) executed(s *testbed.Server, kind string) (n int) {
	b.t.Helper()
	if err := s.DB().QueryRowContext(b.t.Context(), "SHOW GLOBAL STATUS LIKE 'Com_"+kind+"'").Scan(new(string), &n); err != nil {
		b.t.Fatal(err)
	}
	return n
}

// TestLoadDataReadsWhatTheDumpWrote: texts and bytes of all signs that mean
// something in SQL or to LOAD DATA arrive as they are, and nothing of them came as
// INSERT.
func TestLoadDataReadsWhatTheDumpWrote(t *testing.T) {
	loadDataReads(t, servers.MariaDB(t), mariaTarget(t))
}

func loadDataReads(t *testing.T, src, dst *testbed.Server) {
	const name = "infiles"
	b := newBed(t, name, src, dst)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	signs := []string{"'", `"`, `\`, ",", "(", ")", "\n", "\r", "\t", "\x00", "\x1a", "\b", "%", "_", "N", "NULL", `\N`, "),\n(", ";\n", "x'", "ü", "日", "🎉", "a", " "}
	text := func() string {
		var s strings.Builder
		for range rng.IntN(8) {
			s.WriteString(signs[rng.IntN(len(signs))])
		}
		return s.String()
	}
	b.exec(src, "CREATE DATABASE "+name, "CREATE TABLE "+name+".t (id INT PRIMARY KEY, v VARCHAR(100), n INT, m TEXT, b VARBINARY(100), l BLOB, e ENUM('x',',','''','(')) CHARSET utf8mb4")
	conn, err := src.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for i := range 2000 {
		v, m, by, l := any(text()), any(text()), any([]byte(text())), any([]byte(text()))
		for _, p := range []*any{&v, &m, &by, &l} {
			if rng.IntN(20) == 0 {
				*p = nil
			}
		}
		if _, err := conn.ExecContext(t.Context(), "INSERT INTO "+name+".t VALUES (?, ?, ?, ?, ?, ?, ?)", i, v, rng.IntN(9)-4, m, by, l, 1+rng.IntN(4)); err != nil {
			t.Fatal(err)
		}
	}
	b.sub.Dump.StatementSize = 1000 // many statements
	loads, inserts := b.executed(dst, "load"), b.executed(dst, "insert")
	b.run()
	if loads, inserts = b.executed(dst, "load")-loads, b.executed(dst, "insert")-inserts; loads == probes || inserts > 30 {
		t.Errorf("%d LOAD DATA, and %d INSERT", loads, inserts)
	}
	b.equal(name, "t")
}

// TestLoadDataOrInsert: LOAD DATA is used where it does the same, and where the
// server has to alter or leave out a row, which it does not refuse with LOAD DATA,
// the answer is the one to the INSERT.
func TestLoadDataOrInsert(t *testing.T) {
	src, dst := servers.MariaDB(t), mariaTarget(t)
	for i, c := range []struct {
		name           string
		source, target string // columns, "" for none on the target yet
		rows           string
		used           bool // LOAD DATA was tried
		failed         bool
		off            bool // local_infile
	}{
		{name: "the table is made", source: "id INT PRIMARY KEY, v VARCHAR(9)", rows: "(1, 'a')", used: true},
		{name: "columns in another order", source: "id INT PRIMARY KEY, v VARCHAR(9), b BLOB", target: "(b BLOB, v VARCHAR(9), id INT PRIMARY KEY)", rows: "(1, 'a', x'00')", used: true},
		{name: "generated on the target", source: "id INT PRIMARY KEY, v VARCHAR(9)", target: "(id INT PRIMARY KEY, g INT AS (id + 1) STORED, v VARCHAR(9))", rows: "(1, 'a')", used: true},
		{name: "switched off", source: "id INT PRIMARY KEY, v VARCHAR(9)", rows: "(1, 'a')", off: true},
		{name: "another type", source: "id INT PRIMARY KEY, v INT", target: "(id INT PRIMARY KEY, v BIGINT)", rows: "(1, 5)"},
		{name: "more on the target", source: "id INT PRIMARY KEY, v VARCHAR(9)", target: "(id INT PRIMARY KEY, v VARCHAR(9), w INT DEFAULT 7)", rows: "(1, 'a')"},
		{name: "no transactions", source: "id INT PRIMARY KEY, v VARCHAR(9)", target: "(id INT PRIMARY KEY, v VARCHAR(9)) ENGINE = MyISAM", rows: "(1, 'a')"},
		{name: "too long", source: "id INT PRIMARY KEY, v VARCHAR(9)", target: "(id INT PRIMARY KEY, v VARCHAR(3))", rows: "(1, 'abcd'), (2, 'a')", used: true, failed: true},
		{name: "blanks too long", source: "id INT PRIMARY KEY, v VARCHAR(9)", target: "(id INT PRIMARY KEY, v VARCHAR(3))", rows: "(1, 'ab    ')", used: true, failed: true},
		{name: "no such sign", source: "id INT PRIMARY KEY, v VARCHAR(9) CHARSET utf8mb4", target: "(id INT PRIMARY KEY, v VARCHAR(9) CHARSET latin1)", rows: "(1, '日')", used: true, failed: true},
		{name: "NULL", source: "id INT PRIMARY KEY, v VARCHAR(9)", target: "(id INT PRIMARY KEY, v VARCHAR(9) NOT NULL)", rows: "(1, 'a'), (2, NULL)", used: true, failed: true},
		{name: "out of range", source: "id INT PRIMARY KEY, v DECIMAL(9)", target: "(id INT PRIMARY KEY, v DECIMAL(3))", rows: "(1, 1234)", used: true, failed: true},
		{name: "a check", source: "id INT PRIMARY KEY, v INT", target: "(id INT PRIMARY KEY, v INT CHECK (v < 3))", rows: "(1, 2), (2, 3)", used: true, failed: true},
		{name: "another unique key", source: "id INT PRIMARY KEY, v INT", target: "(id INT PRIMARY KEY, v INT, UNIQUE KEY (v))", rows: "(1, 2), (2, 2)", used: true, failed: true},
		{name: "a partition that is not there", source: "id INT PRIMARY KEY, v INT", target: "(id INT PRIMARY KEY, v INT) PARTITION BY RANGE (id) (PARTITION p VALUES LESS THAN (2))", rows: "(1, 2), (2, 3)", used: true, failed: true},
		{name: "a structure beyond our parser", source: "id INT PRIMARY KEY, s DATE, e DATE, PERIOD FOR p (s, e)", target: "(id INT PRIMARY KEY, s DATE NOT NULL, e DATE NOT NULL)", rows: "(1, '2024-01-01', '2024-01-02')"},
		{name: "an error value", source: "id INT PRIMARY KEY, v ENUM('a')", rows: "(1, 'a'), (2, 0)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := fmt.Sprintf("infile%d", i)
			b := newBed(t, name, src, dst)
			b.exec(src, "CREATE DATABASE "+name, "CREATE TABLE "+name+".t ("+c.source+")", "SET STATEMENT sql_mode = '' FOR INSERT INTO "+name+".t VALUES "+c.rows)
			if c.target != "" {
				b.exec(dst, "CREATE DATABASE "+name, "CREATE TABLE "+name+".t "+c.target)
			}
			b.exec(dst, fmt.Sprintf("SET GLOBAL local_infile = %t", !c.off))
			before := b.executed(dst, "load")
			b.dumpNow()
			_, err := b.loadInto()
			if used := b.executed(dst, "load") > before+probes; used != c.used {
				t.Errorf("LOAD DATA used: %t", used)
			}
			if !c.failed {
				if err != nil {
					t.Fatal(err)
				}
				b.equal(name, "t")
				return
			}
			var f *fault.Error
			if !errors.As(err, &f) || f.Hint == "" || !strings.Contains(err.Error(), "statement at byte") && !strings.Contains(err.Error(), "load table") {
				t.Errorf("%v", err)
			}
			if n := b.count(dst, name+".t"); n > 0 {
				t.Errorf("%d rows of the refused transaction are there", n)
			}
		})
	}
}

// TestLoadDataWithAddedColumns: what a route adds to each row comes with LOAD DATA.
func TestLoadDataWithAddedColumns(t *testing.T) {
	const name = "infileadd"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	b.exec(b.src, "CREATE DATABASE "+name+"_1", "CREATE TABLE "+name+"_1.`t_it's` (v VARCHAR(40), b BLOB)",
		"INSERT INTO "+name+"_1.`t_it's` SELECT IF(seq % 7 = 0, '),\\n(''x', seq), x'0027' FROM "+name+"_1.seq_1_to_700")
	var err error
	b.sub.Routes, err = route.New([]route.Rule{{Name: "r", Schema: name + "_*", Table: "t_*", TargetSchema: name, TargetTable: "t",
		ExtractTable: &route.Extract{Column: "c_table", Regexp: "t_(.*)"}}, {Name: "s", Schema: name + "_*", TargetSchema: name}}, route.Options{Source: "src"})
	if err != nil {
		t.Fatal(err)
	}
	b.exec(b.dst, "CREATE DATABASE "+name, "CREATE TABLE "+name+".t (c_table VARCHAR(9), v VARCHAR(40), b BLOB)")
	before := b.executed(b.dst, "load")
	b.run()
	if b.executed(b.dst, "load") == before+probes {
		t.Error("nothing came with LOAD DATA")
	}
	if got := b.list("SELECT CONCAT_WS(' ', c_table, COUNT(*), SUM(v = '),\\n(''x'), SUM(b = x'0027')) FROM " + name + ".t GROUP BY c_table"); !slices.Equal(got, []string{"it's 700 100 700"}) {
		t.Errorf("on the target: %v", got)
	}
}

// TestLoadDataThatIsNotUndone: some servers commit within a LOAD DATA, older Galera
// clusters for one. The offset of the file would be recorded with the first rows of
// several, so rows come as INSERT there. Here the table in which it is found out
// has no transactions.
func TestLoadDataThatIsNotUndone(t *testing.T) {
	const name = "infileundo"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	b.exec(b.src, "CREATE DATABASE "+name)
	b.keyless(name, 100)
	probe := b.sub.MetaSchema + "." + name + "_raftdm_probe"
	b.exec(b.dst, "CREATE DATABASE "+b.sub.MetaSchema, "CREATE TABLE "+probe+" (source VARCHAR(64), n INT) ENGINE = MyISAM", "INSERT INTO "+probe+" VALUES ('other', 1)")
	before := b.executed(b.dst, "load")
	b.run()
	if n := b.executed(b.dst, "load") - before; n != probes {
		t.Errorf("%d LOAD DATA", n)
	}
	if got := b.list("SELECT source FROM " + probe); !slices.Equal(got, []string{"other"}) {
		t.Errorf("%d rows are left of the probe: %.100v", len(got), got)
	}
	b.equal(name, "nokey")
}

// TestLoadDataNeedsNoRight: LOAD DATA LOCAL needs no right but that to INSERT. A
// user who may not make the table in which it is tried out gets INSERT.
func TestLoadDataNeedsNoRight(t *testing.T) {
	src, dst := servers.MariaDB(t), mariaTarget(t)
	for _, may := range []bool{true, false} {
		name := fmt.Sprintf("infileright%t", may)
		b := newBed(t, name, src, dst)
		b.exec(src, "CREATE DATABASE "+name)
		b.keyless(name, 100)
		m, closeMeta := b.meta(t.Context()) // makes the other meta tables
		closeMeta()
		create := "CREATE, "
		if !may {
			create = ""
		}
		b.exec(dst, "CREATE DATABASE "+name, "CREATE USER "+name+"@'%' IDENTIFIED BY 'secret'",
			"GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX ON "+name+".* TO "+name,
			"GRANT "+create+"SELECT, INSERT, UPDATE, DELETE ON "+m.Schema+".* TO "+name)
		b.sub.Target.User, b.sub.Target.Password = name, "secret"
		before := b.executed(dst, "load")
		b.run()
		if used := b.executed(dst, "load") > before+probes; used != may {
			t.Errorf("may CREATE in the meta schema: %t, LOAD DATA used: %t", may, used)
		}
		b.equal(name, "nokey")
	}
}
