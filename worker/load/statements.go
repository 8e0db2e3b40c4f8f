package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/raftdm/raftdm/worker/dump/dumpdir"
)

// readBuffer is what is read from a data file at once.
const readBuffer = 256 << 10

// batchBytes is how many bytes of statements one transaction carries: enough
// that its commit, which waits for the target's disk, does not count much; far
// below TiDB's limit of a transaction and of what one lane may keep in memory.
const batchBytes = 4 << 20

// statement is one INSERT of a data file.
type statement struct {
	text []byte
	from int64 // where it begins in the file
	rows int64
	// invalid is how many error values of ENUMs are in it.
	invalid int
}

// statements cuts a data file into statements at ";\n", which dumpdir promises
// to stand at their ends only.
type statements struct {
	file *os.File
	in   *bufio.Reader
	at   int64
}

// openStatements opens a data file at the end of a statement.
func openStatements(dir string, f dumpdir.File, offset int64) (*statements, error) {
	file, err := os.Open(filepath.Join(dir, f.Name))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", dumpdir.ErrDamaged, err)
	}
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &statements{file: file, in: bufio.NewReaderSize(file, readBuffer), at: offset}, nil
}

func (s *statements) close() { s.file.Close() } //nolint:errcheck // it was only read

// batch gives the next statements of at most batchBytes together, at least one;
// none at the end of the file.
func (s *statements) batch() ([]statement, error) {
	var (
		out  []statement
		size int
	)
	for size < batchBytes {
		st, err := s.next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		var is bool
		if st.invalid, is = dumpdir.ErrorValues(st.text); !is {
			continue // a session setting in the head of the file
		}
		out = append(out, st)
		size += len(st.text)
	}
	return out, nil
}

// next reads up to and including ";\n".
func (s *statements) next() (statement, error) {
	st := statement{from: s.at, rows: -1} // the head of the INSERT is a line of its own
	for {
		line, err := s.in.ReadSlice('\n')
		st.text = append(st.text, line...)
		s.at += int64(len(line))
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(st.text) == 0:
			return statement{}, io.EOF
		case errors.Is(err, io.EOF):
			return statement{}, fmt.Errorf("%w: file %s ends inside a statement", dumpdir.ErrDamaged, s.file.Name())
		case err != nil:
			return statement{}, err
		}
		st.rows++
		if bytes.HasSuffix(st.text, []byte(";\n")) {
			return st, nil
		}
	}
}
