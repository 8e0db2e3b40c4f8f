package load_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/dump"
	"github.com/raftdm/raftdm/worker/load"
)

// TestRowsThatDoNotFit: a value that the target would alter, and a row that
// clashes, stop the load with the place in the dump.
func TestRowsThatDoNotFit(t *testing.T) {
	src, dst := servers.MariaDB(t), mariaTarget(t)
	cases := []struct {
		name, target string
		kind         fault.Kind
	}{
		{"too long", "CREATE TABLE %s.t (id INT PRIMARY KEY, v VARCHAR(3), d DECIMAL(10,4))", fault.Data},
		{"rounded", "CREATE TABLE %s.t (id INT PRIMARY KEY, v VARCHAR(20), d DECIMAL(10,2))", fault.Schema},
		{"missing column", "CREATE TABLE %s.t (id INT PRIMARY KEY, v VARCHAR(20))", fault.Schema},
		{"duplicate", "CREATE TABLE %s.t (id INT PRIMARY KEY, v VARCHAR(20), d DECIMAL(10,4)) SELECT 2 AS id, 'other' AS v, 1.0 AS d", fault.Data},
		{"no key and not empty", "CREATE TABLE %s.t (id INT, v VARCHAR(20), d DECIMAL(10,4)) SELECT 2 AS id, 'other' AS v, 1.0 AS d", fault.Conflict},
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			name := fmt.Sprintf("misfit%d", i)
			b := newBed(t, name, src, dst)
			b.exec(src, "CREATE DATABASE "+name, "CREATE TABLE "+name+".t (id INT PRIMARY KEY, v VARCHAR(20), d DECIMAL(10,4))",
				"INSERT INTO "+name+".t VALUES (1, 'abc', 1.5), (2, 'abcdef', 1.2345)")
			b.exec(dst, "CREATE DATABASE "+name, fmt.Sprintf(c.target, name))
			before := b.count(dst, name+".t")
			m, closeMeta := b.meta(t.Context())
			defer closeMeta()
			if err := b.dump(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			err := b.load(t.Context(), m)
			if fault.KindOf(err) != c.kind || fault.HintOf(err) == "" || !strings.Contains(err.Error(), name) {
				t.Errorf("kind %v, error %v, hint %q", fault.KindOf(err), err, fault.HintOf(err))
			}
			if n := b.count(dst, name+".t"); n != before {
				t.Errorf("%d rows after a refused load, %d before", n, before)
			}
		})
	}
}

// TestErrorValuesOfEnums: they arrive in an ENUM; nothing else of their row is
// altered by the session that takes them.
func TestErrorValuesOfEnums(t *testing.T) {
	src, dst := servers.MariaDB(t), mariaTarget(t)
	const columns = "(id INT PRIMARY KEY, e ENUM('a',''), f ENUM('x','y'), v VARCHAR(20))"
	for i, c := range []struct {
		name, target string
		says         string // "" when it fits
	}{
		{"same", columns, ""},
		{"no enum", strings.Replace(columns, "ENUM('x','y')", "VARCHAR(9)", 1), "no ENUM"},
		{"narrow", strings.Replace(columns, "(20)", "(3)", 1), "altered"},
		{"without the element", strings.Replace(columns, "'a',''", "'b','c'", 1), "does not hold"},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := fmt.Sprintf("enums%d", i)
			b := newBed(t, name, src, dst)
			b.exec(src, "CREATE DATABASE "+name, "CREATE TABLE "+name+".t "+columns,
				"INSERT IGNORE INTO "+name+".t VALUES (1, 'a', 'x', 'abc'), (2, 'nothing', 'nothing', 'abcdef'), (3, '', 'y', ''), (4, NULL, 'nothing', NULL), (5, 'a', 'y', '')")
			b.exec(dst, "CREATE DATABASE "+name, "CREATE TABLE "+name+".t "+c.target)
			m, closeMeta := b.meta(t.Context())
			defer closeMeta()
			if err := b.dump(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			err := b.load(t.Context(), m)
			if c.says != "" {
				kind := fault.Data
				if c.says == "does not hold" { // no row is asked for that
					kind = fault.Schema
				}
				if !fault.Is(err, kind) || fault.HintOf(err) == "" || !strings.Contains(err.Error(), c.says) {
					t.Errorf("error %v, hint %q", err, fault.HintOf(err))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			b.equal(name, "t")
			for _, where := range []string{"e + 0 = 0", "f + 0 = 0 AND id IN (2, 4)", "e = '' AND e + 0 = 2"} {
				if n, want := b.count(dst, name+".t WHERE "+where), b.count(src, name+".t WHERE "+where); n != want || want == 0 {
					t.Errorf("%s: %d rows, want %d", where, n, want)
				}
			}
		})
	}
}

// TestStructureTheTargetRefuses names the table and leaves a way out: creating
// it by hand.
func TestStructureTheTargetRefuses(t *testing.T) {
	const name = "refused"
	b := newBed(t, name, servers.MariaDB(t), servers.TiDB(t))
	b.exec(b.src, "CREATE DATABASE "+name, "CREATE TABLE "+name+".t (id INT PRIMARY KEY, u UUID)",
		"INSERT INTO "+name+".t VALUES (1, '123e4567-e89b-12d3-a456-426655440000'), (2, NULL)")
	m, closeMeta := b.meta(t.Context())
	defer closeMeta()
	if err := b.dump(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	err := b.load(t.Context(), m)
	if fault.KindOf(err) != fault.Schema || !strings.Contains(err.Error(), "refused.t") {
		t.Fatalf("error %v", err)
	}
	b.exec(b.dst, "CREATE TABLE "+name+".t (id INT PRIMARY KEY, u CHAR(36) CHARACTER SET utf8mb4)")
	if err := b.load(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	b.equal(name, "t")
}

// TestTypesOfMariaDBOnly arrive on another MariaDB.
func TestTypesOfMariaDBOnly(t *testing.T) {
	const name = "mariaonly"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	b.exec(b.src, "CREATE DATABASE "+name,
		"CREATE TABLE "+name+".t (id INT PRIMARY KEY, u UUID, i INET6, g GEOMETRY, h INT INVISIBLE DEFAULT 7)",
		"INSERT INTO "+name+".t (id, u, i, g, h) VALUES (1, '123e4567-e89b-12d3-a456-426655440000', '::1', ST_GeomFromText('POINT(1.5 -2)'), 8), (2, NULL, NULL, NULL, NULL)",
		"CREATE TABLE "+name+".a (id INT) ENGINE = Aria", "INSERT INTO "+name+".a VALUES (1)",
		"CREATE TABLE "+name+".p (id INT PRIMARY KEY, v INT) PARTITION BY HASH (id) PARTITIONS 3", "INSERT INTO "+name+".p SELECT seq, 1 FROM "+name+".seq_1_to_100",
		"CREATE TABLE "+name+".parent (id INT PRIMARY KEY)",
		"CREATE TABLE "+name+".child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id))",
		"INSERT INTO "+name+".parent VALUES (1)", "INSERT INTO "+name+".child VALUES (1, 1)")
	b.run()
	b.equal(name, "t", "a", "p", "parent", "child")
}

// TestInvisibleColumns arrive with their values, on a target that knows none such too.
func TestInvisibleColumns(t *testing.T) {
	intoEach(t, func(t *testing.T, src, dst *testbed.Server) {
		const name = "invisible"
		b := newBed(t, name, src, dst)
		b.exec(src, "DROP DATABASE IF EXISTS "+name, "CREATE DATABASE "+name, "CREATE TABLE "+name+".t (id INT PRIMARY KEY, h INT INVISIBLE DEFAULT 7, v INT)",
			"INSERT INTO "+name+".t (id, h, v) VALUES (1, 8, 9), (2, NULL, 3)")
		b.run()
		if n := b.count(dst, name+".t WHERE id = 1 AND h = 8 AND v = 9 OR id = 2 AND h IS NULL AND v = 3"); n != 2 {
			t.Errorf("%d rows are as on the source", n)
		}
	})
}

// TestBrokenConnections: dump and load go on by themselves when their
// connections are killed, and nothing is lost or doubled.
func TestBrokenConnections(t *testing.T) {
	const name = "broken"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	tables := b.sysbench(name, 2, 20_000)
	b.keyless(name, 20_000)
	m, closeMeta := b.meta(t.Context())
	defer closeMeta()
	b.whileKilling(b.src, func(ctx context.Context) error {
		return dump.New(dump.Config{Subtask: b.sub, Meta: m, Log: b.log(), Metrics: prometheus.NewRegistry()}).Run(ctx)
	})
	b.whileKilling(b.dst, func(ctx context.Context) error {
		return load.New(load.Config{Subtask: b.sub, Meta: m, Log: b.log(), Metrics: prometheus.NewRegistry()}).Run(ctx)
	})
	b.equal(name, append(tables, "nokey")...)
}

// whileKilling runs work while all connections to a server are killed ten
// times, 50 ms apart.
func (b *bed) whileKilling(s *testbed.Server, work func(context.Context) error) {
	b.t.Helper()
	done := make(chan error, 1)
	go func() { done <- work(b.t.Context()) }()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for kills := 0; ; {
		select {
		case err := <-done:
			if err != nil {
				b.t.Fatalf("after %d rounds of kills: %v", kills, err)
			}
			return
		case <-tick.C:
			if kills++; kills <= 10 {
				b.killAll(s)
			}
		}
	}
}

// killAll ends every connection of clients but the one that asks.
func (b *bed) killAll(s *testbed.Server) {
	b.t.Helper()
	rows, err := s.DB().QueryContext(b.t.Context(), "SELECT ID FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND USER <> 'system user'")
	if err != nil {
		return // our own connection was among the killed
	}
	defer rows.Close()
	var ids []int64
	for rows.Next() {
		var id int64
		if rows.Scan(&id) == nil {
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		s.DB().ExecContext(b.t.Context(), fmt.Sprintf("KILL %d", id)) //nolint:errcheck // it may have ended meanwhile
	}
}

// TestNamesThatAreOneOnTheTarget: two tables whose names differ in case only do not
// become one there, where nobody has looked at the source before.
func TestNamesThatAreOneOnTheTarget(t *testing.T) {
	for target, dst := range map[string]*testbed.Server{"tidb": servers.TiDB(t), "folding": testbed.MariaDB(t, testbed.WithoutBinlog(), testbed.WithArgs("--lower-case-table-names=1")),
		"telling": mariaTarget(t)} {
		t.Run(target, func(t *testing.T) {
			name := "case_" + target
			b := newBed(t, name, servers.MariaDB(t), dst)
			b.loadOnly(written(t, map[string]string{"metadata": "", name + ".T-schema.sql": "CREATE TABLE `T` (`a` int PRIMARY KEY);\n", name + ".t-schema.sql": "CREATE TABLE `t` (`a` int PRIMARY KEY);\n",
				name + ".T.sql": "INSERT INTO `T` VALUES (1);\n", name + ".t.sql": "INSERT INTO `t` VALUES (2);\n"}))
			if target == "telling" {
				b.loadAlone()
				return
			}
			m, closeMeta := b.meta(t.Context())
			defer closeMeta()
			err := b.load(t.Context(), m)
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "`T`") || !strings.Contains(err.Error(), "`t`") || fault.HintOf(err) == "" {
				t.Errorf("%v (%s)", err, fault.HintOf(err))
			}
			if got := b.schemas(name); strings.Contains(got, ".") {
				t.Errorf("on the target: %s", got)
			}
		})
	}
}
