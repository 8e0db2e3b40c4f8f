package precheck

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/filter"
	"github.com/raftdm/raftdm/internal/onlineddl"
)

// TestOnlineDDLLeftovers: tables that are left out for their names are named, and
// a shadow table with what follows from it; without online-ddl they are tables.
func TestOnlineDDLLeftovers(t *testing.T) {
	s := servers.MariaDB(t)
	var list []string
	for _, n := range []string{"t", "_t_gho", "_t_old", "no", "_no_gho"} {
		list = append(list, "CREATE TABLE IF NOT EXISTS online_1."+n+" (id INT PRIMARY KEY)")
	}
	prepare(t, s, append([]string{"CREATE DATABASE IF NOT EXISTS online_1"}, list...)...)
	given := filter.Rules{DoTables: []filter.TablePattern{{Schema: "online_1", Table: "t"}, {Schema: "online_1", Table: "_t_gho"}, {Schema: "online_1", Table: "_no_gho"}}}
	f, err := filter.New(given, filter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rules, err := onlineddl.New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rules *onlineddl.Rules
		want  []string
	}{
		{rules, []string{"table `online_1`.`_no_gho` is left out: with online-ddl its name is that of a shadow table",
			"table `online_1`.`_t_gho` is left out: with online-ddl its name is that of a shadow table", "table `online_1`.`_t_old` is left out: with online-ddl its name is that of a trash table"}},
		{nil, nil},
	} {
		sub := config.Subtask{Task: "t", SourceID: "s1", Mode: config.ModeAll, MetaSchema: "dm_meta", Source: source(s.Config()), Target: s.Config(),
			Filter: c.rules.Only(f), Rules: given, Online: c.rules}
		r, err := Check(t.Context(), []config.Subtask{sub}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, res := range r.Results {
			for _, d := range res.Errors {
				if strings.Contains(d.ShortErr, "online_1") {
					got = append(got, d.ShortErr)
					if d.Severity != Warning || strings.Contains(d.Instruction, "36046") != strings.Contains(d.ShortErr, "_gho") {
						t.Errorf("%s %+v", d.Severity, d)
					}
				}
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
