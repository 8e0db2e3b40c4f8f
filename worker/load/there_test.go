package load_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestTableIsThere: a table that was made on the target by hand may have other
// columns than the source's, as long as no value is altered without a word: it comes
// as it is, or it is refused with its row, however lenient the target is. With any
// other column the task pauses before the first row, and goes on when the column has
// been changed.
func TestTableIsThere(t *testing.T) {
	for target, server := range map[string]func(testing.TB) *testbed.Server{"tidb": servers.TiDB, "mariadb": mariaTarget} {
		t.Run(target, func(t *testing.T) {
			name := "there_" + target
			b := newBed(t, name, servers.MariaDB(t), server(t))
			if target == "mariadb" { // a server of this test alone
				b.exec(b.dst, "SET GLOBAL sql_mode = ''")
			}
			b.exec(b.src, "CREATE DATABASE "+name, "CREATE TABLE "+name+".a (id INT PRIMARY KEY, v VARCHAR(20), n BIGINT, d DECIMAL(10,2), e ENUM('a','b'), x TEXT, b BIT(4), at DATETIME(3))",
				"INSERT INTO "+name+".a VALUES (1, 'short', 7, 1.25, 'b', 'x', 5, '2020-02-02 02:02:02.123'), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL)")
			b.exec(b.dst, "CREATE DATABASE "+name, "CREATE TABLE "+name+".a (more INT, at DATETIME(6), x VARCHAR(10), b BIT(3), e VARCHAR(5), d DECIMAL(6,3), n SMALLINT, v VARCHAR(7), id BIGINT PRIMARY KEY)")
			b.run()
			if got := b.list("SELECT CONCAT_WS('|', id, v, n, d, e, x, b + 0, at) FROM " + name + ".a ORDER BY id"); strings.Join(got, " ") != "1|short|7|1.250|b|x|5|2020-02-02 02:02:02.123000 2" {
				t.Errorf("on the target: %q", got)
			}

			for i, c := range []struct{ from, to, value string }{
				{"VARCHAR(20)", "VARCHAR(7)", "'eightone'"}, {"BIGINT", "SMALLINT", "70000"}, {"BIGINT", "INT UNSIGNED", "-1"}, {"DECIMAL(10,2)", "DECIMAL(4,2)", "100.25"},
				{"TEXT", "TINYTEXT", "REPEAT('x', 300)"}, {"ENUM('a','b')", "ENUM('a','c')", "'b'"}, {"BIT(4)", "BIT(3)", "9"}, {"VARBINARY(9)", "VARBINARY(3)", "'four'"},
				{"INT", "VARCHAR(2)", "100"}, {"ENUM('a','bc')", "CHAR(1)", "'bc'"}, {"BINARY(4)", "BINARY(3)", "'four'"}, {"SET('a','b')", "SET('a')", "'a,b'"}, {"DATETIME", "VARCHAR(9)", "'2020-02-02 02:02:02'"},
			} {
				if i%4 > 0 && target == "tidb" {
					continue // a few will do
				}
				b := oneColumn(t, b, "strict", i, c.from, c.to, c.value)
				if f := b.loadFails(); f.Kind == fault.Schema || !strings.Contains(f.Error(), b.sub.Task) {
					t.Errorf("%s in %s: %v", c.value, c.to, f)
				}
				if got := b.list("SELECT COUNT(*) FROM " + b.sub.Task + ".t"); got[0] != "0" {
					t.Errorf("%s in %s: %s rows", c.value, c.to, got[0])
				}
			}

			for i, c := range []struct{ from, to, value string }{
				{"DECIMAL(10,2)", "INT", "1.50"}, {"DECIMAL(10,2)", "DECIMAL(10,1)", "1.25"}, {"BIGINT", "DOUBLE", "9007199254740993"}, {"DOUBLE", "FLOAT", "0.1"}, {"DOUBLE", "DECIMAL(10,2)", "0.125"},
				{"DATETIME(3)", "DATETIME", "'2020-02-02 02:02:02.987'"}, {"TIME(3)", "TIME", "'02:02:02.987'"}, {"DATETIME", "DATE", "'2020-02-02 02:02:02'"}, {"VARCHAR(9)", "CHAR(9)", "'x  '"},
				{"VARBINARY(9)", "BINARY(9)", "'x'"}, {"BIT(8)", "INT", "0x35"}, // a dump has bits as bytes, and 0x35 is a digit
				{"INT", "YEAR", "5"}, {"VARCHAR(9)", "INT", "'1.7'"}, {"TIMESTAMP NULL", "DATETIME", "'2020-02-02 02:02:02'"},
			} {
				if i%4 > 0 && target == "tidb" {
					continue
				}
				b := oneColumn(t, b, "loss", i, c.from, c.to, c.value)
				f := b.loadFails()
				table := "`" + b.sub.Task + "`.`t`"
				if f.Kind != fault.Schema || f.Side != fault.Downstream || !strings.Contains(f.Error(), table) || !strings.Contains(fault.HintOf(f), "ALTER TABLE "+table+" MODIFY COLUMN `c` "+strings.TrimSuffix(c.from, " NULL")) {
					t.Errorf("%s in %s: %v (%s)", c.from, c.to, f, fault.HintOf(f))
				}
				if got := b.list("SELECT COUNT(*) FROM " + b.sub.Task + ".t"); got[0] != "0" {
					t.Errorf("%s in %s: %s rows", c.from, c.to, got[0])
				}
				b.exec(b.dst, "DROP TABLE "+table, "CREATE TABLE "+table+" (c "+c.from+", id INT PRIMARY KEY)")
				b.run()
				b.equal(b.sub.Task, "t")
			}
		})
	}
}

// oneColumn is a task of its own for a table with one row, whose column is of
// another type on the target.
func oneColumn(t *testing.T, like *bed, kind string, i int, from, to, value string) *bed {
	t.Helper()
	name := kind + "_" + string(rune('a'+i)) + "_" + like.sub.Task
	b := newBed(t, name, like.src, like.dst)
	b.exec(b.src, "CREATE DATABASE "+name, "CREATE TABLE "+name+".t (id INT PRIMARY KEY, c "+from+")", "INSERT INTO "+name+".t VALUES (1, "+value+")")
	b.exec(b.dst, "CREATE DATABASE "+name, "CREATE TABLE "+name+".t (id INT PRIMARY KEY, c "+to+")")
	return b
}

// loadFails dumps and loads, and gives what the load ended with.
func (b *bed) loadFails() *fault.Error {
	b.t.Helper()
	m, closeMeta := b.meta(b.t.Context())
	defer closeMeta()
	if err := b.dump(b.t.Context(), m); err != nil {
		b.t.Fatal(err)
	}
	var f *fault.Error
	if err := b.load(b.t.Context(), m); !errors.As(err, &f) {
		b.t.Fatalf("the load has ended with: %v", err)
	}
	return f
}

// TestAViewIsNoTable: rows do not go where a view of the table's name leads.
func TestAViewIsNoTable(t *testing.T) {
	intoEach(t, func(t *testing.T, src, dst *testbed.Server) {
		name := "aview_" + dst.Name
		b := newBed(t, name, src, dst)
		b.exec(src, "CREATE DATABASE "+name, "CREATE TABLE "+name+".t (id INT PRIMARY KEY)", "INSERT INTO "+name+".t VALUES (1)")
		b.exec(dst, "CREATE DATABASE "+name, "CREATE TABLE "+name+".other (id INT PRIMARY KEY)", "CREATE VIEW "+name+".t AS SELECT * FROM "+name+".other")
		f := b.loadFails()
		if !strings.Contains(f.Error(), "view") || fault.HintOf(f) == "" {
			t.Errorf("%v (%s)", f, fault.HintOf(f))
		}
		if n := b.count(dst, name+".other"); n > 0 {
			t.Errorf("%d rows went through the view", n)
		}
	})
}
