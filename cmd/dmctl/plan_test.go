package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/create"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/plan"
	"github.com/raftdm/raftdm/rpc/rpctest"
)

// examplePlan has something of everything.
func examplePlan() *plan.Plan {
	list := plan.Rule{Kind: "block-allow-list", Name: "l", Says: "do-dbs[0] shop*"}
	merge := plan.Rule{Kind: "routes", Name: "merge", Says: "to `shop`.`orders`"}
	filters := []plan.Rule{{Kind: "filters", Name: "no-drop", Says: "Ignore drop table"}, {Kind: "filters", Name: "of the source", Says: "Ignore delete"}}
	p := &plan.Plan{Task: "test", Mode: "all", Target: "127.0.0.1:4000 (tidb 8.0.11-TiDB-v8.5.0)",
		Summary: plan.Summary{Tables: 4, Targets: 3, Created: 1, Exist: 1, Differ: 1, Filtered: 7, EstimatedRows: 1234567, EstimatedBytes: 5 << 30},
		Stops: []plan.Remark{
			{Says: "binlog_format is STATEMENT, and should be ROW", Source: "mysql-replica-01", Help: "set global binlog_format = ROW;"},
			{Source: "mysql-replica-02", Table: "`shop_2`.`log`", Says: "in `shop`.`log` of the target, column `v` is missing", Help: "ALTER TABLE on the target"},
		},
		Remarks: []plan.Remark{{Says: "the target has the state of an earlier run of the task in `dm_meta`: start-task goes on there", Help: "start-task --remove-meta begins anew"}},
		Schemas: []plan.Schema{
			{Source: "mysql-replica-01", Name: "shop_1", Target: "shop", Create: &create.Statement{SQL: "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop`"}},
			{Source: "mysql-replica-02", Name: "shop_2", Target: "shop", Exists: true}},
		Tables: []plan.Table{
			{Source: "mysql-replica-01", Name: plan.Name{Schema: "shop_1", Table: "orders"}, Target: plan.Name{Schema: "shop", Table: "orders"}, On: plan.OnCreated,
				Rules: append([]plan.Rule{list, merge}, filters...), EstimatedRows: 1234000, EstimatedBytes: 5 << 30,
				Create: &create.Statement{Schema: "shop", SQL: "CREATE TABLE IF NOT EXISTS `orders` (\n  `id` int\n)", Replaced: []create.Replaced{{From: "latin1_swedish_ci", To: "latin1_bin"}}}},
			{Source: "mysql-replica-02", Name: plan.Name{Schema: "shop_2", Table: "orders"}, Target: plan.Name{Schema: "shop", Table: "orders"}, On: plan.OnShared,
				Rules: []plan.Rule{list, merge}, EstimatedRows: 500, EstimatedBytes: 1536},
			{Source: "mysql-replica-02", Name: plan.Name{Schema: "shop_2", Table: "log"}, Target: plan.Name{Schema: "shop", Table: "log"}, On: plan.OnExists,
				Rules: []plan.Rule{list}, EstimatedRows: 67, EstimatedBytes: 100, Differs: []create.Difference{{Says: "column `v` is missing", Stops: true}}},
			{Source: "mysql-replica-02", Name: plan.Name{Schema: "shop_2", Table: "x"}, On: plan.OnUnclear, Rules: []plan.Rule{{Kind: "block-allow-list", Says: "nothing leaves it out"}}},
		},
	}
	for i := range 7 {
		p.Filtered = append(p.Filtered, plan.Filtered{Source: "mysql-replica-01", Name: plan.Name{Schema: "log", Table: fmt.Sprint("t_", i)}, Why: `block-allow-list "l": its schema is not in do-dbs`})
	}
	p.Filtered = append(p.Filtered, plan.Filtered{Source: "mysql-replica-02", Name: plan.Name{Schema: "shop_2", Table: "v"}, Why: "views and sequences are not migrated"})
	return p
}

func TestGoldenPlan(t *testing.T) {
	s := rpctest.Open(t)
	out, refused := examplePlan(), error(nil)
	tr := &transcript{t: t, addr: rpctest.Start(t, s, rpctest.Options{
		PlanTask: func([]config.Subtask) (*plan.Plan, error) { return out, refused }})}
	join(t, s, tr.addr, "worker-1", nil)
	join(t, s, tr.addr, "worker-2", nil)
	tr.do("operate-source", "create", "testdata/source-1.yaml")
	tr.do("operate-source", "create", "testdata/source-2.yaml")
	tr.do("check-task", "--plan", "testdata/task.yaml")
	tr.do("--fail", "check-task", "--plan", "--format", "json", "testdata/task.yaml")
	out = &plan.Plan{Task: "test", Mode: "full", Target: "127.0.0.1:4000 (mariadb 11.8.3)", Summary: plan.Summary{Tables: 1, Targets: 1, Exist: 1, EstimatedRows: 3, EstimatedBytes: 999}}
	tr.do("--fail", "check-task", "--plan", "testdata/task.yaml")
	refused = &fault.Error{Op: "plan task=test source=mysql-replica-01", Kind: fault.Unavailable, Side: fault.Upstream, Code: 10001, Msg: "the server cannot be reached", Hint: "start it"}
	tr.do("check-task", "--plan", "testdata/task.yaml")
	tr.compare("plan.txt")
}

func TestPlanFlags(t *testing.T) {
	for args, want := range map[string]string{
		"--plan --format xml": `--format is json or table, not "xml"`,
		"--format json":       "--format belongs to --plan: what the checks find is printed as DM prints it",
		"--plan -e 3":         "-e and -w are about the checks' verdict: a plan shows all that was found",
		"--plan --warn=0":     "-e and -w are about the checks' verdict: a plan shows all that was found",
	} {
		var stderr bytes.Buffer
		p := program{Args: append(strings.Fields("--master-addr 127.0.0.1:1 check-task testdata/task.yaml "), strings.Fields(args)...),
			Getenv: func(string) string { return "" }, Stdout: io.Discard, Stderr: &stderr}
		if code := p.Run(t.Context()); code != 1 || strings.TrimSpace(stderr.String()) != "Error: "+want {
			t.Errorf("%s: exit code %d, %s", args, code, stderr.String())
		}
	}
}

// TestPlanOfManyTables: a plan of thousands of tables has a line for each, and
// what counts comes first.
func TestPlanOfManyTables(t *testing.T) {
	p := &plan.Plan{Summary: plan.Summary{Tables: 5000}}
	for i := range 5000 {
		name := plan.Name{Schema: "shop", Table: fmt.Sprint("t_", i)}
		p.Tables = append(p.Tables, plan.Table{Source: "s", Name: name, Target: name, On: plan.OnExists})
		p.Filtered = append(p.Filtered, plan.Filtered{Source: "s", Name: name, Why: fmt.Sprint("reason ", i%3)})
	}
	var b bytes.Buffer
	if err := writePlan(&b, p); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	if !strings.HasPrefix(lines[1], "5,000 tables") || len(lines) > 5025 {
		t.Errorf("%d lines, the second is %q", len(lines), lines[1])
	}
	width := -1
	for _, l := range lines {
		if at := strings.Index(l, "exists"); at >= 0 {
			if width >= 0 && at != width {
				t.Fatalf("the columns are not aligned: %q", l)
			}
			width = at
		}
	}
}
