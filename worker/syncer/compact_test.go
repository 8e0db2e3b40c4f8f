package syncer

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func changesOf(t *rapid.T, txns []*Txn) []change {
	out, err := appendChanges(nil, txns)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// rewrite is what a lane makes of a group.
func rewrite(group []change, compact, multi bool) []op {
	var a arranger
	return together(nil, a.arrange(group, compact), multi)
}

// singles are ops of one change each.
func singles(changes []change) []op {
	out := make([]op, len(changes))
	for i := range changes {
		out[i].changes = changes[i : i+1]
	}
	return out
}

// TestRewrittenGroupsAreEqual: for random histories over random keys, groups
// that are compacted and put into statements of several rows leave the rows that
// the history does, and none of them is refused (peer-bugs 10, 36).
func TestRewrittenGroupsAreEqual(t *testing.T) {
	fewer, rows := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		want := newModel(drawShape(t, 2))
		txns := drawHistory(t, want, 12)
		got := newModel(want.shapes)
		compact, multi := rapid.Bool().Draw(t, "compact"), rapid.Bool().Draw(t, "multiple-rows")
		for list := changesOf(t, txns); len(list) > 0; {
			n := min(len(list), rapid.IntRange(1, 40).Draw(t, "group"))
			ops := rewrite(list[:n], compact, multi)
			for i := range ops {
				if err := got.do(&ops[i]); err != nil {
					t.Fatalf("%s of %d: %v", ops[i].kind(), len(ops[i].changes), err)
				}
			}
			fewer, rows, list = fewer+n-len(ops), rows+n, list[n:]
		}
		if diff := cmp.Diff(content(want.rows), content(got.rows)); diff != "" {
			t.Fatal(diff)
		}
	})
	t.Logf("%d changes became %d operations", rows, rows-fewer)
	if fewer < rows/50 {
		t.Error("hardly anything was rewritten: the property says nothing")
	}
}
