package dump

import (
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/raftdm/raftdm/worker/dump/dumpdir"
)

// flushBytes is how much is written to a file at once.
const flushBytes = 1 << 20

// chunkWriter writes the statements of one chunk into one or more data files.
type chunkWriter struct {
	dir         string
	name        func(part int) string
	limit       int64 // size of a file's contents, bytes
	chunk       int
	compression string // "" for none

	file  *os.File
	pack  io.WriteCloser // into file; nil without compression
	info  dumpdir.File
	files []dumpdir.File
}

// write takes whole statements that hold rows rows, and begins another file
// when this one is full.
func (w *chunkWriter) write(data []byte, rows int64) error {
	if w.file == nil {
		if err := w.open(); err != nil {
			return err
		}
	}
	if err := w.append(data); err != nil {
		return err
	}
	w.info.Rows += rows
	if w.info.Bytes < w.limit {
		return nil
	}
	return w.close()
}

func (w *chunkWriter) open() error {
	w.info = dumpdir.File{Name: w.name(len(w.files)) + dumpdir.Extension(w.compression), Chunk: w.chunk}
	f, err := os.OpenFile(filepath.Join(w.dir, w.info.Name), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	w.file = f
	if w.compression != "" {
		if w.pack, err = dumpdir.Compress(f, w.compression); err != nil {
			return err
		}
	}
	return w.append([]byte(dumpdir.FileHead))
}

func (w *chunkWriter) append(data []byte) error {
	out := io.Writer(w.file)
	if w.pack != nil {
		out = w.pack
	}
	if _, err := out.Write(data); err != nil {
		return err
	}
	w.info.Bytes += int64(len(data))
	w.info.CRC = crc32.Update(w.info.CRC, dumpdir.CRC(), data)
	return nil
}

// close ends the open file, if any. The kernel brings it to the disk: see
// DESIGN.md for what that means to who goes on after a crash of the machine.
func (w *chunkWriter) close() error {
	if w.file == nil {
		return nil
	}
	if err := w.finish(); err != nil {
		return err // abort closes the file
	}
	f := w.file
	w.file = nil
	w.files = append(w.files, w.info)
	return f.Close()
}

// finish writes what the compressor holds back.
func (w *chunkWriter) finish() error {
	if w.pack == nil {
		return nil
	}
	err := w.pack.Close()
	w.pack = nil
	if err != nil {
		return err
	}
	info, err := w.file.Stat()
	if err == nil {
		w.info.Stored = info.Size()
	}
	return err
}

// abort drops the open file's handle after a failure.
func (w *chunkWriter) abort() {
	if w.file != nil {
		errors.Join(w.finish(), w.file.Close()) //nolint:errcheck // the dump has failed already and the file is worthless
		w.file = nil
	}
}
