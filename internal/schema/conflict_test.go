package schema

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/rowevent"
	"github.com/raftdm/raftdm/internal/rowevent/rowtest"
)

func parse(t testing.TB, sql string) *Table {
	t.Helper()
	table, err := Parse(sql, "", "d")
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// rowOf makes a row as a server stores it in the table.
func rowOf(t rowtest.TB, table *Table, values ...any) rowevent.Image {
	t.Helper()
	columns := make([]string, len(table.Columns))
	for i := range columns {
		c := columnDef{Column: table.Columns[i]}
		columns[i] = c.renderType(false)
	}
	return rowtest.Image(t, columns, values...)
}

func keysOf(t rowtest.TB, table *Table, values ...any) []uint64 {
	t.Helper()
	keys, err := table.ConflictKeys(nil, rowOf(t, table, values...))
	if err != nil {
		t.Fatalf("%v", err)
	}
	return keys
}

// TestConflictKeysEqualValues is peer-bugs 12 without a server: pairs that
// databases hold for equal under a unique key.
func TestConflictKeysEqualValues(t *testing.T) {
	for _, c := range []struct {
		typ   string
		equal []any
		other any // a value that must not be dragged in; nil where all are
	}{
		{"varchar(9) collate utf8mb4_general_ci", []any{"é", "e", "E ", "É"}, "f"},
		{"varchar(9) collate utf8mb4_unicode_ci", []any{"ß", "ss", "SS", "ẞ"}, "s1"},
		{"varchar(9) collate utf8mb4_general_ci", []any{"ß", "s"}, "t"},
		{"varchar(9) collate utf8mb4_general_ci", []any{"🎉", "💥"}, "x"},
		{"varchar(9) collate utf8mb4_0900_ai_ci", []any{"Æ", "ae", "ǽ"}, "a"},
		{"varchar(9) collate utf8mb4_danish_ci", []any{"å", "aa", "z"}, nil},
		{"varchar(9) collate utf8mb4_bin", []any{"a", "a "}, "A"},
		{"varchar(9) character set latin1", []any{"\xfc", "y", "Y"}, "u"},
		{"varchar(9) character set sjis", []any{"\x83\x5c", "z"}, nil},
		{"varchar(400) collate utf8mb4_general_ci", []any{strings.Repeat("aB", 200), strings.Repeat("Ab", 200)}, strings.Repeat("a", 400)},
		{"varchar(400) collate utf8mb4_bin", []any{strings.Repeat("a", 400)}, strings.Repeat("a", 399)},
		{"enum('a','B') collate utf8mb4_general_ci", []any{int64(2)}, int64(1)},
		{"enum('a','A') collate utf8mb4_general_ci", []any{int64(2), int64(1)}, nil},
		{"set('a','b') collate utf8mb4_general_ci", []any{int64(3)}, int64(1)},
		{"int unsigned", []any{int32(-1), uint32(4294967295)}, int32(1)},
		{"decimal(9,2)", []any{"1.50", "01.5"}, "15"},
		{"decimal(9,2)", []any{"0.01"}, "-0.01"},
		{"decimal(9,2)", []any{"0.00", "-0.00", "0"}, "-0.01"},
		{"double", []any{0.0, 1 / negativeInfinity()}, 1.0},
		{"datetime(6)", []any{"2020-01-01 00:00:00.100000", "2020-01-01 00:00:00.1"}, "2020-01-01 00:00:00"},
		{"time", []any{"10:00:00"}, "01:00:00"},
		{"binary(4)", []any{"a", "a\x00\x00\x00"}, "b"},
		{"varbinary(4)", []any{"a", []byte("a")}, "A"},
	} {
		table := parse(t, "CREATE TABLE t (c "+c.typ+" UNIQUE) DEFAULT CHARSET=utf8mb4")
		first := keysOf(t, table, c.equal[0])
		for _, v := range c.equal[1:] {
			if diff := cmp.Diff(first, keysOf(t, table, v)); diff != "" {
				t.Errorf("%s: %q and %q are equal but not their keys: %s", c.typ, c.equal[0], v, diff)
			}
		}
		if c.other != nil && slices.Equal(first, keysOf(t, table, c.other)) {
			t.Errorf("%s: %q and %q share a key", c.typ, c.equal[0], c.other)
		}
	}
}

func negativeInfinity() float64 {
	zero := 0.0
	return -1 / zero
}

// TestConflictKeysOfIndexes covers NULLs, several indexes, prefixes (peer-bugs
// 10), expressions (peer-bugs 15) and tables without a key.
func TestConflictKeysOfIndexes(t *testing.T) {
	table := parse(t, "CREATE TABLE t (id int PRIMARY KEY, a varchar(9), b int, UNIQUE ab (a(2), b), UNIQUE fn ((a + 1)), KEY k (b)) DEFAULT CHARSET=utf8mb4")
	one := keysOf(t, table, int32(1), "日本x", int32(5))
	two := keysOf(t, table, int32(2), "日本y", int32(5))
	three := keysOf(t, table, int32(3), nil, int32(5))
	if len(one) != 3 || len(three) != 2 {
		t.Fatalf("%x %x", one, three)
	}
	if one[0] == two[0] || one[1] != two[1] || one[2] != two[2] || three[1] != one[2] {
		t.Errorf("%x\n%x\n%x", one, two, three)
	}
	other := parse(t, "CREATE TABLE t2 (id int PRIMARY KEY)")
	if slices.Contains(one, keysOf(t, other, int32(1))[0]) {
		t.Error("two tables share a key")
	}
	keyless := parse(t, "CREATE TABLE k (a int, KEY (a))")
	if diff := cmp.Diff(keysOf(t, keyless, int32(1)), keysOf(t, keyless, nil)); diff != "" {
		t.Error(diff)
	}
	if _, err := table.ConflictKeys(nil, rowtest.Image(t, []string{"int"}, 1)); !fault.Is(err, fault.Schema) || !strings.Contains(err.Error(), "3 columns") {
		t.Errorf("%v", err)
	}
	if _, err := table.ConflictKeys(nil, rowtest.Image(t, []string{"varchar(9)", "int", "int"}, "x", nil, nil)); !fault.Is(err, fault.Data) {
		t.Errorf("%v", err)
	}
	if keyless.Name.ConflictKey() != keysOf(t, keyless, 1)[0] || keyless.Name.ConflictKey() == other.Name.ConflictKey() {
		t.Error("keys of whole tables")
	}
	if (Name{"ab", "c"}).ConflictKey() == (Name{"a", "bc"}).ConflictKey() || (Name{"a", "b"}).ConflictKey() == (Name{"b", "a"}).ConflictKey() {
		t.Error("two tables share a key")
	}
}

// TestConflictKeysOfUnreadableRows: behind times with fractions in the format of
// MariaDB 5.3 each value is wrong, so the row is refused, whatever its key.
func TestConflictKeysOfUnreadableRows(t *testing.T) {
	table := parse(t, "CREATE TABLE t (a datetime(3) /* mariadb-5.3 */, b time /* mariadb-5.3 */, id int PRIMARY KEY)")
	for _, a := range []any{nil, "2020-01-01 00:00:00"} {
		_, err := table.ConflictKeys(nil, rowtest.Image(t, []string{"old datetime", "old time", "int"}, a, nil, 1))
		if !fault.Is(err, fault.Unsupported) || !strings.Contains(err.Error(), "column `a`") || !strings.Contains(fault.HintOf(err), "ALTER TABLE") {
			t.Errorf("%v", err)
		}
	}
	if keys, err := table.ConflictKeys(nil, rowtest.Image(t, []string{"datetime(3)", "old time", "int"}, nil, "10:00:00", 1)); err != nil || len(keys) != 1 {
		t.Errorf("%x, %v", keys, err)
	}
}

// TestConflictKeyPartsStayApart: ("ab","c") and ("a","bc") are different keys.
func TestConflictKeyPartsStayApart(t *testing.T) {
	table := parse(t, "CREATE TABLE t (a varbinary(20), b varbinary(20), UNIQUE (a, b))")
	bytes := rapid.StringMatching(`[a-c]{0,4}`)
	rapid.Check(t, func(rt *rapid.T) {
		x := []any{bytes.Draw(rt, "a1"), bytes.Draw(rt, "b1")}
		y := []any{bytes.Draw(rt, "a2"), bytes.Draw(rt, "b2")}
		if rapid.Bool().Draw(rt, "turned") {
			y = []any{x[1], x[0]}
		}
		same := x[0] == y[0] && x[1] == y[1]
		if slices.Equal(keysOf(rt, table, x...), keysOf(rt, table, y...)) != same {
			rt.Fatalf("%q and %q", x, y)
		}
	})
}
