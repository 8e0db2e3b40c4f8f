package foreign

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/worker/load/sqlfile"
)

// gzipped ends the name of a file that is compressed with gzip.
const gzipped = ".gz"

// open opens a file for reading, decompressed.
func open(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil || !strings.HasSuffix(path, gzipped) {
		return f, err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, errors.Join(damaged(path, err), f.Close())
	}
	return &unzip{z, f}, nil
}

type unzip struct {
	*gzip.Reader
	file *os.File
}

// Read gives errors of the format their file, and not the form of a connection
// that broke, which io.ErrUnexpectedEOF is to others.
func (u *unzip) Read(b []byte) (int, error) {
	n, err := u.Reader.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = damaged(u.file.Name(), err)
	}
	return n, err
}

func damaged(path string, err error) error {
	return &fault.Error{Kind: fault.Corrupt, Msg: fmt.Sprintf("file %s cannot be decompressed: %v", path, err),
		Hint: "bring it back from a copy, or dump the table again; then resume-task"}
}

// Close closes the file; the format has nothing to close.
func (u *unzip) Close() error { return u.file.Close() }

// size gives how many bytes a file has, decompressed, and what it ends with.
func size(path string) (int64, tail, error) {
	var end tail
	r, err := open(path)
	if err != nil {
		return 0, end, err
	}
	var in io.Reader = r
	skipped := int64(0)
	if f, plain := r.(*os.File); plain {
		info, err := f.Stat()
		if err != nil {
			return 0, end, errors.Join(err, r.Close())
		}
		skipped = max(0, info.Size()-tailSize)
		in = io.NewSectionReader(f, skipped, tailSize)
	}
	n, err := io.Copy(&end, in)
	return skipped + n, end, errors.Join(err, r.Close())
}

// tailSize is how many bytes a tail keeps.
const tailSize = 1024

// tail is what a file ends with.
type tail []byte

// Write forgets what came before.
func (t *tail) Write(b []byte) (int, error) {
	*t = append(*t, b...)
	*t = append((*t)[:0], (*t)[max(0, len(*t)-tailSize):]...)
	return len(b), nil
}

// torn tells that the file ends inside a statement. One that ends with a comment
// does not, and strings look like one only when the file was cut in them.
func (t tail) torn() bool {
	text := bytes.TrimRight(t, " \t\r\n")
	line := bytes.TrimLeft(text[bytes.LastIndexByte(text, '\n')+1:], " \t")
	comment := bytes.HasSuffix(text, []byte("*/")) || bytes.HasPrefix(line, []byte("--")) || bytes.HasPrefix(line, []byte("#"))
	return len(text) > 0 && text[len(text)-1] != ';' && !comment
}

// checkedSize is size of a file with rows. One that was cut is refused before
// the load has begun, for as long as another copy may take its place.
func checkedSize(path string) (int64, error) {
	n, end, err := size(path)
	if err == nil && end.torn() {
		err = &fault.Error{Kind: fault.Corrupt, Code: codeFileEnding, Msg: fmt.Sprintf("file %s ends inside a statement", path),
			Hint: "bring it back from a copy, or dump the table again; then resume-task"}
	}
	return n, err
}

// sizes is size of many files, some at a time.
func sizes(paths []string) ([]int64, error) {
	const atOnce = 4
	out, errs := make([]int64, len(paths)), make([]error, len(paths))
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i, p := range paths {
		if !strings.HasSuffix(p, gzipped) {
			out[i], errs[i] = checkedSize(p)
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			out[i], errs[i] = checkedSize(p)
		})
	}
	wg.Wait()
	return out, errors.Join(errs...)
}

// statement gives the first statement of a file that is neither a comment nor a
// setting; "" without one.
func statement(path string) (string, error) {
	f, err := open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	r := sqlfile.NewReader(f, 0, false)
	for {
		st, err := r.Next()
		if errors.Is(err, io.EOF) {
			return "", nil
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", path, err)
		}
		text := strings.TrimSpace(strings.TrimSuffix(string(st.Text), ";"))
		if text != "" && !sqlfile.IsSetting(text) {
			return text, nil
		}
	}
}
