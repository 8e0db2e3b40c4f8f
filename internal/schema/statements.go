package schema

import "strings"

// Statements cuts a text at the semicolons that stand between statements, as
// sqlMode reads it. What is empty or only a comment is left out.
func Statements(text, sqlMode string) ([]string, error) {
	tokens, err := lex(text, sqlMode)
	if err != nil {
		return nil, err
	}
	var out []string
	from, some := 0, false
	cut := func(to int) {
		if some {
			out = append(out, strings.TrimSpace(text[from:to]))
		}
	}
	for _, t := range tokens {
		if t.kind == punct && t.text == ";" {
			cut(t.from)
			from, some = t.to, false
			continue
		}
		some = true
	}
	cut(len(text))
	return out, nil
}
