package dump

import (
	"encoding/binary"
	"encoding/hex"
	"strings"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
)

// form is how a value is written.
type form uint8

const (
	formQuoted  form = iota // '...' with escapes
	formBare                // digits as the server sends them
	formFloat               // the same, but -0 as a floating point number
	formHex                 // x'...'
	formEnum                // '...', and 0 for enumError
	formEnumHex             // x'...', and 0 for enumError
	formText                // as the column's own literal says
)

// enumError stands for the error value of an ENUM in what is read. No element
// is like it: servers strip trailing blanks of elements.
const enumError = "raftdm "

// charsetBinary is the number of the character set of bytes that are no text.
const charsetBinary = 63

// formOf decides by the type that the server sends with the result.
func formOf(c column) form {
	switch c.typ {
	case gomysql.MYSQL_TYPE_DECIMAL, gomysql.MYSQL_TYPE_TINY, gomysql.MYSQL_TYPE_SHORT, gomysql.MYSQL_TYPE_LONG,
		gomysql.MYSQL_TYPE_LONGLONG, gomysql.MYSQL_TYPE_INT24, gomysql.MYSQL_TYPE_YEAR, gomysql.MYSQL_TYPE_NEWDECIMAL:
		return formBare
	case gomysql.MYSQL_TYPE_FLOAT, gomysql.MYSQL_TYPE_DOUBLE:
		return formFloat
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
//
// A row with error values of ENUMs stands alone, in a statement that says how
// many there are (dumpdir.ErrorValues): no strict session takes it.
type encoder struct {
	into    string // `table` (columns) VALUES\n
	columns []tableColumn
	forms   []form
	limit   int // size of a statement, bytes

	buf   []byte
	start int // of the open statement in buf
	rows  int // in the open statement; 0: none is open
	wide  bool
}

func newEncoder(table string, columns []tableColumn, limit int) *encoder {
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = dbconn.Ident(c.name)
	}
	into := dbconn.Ident(table) + " (" + strings.Join(quoted, ",") + ") VALUES\n"
	return &encoder{into: into, columns: columns, limit: limit}
}

// begin learns how to write the columns.
func (e *encoder) begin(cols []column) {
	e.forms = e.forms[:0]
	for i, c := range cols {
		f := formOf(c)
		switch {
		case i >= len(e.columns): // another number of them is found with the first row
		case e.columns[i].text != nil:
			f = formText
		case e.columns[i].enum && f == formHex:
			f = formEnumHex
		case e.columns[i].enum:
			f = formEnum
		}
		e.forms = append(e.forms, f)
	}
}

// open begins a statement, whose one row has so many error values.
func (e *encoder) open(invalid int) {
	e.start = len(e.buf)
	e.buf = append(append(append(e.buf, dumpdir.InsertHead(invalid)...), "INTO "...), e.into...)
}

// row appends one row, in a new statement when it does not fit into the open one.
func (e *encoder) row(p []byte) error {
	if e.rows == 0 {
		e.open(0)
	} else {
		e.buf = append(e.buf, ",\n"...)
	}
	mark := len(e.buf)
	invalid, err := e.appendRow(p)
	if err != nil {
		return err
	}
	e.rows++
	if invalid > 0 {
		e.alone(mark, invalid)
		return nil
	}
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

// alone moves the row that begins at mark into a statement that tells of its
// error values.
func (e *encoder) alone(mark, invalid int) {
	row := append([]byte(nil), e.buf[mark:]...)
	if e.rows > 1 {
		e.buf = e.buf[:mark-2] // without the comma before it
		e.end()
	} else {
		e.buf = e.buf[:e.start]
	}
	e.open(invalid)
	e.buf, e.rows = append(e.buf, row...), 1
	e.wide = e.wide || len(e.buf)-e.start+2 > e.limit
	e.end()
}

// split moves the row that begins at mark into a statement of its own.
func (e *encoder) split(mark int) {
	row := append([]byte(nil), e.buf[mark:]...)
	e.buf = e.buf[:mark-2] // without the comma before it
	e.end()
	e.open(0)
	e.buf, e.rows = append(e.buf, row...), 1
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

// appendRow writes one text-protocol row as (v,v,...) and counts the error
// values in it.
func (e *encoder) appendRow(p []byte) (invalid int, err error) {
	dst := append(e.buf, '(')
	for i, f := range e.forms {
		if i > 0 {
			dst = append(dst, ',')
		}
		if len(p) > 0 && p[0] == 0xfb {
			dst, p = append(dst, "NULL"...), p[1:]
			continue
		}
		n, width, ok := lenenc(p)
		if !ok || uint64(len(p)-width) < n {
			return 0, errMalformed
		}
		v := p[width : width+int(n)]
		p = p[width+int(n):]
		switch {
		case f == formFloat && string(v) == "-0":
			dst = append(dst, "-0e0"...) // the integer has no such sign
		case f == formBare || f == formFloat:
			dst = append(dst, v...)
		case (f == formEnum || f == formEnumHex) && string(v) == enumError:
			dst = append(dst, '0')
			invalid++
		case f == formHex || f == formEnumHex:
			dst = append(dst, "x'"...)
			dst = append(hex.AppendEncode(dst, v), '\'')
		case f == formText:
			if dst, err = e.columns[i].text.TextLiteral(dst, v); err != nil {
				return 0, err
			}
		default:
			dst = append(appendEscaped(append(dst, '\''), v), '\'')
		}
	}
	if len(p) != 0 {
		return 0, errMalformed
	}
	e.buf = append(dst, ')')
	return invalid, nil
}

// escapes gives the letter behind the backslash for each byte that needs one.
// All of them are ASCII, so they occur in UTF-8 text as themselves only.
//
// It is a table and never written to.
var escapes = [256]byte{0: '0', '\n': 'n', '\r': 'r', '\\': '\\', '\'': '\'', '"': '"', 0x1a: 'Z'}

func appendEscaped(dst, v []byte) []byte {
	from := 0
	for i := 0; i < len(v); i++ {
		for len(v)-i >= 8 && plain(binary.LittleEndian.Uint64(v[i:])) {
			i += 8
		}
		if i == len(v) {
			break
		}
		if esc := escapes[v[i]]; esc != 0 {
			dst = append(append(dst, v[from:i]...), '\\', esc)
			from = i + 1
		}
	}
	return append(dst, v[from:]...)
}

// plain tells that none of eight bytes has to be escaped: none is a control
// character, a quote or a backslash. It looks at all of them at once, and most
// of the dump's own time goes here.
func plain(x uint64) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	zero := func(x uint64) uint64 { return (x - ones) & ^x }
	return ((x-ones*0x20)&^x|zero(x^ones*'"')|zero(x^ones*'\'')|zero(x^ones*'\\'))&tops == 0
}
