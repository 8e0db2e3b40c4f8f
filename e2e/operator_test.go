package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/testbed"
)

// mistake is something that operators get wrong, and how dmctl has to answer.
type mistake struct {
	name string
	// args makes the files it needs and gives the command.
	args func(s *stand) []string
	// words have to be in the answer: what is wrong, and where.
	words []string
	// usage: dmctl itself refuses (exit code 1), no master is asked.
	usage bool
}

// One clear error for each mistake, DM's exit codes, and nothing left behind.
func TestOperatorMistakes(t *testing.T) {
	s := newStand(t, testbed.TiDB)
	must(t, s.up.Exec(t.Context(), "CREATE DATABASE "+schemaName, "CREATE TABLE shop.orders (id INT PRIMARY KEY)",
		"CREATE USER reader@'%' IDENTIFIED BY 'reader-secret'", "GRANT SELECT ON *.* TO reader@'%'"))
	for _, m := range append(sourceMistakes(s), taskMistakes(s)...) {
		t.Run(m.name, func(t *testing.T) { s.refused(t, m) })
	}
}

// refused runs the command twice, without and with --fail.
func (s *stand) refused(t *testing.T, m mistake) {
	t.Helper()
	args := m.args(s)
	before := s.everything(t)
	for _, fail := range []bool{false, true} {
		full := args
		if fail {
			full = append([]string{"--fail"}, args...)
		}
		out, err := s.Dmctl(t.Context(), full...)
		must(t, err)
		wantCode := 0
		if fail || m.usage {
			wantCode = 1
		}
		if out.Code != wantCode {
			t.Errorf("dmctl %s ended with code %d, want %d", strings.Join(full, " "), out.Code, wantCode)
		}
		text := out.Stdout + out.Stderr
		if !m.usage {
			// Not decoded: the answer of a failed check is DM's, with the check's
			// own JSON unescaped inside a string.
			if !strings.Contains(out.Stdout, `"result": false`) {
				t.Errorf("it was accepted:\n%s", text)
			}
		}
		for _, w := range m.words {
			if !strings.Contains(text, w) {
				t.Errorf("%q is not in the answer:\n%s", w, text)
			}
		}
		if strings.Contains(text, s.up.Password) || strings.Contains(text, "secret") {
			t.Errorf("the answer shows a password:\n%s", text)
		}
	}
	if after := s.everything(t); after != before {
		t.Errorf("something was left behind.\nbefore:\n%s\nafter:\n%s", before, after)
	}
}

func anyRefused(r testbed.Response) bool {
	for _, s := range r.Sources {
		if !s.Result {
			return true
		}
	}
	return false
}

// everything is what a mistake could leave behind: sources, tasks, and schemas
// on the target.
func (s *stand) everything(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, args := range [][]string{{"operate-source", "show"}, {"query-status"}} {
		out, err := s.Dmctl(t.Context(), args...)
		must(t, err)
		b.WriteString(out.Stdout)
	}
	tables, err := testbed.Tables(t.Context(), s.down.DB(), "dm_meta", schemaName)
	must(t, err)
	fmt.Fprintln(&b, "on the target:", tables)
	return b.String()
}

// awaitReport waits until the worker has told the masters about its source:
// before that, query-status says that it does not know yet.
func (s *stand) awaitReport() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	for {
		out, err := s.Dmctl(ctx, "query-status")
		must(s.t, err)
		var answer struct {
			Tasks *[]json.RawMessage `json:"tasks"`
		}
		must(s.t, json.Unmarshal([]byte(out.Stdout), &answer))
		if answer.Tasks != nil {
			return
		}
		pause(ctx, 100*time.Millisecond)
	}
}

// sourceFile writes a source file with a change.
func (s *stand) sourceFile(change func(*testbed.SourceFile)) []string {
	f := testbed.SourceFile{ID: "wrong-01", From: s.up.Config()}
	change(&f)
	return []string{"operate-source", "create", s.write("wrong.yaml", f.YAML())}
}

func sourceMistakes(s *stand) []mistake {
	from := func(change func(*config.Database)) func(*stand) []string {
		return func(s *stand) []string {
			return s.sourceFile(func(f *testbed.SourceFile) { change(&f.From) })
		}
	}
	nobody, err := testbed.FreePort()
	must(s.t, err)
	return []mistake{
		{name: "wrong password", words: []string{"Access denied", s.up.Addr()},
			args: from(func(d *config.Database) { d.Password = "not the secret" })},
		{name: "unknown host", words: []string{"no-such-host.invalid"},
			args: from(func(d *config.Database) { d.Host = "no-such-host.invalid" })},
		{name: "nobody listens", words: []string{fmt.Sprint(nobody)},
			args: from(func(d *config.Database) { d.Port = nobody })},
		{name: "garbage source file", words: []string{"20003", "garbage.yaml:1: not valid YAML"},
			args: func(s *stand) []string {
				return []string{"operate-source", "create", s.write("garbage.yaml", "source-id: [\n")}
			}},
		{name: "unknown key", words: []string{"20003", "pasword"},
			args: func(s *stand) []string {
				f := testbed.SourceFile{ID: "wrong-01", From: s.up.Config()}
				return []string{"operate-source", "create", s.write("key.yaml", strings.Replace(f.YAML(), "password:", "pasword:", 1))}
			}},
		{name: "no such file", usage: true, words: []string{"nowhere.yaml"},
			args: func(s *stand) []string {
				return []string{"operate-source", "create", filepath.Join(s.dir, "nowhere.yaml")}
			}},
		{name: "unknown command", usage: true, words: []string{"start-tusk"},
			args: func(*stand) []string { return []string{"start-tusk", "x"} }},
	}
}

// taskMistakes all use the stand's good source, created here, but for those
// whose source is what is wrong.
func taskMistakes(s *stand) []mistake {
	s.createSource(false)
	s.awaitReport()
	task := func(change func(*testbed.TaskFile)) func(*stand) []string {
		return func(s *stand) []string {
			f := s.task("all")
			change(&f)
			return []string{"start-task", s.write("task.yaml", f.YAML())}
		}
	}
	return []mistake{
		{name: "unknown source", words: []string{"nobody-01"},
			args: task(func(f *testbed.TaskFile) { f.Source = "nobody-01" })},
		{name: "target password", words: []string{"Access denied", s.down.Addr()},
			args: task(func(f *testbed.TaskFile) { f.Target.Password = "not the secret" })},
		{name: "table that does not exist", words: []string{"missing_table"},
			args: func(s *stand) []string {
				f := s.task("all").YAML()
				f = strings.Replace(f, "do-dbs: [\"shop\"]", "do-tables: [{db-name: \"shop\", tbl-name: \"missing_table\"}]", 1)
				return []string{"start-task", s.write("task.yaml", f)}
			}},
		{name: "garbage task file", words: []string{"20003", "garbage-task.yaml:1: not valid YAML"},
			args: func(s *stand) []string { return []string{"start-task", s.write("garbage-task.yaml", "name: {{{\n")} }},
		{name: "wrong mode", words: []string{"task-mode", "everything"},
			args: task(func(f *testbed.TaskFile) { f.Mode = "everything" })},
		{name: "start point without binlog", words: []string{"meta"},
			args: task(func(f *testbed.TaskFile) { f.Mode = "incremental" })},
		{name: "later key", words: []string{"not supported yet", "shard-mode"},
			args: task(func(f *testbed.TaskFile) { f.TopLevel = []string{"shard-mode: pessimistic"} })},
		{name: "unknown task", words: []string{"task-x"},
			args: func(*stand) []string { return []string{"pause-task", "task-x"} }},
	}
}

// Upstreams whose settings do not allow replication: the source can be
// created, the task is refused with the setting's name.
func TestUnsuitableUpstreams(t *testing.T) {
	for _, c := range []struct {
		name  string
		opts  []testbed.MariaDBOption
		user  bool
		words []string
	}{
		{"binlog off", []testbed.MariaDBOption{testbed.WithoutBinlog()}, false, []string{"log_bin"}},
		{"statement format", []testbed.MariaDBOption{testbed.WithBinlogFormat("STATEMENT")}, false, []string{"binlog_format", "STATEMENT"}},
		{"missing privilege", nil, true, []string{"REPLICATION SLAVE", "RELOAD"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStand(t, anotherMariaDB, c.opts...)
			must(t, s.up.Exec(t.Context(), "CREATE DATABASE "+schemaName, "CREATE TABLE shop.orders (id INT PRIMARY KEY)",
				"CREATE USER reader@'%' IDENTIFIED BY 'reader-secret'", "GRANT SELECT ON *.* TO reader@'%'"))
			from := s.up.Config()
			if c.user {
				from.User, from.Password = "reader", "reader-secret"
			}
			s.do("operate-source", "create", s.write("source.yaml", testbed.SourceFile{ID: sourceName, From: from}.YAML()))
			s.refused(t, mistake{name: c.name, words: c.words, args: func(s *stand) []string {
				return []string{"start-task", s.write("task.yaml", s.task("all").YAML())}
			}})
		})
	}
}

// A second start of a running task is refused and does not disturb the first;
// a source with a task cannot be removed.
func TestSameTaskTwice(t *testing.T) {
	s := newStand(t, anotherMariaDB)
	must(t, s.up.Exec(t.Context(), "CREATE DATABASE "+schemaName, "CREATE TABLE shop.orders (id INT PRIMARY KEY)", "INSERT INTO shop.orders VALUES (1)"))
	s.createSource(false)
	file := s.task("all")
	s.startTask(file)
	s.await(time.Minute, "it replicates", running)
	for _, c := range []struct {
		args  []string
		words []string
	}{
		{[]string{"start-task", s.write("again.yaml", file.YAML())}, []string{taskName, "already"}},
		{[]string{"operate-source", "stop", sourceName}, []string{"46010", taskName}},
		{[]string{"operate-source", "create", s.write("again-source.yaml", testbed.SourceFile{ID: sourceName, From: s.up.Config()}.YAML())}, []string{"46007", sourceName}},
	} {
		out, err := s.Dmctl(t.Context(), c.args...)
		must(t, err)
		var answer testbed.Response
		must(t, json.Unmarshal([]byte(out.Stdout), &answer))
		if out.Code != 0 || (answer.Result && !anyRefused(answer)) {
			t.Errorf("dmctl %v was accepted:\n%s", c.args, out.Stdout)
		}
		for _, w := range c.words {
			if !strings.Contains(out.Stdout, w) {
				t.Errorf("%q is not in the answer of dmctl %v:\n%s", w, c.args, out.Stdout)
			}
		}
	}
	must(t, s.up.Exec(t.Context(), "INSERT INTO shop.orders VALUES (2)"))
	s.wantEqual()
	s.do("stop-task", taskName)
	s.do("operate-source", "stop", sourceName)
	out, err := s.Dmctl(t.Context(), "operate-source", "show")
	must(t, err)
	if strings.Contains(out.Stdout, sourceName) {
		t.Errorf("the removed source is still there:\n%s", out.Stdout)
	}
}
