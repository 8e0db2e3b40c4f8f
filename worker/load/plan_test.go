package load_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/plan"
	"github.com/raftdm/raftdm/internal/testbed"
)

// planned makes the task file's subtask that a bed works on.
func (b *bed) planned(body string) {
	b.t.Helper()
	task, _, err := config.DecodeTask("task.yaml", []byte(fmt.Sprintf("name: %s\ntask-mode: all\nmeta-schema: meta_%s\ntarget-database: {host: h, port: 1, user: u}\n%s", b.sub.Task, b.sub.Task, body)))
	if err != nil {
		b.t.Fatal(err)
	}
	task.Target = b.dst.Config()
	sub, err := task.Subtask(config.Source{SourceID: "src", From: b.src.Config()})
	if err != nil {
		b.t.Fatal(err)
	}
	sub.Load.Dir, sub.Dump.ChunkBytes = b.sub.Load.Dir, b.sub.Dump.ChunkBytes
	b.sub = sub
}

func (b *bed) plan() *plan.Plan {
	b.t.Helper()
	p, err := plan.Make(b.t.Context(), []config.Subtask{b.sub}, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

// executed gives the CREATE statements of schemas and tables that a MariaDB has
// got since its log began, those of the task's state left out.
func executed(t *testing.T, s *testbed.Server, meta string) []string {
	t.Helper()
	rows, err := s.DB().QueryContext(t.Context(), "SELECT CONVERT(argument USING utf8mb4) FROM mysql.general_log WHERE command_type = 'Query' AND argument LIKE 'CREATE%'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var q string
		if err := rows.Scan(&q); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(q, meta) {
			out = append(out, q)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

const tablesThere = "SELECT CONCAT(TABLE_SCHEMA, '.', TABLE_NAME) FROM information_schema.TABLES WHERE TABLE_SCHEMA LIKE 'plan\\_%' ORDER BY 1"

// TestPlanIsWhatHappens: the plan of a task lists the statements that its load
// executes then, and the tables that are there behind it.
func TestPlanIsWhatHappens(t *testing.T) {
	b := newBed(t, "planned", servers.MariaDB(t), mariaTarget(t))
	b.exec(b.src, "CREATE DATABASE plan_1 DEFAULT CHARACTER SET latin1", "CREATE DATABASE plan_2 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "CREATE DATABASE plan_out", "CREATE DATABASE plan_empty",
		"CREATE TABLE plan_1.t_1 (id INT PRIMARY KEY, v VARCHAR(20))", "CREATE TABLE plan_2.t_1 (id INT PRIMARY KEY, v VARCHAR(20))",
		"CREATE TABLE plan_1.u (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES t_1 (id))", "CREATE TABLE plan_2.there (id INT PRIMARY KEY, v VARCHAR(20), UNIQUE (v))",
		"CREATE TABLE plan_1.log (id INT PRIMARY KEY)", "CREATE TABLE plan_out.t (id INT PRIMARY KEY)", "CREATE VIEW plan_1.v AS SELECT 1", "CREATE TABLE plan_1._u_gho (id INT PRIMARY KEY)",
		"INSERT INTO plan_1.t_1 VALUES (1, 'a')", "INSERT INTO plan_2.t_1 SELECT seq, REPEAT('b', 20) FROM plan_2.seq_10_to_5000", "INSERT INTO plan_2.there VALUES (1, 'x')", "INSERT INTO plan_1.u VALUES (1, 1)")
	b.exec(b.dst, "CREATE DATABASE plan_2", "CREATE TABLE plan_2.there (v VARCHAR(30) CHARACTER SET latin1, id INT PRIMARY KEY, w INT)", "CREATE TABLE plan_2.elsewhere (a INT)")
	b.planned(`
online-ddl: true
mysql-instances: [{source-id: src, block-allow-list: l, route-rules: [rows, schemas], filter-rules: [f], expression-filters: [e]}]
routes:
  rows: {schema-pattern: "plan_*", table-pattern: "t_*", target-schema: plan_all, target-table: t}
  schemas: {schema-pattern: "plan_1", target-schema: plan_all}
filters: {f: {schema-pattern: "plan_*", table-pattern: "t_*", events: [delete, "drop table"], action: Ignore}}
expression-filter: {e: {schema: plan_1, table: u, insert-value-expr: "p > 3"}}
block-allow-list: {l: {do-dbs: ["plan_1", "plan_2", "plan_empty"], ignore-tables: [{db-name: "plan_1", tbl-name: "log*"}]}}
`)
	p := b.plan()
	if len(p.Stops) != 0 {
		t.Errorf("the plan sees what stops it: %+v", p.Stops)
	}
	b.exec(b.dst, "SET GLOBAL log_output = 'TABLE'", "SET GLOBAL general_log = 1")
	b.run()
	b.exec(b.dst, "SET GLOBAL general_log = 0")

	said := []string{}
	there := map[string]bool{"plan_2.elsewhere": true}
	rules := map[string]string{}
	for _, s := range p.Schemas {
		if s.Create != nil {
			said = append(said, s.Create.SQL)
		}
	}
	for _, tbl := range p.Tables {
		there[tbl.Target.Schema+"."+tbl.Target.Table] = true
		if tbl.Create != nil {
			said = append(said, tbl.Create.SQL)
		}
		text := string(tbl.On)
		for _, r := range tbl.Rules {
			text += fmt.Sprintf(" | %s %s: %s", r.Kind, r.Name, r.Says)
		}
		for _, d := range tbl.Differs {
			text += " | " + d.Says
		}
		rules[tbl.Schema+"."+tbl.Name.Table] = text
	}
	slices.Sort(said)
	// Whether a schema is there the target itself is asked.
	got := slices.DeleteFunc(executed(t, b.dst, "meta_planned"), func(q string) bool { return strings.Contains(q, "EXISTS*/ `plan_2`") })
	if diff := cmp.Diff(said, got); diff != "" {
		t.Errorf("statements (-plan +load):\n%s", diff)
	}
	var want []string
	for n := range there {
		want = append(want, n)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, b.list(tablesThere)); diff != "" {
		t.Errorf("tables (-plan +target):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{
		"plan_1.t_1":   `created | block-allow-list l: do-dbs[0] plan_1 | routes rows: to ` + "`plan_all`.`t`" + ` | filters f: Ignore delete, drop table`,
		"plan_1.u":     `created | block-allow-list l: do-dbs[0] plan_1 | routes schemas: to ` + "`plan_all`.`u`" + ` | expression-filter e: insert-value-expr: "p > 3"`,
		"plan_2.t_1":   `shared | block-allow-list l: do-dbs[1] plan_2 | routes rows: to ` + "`plan_all`.`t`" + ` | filters f: Ignore delete, drop table | column ` + "`v`" + ` is varchar(20) latin1_swedish_ci, on the source varchar(20) utf8mb4_bin`,
		"plan_2.there": "exists | block-allow-list l: do-dbs[1] plan_2 | column `v` is varchar(30) latin1_swedish_ci, on the source varchar(20) utf8mb4_bin | column `w` is there on the target only | unique key (`v`) is missing",
	}, rules); diff != "" {
		t.Errorf("tables (-want +plan):\n%s", diff)
	}
	filtered := map[string]string{}
	for _, f := range p.Filtered {
		if strings.HasPrefix(f.Schema, "plan_") {
			filtered[f.Schema+"."+f.Table] = f.Why
		}
	}
	if diff := cmp.Diff(map[string]string{
		"plan_1.log": `block-allow-list "l": ignore-tables[0] plan_1.log*`, "plan_1.v": "views and sequences are not migrated",
		"plan_1._u_gho": `online-ddl: its name is that of a shadow table`,
		"plan_out.t":    `block-allow-list "l": its schema is not in do-dbs`,
	}, filtered); diff != "" {
		t.Errorf("left out (-want +plan):\n%s", diff)
	}
	if again := b.plan(); !slices.ContainsFunc(again.Remarks, func(r plan.Remark) bool { return strings.Contains(r.Says, "earlier run") }) {
		t.Errorf("behind the load, the plan says %+v", again.Remarks)
	}
}

// TestPlanStops: what the plan says to stop a task is what its load ends with.
func TestPlanStops(t *testing.T) {
	b := newBed(t, "planstop", servers.MariaDB(t), mariaTarget(t))
	b.exec(b.src, "CREATE DATABASE plans", "CREATE TABLE plans.t (id INT PRIMARY KEY, v INT)", "INSERT INTO plans.t VALUES (1, 1)")
	for _, c := range []struct {
		name, target, rules string
		table               string // of the source, when it is another one
		want                string
	}{
		{name: "no schema", rules: "routes: {r: {schema-pattern: plans, table-pattern: t, target-schema: plans_to, target-table: t}}", want: "schema plans_to doesn't exist"},
		{name: "no column to fill", rules: `routes: {r: {schema-pattern: plans, target-schema: plans, extract-table: {table-regexp: "(.*)", target-column: c}}}`,
			want: "the route \"r\" fills the column `c` of `plans`.`t`, which the target's table does not have"},
		{name: "a column is missing", target: "CREATE TABLE plans.t (id INT PRIMARY KEY)", want: "column `v` is missing"},
		{name: "a column needs a value", target: "CREATE TABLE plans.t (id INT PRIMARY KEY, v INT, w INT NOT NULL)", want: "column `w` is there on the target only and needs a value"},
		{name: "rows without a key", target: "CREATE TABLE plans.t (id INT, v INT); INSERT INTO plans.t VALUES (1, 1)",
			want: "table `plans`.`t` has no unique key and holds rows already: loading into it could double rows unnoticed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.t = t
			b.exec(b.dst, "DROP DATABASE IF EXISTS plans", "DROP DATABASE IF EXISTS meta_planstop", "CREATE DATABASE plans")
			for q := range strings.SplitSeq(c.target, ";") {
				if q != "" {
					b.exec(b.dst, q)
				}
			}
			refs := ""
			if strings.Contains(c.rules, "routes") {
				refs = ", route-rules: [r]"
			}
			b.planned("mysql-instances: [{source-id: src, block-allow-list: l" + refs + "}]\nblock-allow-list: {l: {do-dbs: [plans]}}\n" + c.rules)
			p := b.plan()
			if len(p.Stops) != 1 || !strings.Contains(p.Stops[0].Says, c.want) || p.Stops[0].Help == "" {
				t.Errorf("the plan says %+v, want %s", p.Stops, c.want)
			}
			m, closeMeta := b.meta(t.Context())
			defer closeMeta()
			if err := b.dump(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			if err := b.load(t.Context(), m); err == nil {
				t.Error("the load went through")
			} else {
				t.Log(err)
			}
		})
	}
	b.t = t
}
