package fault

import "testing"

func TestNamesAreUniqueAndFound(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range All() {
		if f.Name() == "" || seen[f.Name()] {
			t.Errorf("the name %q is empty or taken", f.Name())
		}
		seen[f.Name()] = true
		if got, err := Named(f.Name()); err != nil || got[0].Name() != f.Name() && len(got) == 1 {
			t.Errorf("Named(%q): %v, %v", f.Name(), got, err)
		}
	}
	if list, err := Named("kill-worker, pause-worker"); err != nil || len(list) != 2 {
		t.Errorf("two names gave %v, %v", list, err)
	}
	if list, err := Named(""); err != nil || len(list) != len(All()) {
		t.Errorf("no name gave %d faults, %v", len(list), err)
	}
	if _, err := Named("earthquake"); err == nil {
		t.Error("an unknown name was accepted")
	}
}
