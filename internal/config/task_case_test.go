package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/schema"
)

// TestCaseOfNames: case-sensitive of a task tells whether its lists, routes, binlog
// event filters and expression filters tell apart names that differ in case only.
func TestCaseOfNames(t *testing.T) {
	const rules = `
name: a
task-mode: all
target-database: {host: h, port: 1, user: u}
mysql-instances: [{source-id: s1, block-allow-list: l, route-rules: [r], filter-rules: [f], expression-filters: [e]}]
block-allow-list: {l: {do-tables: [{db-name: Shop, tbl-name: "~^Or"}, {db-name: Shop, tbl-name: Items}]}}
routes: {r: {schema-pattern: Shop, table-pattern: "Or*", target-schema: sold, target-table: all_of_them}}
filters: {f: {schema-pattern: Shop, table-pattern: Orders, events: [delete], action: Ignore}}
expression-filter: {e: {schema: Shop, table: Orders, insert-value-expr: "c > 1"}}
`
	for lines, same := range map[string]bool{"": true, "case-sensitive: false\n": true, "case-sensitive: true\n": false} {
		task, _, err := DecodeTask("task.yaml", []byte(lines+rules))
		if err != nil {
			t.Fatal(err)
		}
		sub, err := task.Subtask(Source{SourceID: "s1", CaseSensitive: true}) // which is about the source's own filters
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []schema.Name{{Schema: "Shop", Table: "Orders"}, {Schema: "SHOP", Table: "Orders"}, {Schema: "Shop", Table: "oRDERS"}} {
			to, err := sub.Routes.Table(n.Schema, n.Table)
			if err != nil {
				t.Fatal(err)
			}
			_, _, deletes := sub.Events.Rows(n.Schema, n.Table)
			got := fmt.Sprint(sub.Filter.MatchTable(n.Schema, n.Table), to.Schema == "sold" && to.Table == "all_of_them", deletes, len(sub.Exprs.Rules(n)) == 1)
			want := "true true true true"
			if !same && n != (schema.Name{Schema: "Shop", Table: "Orders"}) {
				want = "false false false false"
			}
			if got != want {
				t.Errorf("%q: %v is listed, routed, filtered, and filtered by values: %s, want %s", lines, n, got, want)
			}
		}
		if got := sub.Filter.MatchTable("Shop", "ITEMS"); got != same {
			t.Errorf("%q: a wildcard for Items selects ITEMS: %v", lines, got)
		}
	}
	// Two patterns that differ in case only are one where case does not count.
	for lines, wrong := range map[string]bool{"": true, "case-sensitive: true\n": false} {
		text := lines + strings.NewReplacer("route-rules: [r]", "route-rules: [r, q]",
			"target-table: all_of_them}}", "target-table: all_of_them}, q: {schema-pattern: SHOP, table-pattern: \"Or*\", target-schema: other}}").Replace(rules)
		if _, _, err := DecodeTask("task.yaml", []byte(text)); (err != nil) != wrong {
			t.Errorf("%q: two routes for one pattern: %v", lines, err)
		}
	}
}

// TestOldNameOfTheList: black-white-list is read where block-allow-list is not given,
// and has no effect beside it.
func TestOldNameOfTheList(t *testing.T) {
	const head = "name: a\ntask-mode: all\ntarget-database: {host: h, port: 1, user: u}\n"
	for text, want := range map[string]string{
		"mysql-instances: [{source-id: s1, black-white-list: l}]\nblack-white-list: {l: {do-dbs: [old]}}":                                         "true false false",
		"mysql-instances: [{source-id: s1, block-allow-list: l}]\nblack-white-list: {l: {do-dbs: [old]}}":                                         "true false false",
		"mysql-instances: [{source-id: s1, black-white-list: l}]\nblock-allow-list: {l: {do-dbs: [new]}}":                                         "false true false",
		"mysql-instances: [{source-id: s1, block-allow-list: l}]\nblock-allow-list: {l: {do-dbs: [new]}}\nblack-white-list: {l: {do-dbs: [old]}}": "false true false",
		"mysql-instances: [{source-id: s1, block-allow-list: l, black-white-list: k}]\nblock-allow-list: {l: {do-dbs: [new]}, k: {do-dbs: [x]}}":  "false true false",
		"mysql-instances: [{source-id: s1}]\nblack-white-list: {l: {do-dbs: [old]}}":                                                              "true true true",
	} {
		task, _, err := DecodeTask("task.yaml", []byte(head+text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		sub, err := task.Subtask(Source{SourceID: "s1"})
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(sub.Filter.MatchSchema("old"), sub.Filter.MatchSchema("new"), sub.Filter.MatchSchema("x")); got != want {
			t.Errorf("%s: old, new and x are selected: %s, want %s", text, got, want)
		}
	}
}
