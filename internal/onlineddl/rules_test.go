package onlineddl

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/fault"
)

func TestKinds(t *testing.T) {
	standard, err := New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	own, err := New([]string{`x_(\w+)`, `^(.+)__tmp$`}, []string{`(.+)__bak`})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rules *Rules
		table string
		kind  Kind
		names string
	}{
		{standard, "t", Real, "t"},
		{standard, "_t_gho", Shadow, "t"},
		{standard, "_t_new", Shadow, "t"},
		{standard, "_t_ghc", Trash, "t"},
		{standard, "_t_del", Trash, "t"},
		{standard, "_t_old", Trash, "t"},
		{standard, "_t_20260102030405_del", Trash, "t_20260102030405"}, // gh-ost --timestamp-old-table
		{standard, "___t_new", Shadow, "__t _t t"},                     // pt-osc, when _t_new and __t_new are taken
		{standard, "__new", Real, "__new"},
		{standard, "___new", Shadow, "_"},
		{standard, "_t_new_", Real, "_t_new_"},
		{standard, "t_new", Real, "t_new"},
		{standard, "_T_GHO", Real, "_T_GHO"}, // the tools write small letters
		{standard, "_a b.c`d_gho", Shadow, "a b.c`d"},
		{standard, "_t_gho\n", Real, "_t_gho\n"},
		{standard, "_t_new_old", Trash, "t_new"},
		{nil, "_t_gho", Real, "_t_gho"},
		{own, "_t_gho", Real, "_t_gho"}, // own rules take the defaults' place
		{own, "x_t", Shadow, "t"},
		{own, "ax_t", Real, "ax_t"}, // ^ and $ are added
		{own, "t__tmp", Shadow, "t"},
		{own, "t__bak", Trash, "t"},
		{own, "x_t__bak", Shadow, "t__bak"}, // in both lists
	} {
		if k := c.rules.Kind(c.table); k != c.kind {
			t.Errorf("%q is a %s table, want %s", c.table, k, c.kind)
		}
		if names := strings.Join(c.rules.Names(c.table), " "); names != c.names {
			t.Errorf("%q belongs to %q, want %q", c.table, names, c.names)
		}
	}
}

func TestWrongRules(t *testing.T) {
	for _, rule := range []string{"", "^_.+_new$", "(a)(b)", "(", "(?:a)", "(?P<x>a"} {
		for _, lists := range [][2][]string{{{rule}, nil}, {nil, {rule}}} {
			_, err := New(lists[0], lists[1])
			var f *fault.Error
			if f, _ = err.(*fault.Error); f == nil || f.Code != 20048 || f.Kind != fault.Invalid || f.Hint == "" {
				t.Errorf("%q: %v", rule, err)
			}
		}
	}
	if _, err := New([]string{"(?P<table>.+)_x"}, nil); err != nil {
		t.Error(err)
	}
}

// list is a filter of names.
type list []string

func (l list) MatchSchema(s string) bool   { return s == "s" }
func (l list) MatchTable(s, t string) bool { return s == "s" && slices.Contains(l, t) }

func TestFilter(t *testing.T) {
	rules, err := New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	all := list{"t", "_t_gho", "_t_old"}
	f := rules.Only(all)
	got := fmt.Sprint(f.MatchSchema("s"), f.MatchSchema("x"), f.MatchTable("s", "t"), f.MatchTable("s", "_t_gho"), f.MatchTable("s", "_t_old"), f.MatchTable("x", "t"))
	if got != "true false true false false false" {
		t.Error(got)
	}
	if yes, why := f.(*realOnly).Explain("s", "_t_gho"); yes || why != "online-ddl: its name is that of a shadow table" {
		t.Error(yes, why)
	}
	if yes, _ := f.(*realOnly).Explain("s", "t"); !yes {
		t.Error("a real table is not explained")
	}
	tools := rules.Tools(f)
	if got := fmt.Sprint(tools.MatchTable("s", "t"), tools.MatchTable("s", "_t_gho"), tools.MatchTable("s", "_t_del"), tools.MatchTable("s", "_u_gho")); got != "false true true false" {
		t.Error("tools:", got)
	}
	if (*Rules)(nil).Only(all).MatchTable("s", "_t_gho") != true {
		t.Error("without rules a table is left out")
	}
	for name, want := range map[string]bool{"_t_gho": true, "__t_new": true, "_u_gho": false, "t": true} {
		if got := rules.Follows(f, "s", name); got != want {
			t.Errorf("%s follows: %t", name, got)
		}
	}
	if rules.Follows(f, "x", "_t_gho") {
		t.Error("a table of another schema follows")
	}
}
