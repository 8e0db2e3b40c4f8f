package config

import (
	"fmt"
	"testing"
)

// TestOnlineDDLSubtask: the tools' tables are out of all filters of a subtask that
// follows them, and are tables like others where nothing asks for it.
func TestOnlineDDLSubtask(t *testing.T) {
	for lines, want := range map[string]string{
		"":                        "true true true true real real",
		"online-ddl: false\n":     "true true true true real real",
		"online-ddl: true\n":      "true false true false shadow trash",
		"online-ddl-scheme: pt\n": "true false true false shadow trash",
		"online-ddl: true\nshadow-table-rules: ['(.+)__x']\n": "true true true true real trash",
	} {
		task, _, err := DecodeTask("task.yaml", []byte(lines+`
name: a
task-mode: all
target-database: {host: h, port: 1, user: u}
mysql-instances: [{source-id: s1, mydumper: {extra-args: "-B s"}}]
`))
		if err != nil {
			t.Fatal(err)
		}
		sub, err := task.Subtask(Source{SourceID: "s1"})
		if err != nil {
			t.Fatal(err)
		}
		const schema, shadow = "s", "_t_gho"
		got := fmt.Sprint(sub.Filter.MatchTable(schema, "t"), sub.Filter.MatchTable(schema, shadow),
			sub.DumpFilter.MatchTable(schema, "t"), sub.DumpFilter.MatchTable(schema, shadow), sub.Online.Kind(shadow), sub.Online.Kind("_t_old"))
		if got != want {
			t.Errorf("%q: %s, want %s", lines, got, want)
		}
	}
}
