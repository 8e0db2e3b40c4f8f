package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTaskUpdates(t *testing.T) {
	const base = baseTask + "    block-allow-list: b\n    syncer: {batch: 7}\n    mydumper: {threads: 2}\nblock-allow-list: {b: {do-dbs: [x]}}\n"
	for _, c := range []struct {
		name, old, new string
		want           []Update
	}{
		{"nothing", "x", "x", nil},
		{"the name of a list", "list: b", "list: b # the same", nil},
		{"password", "password: p@ss", "password: other", nil},
		{"user and session", "user: root", "user: dm\n  session: {a: b}", nil},
		{"speed", "{batch: 7}", "{batch: 8, worker-count: 3, compact: true, strict: true}", nil},
		{"threads of the dump", "{threads: 2}", "{threads: 3, max-rows-per-second: 5}", nil},
		{"speed of the load", "mydumper: {threads: 2}", "mydumper: {threads: 2}\n    loader: {pool-size: 3, on-duplicate: replace}", nil},
		{"checks and zone", "task-mode: all", "task-mode: all\nignore-checking-items: [all]\ntimezone: UTC\nclean-dump-file: false", nil},
		{"which tables", "do-dbs: [x]", "do-dbs: [y]", []Update{{"block-allow-list", InSync}}},
		{"what is dumped", "{threads: 2}", "{threads: 2, where: a}", []Update{{"mydumpers", InSync}}},
		{"mode", "task-mode: all", "task-mode: full", []Update{{"task-mode", Never}}},
		{"target", "port: 4000", "port: 4001", []Update{{"target-database.port", Never}}},
		{"directory", "mydumper: {threads: 2}", "mydumper: {threads: 2}\n    loader: {dir: /d}", []Update{{"loaders.dir", Never}}},
		{"meta schema", "task-mode: all", "task-mode: all\nmeta-schema: m", []Update{{"meta-schema", Never}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(base, c.old) && c.old != c.new {
				t.Fatalf("%q is not in the file", c.old)
			}
			got, err := TaskUpdates(decoded(t, base), decoded(t, strings.Replace(base, c.old, c.new, 1)), "s1")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if _, err := TaskUpdates(decoded(t, base), decoded(t, base), "s9"); err == nil {
		t.Error("a source that the file does not have was accepted")
	}
}

func decoded(t *testing.T, text string) Task {
	t.Helper()
	task, _, err := DecodeTask("", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return task
}

// A setting that nobody thought of when it came must not be changed in passing.
func TestUpdatesOfUnknownSettingsAreRefused(t *testing.T) {
	old := decoded(t, baseTask)
	next := decoded(t, baseTask)
	next.Instances[0].Dump.Consistency, next.Instances[0].Load.GivenDir = "none", "/given"
	got, err := TaskUpdates(old, next, "s1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Update{{"mydumpers", InSync}, {otherKeys, Never}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestSourceUpdates(t *testing.T) {
	source := func(change string) Source {
		s, _, err := DecodeSource("", []byte(overlay(baseSource, change)))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	from := func(host, password string) string {
		return fmt.Sprintf("from: {host: %s, port: 3306, user: root, password: %s}\n", host, password)
	}
	for _, c := range []struct {
		name, old, new string
		want           []Update
	}{
		{"password and checker", from("h", "a"), from("h", "b") + "server-id: 7\nchecker: {check-enable: false}\n", nil},
		{"another server by position", from("h", "a"), from("i", "a"), []Update{{"from.host", Never}}},
		{"another server by GTID", from("h", "a") + "enable-gtid: true\n", from("i", "a") + "enable-gtid: true\n", nil},
		{"to GTID", from("h", "a"), from("h", "a") + "enable-gtid: true\n", []Update{{"enable-gtid", Never}}},
		{"flavor", from("h", "a") + "flavor: mysql\n", from("h", "a") + "flavor: mariadb\n", []Update{{"flavor", Never}}},
		{"filters", from("h", "a"), from("h", "a") + "filters: [{schema-pattern: a, events: [drop table], action: Ignore}]\n", []Update{{"filters", InSync}}},
	} {
		if diff := cmp.Diff(c.want, SourceUpdates(source(c.old), source(c.new))); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}
