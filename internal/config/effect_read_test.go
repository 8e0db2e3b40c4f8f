package config

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const ourModule = "github.com/raftdm/raftdm/"

// readFields gives the struct fields, as package.Type.Field, that the programs read
// outside of this package, each with a place that does.
func readFields(t *testing.T) map[string]string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-f",
		"{{.ImportPath}}\t{{.Export}}\t{{.Dir}}\t{{range .GoFiles}}{{.}} {{end}}", "./cmd/dm-master", "./cmd/dm-worker", "./cmd/dmctl")
	list.Dir = "../.."
	var stderr bytes.Buffer
	list.Stderr = &stderr
	text, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v: %s", err, stderr.String())
	}
	exports := map[string]string{}
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("no export data of %s", path)
		}
		return os.Open(exports[path])
	})
	out := map[string]string{}
	for line := range strings.Lines(string(text)) { // what a package imports stands before it
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		path := f[0]
		exports[path] = f[1]
		if !strings.HasPrefix(path, ourModule) || path == ourModule+"internal/config" {
			continue
		}
		var files []*ast.File
		for _, name := range strings.Fields(f[3]) {
			file, err := parser.ParseFile(fset, filepath.Join(f[2], name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
		info := &types.Info{Selections: map[*ast.SelectorExpr]*types.Selection{}}
		conf := types.Config{Importer: imports}
		if _, err := conf.Check(path, fset, files, info); err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			collectReads(file, info, func(field string, at token.Pos) {
				if p := fset.Position(at); out[field] == "" {
					out[field] = fmt.Sprintf("%s/%s:%d", strings.TrimPrefix(path, ourModule), filepath.Base(p.Filename), p.Line)
				}
			})
		}
	}
	return out
}

// collectReads finds the selectors of fields that are not what is assigned to.
func collectReads(file *ast.File, info *types.Info, found func(field string, at token.Pos)) {
	written := map[ast.Expr]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok == token.ASSIGN {
				for _, e := range n.Lhs {
					written[e] = true
				}
			}
		case *ast.SelectorExpr:
			s := info.Selections[n]
			if s == nil || s.Kind() != types.FieldVal || written[n] {
				break
			}
			if owner := ownerOf(s); owner != "" {
				found(owner+"."+s.Obj().Name(), n.Pos())
			}
		}
		return true
	})
}

// ownerOf gives the type that has the field itself, "" for one without a name.
func ownerOf(s *types.Selection) string {
	t := s.Recv()
	for _, i := range s.Index()[:len(s.Index())-1] {
		f, ok := under(t)
		if !ok {
			return ""
		}
		t = f.Field(i).Type()
	}
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	n, ok := types.Unalias(t).(*types.Named)
	if !ok || n.Obj().Pkg() == nil {
		return ""
	}
	return n.Obj().Pkg().Path() + "." + n.Obj().Name()
}

func under(t types.Type) (*types.Struct, bool) {
	if p, ok := t.Underlying().(*types.Pointer); ok {
		t = p.Elem()
	}
	s, ok := t.Underlying().(*types.Struct)
	return s, ok
}
