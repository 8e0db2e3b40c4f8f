package lint

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/raftdm/raftdm"

// goFile is one Go source file of the main module.
type goFile struct {
	path string // slash separated, relative to the module's root
	pkg  string // folder, relative to the module's root
	test bool
}

// root is the module's folder as seen from this package.
const root = "../.."

// files lists every Go file of the main module, nested modules left out.
func files(t *testing.T) []goFile {
	t.Helper()
	var out []goFile
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, p)
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if rel == "tools/tidb" || d.Name() == "testdata" || (strings.HasPrefix(d.Name(), ".") && rel != ".") {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(rel, ".go") {
			out = append(out, goFile{path: rel, pkg: filepath.ToSlash(filepath.Dir(rel)), test: strings.HasSuffix(rel, "_test.go")})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// imports lists the module's own packages that a file imports, relative.
func imports(t *testing.T, f goFile) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, f.path), nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, im := range parsed.Imports {
		p, _ := strconv.Unquote(im.Path.Value)
		if rest, ok := strings.CutPrefix(p, module+"/"); ok {
			out = append(out, rest)
		}
	}
	return out
}

// area is the first folder of a package path: the unit of the import rules.
func area(pkg string) string { return strings.SplitN(pkg, "/", 2)[0] }

// mayImport is the import direction; see ARCHITECTURE.md.
var mayImport = map[string][]string{
	"cmd":       {"cmd", "rpc", "raftnode", "scheduler", "worker", "relay", "fsm", "internal"},
	"rpc":       {"rpc", "fsm", "internal"},
	"raftnode":  {"raftnode", "fsm", "internal"},
	"scheduler": {"scheduler", "fsm", "internal"},
	"worker":    {"worker", "relay", "fsm", "internal"},
	"relay":     {"relay", "internal"},
	"fsm":       {"fsm", "internal"},
	"internal":  {"internal"},
	"jepsen":    {"jepsen", "rpc", "fsm", "internal"},
	"e2e":       {"internal"},
	"bench":     {"internal"},
	"tools":     {"internal"},
}

// reasons says why the direction of an area is what it is.
var reasons = map[string]string{
	"rpc":       "rpc is the wire and nothing behind it; what it needs it declares as an interface, and cmd hands it in",
	"raftnode":  "raftnode knows bytes and who leads, not tasks",
	"scheduler": "the scheduler is a pure opinion on a view; it proposes through an interface that cmd hands in",
	"worker":    "a worker follows the change stream; how the stream arrives is wired in cmd",
	"relay":     "the relay is files on disk; it must be usable without a cluster",
	"fsm":       "the state machine is what the cluster agreed on and must not know who asks",
	"internal":  "internal packages are leaves that everybody may use",
	"e2e":       "end-to-end tests drive the real programs from outside",
	"bench":     "benchmarks drive the real programs from outside",
	"tools":     "tools drive the real programs from outside",
}

func TestImportDirection(t *testing.T) {
	for _, f := range files(t) {
		from := area(f.pkg)
		allowed, known := mayImport[from]
		if !known {
			t.Errorf("%s: folder %q is not in the import rules; add it here and in ARCHITECTURE.md", f.path, from)
			continue
		}
		for _, im := range imports(t, f) {
			if !contains(allowed, area(im)) {
				t.Errorf("%s imports %s, but %s may import only %s: %s", f.path, im, from, strings.Join(allowed, ", "), reasons[from])
			}
			if from == "cmd" && area(im) == "cmd" && !strings.HasPrefix(im, f.pkg) {
				t.Errorf("%s imports %s: programs share nothing with each other; move it to the package it belongs to", f.path, im)
			}
		}
	}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
