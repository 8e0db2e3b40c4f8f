package binlog

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/internal/fault"
)

func TestPositionCompare(t *testing.T) {
	order := []Position{
		{},
		{"", 9},
		{"a-bin.000009", 1},
		{"mysql-bin.000001", 4},
		{"mysql-bin.000001", 5},
		{"mysql-bin.000002", 4},
		{"mysql-bin.999999", 4},
		{"mysql-bin.1000000", 4},
		{"mysql-bin|000001.000001", 4},
		{"mysql-bin|000002.000001", 4},
		{"mysql-bin|1000000.000001", 4},
		{"mysql.bin.000001", 4},
	}
	for i, a := range order {
		for j, b := range order {
			want := 0
			switch {
			case i < j:
				want = -1
			case i > j:
				want = 1
			}
			if got := a.Compare(b); got != want {
				t.Errorf("%v against %v: %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestCompareNamesWithoutNumber(t *testing.T) {
	if CompareNames("mysql-bin", "mysql-bin.000001") == 0 || CompareNames("x.y", "x.z") != -1 || CompareNames("b|x.1", "b.1") == 0 {
		t.Error("names without a number compare as text")
	}
}

func TestParsePosition(t *testing.T) {
	for in, want := range map[string]Position{
		"mysql-bin.000001:4":              {"mysql-bin.000001", 4},
		"(mysql-bin.000001, 4294967295)":  {"mysql-bin.000001", 4294967295},
		" ( mysql-bin|000002.000003,154)": {"mysql-bin|000002.000003", 154},
	} {
		got, err := ParsePosition(in)
		if err != nil || got != want {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "mysql-bin.000001", "mysql-bin.000001:x", "mysql-bin.000001:4294967296", "mysql-bin:4", ":4", "mysql-bin.x:4"} {
		if _, err := ParsePosition(in); !fault.Is(err, fault.Invalid) || fault.HintOf(err) == "" {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestPositionStringReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Position{rapid.StringMatching(`[a-z-]{1,8}(\|[0-9]{6})?\.[0-9]{1,8}`).Draw(t, "name"), rapid.Uint32().Draw(t, "pos")}
		got, err := ParsePosition(p.String())
		if err != nil || got != p {
			t.Fatalf("%v read back as %v, %v", p, got, err)
		}
	})
}
