package load

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// TestOrder: a few tables beside each other, each from its first file to its last.
func TestOrder(t *testing.T) {
	for _, c := range []struct {
		steps  string // files that are added; - takes one
		tables int
		want   string
	}{
		{"", 1, ""},
		{"a1 a2 b1 c1 c2", 1, "a1 a2 b1 c1 c2"},
		{"a1 b1 a2 c1 b2", 1, "a1 a2 b1 b2 c1"},
		{"a1 a2 a3 b1 c1 c2 c3", 2, "a1 b1 a2 c1 a3 c2 c3"},
		{"a1 a2 b1 b2 c1 c2", 3, "a1 b1 c1 a2 b2 c2"},
		{"a1 b1", 9, "a1 b1"},
		{"a1 b1 b2 - - a2 c1 a3", 1, "a1 b1 a2 a3 b2 c1"},
		{"b1 a1 - - a2 b2 c1", 1, "b1 a1 b2 a2 c1"},
		{"a1 b1 c1 - - - c2 b2 a2 b3", 2, "a1 b1 c1 a2 b2 c2 b3"},
	} {
		if got := names(ordered(t, strings.Fields(c.steps), c.tables)); got != c.want {
			t.Errorf("%q, %d tables: %q, want %q", c.steps, c.tables, got, c.want)
		}
	}
}

// TestOrderKeepsAll: whenever files come and lanes take, no file is lost or doubled
// and files of a table stay in order; and of those that are there from the
// beginning no more tables than allowed are begun and not ended.
func TestOrderKeepsAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 5).Draw(t, "tables")
		late := rapid.Bool().Draw(t, "late")
		var files, steps []string
		left := map[byte]int{}
		waiting := 0
		for _, table := range rapid.SliceOfN(rapid.ByteRange('a', 'f'), 0, 40).Draw(t, "files") {
			left[table]++
			files = append(files, fmt.Sprintf("%c%d", table, left[table]))
			steps = append(steps, files[len(files)-1])
			waiting++
			for late && waiting > 0 && rapid.Bool().Draw(t, "take") {
				steps = append(steps, "-")
				waiting--
			}
		}
		begun := map[byte]int{}
		out := strings.Fields(names(ordered(t, steps, most)))
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
			if !late && open > most {
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

// ordered adds files whose first letter is the table's, takes one at each "-", and
// the rest behind the last.
func ordered(t interface{ Fatalf(string, ...any) }, steps []string, most int) (out []work) {
	o := newOrder(most)
	tables := map[byte]*table{}
	for _, f := range steps {
		if f == "-" {
			out = append(out, o.take())
			continue
		}
		if tables[f[0]] == nil {
			tables[f[0]] = &table{}
		}
		o.add(work{item: item{table: tables[f[0]], file: file{name: f}}})
	}
	for o.waiting > 0 {
		out = append(out, o.take())
	}
	if len(o.begun)+len(o.later) > 0 {
		t.Fatalf("no file waits, and %d tables have some", len(o.begun)+len(o.later))
	}
	return out
}

func names(files []work) string {
	var out []string
	for _, w := range files {
		out = append(out, w.file.name)
	}
	return strings.Join(out, " ")
}

// TestHand: all that is found is given out, also what comes late, and no more is
// taken while enough waits.
func TestHand(t *testing.T) {
	const enough, each, batches = 3, 2, 10
	found, out := make(chan []work), make(chan work)
	done := make(chan error, 1)
	go func() { done <- newOrder(1).hand(t.Context(), enough, found, out) }()
	var taken atomic.Int64
	go func() {
		one := &table{}
		for range batches {
			found <- slices.Repeat([]work{{item: item{table: one}}}, each)
			taken.Add(each)
		}
		close(found)
	}()
	for n := range int64(batches * each) {
		if got := taken.Load(); got > n+1+enough+each { // one is in hand
			t.Fatalf("%d files were taken when %d had been given out", got, n)
		}
		<-out
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
