package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// comparesWithList compares the dm_ families that a leader shows with
// testdata/metrics.txt: names, types, labels.
func comparesWithList(t *testing.T, shown string) {
	t.Helper()
	list, err := os.ReadFile("testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (dm_\w+) (\w+)$`).FindAllStringSubmatch(shown, -1) {
		types[m[1]] = m[2]
	}
	for line := range strings.Lines(string(list)) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		const state = 3
		kind, is := types[f[0]]
		delete(types, f[0])
		switch {
		case f[state] == "not" && is:
			t.Errorf("%s is exported; strike it from what is not yet", f[0])
		case f[state] != "not" && kind != f[1]:
			t.Errorf("%s is %q, want a %s", f[0], kind, f[1])
		}
		for _, label := range strings.Split(f[2], ",") {
			if is && label != "-" && !regexp.MustCompile(`(?m)^`+f[0]+`\{.*`+label+`="`).MatchString(shown) {
				t.Errorf("%s has no label %s", f[0], label)
			}
		}
	}
	for name := range types {
		t.Errorf("%s is exported and not listed", name)
	}
}
