package dbconn

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
)

func TestSessionVariables(t *testing.T) {
	cfg := config.Database{Session: map[string]string{
		"sql_mode": "ANSI", "time_zone": "SYSTEM", "SQL_select_limit": "5", "wait_timeout": "100", "tidb_x": "it's", "autocommit": "off", "foreign_key_checks": "0",
	}}
	got, err := sessionVariables(cfg, Options{SQLMode: "STRICT_TRANS_TABLES", TimeZone: "+00:00"})
	if err != nil {
		t.Fatal(err)
	}
	var text []string
	for _, v := range got {
		text = append(text, v.statement())
	}
	want := []string{
		"SET SESSION foreign_key_checks = 0", "SET SESSION tidb_x = 'it''s'", "SET SESSION wait_timeout = 100",
		"SET SESSION autocommit = 1", "SET SESSION completion_type = 'NO_CHAIN'", "SET SESSION sql_select_limit = 18446744073709551615",
		"SET SESSION sql_mode = 'STRICT_TRANS_TABLES'", "SET SESSION time_zone = '+00:00'",
	}
	if diff := cmp.Diff(want, text); diff != "" {
		t.Error(diff)
	}
	got, err = sessionVariables(config.Database{Session: map[string]string{"time_zone": "SYSTEM"}}, Options{})
	if err != nil || len(got) != 5 || got[0].statement() != "SET SESSION time_zone = 'SYSTEM'" || got[4].statement() != "SET SESSION sql_mode = ''" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestSessionVariableNames(t *testing.T) {
	for _, name := range []string{"", "a b", "@@x", "x=1,y", "1x", "global.x"} {
		_, err := sessionVariables(config.Database{Session: map[string]string{name: "1"}}, Options{})
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestDriverConfig(t *testing.T) {
	const password = `p@ss:/w?&'"\`
	c, err := driverConfig(config.Database{Host: "::1", Port: 3306, User: "u", Password: password}, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Addr != "[::1]:3306" || c.Passwd != password || !c.ClientFoundRows || !c.MultiStatements || !c.InterpolateParams ||
		c.Timeout != dialTimeout || c.ReadTimeout != ioTimeout || c.WriteTimeout != ioTimeout || c.MaxAllowedPacket != 0 {
		t.Errorf("%+v", c)
	}
}

func TestIdent(t *testing.T) {
	for want, parts := range map[string][]string{"": nil, "`a`": {"a"}, "`a`.`b``c`": {"a", "b`c"}, "``": {""}} {
		if got := Ident(parts...); got != want {
			t.Errorf("%q: %s, want %s", parts, got, want)
		}
	}
}

func TestFlavor(t *testing.T) {
	for _, c := range []struct {
		version, comment, flavor string
		tidb                     bool
	}{
		{"10.11.6-MariaDB-0+deb12u1-log", "Debian 12", "mariadb", false},
		{"11.4.2", "MariaDB Server", "mariadb", false},
		{"8.4.0", "MySQL Community Server - GPL", "mysql", false},
		{"5.7.44-log", "MySQL Community Server (GPL)", "mysql", false},
		{"8.0.11-TiDB-v8.5.0", "TiDB Server (Apache License 2.0) Community Edition, MySQL 8.0 compatible", "mysql", true},
		{"8.0.34", "Percona Server (GPL), Release 26", "mysql", false},
	} {
		if flavor, tidb := flavorOf(c.version, c.comment); flavor != c.flavor || tidb != c.tidb {
			t.Errorf("%s: %s %v", c.version, flavor, tidb)
		}
	}
}
