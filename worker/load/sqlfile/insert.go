package sqlfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// ErrNotRows means that a statement is not an INSERT of rows that can be read, and
// ErrValues, which is one, that the INSERT is all right up to its rows.
var (
	ErrNotRows = errors.New("not an INSERT of rows")
	ErrValues  = fmt.Errorf("%w: its rows cannot be read", ErrNotRows)
)

// Insert is an INSERT or REPLACE statement, taken apart.
type Insert struct {
	Schema  string // "" when the statement names none
	Table   string
	Columns []string // nil when the statement names none
	// Head ends behind VALUES.
	Head int
	// Rows are the rows with their parentheses.
	Rows []Span
}

// Span is a part of a text.
type Span struct{ From, To int }

// Of gives the part.
func (s Span) Of(text []byte) []byte { return text[s.From:s.To] }

// ParseInsert reads the text of one statement. rows is room for Insert.Rows,
// which may be nil.
func ParseInsert(text []byte, rows []Span) (Insert, error) {
	p := parser{text: text}
	in, err := p.head()
	if err != nil {
		return in, err
	}
	in.Head = p.at
	if in.Rows, err = p.rows(rows[:0]); err != nil {
		err = fmt.Errorf("%w: near %q", ErrValues, p.near())
	}
	return in, err
}

// IsInsert tells whether a statement begins like one that ParseInsert reads.
func IsInsert(text []byte) bool {
	p := parser{text: text}
	return p.word("INSERT") || p.word("REPLACE")
}

type parser struct {
	text []byte
	at   int
}

// blanks skips blanks and comments.
func (p *parser) blanks() {
	for p.at < len(p.text) {
		rest := p.text[p.at:]
		skip := 0
		switch {
		case rest[0] <= ' ':
			p.at++
			continue
		case bytes.HasPrefix(rest, []byte("/*")) && !bytes.HasPrefix(rest, []byte("/*!")):
			if n := bytes.Index(rest[2:], []byte("*/")); n >= 0 {
				skip = 2 + n + 2
			}
		case rest[0] == '#', bytes.HasPrefix(rest, []byte("-- ")):
			if n := bytes.IndexByte(rest, '\n'); n >= 0 {
				skip = n + 1
			}
		}
		if skip == 0 {
			return
		}
		p.at += skip
	}
}

// word skips a keyword if it stands here.
func (p *parser) word(w string) bool {
	p.blanks()
	end := p.at + len(w)
	if end > len(p.text) || !strings.EqualFold(string(p.text[p.at:end]), w) || end < len(p.text) && wordByte(p.text[end]) {
		return false
	}
	p.at = end
	return true
}

// sign skips a byte if it stands here.
func (p *parser) sign(c byte) bool {
	p.blanks()
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *parser) head() (Insert, error) {
	var in Insert
	if !p.word("INSERT") && !p.word("REPLACE") {
		return in, p.fail()
	}
	p.word("IGNORE")
	p.word("INTO")
	var ok bool
	if in.Table, ok = p.name(); !ok {
		return in, p.fail()
	}
	if p.sign('.') {
		in.Schema = in.Table
		if in.Table, ok = p.name(); !ok {
			return in, p.fail()
		}
	}
	if p.sign('(') {
		for {
			c, ok := p.name()
			if !ok {
				return in, p.fail()
			}
			in.Columns = append(in.Columns, c)
			if p.sign(')') {
				break
			}
			if !p.sign(',') {
				return in, p.fail()
			}
		}
	}
	if !p.word("VALUES") && !p.word("VALUE") {
		return in, p.fail()
	}
	return in, nil
}

// name reads a quoted or bare name.
func (p *parser) name() (string, bool) {
	p.blanks()
	if p.at == len(p.text) {
		return "", false
	}
	quote := p.text[p.at]
	if quote != '`' && quote != '"' {
		from := p.at
		for p.at < len(p.text) && wordByte(p.text[p.at]) {
			p.at++
		}
		return string(p.text[from:p.at]), p.at > from
	}
	var out []byte
	for i := p.at + 1; i < len(p.text); i++ {
		c := p.text[i]
		if c != quote {
			out = append(out, c)
			continue
		}
		if i+1 < len(p.text) && p.text[i+1] == quote {
			out = append(out, c)
			i++
			continue
		}
		p.at = i + 1
		return string(out), true
	}
	return "", false
}

func wordByte(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// rows reads "(..), (..) ;" to the end of the text.
func (p *parser) rows(out []Span) ([]Span, error) {
	for {
		p.blanks()
		from := p.at
		if !p.sign('(') {
			return out, p.fail()
		}
		if p.at = groupEnd(p.text, p.at); p.at < 0 {
			p.at = from
			return out, p.fail()
		}
		out = append(out, Span{from, p.at})
		if p.sign(',') {
			continue
		}
		if p.sign(';') {
			p.blanks()
		}
		if p.at < len(p.text) {
			return out, p.fail() // ON DUPLICATE KEY UPDATE, for one
		}
		return out, nil
	}
}

// groupEnd gives the index behind the ')' that closes a group which was opened
// before from; -1 without one.
func groupEnd(text []byte, from int) int {
	depth := 1
	for i := from; i < len(text); i++ {
		switch c := text[i]; c {
		case '\'', '"', '`':
			s := scanner{quote: c}
			i += s.quoted(text[i+1:])
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// Values gives the values of a row, as they are written.
func Values(row []byte) [][]byte {
	var out [][]byte
	from, depth := 1, 0
	for i := 1; i < len(row); i++ {
		switch c := row[i]; c {
		case '\'', '"', '`':
			s := scanner{quote: c}
			i += s.quoted(row[i+1:])
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				return append(out, bytes.TrimSpace(row[from:i]))
			}
		case ',':
			if depth == 0 {
				out = append(out, bytes.TrimSpace(row[from:i]))
				from = i + 1
			}
		}
	}
	return out
}

// fail says what stands where something else was expected.
func (p *parser) fail() error { return fmt.Errorf("%w: near %q", ErrNotRows, p.near()) }

// near is what stands here, not too much of it.
func (p *parser) near() []byte {
	p.blanks()
	rest := p.text[p.at:]
	return rest[:min(len(rest), 40)]
}
