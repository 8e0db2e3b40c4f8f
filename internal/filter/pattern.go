package filter

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Pattern matches one name: an exact text, a wildcard or, behind a ~, a regular
// expression. It is made by CompilePattern.
type Pattern struct {
	text  string // as it was written
	fold  bool
	exact string
	wild  []element      // nil unless a wildcard
	re    *regexp.Regexp // nil unless a regular expression
}

// element is what stands for one character of a wildcard, or the final *.
type element struct {
	kind   elementKind
	char   rune
	negate bool
	ranges [][2]rune
}

type elementKind uint8

const (
	literal elementKind = iota
	anyOne
	class
	anyRest
)

const wildcards = "*?["

// isPattern tells whether an entry is more than one exact name.
func isPattern(s string) bool {
	return strings.HasPrefix(s, "~") || strings.ContainsAny(s, wildcards)
}

// CompilePattern reads a pattern, which is not empty. With fold the letters' case
// does not count.
func CompilePattern(s string, fold bool) (Pattern, error) {
	p, err := compilePattern(s, fold)
	p.text = s
	return p, err
}

func compilePattern(s string, fold bool) (Pattern, error) {
	if s == "" {
		return Pattern{}, errors.New("the name is empty")
	}
	if expr, ok := strings.CutPrefix(s, "~"); ok {
		return compileRegexp(expr, fold)
	}
	if fold {
		s = strings.ToLower(s)
	}
	if !strings.ContainsAny(s, wildcards) {
		return Pattern{fold: fold, exact: s}, nil
	}
	wild, err := compileWild([]rune(s))
	return Pattern{fold: fold, wild: wild}, err
}

func compileRegexp(expr string, fold bool) (Pattern, error) {
	flags := ""
	if fold {
		flags = "(?i)" // lower-casing the expression would turn \S into \s
	}
	re, err := regexp.Compile(flags + expr)
	if err != nil {
		return Pattern{}, fmt.Errorf("%q is not a regular expression: %w", expr, err)
	}
	return Pattern{re: re}, nil
}

func compileWild(s []rune) ([]element, error) {
	var out []element
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '*':
			if i != len(s)-1 {
				return nil, fmt.Errorf("%q has a * that is not its last character", string(s))
			}
			out = append(out, element{kind: anyRest})
		case '?':
			out = append(out, element{kind: anyOne})
		case '[':
			e, n, err := compileClass(s[i:])
			if err != nil {
				return nil, fmt.Errorf("%q: %w", string(s), err)
			}
			out = append(out, e)
			i += n - 1
		default:
			out = append(out, element{kind: literal, char: s[i]})
		}
	}
	return out, nil
}

// compileClass reads "[a-z]" or "[!xy]" at the start of s and tells its length.
func compileClass(s []rune) (element, int, error) {
	e := element{kind: class}
	i := 1
	if i < len(s) && s[i] == '!' {
		e.negate = true
		i++
	}
	for ; i < len(s) && s[i] != ']'; i++ {
		r := [2]rune{s[i], s[i]}
		if i+2 < len(s) && s[i+1] == '-' && s[i+2] != ']' {
			r[1] = s[i+2]
			i += 2
		}
		if r[0] > r[1] {
			return e, 0, fmt.Errorf("the range %c-%c is backwards", r[0], r[1])
		}
		e.ranges = append(e.ranges, r)
	}
	if i == len(s) {
		return e, 0, errors.New("a [ has no ]")
	}
	if len(e.ranges) == 0 {
		return e, 0, errors.New("the brackets are empty")
	}
	return e, i + 1, nil
}

// Match tells whether the pattern matches all of a name; a regular expression
// may match a part of it.
func (p *Pattern) Match(name string) bool {
	if p.re != nil {
		return p.re.MatchString(name) // which folds by itself
	}
	if p.fold {
		name = strings.ToLower(name)
	}
	if p.wild == nil {
		return p.exact == name
	}
	rest := []rune(name)
	for _, e := range p.wild {
		if e.kind == anyRest {
			return true
		}
		if len(rest) == 0 || !e.match(rest[0]) {
			return false
		}
		rest = rest[1:]
	}
	return len(rest) == 0
}

func (e element) match(r rune) bool {
	switch e.kind {
	case anyOne:
		return true
	case literal:
		return r == e.char
	}
	for _, x := range e.ranges {
		if x[0] <= r && r <= x[1] {
			return !e.negate
		}
	}
	return e.negate
}
