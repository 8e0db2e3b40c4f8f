package lint

import (
	"bufio"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// generated tells whether a file was written by a program.
func generated(f goFile) bool { return strings.HasSuffix(f.path, ".pb.go") }

func parse(t *testing.T, f goFile) (*token.FileSet, *ast.File) {
	t.Helper()
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, filepath.Join(root, f.path), nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return fset, parsed
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	documented := map[string]bool{}
	for _, f := range files(t) {
		_, parsed := parse(t, f)
		doc := strings.TrimSpace(parsed.Doc.Text())
		documented[f.pkg] = documented[f.pkg] || len(doc) >= 60
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("package %s has no comment above its package clause that says what it is", pkg)
		}
	}
}

func TestEveryExportIsDocumented(t *testing.T) {
	for _, f := range files(t) {
		if f.test || generated(f) {
			continue
		}
		fset, parsed := parse(t, f)
		report := func(pos token.Pos, name string) {
			t.Errorf("%s:%d: exported %s has no comment", f.path, fset.Position(pos).Line, name)
		}
		for _, d := range parsed.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && receiverExported(d) {
					report(d.Pos(), d.Name.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch s := spec.(type) {
					case *ast.TypeSpec:
						if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
							report(s.Pos(), s.Name.Name)
						}
					case *ast.ValueSpec:
						if s.Names[0].IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
							report(s.Pos(), s.Names[0].Name)
						}
					}
				}
			}
		}
	}
}

// receiverExported tells whether a function is part of the package's surface.
func receiverExported(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	t := d.Recv.List[0].Type
	if p, ok := t.(*ast.StarExpr); ok {
		t = p.X
	}
	id, ok := t.(*ast.Ident)
	return ok && id.IsExported()
}

// maxLines is where a file has stopped being one idea.
const maxLines = 500

func TestFilesStayOneIdea(t *testing.T) {
	for _, f := range files(t) {
		if generated(f) {
			continue
		}
		fh, err := os.Open(filepath.Join(root, f.path))
		if err != nil {
			t.Fatal(err)
		}
		lines := 0
		for sc := bufio.NewScanner(fh); sc.Scan(); {
			lines++
		}
		fh.Close()
		if lines > maxLines {
			t.Errorf("%s has %d lines; a file of more than %d is more than one idea: split it", f.path, lines, maxLines)
		}
	}
}

var walkFile = regexp.MustCompile("`([a-z0-9_/.-]+\\.go)`")

func TestTheWalkInArchitectureExists(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	stops := 0
	for _, line := range strings.Split(string(text), "\n") {
		if !regexp.MustCompile(`^\| \d+ \|`).MatchString(line) {
			continue
		}
		stops++
		names := walkFile.FindAllStringSubmatch(line, -1)
		if len(names) == 0 {
			t.Errorf("ARCHITECTURE.md: stop without a file: %s", line)
		}
		for _, m := range names {
			if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
				t.Errorf("ARCHITECTURE.md names %s, which does not exist", m[1])
			}
		}
	}
	if stops != 10 {
		t.Errorf("the walk in ARCHITECTURE.md has %d stops, want 10", stops)
	}
}
