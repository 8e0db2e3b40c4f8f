package report

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/raftdm/raftdm/jepsen/history"
)

// Report is the place of one run.
type Report struct {
	Dir string // all files of the run are under it

	log     *os.File
	history *os.File
	began   time.Time
}

// Open makes a new directory under base, or under the system's temporary
// directory for "".
func Open(base, name string) (*Report, error) {
	if base != "" {
		if err := os.MkdirAll(base, 0o755); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp(base, "jepsen-"+strings.ReplaceAll(name, "/", "-")+"-")
	if err != nil {
		return nil, err
	}
	r := &Report{Dir: dir, began: time.Now()}
	if r.log, err = os.Create(filepath.Join(dir, "run.log")); err != nil {
		return nil, err
	}
	r.history, err = os.Create(filepath.Join(dir, "history.jsonl"))
	return r, err
}

// History is where the recorder writes operations as they end.
func (r *Report) History() *os.File { return r.history }

// Logf notes a line with the time since the run began.
func (r *Report) Logf(format string, args ...any) {
	fmt.Fprintf(r.log, "%8.3f %s\n", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
}

// Close ends the report. A run in which nothing was found is removed, unless
// keep is set; of the others everything is kept, with a timeline.
func (r *Report) Close(h history.History, found []error, keep bool) error {
	for _, e := range found {
		r.Logf("%v", e)
	}
	err := errors.Join(r.log.Close(), r.history.Close())
	if len(found) == 0 && !keep {
		return errors.Join(err, os.RemoveAll(r.Dir))
	}
	return errors.Join(err, os.WriteFile(filepath.Join(r.Dir, "timeline.html"), []byte(timeline(h, found)), 0o644))
}

// Summary counts operations by kind and outcome, and faults by name.
func Summary(h history.History) string {
	ops := map[history.Kind]map[history.Outcome]int{}
	for _, o := range h.Ops {
		if ops[o.Kind] == nil {
			ops[o.Kind] = map[history.Outcome]int{}
		}
		ops[o.Kind][o.Outcome]++
	}
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(ops)) {
		n := ops[kind]
		parts = append(parts, fmt.Sprintf("%s %d ok %d failed %d unknown", kind, n[history.OK], n[history.Failed], n[history.Unknown]))
	}
	faults := map[string]int{}
	for _, f := range h.Faults {
		faults[f.Name]++
	}
	names := slices.SortedFunc(maps.Keys(faults), func(a, b string) int {
		return cmp.Or(cmp.Compare(faults[b], faults[a]), cmp.Compare(a, b))
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", name, faults[name])
	}
	return fmt.Sprintf("operations: %s; faults (%d): %s", strings.Join(parts, ", "), len(h.Faults), strings.Join(names, ", "))
}

// Again gives the command that repeats a run: a test of the suite with the
// environment variables that were set or drawn.
func Again(test string, env map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if env[name] != "" {
			fmt.Fprintf(&b, "%s=%s ", name, env[name])
		}
	}
	fmt.Fprintf(&b, "go test ./jepsen -count=1 -timeout=0 -run '^%s$'", strings.ReplaceAll(test, "/", "$/^"))
	return b.String()
}
