package expr_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/expr"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/rowevent"
	"github.com/raftdm/raftdm/internal/rowevent/rowtest"
	"github.com/raftdm/raftdm/internal/schema"
)

// TestRules is peer-bugs 27, too: the conditions of one rule belong together,
// also beside rules that have only one of them.
func TestRules(t *testing.T) {
	tbl, err := schema.Parse("CREATE TABLE tbl (id INT, c INT)", "", "s")
	if err != nil {
		t.Fatal(err)
	}
	row := func(c any) rowevent.Image { return rowtest.Image(t, []string{"int", "int"}, 1, c) }
	for _, c := range []struct {
		name   string
		rules  []expr.Rule
		kind   rowevent.Kind
		before any
		after  any
		want   bool
	}{
		{"insert that matches", []expr.Rule{{Insert: "c % 2 = 0"}}, rowevent.Insert, nil, 2, true},
		{"insert that does not", []expr.Rule{{Insert: "c % 2 = 0"}}, rowevent.Insert, nil, 3, false},
		{"insert of NULL", []expr.Rule{{Insert: "c % 2 = 0"}}, rowevent.Insert, nil, nil, false},
		{"delete under a rule for inserts", []expr.Rule{{Insert: "c % 2 = 0"}}, rowevent.Delete, 2, nil, false},
		{"update under a rule for inserts", []expr.Rule{{Insert: "c % 2 = 0"}}, rowevent.Update, 2, 2, false},
		{"delete that matches", []expr.Rule{{Delete: "c > 5"}}, rowevent.Delete, 6, nil, true},
		{"delete that does not", []expr.Rule{{Delete: "c > 5"}}, rowevent.Delete, 5, nil, false},
		{"update by its old value", []expr.Rule{{UpdateOld: "c > 5"}}, rowevent.Update, 6, 1, true},
		{"update by its old value only", []expr.Rule{{UpdateOld: "c > 5"}}, rowevent.Update, 1, 6, false},
		{"update by its new value", []expr.Rule{{UpdateNew: "c > 5"}}, rowevent.Update, 1, 6, true},
		{"update by its new value only", []expr.Rule{{UpdateNew: "c > 5"}}, rowevent.Update, 6, 1, false},
		{"update by both", []expr.Rule{{UpdateOld: "c > 5", UpdateNew: "c < 3"}}, rowevent.Update, 6, 1, true},
		{"update into the filter", []expr.Rule{{UpdateOld: "c > 5", UpdateNew: "c > 5"}}, rowevent.Update, 1, 6, false},
		{"update out of the filter", []expr.Rule{{UpdateOld: "c > 5", UpdateNew: "c > 5"}}, rowevent.Update, 6, 1, false},
		{"any of several rules", []expr.Rule{{Insert: "c = 1"}, {Insert: "c = 2"}}, rowevent.Insert, nil, 2, true},
		{"conditions do not mix between rules", []expr.Rule{{UpdateOld: "c = 1"}, {UpdateNew: "c = 2"}, {UpdateOld: "c = 3", UpdateNew: "c = 4"}}, rowevent.Update, 3, 5, false},
		{"rule of old values beside others", []expr.Rule{{UpdateNew: "c = 2"}, {UpdateOld: "c = 3"}}, rowevent.Update, 3, 5, true},
		{"another table's rule", []expr.Rule{{Table: "other", Insert: "c = 1"}}, rowevent.Insert, nil, 1, false},
		{"letters' case of names", []expr.Rule{{Schema: "S", Table: "TBL", Insert: "C = 1"}}, rowevent.Insert, nil, 1, true},
		{"a column that is not there", []expr.Rule{{Insert: "nope = 1 OR 1"}}, rowevent.Insert, nil, 1, false},
	} {
		for i := range c.rules {
			if c.rules[i].Schema == "" {
				c.rules[i].Schema = "s"
			}
			if c.rules[i].Table == "" {
				c.rules[i].Table = "tbl"
			}
		}
		r, err := expr.NewRules(c.rules, false)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		f, missing, err := r.Bind(tbl)
		if err != nil || (len(missing) > 0) != strings.Contains(c.name, "not there") {
			t.Errorf("%s: %v, missing %v", c.name, err, missing)
			continue
		}
		got := false
		if f != nil {
			if got, err = f.LeavesOut(c.kind, row(c.before), row(c.after), time.Now()); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		if got != c.want {
			t.Errorf("%s: left out: %v", c.name, got)
		}
	}
}

func TestBadRules(t *testing.T) {
	for _, c := range []struct {
		rule expr.Rule
		code int
		want string
	}{
		{expr.Rule{Name: "r", Table: "t", Insert: "1"}, expr.CodeNoTable, "r: schema and table must both be set"},
		{expr.Rule{Name: "r", Schema: "s", Insert: "1"}, expr.CodeNoTable, "r: schema and table must both be set"},
		{expr.Rule{Name: "r", Schema: "s", Table: "t", Insert: "1", Delete: "1"}, expr.CodeManyKinds, "r: it has expressions for more than one of insert, update and delete"},
		{expr.Rule{Name: "r", Schema: "s", Table: "t", UpdateNew: "1", Delete: "1"}, expr.CodeManyKinds, "r: it has expressions for more than one"},
		{expr.Rule{Name: "r", Schema: "s", Table: "t", UpdateOld: "c = = 1"}, expr.CodeGrammar, `r: update-old-value-expr: syntax error at character 5 near "= 1"`},
	} {
		_, err := expr.NewRules([]expr.Rule{c.rule}, false)
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != c.code || !strings.HasPrefix(f.Msg, c.want) || f.Hint == "" {
			t.Errorf("%+v: got %v, want %s", c.rule, err, c.want)
		}
	}
	if r, err := expr.NewRules(nil, false); err != nil || r != nil || len(r.Tables()) > 0 {
		t.Error("no rules make something")
	}
}
