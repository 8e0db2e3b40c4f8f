package binjson

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

// goldenDocument is what a MySQL server wrote into its binlog for an
// expression, and how it showed it. TestMySQL -rewrite makes them.
type goldenDocument struct {
	expr string
	doc  []byte
	text string
}

// goldenPatch is what it wrote for an UPDATE with PARTIAL_JSON.
type goldenPatch struct {
	expr          string
	before, diffs []byte
	text          string
}

const (
	documentsFile = "testdata/documents.txt"
	patchesFile   = "testdata/patches.txt"
)

// golden reads the cases of a file: so many lines each, and a blank one.
func golden(t testing.TB, file string, lines int) (out [][]string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range strings.Split(strings.TrimSuffix(string(data), "\n\n"), "\n\n") {
		parts := strings.Split(c, "\n")
		if len(parts) != lines {
			t.Fatalf("%s: %d lines in %q", file, len(parts), c)
		}
		out = append(out, parts)
	}
	return out
}

// unhex reads the bytes of a line that begins with what they are.
func unhex(t testing.TB, line, what string) []byte {
	t.Helper()
	digits, ok := strings.CutPrefix(line, what+" ")
	b, err := hex.DecodeString(digits)
	if err != nil || !ok {
		t.Fatalf("%s: %v", line, err)
	}
	return b
}

func goldenDocuments(t testing.TB) (out []goldenDocument) {
	t.Helper()
	for _, c := range golden(t, documentsFile, 3) {
		out = append(out, goldenDocument{c[0], unhex(t, c[1], "doc"), c[2]})
	}
	return out
}

func goldenPatches(t testing.TB) (out []goldenPatch) {
	t.Helper()
	for _, c := range golden(t, patchesFile, 4) {
		out = append(out, goldenPatch{c[0], unhex(t, c[1], "before"), unhex(t, c[2], "diffs"), c[3]})
	}
	return out
}

func TestGoldenDocuments(t *testing.T) {
	for _, c := range goldenDocuments(t) {
		if got, err := AppendText(nil, c.doc); err != nil || string(got) != c.text {
			t.Errorf("%s:\n got %s (%v)\nwant %s", c.expr, got, err, c.text)
		}
	}
}

func TestGoldenPatches(t *testing.T) {
	for _, c := range goldenPatches(t) {
		if got, err := AppendPatched(nil, c.before, c.diffs); err != nil || string(got) != c.text {
			t.Errorf("%s:\n got %s (%v)\nwant %s", c.expr, got, err, c.text)
		}
	}
}
