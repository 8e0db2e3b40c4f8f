package schema

import (
	"fmt"
	"strings"

	"github.com/raftdm/raftdm/internal/fault"
)

// tokenKind says what a token is to the CREATE TABLE reader.
type tokenKind uint8

const (
	word   tokenKind = iota // keyword, bare name or number
	quoted                  // quoted name; text is the name itself
	str                     // string; text is its value
	punct                   // one character
)

// token is one lexical element of a statement.
type token struct {
	kind tokenKind
	text string
	// spaced tells that blanks or a comment came before, so that text can be put
	// together again without gluing or parting what the server would not.
	spaced bool
	// from and to are where the token stands in the text.
	from, to int
}

// is tells whether t is the keyword or character s; s is upper case.
func (t token) is(s string) bool {
	return (t.kind == word || t.kind == punct) && strings.EqualFold(t.text, s)
}

// lexer cuts a statement into tokens. Executable comments (/*!50100 ... */,
// /*M!100301 ... */, /*T![x] ... */) are read as if they were no comments: what
// SHOW CREATE prints inside them applies to the server that printed it.
type lexer struct {
	in     string
	pos    int
	spaced bool
	open   int // executable comments not closed yet
	opened int // how many there were

	ansiQuotes, noBackslash bool
	// foreign are the letters of executable comments that are plain comments to
	// the server whose text it is.
	foreign string
}

// lex cuts sql under the given sql_mode.
func lex(sql, sqlMode string) ([]token, error) { return newLexer(sql, sqlMode).all() }

func newLexer(sql, sqlMode string) *lexer {
	l := &lexer{in: sql}
	for mode := range strings.SplitSeq(strings.ToUpper(sqlMode), ",") {
		switch strings.TrimSpace(mode) {
		case "ANSI_QUOTES", "ANSI", "ORACLE", "POSTGRESQL", "MSSQL", "DB2", "MAXDB":
			l.ansiQuotes = true
		case "NO_BACKSLASH_ESCAPES":
			l.noBackslash = true
		}
	}
	return l
}

// all gives the tokens, and beside an error those before it.
func (l *lexer) all() ([]token, error) {
	var out []token
	for {
		l.skip()
		if l.pos >= len(l.in) {
			return out, nil
		}
		from := l.pos
		t, err := l.next()
		if err != nil {
			return out, err
		}
		t.from, t.to = from, l.pos
		t.spaced, l.spaced = l.spaced, false
		out = append(out, t)
	}
}

// skip passes blanks and comments, and the delimiters of executable comments.
func (l *lexer) skip() {
	for l.pos < len(l.in) {
		rest := l.in[l.pos:]
		switch {
		case strings.ContainsRune(" \t\r\n\f\v", rune(rest[0])):
			l.pos++
		case l.open > 0 && strings.HasPrefix(rest, "*/"):
			l.open--
			l.pos += 2
		case l.executes(rest):
			l.enterExecutable(rest)
		case strings.HasPrefix(rest, "/*"):
			l.pos += commentEnd(rest, "*/")
		case rest[0] == '#', rest == "--", strings.HasPrefix(rest, "--") && strings.IndexByte(" \t\r\n", rest[2]) >= 0:
			l.pos += commentEnd(rest, "\n")
		default:
			return
		}
		l.spaced = true
	}
}

// executes tells whether rest begins with an executable comment.
func (l *lexer) executes(rest string) bool {
	mark, ok := strings.CutPrefix(rest, "/*")
	for _, letter := range []string{"", "M", "T"} {
		if ok && strings.HasPrefix(mark, letter+"!") {
			return letter == "" || !strings.Contains(l.foreign, letter)
		}
	}
	return false
}

// enterExecutable passes the opening of an executable comment with its version
// number or feature list.
func (l *lexer) enterExecutable(rest string) {
	const digits = 6 // of the longest version number
	i := strings.IndexByte(rest, '!') + 1
	if strings.HasPrefix(rest, "/*T!") && i < len(rest) && rest[i] == '[' {
		i += commentEnd(rest[i:], "]")
	}
	for n := 0; n < digits && i < len(rest) && rest[i] >= '0' && rest[i] <= '9'; n++ {
		i++
	}
	l.open++
	l.opened++
	l.pos += i
}

// commentEnd is where the text after the first end begins.
func commentEnd(s, end string) int {
	if i := strings.Index(s, end); i >= 0 {
		return i + len(end)
	}
	return len(s)
}

func (l *lexer) next() (token, error) {
	c := l.in[l.pos]
	switch {
	case c == '`', c == '"' && l.ansiQuotes:
		text, err := l.until(c, false)
		return token{kind: quoted, text: text}, err
	case c == '\'', c == '"':
		text, err := l.until(c, !l.noBackslash)
		return token{kind: str, text: text}, err
	case isWordByte(c):
		start := l.pos
		for l.pos < len(l.in) && isWordByte(l.in[l.pos]) {
			l.pos++
		}
		return token{kind: word, text: l.in[start:l.pos]}, nil
	}
	l.pos++
	return token{kind: punct, text: string(rune(c))}, nil
}

func isWordByte(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// until reads a quoted text; a doubled quote stands for itself.
func (l *lexer) until(quote byte, backslash bool) (string, error) {
	start := l.pos
	l.pos++
	var b strings.Builder
	for l.pos < len(l.in) {
		c := l.in[l.pos]
		l.pos++
		switch {
		case c == '\\' && backslash && l.pos < len(l.in):
			b.WriteString(unescape(l.in[l.pos]))
			l.pos++
		case c == quote && l.pos < len(l.in) && l.in[l.pos] == quote:
			b.WriteByte(quote)
			l.pos++
		case c == quote:
			return b.String(), nil
		default:
			b.WriteByte(c)
		}
	}
	return "", fault.New(fault.Schema, fmt.Sprintf("text starting at %q is not closed", excerpt(l.in[start:])))
}

// unescape gives what a backslash and c stand for in a MySQL string.
func unescape(c byte) string {
	switch c {
	case '0':
		return "\x00"
	case 'b':
		return "\b"
	case 'n':
		return "\n"
	case 'r':
		return "\r"
	case 't':
		return "\t"
	case 'Z':
		return "\x1a"
	case '%', '_': // kept for LIKE patterns
		return `\` + string(rune(c))
	}
	return string([]byte{c})
}

// excerpt shortens a statement for a message.
func excerpt(s string) string {
	const limit = 60
	if len(s) <= limit {
		return s
	}
	return s[:limit] + "..."
}

// sqlText puts tokens together again, for a session with the empty sql_mode.
func sqlText(tokens []token) string {
	var b []byte
	for i, t := range tokens {
		if t.spaced && i > 0 {
			b = append(b, ' ')
		}
		switch t.kind {
		case quoted:
			b = appendIdent(b, t.text)
		case str:
			b = appendQuoted(b, t.text)
		default:
			b = append(b, t.text...)
		}
	}
	return string(b)
}

// appendIdent appends a name in backquotes.
func appendIdent(dst []byte, name string) []byte {
	dst = append(dst, '`')
	for i := range len(name) {
		if name[i] == '`' {
			dst = append(dst, '`')
		}
		dst = append(dst, name[i])
	}
	return append(dst, '`')
}
