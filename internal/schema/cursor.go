package schema

import (
	"fmt"
	"strconv"

	"github.com/raftdm/raftdm/internal/fault"
)

// cursor walks over tokens. It never goes past the end: the token there is
// empty and is no keyword.
type cursor struct {
	tokens []token
	pos    int
}

func (c *cursor) done() bool { return c.pos >= len(c.tokens) }

func (c *cursor) peek(ahead int) token {
	if i := c.pos + ahead; i < len(c.tokens) {
		return c.tokens[i]
	}
	return token{kind: punct}
}

func (c *cursor) next() token {
	t := c.peek(0)
	c.pos++
	return t
}

// accept passes the given keywords or characters if they come next, all of them.
func (c *cursor) accept(words ...string) bool {
	for i, w := range words {
		if !c.peek(i).is(w) {
			return false
		}
	}
	c.pos += len(words)
	return true
}

// acceptAny passes one of the given words and gives it.
func (c *cursor) acceptAny(words ...string) (string, bool) {
	for _, w := range words {
		if c.accept(w) {
			return w, true
		}
	}
	return "", false
}

// expect passes the words or says what stands there instead.
func (c *cursor) expect(words ...string) error {
	for _, w := range words {
		if !c.accept(w) {
			return c.unexpected(w)
		}
	}
	return nil
}

// unexpected is the error for a fragment that cannot be read.
func (c *cursor) unexpected(want string) error {
	rest := "the end"
	if !c.done() {
		rest = fmt.Sprintf("%q", excerpt(sqlText(c.tokens[c.pos:])))
	}
	return fault.New(fault.Schema, fmt.Sprintf("expected %s, found %s", want, rest))
}

// name passes a bare or quoted name.
func (c *cursor) name() (string, error) {
	if k := c.peek(0).kind; c.done() || k != word && k != quoted {
		return "", c.unexpected("a name")
	}
	return c.next().text, nil
}

// number passes a plain number.
func (c *cursor) number() (int, error) {
	n, err := strconv.Atoi(c.peek(0).text)
	if err != nil || c.peek(0).kind != word {
		return 0, c.unexpected("a number")
	}
	c.pos++
	return n, nil
}

// group passes a parenthesised group and gives its tokens, brackets excluded.
func (c *cursor) group() ([]token, error) {
	if err := c.expect("("); err != nil {
		return nil, err
	}
	start := c.pos
	for depth := 1; !c.done(); {
		switch t := c.next(); {
		case t.is("("):
			depth++
		case t.is(")"):
			if depth--; depth == 0 {
				return c.tokens[start : c.pos-1], nil
			}
		}
	}
	return nil, c.unexpected(")")
}

// splitCommas cuts tokens at the commas outside of brackets.
func splitCommas(tokens []token) [][]token {
	var out [][]token
	depth, start := 0, 0
	for i, t := range tokens {
		switch {
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		case t.is(",") && depth == 0:
			out = append(out, tokens[start:i])
			start = i + 1
		}
	}
	return append(out, tokens[start:])
}
