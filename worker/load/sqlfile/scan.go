package sqlfile

// scanner follows SQL text until the end of a statement. It keeps its state
// between calls, so that text may come in pieces.
type scanner struct {
	quote   byte // inside a string or a name: its quote; 0 outside
	escaped bool // the last byte was a backslash of a string
	comment byte // inside a comment: '*' until */, '\n' until the end of the line
	last    byte // the byte before, outside of strings; dashes for two '-'
}

// dashes stands for "--", which begins a comment when a blank follows.
const dashes = 1

// meaning tells the bytes that may end or begin something outside of strings.
var meaning = [256]bool{'\'': true, '"': true, '`': true, ';': true, '*': true, '-': true, '#': true,
	' ': true, '\t': true, '\n': true, '\r': true}

// end gives the index behind the first ';' that ends a statement, -1 when there
// is none yet.
func (s *scanner) end(b []byte) int {
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case s.quote != 0:
			i += s.quoted(b[i:]) - 1
		case s.comment != 0:
			if s.comment == '\n' && c == '\n' || s.comment == '*' && c == '/' && s.last == '*' {
				s.comment, c = 0, 0
			}
			s.last = c
		case !meaning[c]:
			s.last = c
		case c == ';':
			s.last = 0
			return i + 1
		default:
			s.open(c)
		}
	}
	return -1
}

// open looks at a byte that may begin a string or a comment.
func (s *scanner) open(c byte) {
	before := s.last
	s.last = c
	switch {
	case c == '\'' || c == '"' || c == '`':
		s.quote, s.last = c, 0
	case c == '#', before == dashes && (c == ' ' || c == '\t'):
		s.comment = '\n'
	case c == '*' && before == '/':
		s.comment, s.last = '*', 0 // this star does not end it
	case c == '-' && before == '-':
		s.last = dashes
	}
}

// quoted follows a string or a name and gives how many bytes it has looked at.
// A doubled quote ends one and begins another, which comes to the same.
func (s *scanner) quoted(b []byte) int {
	quote, escapes := s.quote, s.quote != '`'
	for i, c := range b {
		switch {
		case s.escaped:
			s.escaped = false
		case c == '\\' && escapes:
			s.escaped = true
		case c == quote:
			s.quote = 0
			return i + 1
		}
	}
	return len(b)
}
