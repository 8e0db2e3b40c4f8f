package checkpoint

import (
	"encoding/json"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// TestAppliedIsASet compares with a map, through JSON and back.
func TestAppliedIsASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.Custom(func(t *rapid.T) string {
			form := rapid.SampledFrom([]string{"0-1-%d", "10-1-%d", "mariadb-bin.000001:%d", "3E11FA47-71CA-11E1-9E33-C80AA9429562:%d", "%d", "x%dy", "b:0%d"}).Draw(t, "form")
			return fmt.Sprintf(form, rapid.IntRange(0, 12).Draw(t, "n"))
		})
		want := map[string]bool{}
		var a, b Applied
		for _, s := range rapid.SliceOf(id).Draw(t, "ids") {
			want[s] = true
			if rapid.Bool().Draw(t, "where") {
				a.Add(s)
			} else {
				b.Add(s)
			}
		}
		a.AddAll(&b)
		text, err := json.Marshal(&a)
		if err != nil {
			t.Fatal(err)
		}
		var back Applied
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		for _, s := range append(rapid.SliceOf(id).Draw(t, "asked"), keys(want)...) {
			if back.Has(s) != want[s] || a.Has(s) != want[s] {
				t.Fatalf("%s: %v in %s, want %v", s, back.Has(s), text, want[s])
			}
		}
	})
}

func keys(m map[string]bool) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	return out
}

// TestAppliedIsSmall: neighbours are a range.
func TestAppliedIsSmall(t *testing.T) {
	var a Applied
	for i := range 1000 {
		a.Add(fmt.Sprintf("0-1-%d", 100+i))
	}
	text, err := json.Marshal(&a)
	if err != nil || string(text) != `{"0-1-":"100-1099"}` {
		t.Errorf("%s, %v", text, err)
	}
}
