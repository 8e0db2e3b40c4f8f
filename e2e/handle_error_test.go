package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// The manual's examples of DDL that TiDB does not execute (4.4.9.4) and of table
// structures (4.6.4), with the worker killed between what dmctl has accepted and
// its effect. All rows before and behind are there.
func TestHandleErrorAsInTheManual(t *testing.T) {
	s := newStand(t, testbed.TiDB)
	rows := func(values ...string) {
		for _, v := range values {
			must(t, s.up.Exec(t.Context(), "INSERT INTO shop.tb11 VALUES ("+v+")"))
		}
	}
	must(t, s.up.Exec(t.Context(), "CREATE DATABASE "+schemaName,
		"CREATE TABLE shop.tb11 (id INT NOT NULL, PRIMARY KEY (id)) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_bin"))
	rows("1", "2", "3")
	s.createSource(true)
	s.startTask(s.task("all"))
	s.await(time.Minute, "it replicates", running)

	rows("4", "5", "6")
	must(t, s.up.Exec(t.Context(), "ALTER TABLE `shop`.`tb11` ADD COLUMN new_col INT UNIQUE"))
	rows("7, 1", "8, 2", "9, NULL")
	st := s.stopped("unsupported add column 'new_col' constraint UNIQUE KEY")
	if e := st.Result.Errors[0]; e.ErrCode != 44006 || e.ErrClass != "schema-tracker" || e.ErrScope != "internal" || e.ErrLevel != "high" ||
		!strings.Contains(e.RawCause, "unsupported add column 'new_col' constraint UNIQUE KEY") || !strings.Contains(e.Message, "cannot track DDL: ALTER TABLE") || !strings.Contains(e.Workaround, "binlog skip") || !strings.Contains(e.Message, "startLocation: [position: (") {
		t.Errorf("query-status shows %+v", e)
	}
	s.do("pause-task", taskName)
	s.do("handle-error", taskName, "replace", "ALTER TABLE `shop`.`tb11` ADD COLUMN `new_col` INT;ALTER TABLE `shop`.`tb11` ADD UNIQUE(`new_col`);")
	s.worker.Kill()
	must(t, s.worker.Start(t.Context()))
	s.awaitReport()
	if got := s.answer("binlog", "list", taskName); !strings.Contains(got, `"op":"replace"`) || strings.Count(got, "ALTER TABLE") != 2 {
		t.Errorf("behind the kill there is: %s", got)
	}
	s.do("resume-task", taskName)
	s.await(time.Minute, "it replicates behind the replaced DDL", running)
	s.wantEqual()

	must(t, s.up.Exec(t.Context(), "ALTER TABLE shop.tb11 CONVERT TO CHARACTER SET utf8mb4", "ALTER TABLE shop.tb11 CONVERT TO CHARACTER SET latin1"))
	rows("10, 10", "11, 11")
	s.stopped("Unsupported modify charset")
	s.do("binlog", "skip", taskName) // the task goes on by itself
	s.await(time.Minute, "it replicates behind the skipped DDL", running)
	s.wantEqual()
	if got := s.answer("binlog", "list", taskName); got != "[]" {
		t.Errorf("at the end there is: %s", got)
	}
	s.structures()
}

// structures looks at the structure of tb11, sets it and removes it.
func (s *stand) structures() {
	s.t.Helper()
	of := []string{"-s", sourceName, taskName, "-d", "shop", "-t", "tb11"}
	get := append([]string{"operate-schema", "get"}, of...)
	if got := s.refusal(get...); !strings.Contains(got, "current stage is Running but not paused, invalid") {
		s.t.Errorf("of a running task: %s", got)
	}
	s.do("pause-task", taskName)
	text := s.answer(get...)
	if !strings.HasPrefix(text, "CREATE TABLE `tb11` ( `id` int(11) NOT NULL,") || !strings.Contains(text, "`new_col`") {
		s.t.Errorf("the structure is %q", text)
	}
	s.do(append(append([]string{"operate-schema", "set"}, of...), s.write("shop.tb11-schema.sql", text+";\n"))...)
	if got := s.answer(get...); got != text {
		s.t.Errorf("the structure that was set is %q instead of %q", got, text)
	}
	s.do("binlog-schema", "delete", taskName, "shop", "tb11")
	s.do("binlog-schema", "update", taskName, "shop", "tb11", "--from-source")
	s.do("resume-task", taskName)
	must(s.t, s.up.Exec(s.t.Context(), "INSERT INTO shop.tb11 VALUES (20, 20)", "UPDATE shop.tb11 SET new_col = new_col + 100 WHERE id < 5"))
	s.await(time.Minute, "it replicates with the structure that was set", running)
	s.wantEqual()
}

// stopped waits until the task has stopped at a DDL, with some words.
func (s *stand) stopped(words string) testbed.TaskStatus {
	s.t.Helper()
	return s.await(time.Minute, "it stops with "+words, func(st testbed.TaskStatus) bool {
		return st.Stage == "Paused" && strings.Contains(st.Trouble(), words)
	})
}

// answer runs dmctl, which has to succeed, and gives what it says of the source.
func (s *stand) answer(args ...string) string {
	s.t.Helper()
	r, err := s.Do(s.t.Context(), args...)
	must(s.t, err)
	if len(r.Sources) != 1 {
		s.t.Fatalf("dmctl %v: %+v", args, r)
	}
	return r.Sources[0].Msg
}

// refusal runs dmctl, which has to be refused, and gives why.
func (s *stand) refusal(args ...string) string {
	s.t.Helper()
	_, err := s.Do(s.t.Context(), args...)
	if err == nil {
		s.t.Fatalf("dmctl %v succeeds", args)
	}
	return err.Error()
}
