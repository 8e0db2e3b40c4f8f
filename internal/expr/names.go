package expr

import (
	"strings"
	"unicode/utf8"
)

// quotedText is an expression in which names with letters beyond ASCII stand in
// backquotes: MySQL reads them without, the parser does not.
type quotedText struct {
	text string
	// added are the places in text of the backquotes that were not there.
	added []int
	size  int // of the expression as it was
}

// place gives the place in the expression for one in text.
func (q quotedText) place(at int) int {
	n := 0
	for _, a := range q.added {
		if a < at {
			n++
		}
	}
	return min(max(at-n, 0), q.size)
}

func quoteNames(s string) quotedText {
	q := quotedText{size: len(s)}
	var b strings.Builder
	for i := 0; i < len(s); {
		end := i + 1
		switch c := s[i]; {
		case c == '\'' || c == '"' || c == '`':
			end = quoteEnd(s, i)
		case nameByte(c):
			for end < len(s) && nameByte(s[end]) {
				end++
			}
			if strings.IndexFunc(s[i:end], func(r rune) bool { return r >= utf8.RuneSelf }) >= 0 {
				q.added = append(q.added, b.Len(), b.Len()+1+end-i)
				b.WriteString("`" + s[i:end] + "`")
				i = end
				continue
			}
		}
		b.WriteString(s[i:end])
		i = end
	}
	q.text = b.String()
	return q
}

// quoteEnd gives the place behind the quoted text that begins at i.
func quoteEnd(s string, i int) int {
	for j := i + 1; j < len(s); j++ {
		switch {
		case s[j] == '\\' && s[i] != '`':
			j++
		case s[j] == s[i]:
			return j + 1
		}
	}
	return len(s)
}

func nameByte(c byte) bool {
	return c >= utf8.RuneSelf || c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
