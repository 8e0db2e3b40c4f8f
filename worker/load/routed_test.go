package load_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/route"
)

// merge is the manual's pair of rules for shards of a test, whose schemas begin
// with name.
func (b *bed) merge(name string, extract bool) {
	b.t.Helper()
	one := route.Rule{Name: "rows", Schema: name + "_*", Table: "t_*", TargetSchema: name, TargetTable: "t"}
	if extract {
		one.ExtractTable = &route.Extract{Column: "c_table", Regexp: "t_(.*)"}
		one.ExtractSchema = &route.Extract{Column: "c_schema", Regexp: name + "_(.*)"}
		one.ExtractSource = &route.Extract{Column: "c_source", Regexp: "(.*)"}
	}
	var err error
	b.sub.Routes, err = route.New([]route.Rule{one, {Name: "schemas", Schema: name + "_*", TargetSchema: name}}, route.Options{Source: "src"})
	if err != nil {
		b.t.Fatal(err)
	}
}

// TestRoutedStopAndStart is peer-bugs 28: shards without a key become one table
// with columns that say where each row came from, however often the load stops.
func TestRoutedStopAndStart(t *testing.T) {
	const name = "routed"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	b.merge(name, true)
	var want []string
	for _, s := range []string{"1", "2"} {
		b.exec(b.src, "CREATE DATABASE "+name+"_"+s)
		for _, tbl := range []string{"a", "b"} {
			full := name + "_" + s + ".t_" + tbl
			b.exec(b.src, "CREATE TABLE "+full+" (v VARCHAR(40), n INT)",
				"INSERT INTO "+full+" SELECT IF(seq % 7 = 0, '),\\n(''x', CONCAT('v', seq)), seq FROM "+name+"_"+s+".seq_1_to_3000")
			want = append(want, s+" "+tbl+" src 3000 4501500")
		}
	}
	b.exec(b.src, "CREATE TABLE "+name+"_1.u (id INT PRIMARY KEY)", "INSERT INTO "+name+"_1.u VALUES (5)")
	b.exec(b.dst, "CREATE DATABASE "+name, "CREATE TABLE "+name+".t (c_source VARCHAR(9), v VARCHAR(40), c_table VARCHAR(9), n INT, c_schema VARCHAR(9))")
	seed := time.Now().UnixNano()
	t.Logf("seed %d, %d stops", seed, b.untilDone(rand.New(rand.NewPCG(uint64(seed), 0))))
	got := b.list("SELECT CONCAT_WS(' ', c_schema, c_table, c_source, COUNT(*), SUM(n)) FROM " + name + ".t GROUP BY c_schema, c_table, c_source ORDER BY 1")
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("on the target:\n%s", strings.Join(got, "\n"))
	}
	if got := b.list("SELECT COUNT(*) FROM " + name + ".t WHERE v = '),\\n(''x'"); got[0] != "1712" {
		t.Errorf("%s rows have the value that looks like two", got[0])
	}
	if got := b.list("SELECT id FROM " + name + ".u"); len(got) != 1 {
		t.Errorf("the table of the schema's rule has %d rows", len(got))
	}
}

// TestRoutedRefusals: what a route needs on the target and is not there is named.
func TestRoutedRefusals(t *testing.T) {
	const name = "routref"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	b.exec(b.src, "CREATE DATABASE "+name+"_1", "CREATE TABLE "+name+"_1.t_1 (id INT PRIMARY KEY)", "INSERT INTO "+name+"_1.t_1 VALUES (1)")
	var err error
	if b.sub.Routes, err = route.New([]route.Rule{{Name: "r", Schema: name + "_*", Table: "t_*", TargetSchema: name, TargetTable: "t"}}, route.Options{}); err != nil {
		t.Fatal(err)
	}
	b.refused("schema " + name + " doesn't exist")
	b.merge(name, true)
	b.refused("the route \"rows\" fills the column `c_table` of `" + name + "`.`t`, which the target's table does not have")
	b.exec(b.dst, "ALTER TABLE "+name+".t ADD c_table INT, ADD c_schema INT, ADD c_source CHAR(3)")
	b.run()
	if got := b.list("SELECT CONCAT_WS(' ', id, c_table, c_schema, c_source) FROM " + name + ".t"); len(got) != 1 || got[0] != "1 1 1 src" {
		t.Errorf("on the target: %q", got)
	}
}

// refused runs dump and load, and wants the load to be refused with msg and a hint.
func (b *bed) refused(msg string) {
	b.t.Helper()
	m, closeMeta := b.meta(b.t.Context())
	defer closeMeta()
	if err := b.dump(b.t.Context(), m); err != nil {
		b.t.Fatal(err)
	}
	err := b.load(b.t.Context(), m)
	if err == nil || !strings.Contains(err.Error(), msg) || fault.HintOf(err) == "" {
		b.t.Errorf("got %v (hint %q), want %s", err, fault.HintOf(err), msg)
	}
}

// list reads one column from the target.
func (b *bed) list(query string) []string {
	b.t.Helper()
	rows, err := b.dst.DB().QueryContext(b.t.Context(), query)
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			b.t.Fatal(err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		b.t.Fatal(err)
	}
	return out
}
