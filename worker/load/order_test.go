package load

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestInTurn: a few tables beside each other, each from its first file to its last.
func TestInTurn(t *testing.T) {
	for _, c := range []struct {
		files  string
		tables int
		want   string
	}{
		{"", 1, ""},
		{"a1 a2 b1 c1 c2", 1, "a1 a2 b1 c1 c2"},
		{"a1 b1 a2 c1 b2", 1, "a1 a2 b1 b2 c1"},
		{"a1 a2 a3 b1 c1 c2 c3", 2, "a1 b1 a2 c1 a3 c2 c3"},
		{"a1 a2 b1 b2 c1 c2", 3, "a1 b1 c1 a2 b2 c2"},
		{"a1 b1", 9, "a1 b1"},
	} {
		if got := names(inTurn(itemsOf(strings.Fields(c.files)), c.tables)); got != c.want {
			t.Errorf("%q, %d tables: %q, want %q", c.files, c.tables, got, c.want)
		}
	}
}

// TestInTurnKeepsAll: no file is lost or doubled, files of a table stay in order,
// and no more tables than allowed are begun and not ended.
func TestInTurnKeepsAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 5).Draw(t, "tables")
		var files []string
		left := map[byte]int{}
		for _, table := range rapid.SliceOfN(rapid.ByteRange('a', 'f'), 0, 40).Draw(t, "files") {
			left[table]++
			files = append(files, fmt.Sprintf("%c%d", table, left[table]))
		}
		begun := map[byte]int{}
		out := strings.Fields(names(inTurn(itemsOf(files), most)))
		for _, f := range out {
			table := f[0]
			begun[table]++
			if f != fmt.Sprintf("%c%d", table, begun[table]) {
				t.Fatalf("%s comes as number %d of its table in %v", f, begun[table], out)
			}
			if left[table]--; left[table] == 0 {
				delete(left, table)
			}
			open := 0
			for table := range begun {
				if left[table] > 0 {
					open++
				}
			}
			if open > most {
				t.Fatalf("%d tables beside each other at %s of %v", open, f, out)
			}
		}
		slices.Sort(out)
		slices.Sort(files)
		if !slices.Equal(out, files) {
			t.Fatalf("%v, want %v", out, files)
		}
	})
}

// itemsOf makes files of names whose first letter is the table's.
func itemsOf(files []string) (out []item) {
	tables := map[byte]*table{}
	for _, f := range files {
		if tables[f[0]] == nil {
			tables[f[0]] = &table{}
		}
		out = append(out, item{table: tables[f[0]], file: file{name: f}})
	}
	return out
}

func names(items []item) string {
	var out []string
	for _, it := range items {
		out = append(out, it.file.name)
	}
	return strings.Join(out, " ")
}
