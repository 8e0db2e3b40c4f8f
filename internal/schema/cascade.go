package schema

import "slices"

// Cascades gives the names of the foreign keys in a statement by which a server
// changes rows itself (ON DELETE or ON UPDATE, CASCADE or SET NULL), "" for one
// without a name. inline tells whether the server makes a foreign key of the
// REFERENCES of a column.
func (w *Words) Cascades(inline bool) []string {
	var out []string
	c := &cursor{tokens: w.tokens}
	for !c.done() {
		name := ""
		switch {
		case c.accept("FOREIGN", "KEY"):
			name = c.foreignName()
		case inline && c.peek(0).is("REFERENCES"):
		default:
			c.next()
			continue
		}
		if c.references() && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// foreignName passes what is between FOREIGN KEY and REFERENCES. The name of the
// constraint, which stands before, wins.
func (c *cursor) foreignName() string {
	name := ""
	if at := c.pos - 4; at >= 0 && c.tokens[at].is("CONSTRAINT") {
		name = c.tokens[at+1].text
	}
	c.accept("IF", "NOT", "EXISTS")
	if !c.peek(0).is("(") {
		if own, err := c.name(); err == nil && name == "" {
			name = own
		}
	}
	_, _ = c.group() // DROP FOREIGN KEY has none
	return name
}

// references passes REFERENCES with its options and tells whether one cascades.
func (c *cursor) references() (cascades bool) {
	if !c.accept("REFERENCES") {
		return false
	}
	_, _ = c.name()
	if c.accept(".") {
		_, _ = c.name()
	}
	if c.peek(0).is("(") {
		_, _ = c.group()
	}
	for {
		switch {
		case c.accept("MATCH"):
			c.next()
		case c.accept("ON", "DELETE"), c.accept("ON", "UPDATE"):
			if c.accept("CASCADE") || c.accept("SET", "NULL") {
				cascades = true
			}
		case c.accept("RESTRICT"), c.accept("NO", "ACTION"), c.accept("SET", "DEFAULT"):
		default:
			return cascades
		}
	}
}
