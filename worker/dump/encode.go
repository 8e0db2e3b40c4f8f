package dump

import (
	"encoding/hex"
	"strings"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"github.com/raftdm/raftdm/internal/dbconn"
)

// form is how a value is written.
type form uint8

const (
	formQuoted form = iota // '...' with escapes
	formBare               // digits as the server sends them
	formHex                // x'...'
)

// charsetBinary is the number of the character set of bytes that are no text.
const charsetBinary = 63

// formOf decides by the type that the server sends with the result.
func formOf(c column) form {
	switch c.typ {
	case gomysql.MYSQL_TYPE_DECIMAL, gomysql.MYSQL_TYPE_TINY, gomysql.MYSQL_TYPE_SHORT, gomysql.MYSQL_TYPE_LONG,
		gomysql.MYSQL_TYPE_FLOAT, gomysql.MYSQL_TYPE_DOUBLE, gomysql.MYSQL_TYPE_LONGLONG, gomysql.MYSQL_TYPE_INT24,
		gomysql.MYSQL_TYPE_YEAR, gomysql.MYSQL_TYPE_NEWDECIMAL:
		return formBare
	case gomysql.MYSQL_TYPE_BIT, gomysql.MYSQL_TYPE_GEOMETRY:
		return formHex
	case gomysql.MYSQL_TYPE_VARCHAR, gomysql.MYSQL_TYPE_VAR_STRING, gomysql.MYSQL_TYPE_STRING,
		gomysql.MYSQL_TYPE_TINY_BLOB, gomysql.MYSQL_TYPE_MEDIUM_BLOB, gomysql.MYSQL_TYPE_LONG_BLOB, gomysql.MYSQL_TYPE_BLOB:
		if c.charset == charsetBinary {
			return formHex
		}
	}
	return formQuoted // text, JSON, dates and times, ENUM, SET
}

// encoder turns the row packets of one SELECT into INSERT statements.
type encoder struct {
	head  []byte // INSERT INTO ... VALUES\n
	forms []form
	limit int // size of a statement, bytes

	buf   []byte
	start int // of the open statement in buf
	rows  int // in the open statement; 0: none is open
	wide  bool
}

func newEncoder(table string, columns []string, limit int) *encoder {
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = dbconn.Ident(c)
	}
	head := "INSERT INTO " + dbconn.Ident(table) + " (" + strings.Join(quoted, ",") + ") VALUES\n"
	return &encoder{head: []byte(head), limit: limit}
}

// begin learns how to write the columns.
func (e *encoder) begin(cols []column) {
	e.forms = e.forms[:0]
	for _, c := range cols {
		e.forms = append(e.forms, formOf(c))
	}
}

// row appends one row, in a new statement when it does not fit into the open one.
func (e *encoder) row(p []byte) error {
	if e.rows == 0 {
		e.start = len(e.buf)
		e.buf = append(e.buf, e.head...)
	} else {
		e.buf = append(e.buf, ",\n"...)
	}
	mark := len(e.buf)
	var err error
	if e.buf, err = appendRow(e.buf, p, e.forms); err != nil {
		return err
	}
	e.rows++
	if len(e.buf)-e.start+2 <= e.limit {
		return nil
	}
	if e.rows == 1 { // alone and still too large: it stays, the statement ends here
		e.wide = true
		e.end()
		return nil
	}
	e.split(mark)
	return nil
}

// split moves the row that begins at mark into a statement of its own.
func (e *encoder) split(mark int) {
	row := append([]byte(nil), e.buf[mark:]...)
	e.buf = e.buf[:mark-2] // without the comma before it
	e.end()
	e.start = len(e.buf)
	e.buf = append(append(e.buf, e.head...), row...)
	e.rows = 1
	if len(e.buf)-e.start+2 > e.limit {
		e.wide = true
		e.end()
	}
}

// end closes the open statement.
func (e *encoder) end() {
	if e.rows > 0 {
		e.buf = append(e.buf, ";\n"...)
		e.rows = 0
	}
}

// appendRow writes one text-protocol row as (v,v,...).
func appendRow(dst, p []byte, forms []form) ([]byte, error) {
	dst = append(dst, '(')
	for i, f := range forms {
		if i > 0 {
			dst = append(dst, ',')
		}
		if len(p) > 0 && p[0] == 0xfb {
			dst, p = append(dst, "NULL"...), p[1:]
			continue
		}
		n, width, ok := lenenc(p)
		if !ok || uint64(len(p)-width) < n {
			return nil, errMalformed
		}
		v := p[width : width+int(n)]
		p = p[width+int(n):]
		switch f {
		case formBare:
			dst = append(dst, v...)
		case formHex:
			dst = append(dst, "x'"...)
			dst = append(hex.AppendEncode(dst, v), '\'')
		default:
			dst = append(appendEscaped(append(dst, '\''), v), '\'')
		}
	}
	if len(p) != 0 {
		return nil, errMalformed
	}
	return append(dst, ')'), nil
}

// escapes gives the letter behind the backslash for each byte that needs one.
// All of them are ASCII, so they occur in UTF-8 text as themselves only.
//
// It is a table and never written to.
var escapes = [256]byte{0: '0', '\n': 'n', '\r': 'r', '\\': '\\', '\'': '\'', '"': '"', 0x1a: 'Z'}

func appendEscaped(dst, v []byte) []byte {
	from := 0
	for i, c := range v {
		if esc := escapes[c]; esc != 0 {
			dst = append(append(dst, v[from:i]...), '\\', esc)
			from = i + 1
		}
	}
	return append(dst, v[from:]...)
}
