package dumpdir

import (
	"bytes"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestCompressedFiles: contents come back byte by byte, and a file that is cut
// or damaged anywhere is not taken.
func TestCompressedFiles(t *testing.T) {
	dir := t.TempDir()
	text := bytes.Repeat([]byte("INSERT INTO `t` (`a`) VALUES\n(1),\n(2);\n"), 200)
	for _, compression := range []string{"gzip", "zstd"} {
		var packed bytes.Buffer
		w, err := Compress(&packed, compression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		f := File{Name: DataFile("db", "t", 0, 0) + Extension(compression), Bytes: int64(len(text)), CRC: crc32.Checksum(text, CRC()), Stored: int64(packed.Len())}
		put := func(data []byte) {
			if err := os.WriteFile(filepath.Join(dir, f.Name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		put(packed.Bytes())
		r, err := f.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s: %d bytes, %v", compression, len(got), err)
		}
		if err := f.Check(dir); err != nil || !ours(f.Name) {
			t.Error(err)
		}
		for n := range packed.Len() {
			put(packed.Bytes()[:n])
			if err := f.Check(dir); !errors.Is(err, ErrDamaged) {
				t.Fatalf("%s: cut at %d of %d bytes: %v", compression, n, packed.Len(), err)
			}
		}
	}
	if _, err := Compress(io.Discard, "rar"); err == nil {
		t.Error("an unknown compression is taken")
	}
}
