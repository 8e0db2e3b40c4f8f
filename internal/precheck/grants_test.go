package precheck

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGrants(t *testing.T) {
	dump := []need{{privilege: "RELOAD", global: true}, {privilege: "SELECT"}}
	replication := []need{{privilege: "REPLICATION SLAVE", global: true}, {privilege: "REPLICATION CLIENT", global: true}}
	meta := []need{{privilege: "SELECT", schema: "dm_meta"}, {privilege: "CREATE", schema: "dm_meta"}}
	for _, c := range []struct {
		name  string
		lines []string
		// missing privileges for dump, replication and the meta schema
		dump, replication, meta string
	}{
		{"nothing but login", []string{"GRANT USAGE ON *.* TO `u`@`%`"}, "RELOAD SELECT", "REPLICATION SLAVE REPLICATION CLIENT", "SELECT CREATE"},
		{"MySQL 5.7, everything", []string{"GRANT ALL PRIVILEGES ON *.* TO 'root'@'localhost' WITH GRANT OPTION", "GRANT PROXY ON ''@'' TO 'root'@'localhost' WITH GRANT OPTION"}, "", "", ""},
		{"MariaDB with a password", []string{"GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` IDENTIFIED BY PASSWORD '*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19' WITH GRANT OPTION"}, "", "", ""},
		{"MariaDB 10.5, today's names", []string{"GRANT RELOAD, BINLOG MONITOR, REPLICATION SLAVE, SLAVE MONITOR ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD <secret>", "GRANT SELECT ON `a`.* TO `u`@`%`"}, "", "", "SELECT CREATE"},
		{"MariaDB, the applier's privileges are not the reader's", []string{"GRANT REPLICATION SLAVE ADMIN, SLAVE MONITOR ON *.* TO `u`@`%`"}, "RELOAD SELECT", "REPLICATION SLAVE REPLICATION CLIENT", "SELECT CREATE"},
		{"everything in one schema is SELECT only", []string{"GRANT ALL PRIVILEGES ON `dm\\_meta`.* TO `u`@`%`"}, "RELOAD", "REPLICATION SLAVE REPLICATION CLIENT", ""},
		{"SELECT on columns does not count", []string{"GRANT SELECT (`a`, `b,c`), RELOAD ON *.* TO `u`@`%`"}, "SELECT", "REPLICATION SLAVE REPLICATION CLIENT", "SELECT CREATE"},
		{"SELECT on one table counts for the dump", []string{"GRANT RELOAD ON *.* TO `u`@`%`", "GRANT SELECT, CREATE ON `dm_meta`.`t` TO `u`@`%`"}, "", "REPLICATION SLAVE REPLICATION CLIENT", "SELECT CREATE"},
		{"schema wildcard", []string{"GRANT SELECT, CREATE ON `dm%`.* TO `u`@`%`"}, "RELOAD", "REPLICATION SLAVE REPLICATION CLIENT", ""},
		{"schema wildcard of one character", []string{"GRANT SELECT, CREATE ON `d__meta`.* TO `u`@`%`"}, "RELOAD", "REPLICATION SLAVE REPLICATION CLIENT", ""},
		{"another schema", []string{"GRANT SELECT, CREATE ON `dm_met`.* TO `u`@`%`"}, "RELOAD", "REPLICATION SLAVE REPLICATION CLIENT", "SELECT CREATE"},
		{"MySQL 8 with dynamic privileges and a partial revoke", []string{"GRANT SELECT, RELOAD, REPLICATION SLAVE, REPLICATION CLIENT, CREATE TABLESPACE ON *.* TO `u`@`%`",
			"GRANT BACKUP_ADMIN,BINLOG_ADMIN ON *.* TO `u`@`%`", "REVOKE SELECT ON `mysql`.* FROM `u`@`%`"}, "", "", "CREATE"},
		{"Aurora", []string{"GRANT SELECT, RELOAD, LOAD FROM S3, SELECT INTO S3, INVOKE LAMBDA, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO 'u'@'%'"}, "", "", "CREATE"},
		{"routines are another level", []string{"GRANT EXECUTE ON FUNCTION `a`.`f` TO `u`@`%`", "GRANT SELECT ON TABLE `a`.`ON` TO `u`@`%`"}, "RELOAD", "REPLICATION SLAVE REPLICATION CLIENT", "SELECT CREATE"},
		{"names that look like keywords", []string{"GRANT SELECT (`ON`, `TO`) ON `GRANT`.`x ``y` TO 'o''n'@'%'"}, "RELOAD SELECT", "REPLICATION SLAVE REPLICATION CLIENT", "SELECT CREATE"},
		{"garbage", []string{"", "GRANT", "GRANT ON", "GRANT SELECT ON", "GRANT SELECT ON `a", "hello"}, "RELOAD SELECT", "REPLICATION SLAVE REPLICATION CLIENT", "SELECT CREATE"},
	} {
		var gs grants
		if roles := gs.add(c.lines); len(roles) > 0 {
			t.Errorf("%s: roles %v", c.name, roles)
		}
		got := []string{strings.Join(gs.missing(dump), " "), strings.Join(gs.missing(replication), " "), strings.Join(gs.missing(meta), " ")}
		if diff := cmp.Diff([]string{c.dump, c.replication, c.meta}, got); diff != "" {
			t.Errorf("%s: missing (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestRoles(t *testing.T) {
	var gs grants
	got := gs.add([]string{"GRANT USAGE ON *.* TO `u`@`%`", "GRANT `r1`@`%`,`r2`@`localhost` TO `u`@`%`"})
	if diff := cmp.Diff([]string{"`r1`@`%`", "`r2`@`localhost`"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestQuoteUser(t *testing.T) {
	if got := quoteUser("a@b@10.0.%"); got != "'a@b'@'10.0.%'" {
		t.Error(got)
	}
}

func TestParseVersion(t *testing.T) {
	for in, want := range map[string][3]int{
		"10.11.6-MariaDB-0+deb12u1":   {10, 11, 6},
		"5.5.5-10.4.8-MariaDB-log":    {10, 4, 8},
		"5.7.44-log":                  {5, 7, 44},
		"9.1.0":                       {9, 1, 0},
		"8.0.11-TiDB-v8.5.0":          {8, 0, 11},
		"5.5.5":                       {5, 5, 5},
		"5.6.10-aurora.1.22-whatever": {5, 6, 10},
	} {
		if got, ok := parseVersion(in); !ok || got != want {
			t.Errorf("%s: got %v %v", in, got, ok)
		}
	}
	for _, in := range []string{"", "8.0", "a.b.c", "8.0.x-1"} {
		if got, ok := parseVersion(in); ok {
			t.Errorf("%q became %v", in, got)
		}
	}
}

func TestReportShowsOnlyWhatDidNotSucceed(t *testing.T) {
	r := newReport([]Result{
		{Name: "a", Desc: "is a well", State: Success},
		{Name: "b", Desc: "is b well", State: Failed, Instruction: "do b", Extra: "x",
			Errors: []Detail{{Severity: Failed, ShortErr: "b1"}, {Severity: Failed, ShortErr: "b2"}, {Severity: Warning, ShortErr: "b3"}}},
		{Name: "c", Desc: "is c well", State: Warning, Errors: []Detail{{Severity: Warning, ShortErr: "c1", Instruction: "do c"}}},
	})
	const want = failedText + `{
	"results": [
		{
			"id": 1,
			"name": "b",
			"desc": "is b well",
			"state": "fail",
			"errors": [
				{
					"severity": "fail",
					"short_error": "b1"
				},
				{
					"severity": "warn",
					"short_error": "b3"
				}
			],
			"instruction": "do b",
			"extra": "x"
		}
	],
	"summary": {
		"passed": false,
		"total": 3,
		"successful": 1,
		"failed": 1,
		"warning": 1
	}
}`
	err := r.Err(1, 1)
	if err == nil {
		t.Fatal("a failed report is no error")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
	if err := newReport([]Result{{State: Warning}, {State: Success}}).Err(10, 10); err != nil {
		t.Errorf("warnings alone became %v", err)
	}
}
