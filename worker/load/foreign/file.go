package foreign

import (
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

// Size gives how many bytes a file has, decompressed.
func size(path string) (int64, error) {
	if !strings.HasSuffix(path, gzipped) {
		info, err := os.Stat(path)
		if err != nil {
			return 0, err
		}
		return info.Size(), nil
	}
	r, err := open(path)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(io.Discard, r)
	return n, errors.Join(err, r.Close())
}

// sizes is size of many files, some at a time.
func sizes(paths []string) ([]int64, error) {
	const atOnce = 4
	out, errs := make([]int64, len(paths)), make([]error, len(paths))
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i, p := range paths {
		if !strings.HasSuffix(p, gzipped) {
			out[i], errs[i] = size(p)
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			out[i], errs[i] = size(p)
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
