package config

import (
	"fmt"
	"testing"

	"github.com/raftdm/raftdm/internal/onlineddl"
)

// TestOnlineDDLSubtask: the tools' tables are out of all filters of a subtask that
// follows them, and are tables like others where nothing asks for it.
func TestOnlineDDLSubtask(t *testing.T) {
	for lines, want := range map[string]string{
		"":                        "true true true true real",
		"online-ddl: false\n":     "true true true true real",
		"online-ddl: true\n":      "true false true false shadow",
		"online-ddl-scheme: pt\n": "true false true false shadow",
		"online-ddl: true\nshadow-table-rules: ['(.+)__x']\n": "true true true true real",
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
			sub.DumpFilter.MatchTable(schema, "t"), sub.DumpFilter.MatchTable(schema, shadow), sub.Online.Kind(shadow))
		if got != want {
			t.Errorf("%q: %s, want %s", lines, got, want)
		}
		if sub.Online.Kind("_t_old") == onlineddl.Trash != (want[5] == 'f' || lines == "online-ddl: true\nshadow-table-rules: ['(.+)__x']\n") {
			t.Errorf("%q: _t_old is %s", lines, sub.Online.Kind("_t_old"))
		}
	}
}
