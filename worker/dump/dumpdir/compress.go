package dumpdir

import (
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// window bounds the memory of one zstd stream.
const window = 1 << 20

// Extension is what a compression adds to the names of data files, as mydumper
// names them; "" for none.
func Extension(compression string) string {
	switch compression {
	case "gzip":
		return ".gz"
	case "zstd":
		return ".zst"
	}
	return ""
}

// Compress writes what is written to it to w, compressed. Closing it does not
// close w.
func Compress(w io.Writer, compression string) (io.WriteCloser, error) {
	switch compression {
	case "gzip":
		return gzip.NewWriterLevel(w, flate.BestSpeed)
	case "zstd":
		return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window), zstd.WithLowerEncoderMem(true))
	}
	return nil, fmt.Errorf("compression %q is unknown", compression)
}

// Open reads the contents of a file, decompressed where it is compressed.
// Offsets of a dump are those of the contents. A file that is not compressed
// can seek.
func (f File) Open(dir string) (io.ReadCloser, error) {
	file, err := os.Open(filepath.Join(dir, f.Name))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	var in io.ReadCloser
	switch {
	case strings.HasSuffix(f.Name, Extension("gzip")):
		in, err = gzip.NewReader(file)
	case strings.HasSuffix(f.Name, Extension("zstd")):
		var z *zstd.Decoder
		if z, err = zstd.NewReader(file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true)); err == nil {
			in = z.IOReadCloser()
		}
	default:
		return file, nil
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: file %s: %w", ErrDamaged, f.Name, err), file.Close())
	}
	return &inflated{in, file}, nil
}

// inflated closes the decompressor and the file.
type inflated struct {
	io.ReadCloser
	file io.Closer
}

// Close implements io.Closer.
func (i *inflated) Close() error { return errors.Join(i.ReadCloser.Close(), i.file.Close()) }
