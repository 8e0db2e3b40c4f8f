package config

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/fault"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

// golden runs every case of a file: "# title", input, "----", output, blank line.
func golden(t *testing.T, file string, run func(input string) string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, c := range strings.Split(strings.TrimSpace("\n"+string(data)), "\n\n# ") {
		title, rest, _ := strings.Cut(strings.TrimPrefix(c, "# "), "\n")
		input, want, ok := strings.Cut(rest, "----\n")
		if !ok && !strings.HasSuffix(rest, "----") {
			t.Fatalf("%s: case %q has no ----", path, title)
		}
		input = strings.TrimSuffix(input, "----")
		got := strings.TrimSpace(run(input))
		fmt.Fprintf(&out, "# %s\n%s----\n%s\n\n", title, input, got)
		t.Run(title, func(t *testing.T) {
			if diff := cmp.Diff(strings.TrimSpace(want), got); diff != "" && !*rewrite {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
		})
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(strings.TrimSpace(out.String())+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// shown is how the golden files write warnings and an error.
func shown(warnings []string, err error) string {
	var b strings.Builder
	for _, w := range warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	var f *fault.Error
	switch {
	case errors.As(err, &f):
		fmt.Fprintf(&b, "%s %d: %s\n", f.Kind, f.Code, f.Msg)
		if f.Hint != "" {
			fmt.Fprintf(&b, "  hint: %s\n", f.Hint)
		}
	case err != nil:
		fmt.Fprintf(&b, "not a fault: %v\n", err)
	default:
		b.WriteString("ok\n")
	}
	return b.String()
}

// overlay puts the top-level keys of a case in front of those of a base file, so
// that a case is short and its line numbers are its own. A line "-key" leaves a
// key of the base out.
func overlay(base, over string) string {
	var out strings.Builder
	given := map[string]bool{}
	for _, line := range strings.SplitAfter(over, "\n") {
		if key, ok := strings.CutPrefix(line, "-"); ok && !strings.HasPrefix(line, "- ") {
			given[strings.TrimSpace(key)] = true
			continue
		}
		if key, _, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, " ") {
			given[key] = true
		}
		out.WriteString(line)
	}
	skip := false
	for _, line := range strings.SplitAfter(base, "\n") {
		if key, _, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, " ") {
			skip = given[key]
		}
		if !skip {
			out.WriteString(line)
		}
	}
	return out.String()
}

const baseSource = `source-id: s1
from:
  host: 127.0.0.1
  port: 3306
  user: root
  password: p@ss
`

const baseTask = `name: t1
task-mode: all
target-database:
  host: 127.0.0.1
  port: 4000
  user: root
  password: p@ss
mysql-instances:
  - source-id: s1
`

func TestSourceFiles(t *testing.T) {
	golden(t, "source.txt", func(in string) string {
		s, warnings, err := DecodeSource("source.yaml", []byte(overlay(baseSource, in)))
		out := shown(warnings, err)
		if err == nil {
			out += SecretKey{}.EncodeSource(s)
		}
		return out
	})
}

func TestTaskFiles(t *testing.T) {
	golden(t, "task.txt", func(in string) string {
		_, warnings, err := DecodeTask("task.yaml", []byte(overlay(baseTask, in)))
		return shown(warnings, err)
	})
}

func TestGarbageFiles(t *testing.T) {
	golden(t, "garbage.txt", func(in string) string {
		_, _, err := DecodeTask("task.yaml", []byte(in))
		_, _, sourceErr := DecodeSource("", []byte(in))
		return shown(nil, err) + shown(nil, sourceErr)
	})
}
