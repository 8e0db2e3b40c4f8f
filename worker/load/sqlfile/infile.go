package sqlfile

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// InfileFormat is how LOAD DATA is told to read rows as they stand in an INSERT of
// ours: (1,'a',NULL),\n(2,'b',x'00'),\n. With an enclosing character the bare word
// NULL is one, and a hexadecimal literal is a text that begins with x'.
const InfileFormat = `CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\'' ESCAPED BY '\\' LINES STARTING BY '(' TERMINATED BY '),\n'`

// Form is how the values of a column are written; NULL has any.
type Form uint8

// The forms that LOAD DATA reads as well.
const (
	Plain Form = 1 << iota // digits, or a string
	Hex                    // x'...'
)

// Infile looks whether LOAD DATA takes the same values as INSERT from rows of ours,
// the text behind VALUES and its line break. forms has room for each column and
// gets what its values are. ok is false for any other value, such as a call or a
// string with a character set in front, for columns of both forms, and for text
// that is no UTF-8.
func Infile(rows []byte, forms []Form) (n int64, ok bool) {
	clear(forms)
	if !utf8.Valid(rows) || !bytes.HasSuffix(rows, []byte(");\n")) {
		return 0, false
	}
	for i := 0; ; n++ {
		if i = infileRow(rows, i, forms); i < 0 {
			return n, false
		}
		end := string(rows[i:min(i+2, len(rows))])
		if i += 2; end == ";\n" {
			return n + 1, i == len(rows)
		}
		if end != ",\n" {
			return n, false
		}
	}
}

// infileRow gives the index behind the row at i, -1 when there is none that will do.
// Since the text ends with a line break, which is part of no value, each value has
// a byte behind it.
func infileRow(text []byte, i int, forms []Form) int {
	if i >= len(text) || text[i] != '(' {
		return -1
	}
	for col := range forms {
		i++
		var form Form
		switch c := text[i]; {
		case c == '\'':
			form, i = Plain, infileString(text, i+1)
		case digit(c):
			for form = Plain; digit(text[i]) || text[i] == '.' || text[i] == 'e' || text[i] == '+'; {
				i++
			}
		case c == 'N' && bytes.HasPrefix(text[i:], []byte("NULL")):
			i += len("NULL")
		case c == 'x' && text[i+1] == '\'':
			form = Hex
			for i += 2; hexDigit(text[i]); i++ {
			}
			if text[i] != '\'' {
				return -1
			}
			i++
		default:
			return -1
		}
		if i < 0 || i >= len(text) {
			return -1
		}
		if forms[col] |= form; forms[col] == Plain|Hex {
			return -1
		}
		if last := col == len(forms)-1; text[i] != ',' && !last || text[i] != ')' && last {
			return -1
		}
	}
	return i + 1
}

// infileString gives the index behind the string that was opened before i, -1
// without an end or with an escape that LOAD DATA reads in another way.
func infileString(text []byte, i int) int {
	for {
		n := bytes.IndexByte(text[i:], '\'')
		if n < 0 {
			return -1
		}
		if esc := bytes.IndexByte(text[i:i+n], '\\'); esc >= 0 {
			i += esc + 2
			if i >= len(text) || strings.IndexByte(`0nrZ\'"`, text[i-1]) < 0 {
				return -1
			}
			continue
		}
		if i += n + 1; i >= len(text) || text[i] != '\'' {
			return i
		}
		i++ // a doubled quote
	}
}

func digit(c byte) bool { return c >= '0' && c <= '9' || c == '-' }

func hexDigit(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }

// InfileHead takes an INSERT of ours apart: its columns, and its rows, which begin
// behind the line break; ok is false for anything else.
func InfileHead(text []byte) (head, rows []byte, columns []string, ok bool) {
	const values = " VALUES\n"
	n := bytes.Index(text, []byte(values))
	if n < 0 {
		return nil, nil, nil, false
	}
	n += len(values)
	p := parser{text: text[:n]}
	in, err := p.head()
	return text[:n], text[n:], in.Columns, err == nil && len(in.Columns) > 0 && len(text[p.at:n]) == 1
}
