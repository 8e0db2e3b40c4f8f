package binlog

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/internal/fault"
)

const (
	uuidA = "00000000-0000-0000-0000-00000000000a"
	uuidB = "b0000000-0000-0000-0000-000000000000"
)

func set(t testing.TB, flavor, s string) GTIDSet {
	t.Helper()
	g, err := ParseGTIDSet(flavor, s)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestGTIDString(t *testing.T) {
	for _, c := range []struct{ flavor, in, want string }{
		{MySQL, "", ""},
		{MySQL, uuidB + ":5-7:1,\n" + strings.ToUpper(uuidA) + ":3", uuidA + ":3," + uuidB + ":1:5-7"},
		{MySQL, uuidA + ":1-3:4", uuidA + ":1-4"},
		{MySQL, uuidA + ":1:tag:2-3", uuidA + ":1:tag:2-3"},
		{MariaDB, "10-2-5, 9-1-100", "9-1-100,10-2-5"},
		{MariaDB, "0-0-0", "0-0-0"},
		{MariaDB, "", ""},
	} {
		if got := set(t, c.flavor, c.in).String(); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

// TestGTIDInvalid holds peer-bugs 31: a domain given twice is not resolved silently.
func TestGTIDInvalid(t *testing.T) {
	for _, c := range []struct{ flavor, in string }{
		{MySQL, "1-2-3"}, {MySQL, uuidA}, {MySQL, uuidA + ":5-3"}, {MySQL, uuidA + ":0"}, {MySQL, "x:1"}, {MySQL, uuidA + ":tag"},
		{MariaDB, uuidA + ":1"}, {MariaDB, "0-1"}, {MariaDB, "0-1-5,0-2-3"}, {MariaDB, "0-1-5,"}, {MariaDB, "0-1-x"},
		{"", uuidA + ":1"}, {"postgres", ""},
	} {
		if _, err := ParseGTIDSet(c.flavor, c.in); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s %q: %v", c.flavor, c.in, err)
		}
	}
}

func TestGTIDContains(t *testing.T) {
	for _, c := range []struct {
		flavor, a, b string
		want         bool
	}{
		{MySQL, uuidA + ":1-10", uuidA + ":5", true},
		{MySQL, uuidA + ":1-10", uuidA + ":5-11", false},
		{MySQL, uuidA + ":1-3:5-9", uuidA + ":4", false},
		{MySQL, uuidA + ":1-10", uuidB + ":1", false},
		{MySQL, uuidA + ":1", "", true},
		{MySQL, "", uuidA + ":1", false},
		{MariaDB, "0-1-10", "0-2-10", true},
		{MariaDB, "0-1-10", "0-1-11", false},
		{MariaDB, "0-1-10", "1-1-1", false},
		{MariaDB, "0-1-10,1-1-5", "1-1-5", true},
	} {
		if got := set(t, c.flavor, c.a).Contains(set(t, c.flavor, c.b)); got != c.want {
			t.Errorf("%s contains %s: %v", c.a, c.b, got)
		}
		if c.b != "" {
			if got, err := set(t, c.flavor, c.a).Has(c.b); err != nil || got != c.want {
				t.Errorf("%s has %s: %v, %v", c.a, c.b, got, err)
			}
		}
	}
	if set(t, MySQL, uuidA+":1").Contains(set(t, MariaDB, "0-1-1")) {
		t.Error("sets of two flavors have nothing in common")
	}
}

func TestGTIDAdd(t *testing.T) {
	for _, c := range []struct{ flavor, a, add, want string }{
		{MySQL, "", uuidA + ":1", uuidA + ":1"},
		{MySQL, uuidA + ":1-3", uuidA + ":4", uuidA + ":1-4"},
		{MySQL, uuidA + ":1-3:5", uuidA + ":4", uuidA + ":1-5"},
		{MySQL, uuidA + ":1-3", uuidB + ":t:9", uuidA + ":1-3," + uuidB + ":t:9"},
		{MariaDB, "0-1-5,1-1-1", "0-2-6", "0-2-6,1-1-1"},
		{MariaDB, "0-1-5", "0-2-3", "0-2-3"}, // the server's rule: the last one seen
		{MariaDB, "", "7-1-1", "7-1-1"},
	} {
		before := set(t, c.flavor, c.a)
		was := before.String()
		after, err := before.Add(c.add)
		if err != nil || after.String() != c.want {
			t.Errorf("%s plus %s: %s, %v, want %s", c.a, c.add, after, err, c.want)
		}
		if before.String() != was {
			t.Errorf("Add changed its receiver from %s to %s", was, before)
		}
	}
	if _, err := (GTIDSet{}).Add("0-1-1"); err == nil {
		t.Error("a set without flavor cannot take a GTID")
	}
}

func TestGTIDUnion(t *testing.T) {
	got, err := set(t, MariaDB, "0-1-5,1-1-9").Union(set(t, MariaDB, "0-2-7,1-1-3,2-1-1"))
	if err != nil || got.String() != "0-2-7,1-1-9,2-1-1" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := set(t, MariaDB, "0-1-5").Union(set(t, MySQL, uuidA+":1")); err == nil {
		t.Error("two flavors joined")
	}
	if got, err := (GTIDSet{}).Union(set(t, MySQL, uuidA+":1")); err != nil || got.String() != uuidA+":1" {
		t.Errorf("%v, %v", got, err)
	}
}

// TestGTIDModel compares MySQL sets with plain sets of numbers.
func TestGTIDModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, err := ParseGTIDSet(MySQL, "")
		if err != nil {
			t.Fatal(err)
		}
		model := map[string]bool{}
		for _, n := range rapid.SliceOfN(rapid.IntRange(1, 20), 0, 30).Draw(t, "numbers") {
			one := uuidA + ":" + strconv.Itoa(n)
			if g, err = g.Add(one); err != nil {
				t.Fatal(err)
			}
			model[one] = true
		}
		for n := 1; n <= 21; n++ {
			one := uuidA + ":" + strconv.Itoa(n)
			if has, err := g.Has(one); err != nil || has != model[one] {
				t.Fatalf("%s has %s: %v, %v", g, one, has, err)
			}
		}
		again, err := ParseGTIDSet(MySQL, g.String())
		if err != nil || !again.Equal(g) || !again.Contains(g) || again.Raw().String() != g.String() {
			t.Fatalf("%s read back as %s, %v", g, again, err)
		}
	})
}

// TestRawIsACopy: what a syncer does with its set must not reach ours.
func TestRawIsACopy(t *testing.T) {
	for flavor, more := range map[string][2]string{MySQL: {uuidA + ":1", uuidA + ":2"}, MariaDB: {"0-1-1", "0-1-2"}} {
		g := set(t, flavor, more[0])
		if err := g.Raw().Update(more[1]); err != nil {
			t.Fatal(err)
		}
		if g.String() != more[0] {
			t.Errorf("the set became %s", g)
		}
	}
}

func TestLocationJSON(t *testing.T) {
	for _, l := range []Location{
		{},
		{Position: Position{"mysql-bin.000001", 4}},
		{Position: Position{"mysql-bin.000001", 4}, GTID: set(t, MySQL, uuidA+":1-5")},
		{GTID: set(t, MariaDB, "0-1-5,1-1-2")},
		{Position: Position{"b.1", 4}, GTID: set(t, MariaDB, "")},
	} {
		text, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		var got Location
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(l, got); diff != "" || got.GTID.Flavor() != l.GTID.Flavor() {
			t.Errorf("%s: %s", text, diff)
		}
	}
	var l Location
	for _, bad := range []string{`{"gtid":"0-1-1"}`, `{"gtid":"x","flavor":"mariadb"}`, `[]`} {
		if err := json.Unmarshal([]byte(bad), &l); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

// TestGTIDAddKeepsEach adds runs and jumps of transactions one by one: the set
// is what it is when each is joined to it, and earlier values stay what they were.
func TestGTIDAddKeepsEach(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		flavor := rapid.SampledFrom([]string{MySQL, MariaDB}).Draw(t, "flavor")
		heads := map[string][]string{MySQL: {uuidA + ":", uuidA + ":tag:", uuidB + ":"}, MariaDB: {"0-1-", "0-2-", "7-1-"}}[flavor]
		got, err := ParseGTIDSet(flavor, "")
		want := got
		number := 1
		for range rapid.IntRange(0, 20).Draw(t, "transactions") {
			head := rapid.SampledFrom(heads).Draw(t, "head")
			number += rapid.SampledFrom([]int{1, 1, 1, 1, 3}).Draw(t, "step")
			gtid := head + strconv.Itoa(number)
			before, text := got, got.String()
			if err == nil {
				got, err = got.Add(gtid)
			}
			var one GTIDSet
			if err == nil {
				one, err = ParseGTIDSet(flavor, gtid)
			}
			if err == nil {
				want, err = want.Union(one)
			}
			if err != nil {
				t.Fatal(err)
			}
			if has, err := got.Has(gtid); !got.Equal(want) || got.String() != want.String() || !has || err != nil || before.String() != text {
				t.Fatalf("%s with %s is %s and not %s", text, gtid, got, want)
			}
		}
	})
}
