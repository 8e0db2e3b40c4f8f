package schema

import (
	"maps"
	"slices"
	"strings"
)

// dropCompressed leaves COMPRESSED and COMPRESSED=method of columns out. A name
// may be the same word: it stands behind other words, or is the new one of a CHANGE.
func (r *headReader) dropCompressed() {
	for i := max(r.pos, 2); i < len(r.tokens); i++ {
		if r.tokens[i].kind != word || !r.tokens[i].is("COMPRESSED") || namesColumn(r.tokens[i-1]) {
			continue
		}
		if before := r.tokens[i-2]; before.is("CHANGE") || before.is("COLUMN") || before.is("EXISTS") {
			continue
		}
		r.dropped[i] = true
		next := &cursor{tokens: r.tokens, pos: i + 1}
		if next.accept("=") && !next.done() {
			r.dropped[i+1], r.dropped[i+2] = true, true
		}
	}
}

// namesColumn tells whether a column's name, or a table option's value, comes next.
func namesColumn(before token) bool {
	for _, w := range []string{"(", ",", ".", "=", "ROW_FORMAT", "ADD", "COLUMN", "EXISTS", "CHANGE", "MODIFY", "ALTER", "DROP", "AFTER", "TO", "RENAME"} {
		if before.is(w) {
			return true
		}
	}
	return false
}

// hide notes what Visible leaves out, and tells whether nothing is left of an
// ALTER DATABASE.
func (r *headReader) hide() (hollow bool) {
	if r.h.Object != "DATABASE" {
		for i := r.pos; i < len(r.tokens); i++ {
			r.hidden[i] = r.hidden[i] || r.tokens[i].is("INVISIBLE")
			r.hideAttribute(i)
		}
		return r.h.Attributes && !slices.ContainsFunc(r.places(), func(i int) bool { return !r.hidden[i] })
	}
	c := &cursor{tokens: r.tokens, pos: r.pos}
	hollow = r.h.Verb == "ALTER" && !c.done()
	for !c.done() {
		from := c.pos
		if c.accept("COMMENT") || c.accept("READ", "ONLY") {
			c.accept("=")
			c.next()
			for i := from; i < c.pos; i++ {
				r.hidden[i] = true
			}
			r.h.Remark = strings.TrimSpace(r.h.Remark + " " + sqlText(c.tokens[from:min(c.pos, len(c.tokens))]))
			continue
		}
		c.next()
		hollow = false
	}
	return hollow
}

// hideAttribute hides an attribute of a storage engine that begins at i, which
// only a MySQL has, and the comma of a clause that is nothing else.
func (r *headReader) hideAttribute(i int) {
	c := &cursor{tokens: r.tokens, pos: i}
	word, ok := c.acceptAny("ENGINE_ATTRIBUTE", "SECONDARY_ENGINE_ATTRIBUTE", "SECONDARY_ENGINE")
	equals := c.accept("=")
	if !ok || c.done() || !equals && (word == "SECONDARY_ENGINE" || c.peek(0).kind != str) {
		return // a name
	}
	c.next()
	first, last := i == r.pos || r.hidden[i-1] || r.tokens[i-1].is(","), c.done()
	switch {
	case !last && c.peek(0).is(",") && (first || r.h.Verb == "CREATE" && r.atTop(i)):
		c.next()
	case last && i > r.pos && r.tokens[i-1].is(","):
		r.hidden[i-1] = true
	}
	for ; i < c.pos; i++ {
		r.hidden[i] = true
	}
	r.h.Attributes = true
}

// atTop tells that a place is in no brackets.
func (r *headReader) atTop(at int) bool {
	depth := 0
	for _, t := range r.tokens[r.pos:at] {
		if t.is("(") {
			depth++
		} else if t.is(")") {
			depth--
		}
	}
	return depth == 0
}

// places are those of the words behind the names.
func (r *headReader) places() (out []int) {
	for i := r.pos; i < len(r.tokens); i++ {
		out = append(out, i)
	}
	return out
}

// conditions finds what the clauses of an ALTER TABLE depend on.
func (r *headReader) conditions() {
	if r.h.Verb != "ALTER" || r.h.Object != "TABLE" {
		return
	}
	left, depth, found := maps.Clone(r.hidden), 0, false
	ifs := []Condition{Always}
	for i := r.pos; i < len(r.tokens); i++ {
		c := &cursor{tokens: r.tokens, pos: i}
		switch t := r.tokens[i]; {
		case r.hidden[i]:
			continue
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		case depth > 0:
		case t.is(","):
			ifs = append(ifs, Always)
		case c.accept("IF", "NOT", "EXISTS"):
			ifs[len(ifs)-1] = IfNotExists
		case c.accept("IF", "EXISTS"):
			ifs[len(ifs)-1] = IfExists
		}
		for at := i; at < c.pos; at++ {
			left[at], found = true, true
		}
	}
	if found {
		r.h.Sure, r.h.Ifs = r.plain(left), ifs
	}
}

// plain puts the statement together again without what is dropped and what is
// hidden.
func (r *headReader) plain(hidden map[int]bool) string {
	out := make([]token, 0, len(r.tokens))
	for i, t := range r.tokens {
		switch {
		case r.dropped[i], hidden[i]:
			continue
		case i >= r.pos && t.is("PERSISTENT"):
			t.text = "STORED"
		}
		t.spaced = t.spaced || t.kind != punct && i > 0 && (r.dropped[i-1] || hidden[i-1])
		out = append(out, t)
	}
	return sqlText(out)
}

// ForMariaDB puts a statement for the empty sql_mode that the SQL parser has
// written into MariaDB's words: that one does not know ENFORCED, which the parser
// writes behind each CHECK, and drops a CHECK as a CONSTRAINT.
func ForMariaDB(text string) string {
	tokens, err := lex(text, "")
	if err != nil {
		return text
	}
	for i := 1; i < len(tokens); i++ {
		if tokens[i-1].is("DROP") && tokens[i].is("CHECK") {
			tokens[i].text = "CONSTRAINT"
		}
	}
	return sqlText(slices.DeleteFunc(tokens, func(t token) bool { return t.is("ENFORCED") }))
}
