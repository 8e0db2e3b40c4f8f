package schema

import (
	"slices"
	"strings"
)

// Words is a statement of a source's binlog, cut as that source cuts it. Of its
// comments only what the source executes is left, and a quoted name is one word
// that is never a keyword.
type Words struct {
	text   string
	tokens []token
	// opened tells that some words stand in executable comments.
	opened bool
	broken error // why the words end before the text
}

// ReadWords cuts a statement that was executed under sqlMode. A MariaDB executes
// comments that others do not.
//
// What says nothing about tables is cut out of the statement: SET STATEMENT ...
// FOR before it, and the START TRANSACTION that a MySQL writes into its CREATE
// TABLE ... SELECT.
func ReadWords(text, sqlMode string, mariaDB bool) Words {
	w := cutWords(text, sqlMode, mariaDB)
	for {
		from, to := w.beside()
		if from == to {
			return w
		}
		text = text[:w.tokens[from].from] + text[w.tokens[to-1].to:]
		w = cutWords(text, sqlMode, mariaDB)
	}
}

func cutWords(text, sqlMode string, mariaDB bool) Words {
	l := newLexer(text, sqlMode)
	l.foreign = "MT"
	if mariaDB {
		l.foreign = "T"
	}
	w := Words{text: text}
	w.tokens, w.broken = l.all()
	w.opened = l.opened > 0
	return w
}

// beside finds the tokens to cut out, from == to when there are none.
func (w *Words) beside() (from, to int) {
	c := &cursor{tokens: w.tokens}
	switch {
	case c.accept("SET", "STATEMENT"):
		if at := c.outside("FOR"); at >= 0 {
			return 0, at + 1
		}
	case c.accept("CREATE", "TABLE"):
		if at := c.outside("START", "TRANSACTION"); at >= 0 {
			return at, at + 2
		}
	}
	return 0, 0
}

// outside finds words outside of brackets, -1 without.
func (c *cursor) outside(words ...string) int {
	depth := 0
	for at := c.pos; at < len(c.tokens); at++ {
		switch t := c.tokens[at]; {
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		case depth == 0 && (&cursor{tokens: c.tokens, pos: at}).accept(words...):
			return at
		}
	}
	return -1
}

// Text is the statement with its comments.
func (w *Words) Text() string { return w.text }

// Bare is the statement without comments, for the empty sql_mode, and whether it
// says something that Text says in executable comments.
func (w *Words) Bare() (text string, opened bool) { return sqlText(w.tokens), w.opened }

// Empty tells whether there is nothing to execute.
func (w *Words) Empty() bool { return len(w.tokens) == 0 && w.broken == nil }

// Form is what kind of statement this is, in words of one spelling: CREATE
// TRIGGER, OPTIMIZE TABLE, SET PASSWORD, GRANT. The words between that say how,
// or by whom, are left out. It is "" when the statement begins with no word.
func (w *Words) Form() string {
	c := &cursor{tokens: w.tokens}
	if c.done() || c.peek(0).kind != word {
		return ""
	}
	verb := strings.ToUpper(c.next().text)
	for _, kind := range c.kinds(verb) {
		if c.accept(strings.Fields(kind)...) {
			return verb + " " + oneSpelling(kind)
		}
	}
	return verb
}

// oneSpelling gives one of the words for the same thing.
func oneSpelling(kind string) string {
	switch kind {
	case "TABLES", "VIEWS", "TEMPORARY TABLES":
		return strings.TrimSuffix(kind, "S")
	case "SCHEMA":
		return "DATABASE"
	case "PACKAGE BODY":
		return "PACKAGE"
	}
	return kind
}

// kinds passes the words behind a verb that say how, and gives those that say of
// what the statement is.
func (c *cursor) kinds(verb string) []string {
	switch verb {
	case "CREATE", "ALTER", "DROP":
		c.modifiers()
		return things()
	case "RENAME":
		return []string{"USER", "TABLES", "TABLE"}
	case "OPTIMIZE", "ANALYZE", "REPAIR", "CHECK":
		c.acceptAny("LOCAL", "NO_WRITE_TO_BINLOG")
		return []string{"TABLES", "TABLE", "VIEWS", "VIEW"}
	case "SET":
		return []string{"PASSWORD", "DEFAULT ROLE", "ROLE", "RESOURCE GROUP"}
	case "LOAD", "CACHE":
		return []string{"INDEX"}
	}
	return nil
}

// things are what can be created, altered or dropped. The longer name comes first.
func things() []string {
	return []string{
		"TABLES", "TABLE", "DATABASE", "SCHEMA", "SPATIAL REFERENCE SYSTEM", "INDEX", "SEQUENCE",
		"TEMPORARY TABLES", "TEMPORARY TABLE", "TEMPORARY SEQUENCE",
		"TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "VIEW", "PACKAGE BODY", "PACKAGE", "LIBRARY",
		"USER", "ROLE", "SERVER", "TABLESPACE", "LOGFILE GROUP", "RESOURCE GROUP", "INSTANCE",
	}
}

// modifiers passes what may stand between CREATE, ALTER or DROP and the thing.
func (c *cursor) modifiers() {
	for {
		switch {
		case c.accept("OR", "REPLACE"), c.accept("ONLINE"), c.accept("OFFLINE"), c.accept("IGNORE"), c.accept("UNIQUE"),
			c.accept("FULLTEXT"), c.accept("UNDO"), c.accept("AGGREGATE"), c.accept("JSON", "DUALITY"), c.accept("JSON", "RELATIONAL", "DUALITY"):
		case c.peek(0).is("SPATIAL") && !c.peek(1).is("REFERENCE"):
			c.next()
		case c.accept("ALGORITHM", "="), c.accept("SQL", "SECURITY"):
			c.next()
		case c.accept("DEFINER", "="):
			c.account()
		default:
			return
		}
	}
}

// account passes a user: a name, with or without a host, or CURRENT_USER().
func (c *cursor) account() {
	c.next()
	switch {
	case c.accept("(", ")"):
	case c.accept("@"):
		c.next()
		for c.accept(".") { // of a host without quotes
			c.next()
		}
	}
}

// Writes tells whether the statement changes rows, or may do so by a function
// that it calls.
func (w *Words) Writes() bool {
	first := w.Form()
	return slices.Contains([]string{"INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "WITH", "ANALYZE", "SELECT", "DO", "CALL"}, first)
}

// Loads gives the table of a LOAD DATA or LOAD XML.
func (w *Words) Loads() (n Name, ok bool) {
	r := &headReader{cursor: cursor{tokens: w.tokens}, dropped: map[int]bool{}}
	if !r.accept("LOAD") {
		return n, false
	}
	if r.pos = r.outside("INTO", "TABLE"); r.pos < 0 || !r.accept("INTO", "TABLE") || !r.table() {
		return n, false
	}
	return r.h.Tables[0], true
}

// Temporary gives the temporary tables that a statement creates or drops, and which
// of the two; nothing for other statements.
func (w *Words) Temporary() (verb string, names []Name) {
	r := &headReader{cursor: cursor{tokens: w.tokens}, dropped: map[int]bool{}}
	verb, _ = r.acceptAny("CREATE", "DROP")
	r.accept("OR", "REPLACE")
	if verb == "" || !r.accept("TEMPORARY") {
		return "", nil
	}
	if _, ok := r.acceptAny("TABLE", "TABLES"); !ok {
		return "", nil
	}
	if !r.accept("IF", "NOT", "EXISTS") {
		r.accept("IF", "EXISTS")
	}
	for r.table() && verb == "DROP" && r.accept(",") {
	}
	return verb, r.h.Tables
}

// Savepoint gives the name in SAVEPOINT and ROLLBACK TO, and which of the two it is.
func (w *Words) Savepoint() (verb, name string) {
	c := &cursor{tokens: w.tokens}
	if verb, _ = c.acceptAny("SAVEPOINT", "ROLLBACK"); verb == "ROLLBACK" {
		c.accept("WORK")
		if !c.accept("TO") {
			return "", ""
		}
		c.accept("SAVEPOINT")
	}
	name, err := c.name()
	if verb == "" || err != nil {
		return "", ""
	}
	return verb, strings.ToLower(name)
}
