package sqlfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// readSize is what is asked of a file at once.
const readSize = 256 << 10

// ErrTorn means that a file ends inside a statement.
var ErrTorn = errors.New("the file ends inside a statement")

// Statement is one statement of a file.
type Statement struct {
	Text      []byte // valid until the next call of the reader
	From, End int64  // where it begins, and where the next one does
}

// Reader gives the statements of a file one after the other.
type Reader struct {
	in   io.Reader
	own  bool
	buf  []byte
	from int   // what of buf was not given out yet
	at   int64 // the position of buf[from] in the file
	done bool  // in has ended
}

// NewReader reads statements from in, whose first byte has the position at. own
// says that they end with ";\n", which stands nowhere else.
func NewReader(in io.Reader, at int64, own bool) *Reader { return &Reader{in: in, at: at, own: own} }

// At is the position of the next statement.
func (r *Reader) At() int64 { return r.at }

// Read is how far the file has been read, which is where it ends once it has.
func (r *Reader) Read() int64 { return r.at + int64(len(r.buf)-r.from) }

// Next gives the next statement, io.EOF behind the last.
func (r *Reader) Next() (Statement, error) {
	all, err := r.Batch(1)
	if err != nil {
		return Statement{}, err
	}
	return all[0], nil
}

// Batch gives the next statements up to about limit bytes together, at least
// one; io.EOF when there is none left.
func (r *Reader) Batch(limit int) ([]Statement, error) {
	r.buf = append(r.buf[:0], r.buf[r.from:]...)
	r.from = 0
	type span struct{ from, text, end int }
	var found []span
	for r.from < limit {
		from, text, end, err := r.find()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		found = append(found, span{from, text, end})
		r.from = end
	}
	if len(found) == 0 {
		return nil, io.EOF
	}
	begin := r.at
	out := make([]Statement, len(found))
	for i, s := range found {
		out[i] = Statement{Text: r.buf[s.from:s.text], From: begin + int64(s.from), End: begin + int64(s.end)}
	}
	r.at += int64(r.from)
	return out, nil
}

// find looks for the statement at r.from: where it begins, behind its ';', and
// where the next one begins.
func (r *Reader) find() (from, text, end int, err error) {
	from, err = r.skip(r.from)
	if err == nil && !r.own && r.at+int64(from) == 0 {
		from, err = r.skipMark()
	}
	if err != nil {
		return 0, 0, 0, err
	}
	var s scanner
	for looked := from; ; {
		n := -1
		if r.own {
			if n = bytes.Index(r.buf[looked:], []byte(";\n")); n >= 0 {
				n += len(";\n")
			}
		} else {
			n = s.end(r.buf[looked:])
		}
		if n >= 0 {
			text = looked + n
			break
		}
		looked = len(r.buf)
		if r.own {
			looked = max(from, looked-1) // the ';' may be the last byte so far
		}
		if err := r.fill(); err != nil {
			return 0, 0, 0, r.torn(from, err)
		}
	}
	if end, err = r.skip(text); err != nil && !errors.Is(err, io.EOF) {
		return 0, 0, 0, err
	}
	return from, text, end, nil
}

// torn is the answer to a file that ends inside of what begins at from. Comments
// alone are no statement.
func (r *Reader) torn(from int, err error) error {
	if !errors.Is(err, io.EOF) {
		return err
	}
	p := parser{text: r.buf, at: from}
	if p.blanks(); !r.own && p.at == len(r.buf) {
		return io.EOF
	}
	return fmt.Errorf("%w that begins at byte %d", ErrTorn, r.at+int64(from))
}

// skip gives the index of the first byte from i on that is no blank; io.EOF, and
// the end, when there is none.
func (r *Reader) skip(i int) (int, error) {
	for {
		for ; i < len(r.buf); i++ {
			if r.buf[i] > ' ' {
				return i, nil
			}
		}
		if err := r.fill(); err != nil {
			return i, err
		}
	}
}

// skipMark skips a byte order mark, which some editors write, and the blanks
// behind it, at the beginning of a file.
func (r *Reader) skipMark() (int, error) {
	const mark = "\ufeff"
	for len(r.buf) < len(mark) {
		if err := r.fill(); errors.Is(err, io.EOF) {
			return 0, nil
		} else if err != nil {
			return 0, err
		}
	}
	if !bytes.HasPrefix(r.buf, []byte(mark)) {
		return 0, nil
	}
	return r.skip(len(mark))
}

// fill reads more behind what is in buf.
func (r *Reader) fill() error {
	if r.done {
		return io.EOF
	}
	if cap(r.buf)-len(r.buf) < readSize {
		r.buf = append(make([]byte, 0, 2*cap(r.buf)+readSize), r.buf...)
	}
	n, err := r.in.Read(r.buf[len(r.buf) : len(r.buf)+readSize])
	r.buf = r.buf[:len(r.buf)+n]
	if errors.Is(err, io.EOF) {
		r.done = true
		if n > 0 {
			err = nil
		}
	}
	return err
}
