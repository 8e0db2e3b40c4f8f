package lint

import (
	"go/ast"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Every replica must reach the same state from the same log, so nothing in
// package fsm may depend on when, where or in which order of chance it runs.
var forbiddenInFSM = map[string]string{
	"time.Now":    "the clock is an input: it travels inside the command",
	"time.Since":  "the clock is an input: it travels inside the command",
	"os.Getenv":   "the environment differs between replicas",
	"os.Hostname": "the host differs between replicas",
}

var forbiddenImportsInFSM = map[string]string{
	"math/rand":              "randomness is an input: it travels inside the command",
	"math/rand/v2":           "randomness is an input: it travels inside the command",
	"crypto/rand":            "randomness is an input: it travels inside the command",
	"github.com/google/uuid": "identifiers are inputs: they travel inside the command",
	"net":                    "a state machine does not talk to anybody",
	"net/http":               "a state machine does not talk to anybody",
}

func TestFSMIsDeterministic(t *testing.T) {
	seen := 0
	for _, f := range files(t) {
		if f.pkg != "fsm" || f.test {
			continue
		}
		seen++
		fset, parsed := parse(t, f)
		at := func(n ast.Node) string {
			return f.path + ":" + strconv.Itoa(fset.Position(n.Pos()).Line)
		}
		for _, im := range parsed.Imports {
			p, _ := strconv.Unquote(im.Path.Value)
			if why := forbiddenImportsInFSM[p]; why != "" {
				t.Errorf("%s imports %s: %s", at(im), p, why)
			}
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok {
					if why := forbiddenInFSM[x.Name+"."+n.Sel.Name]; why != "" {
						t.Errorf("%s uses %s.%s: %s", at(n), x.Name, n.Sel.Name, why)
					}
				}
			case *ast.GoStmt:
				t.Errorf("%s starts a goroutine: Apply is sequential", at(n))
			case *ast.SelectStmt:
				t.Errorf("%s selects over channels: the order of chance is not an input", at(n))
			}
			return true
		})
	}
	if seen == 0 {
		t.Fatal("found no file of package fsm")
	}
}

// sleepAllowed lists the tests that may wait for time to pass, with the reason.
var sleepAllowed = map[string]string{
	"worker/worker_test.go": "inside synctest, where an hour passes at once",
	"worker/resume_test.go": "inside synctest, where an hour passes at once",

	"worker/syncer/width_test.go": "inside synctest, where a target takes its time",
}

func TestNoSleepInTests(t *testing.T) {
	for _, f := range files(t) {
		if !f.test || sleepAllowed[f.path] != "" || strings.HasPrefix(f.path, "internal/lint/") {
			continue
		}
		fset, parsed := parse(t, f)
		ast.Inspect(parsed, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && s.Sel.Name == "Sleep" {
					t.Errorf("%s:%d sleeps: wait for the state you need, or use testing/synctest", filepath.ToSlash(f.path), fset.Position(n.Pos()).Line)
				}
			}
			return true
		})
	}
}

func TestContextsAreArguments(t *testing.T) {
	for _, f := range files(t) {
		if f.test || generated(f) {
			continue
		}
		fset, parsed := parse(t, f)
		ast.Inspect(parsed, func(n ast.Node) bool {
			st, ok := n.(*ast.StructType)
			if !ok {
				return true
			}
			for _, field := range st.Fields.List {
				s, ok := field.Type.(*ast.SelectorExpr)
				if !ok {
					continue
				}
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "context" && s.Sel.Name == "Context" {
					t.Errorf("%s:%d keeps a context in a struct: pass it as the first argument", f.path, fset.Position(field.Pos()).Line)
				}
			}
			return true
		})
	}
}
