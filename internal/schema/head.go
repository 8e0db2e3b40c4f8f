package schema

import (
	"slices"
	"strings"
)

// Head is what the first words of a statement about tables or a schema tell,
// read without the SQL parser: that one does not know all that MariaDB writes.
type Head struct {
	// Verb and Object are "ALTER" and "TABLE", "CREATE" and "DATABASE" and so on.
	Verb, Object string
	OrReplace    bool // CREATE OR REPLACE
	IfExists     bool
	// Tables are those that are named before anything else; a Schema is "" where
	// the statement leaves it to the session. For a schema Table is "".
	Tables []Name
	// Index is the name of an index that is created or dropped.
	Index string
	// Whole is set when the statement can name no other tables behind those.
	Whole bool
	// Plain is the statement for the empty sql_mode without the words that only
	// MariaDB has and that say how, not what: OR REPLACE, ONLINE, IGNORE,
	// NOWAIT, WAIT n, IF EXISTS of an ALTER TABLE, COMPRESSED of a column;
	// PERSISTENT is STORED.
	Plain string
	// Visible is Plain without what changes no rows and is not known to every
	// server: that a column is INVISIBLE, a schema's COMMENT and READ ONLY. It is
	// "" when nothing else is said. Remark is what was left out about a schema.
	Visible, Remark string
	// Attributes tells that Visible leaves out attributes of a storage engine.
	Attributes bool
	// Sure is Visible without IF EXISTS and IF NOT EXISTS of the clauses of an ALTER
	// TABLE, "" where they have none. Ifs tells for each clause which it has.
	Sure string
	Ifs  []Condition
}

// Condition is under which a clause of an ALTER TABLE does something.
type Condition int

// The conditions of a clause.
const (
	Always Condition = iota
	IfExists
	IfNotExists
)

// Head reads the beginning of a statement; ok is false for other statements.
func (w *Words) Head() (h Head, ok bool) {
	if w.broken != nil {
		return h, false
	}
	r := &headReader{cursor: cursor{tokens: slices.Clone(w.tokens)}, dropped: map[int]bool{}, hidden: map[int]bool{}}
	if !r.verb() || !r.object() || !r.names() {
		return h, false
	}
	r.h.Whole = !r.mentions("RENAME", "EXCHANGE", "LIKE", "SELECT", "UNION") && !r.converts()
	r.dropCompressed()
	hollow := r.hide()
	if r.h.Plain = r.plain(nil); !hollow {
		r.h.Visible = r.plain(r.hidden)
		r.conditions()
	}
	return r.h, true
}

// About gives the text of a statement with a Head, with another name for the first
// table in it.
func (w *Words) About(n Name) string {
	r := &headReader{cursor: cursor{tokens: slices.Clone(w.tokens)}, dropped: map[int]bool{}, hidden: map[int]bool{}}
	if w.broken != nil || !r.verb() || !r.object() || !r.names() {
		return w.text
	}
	return w.text[:r.from] + n.ident() + w.text[r.to:]
}

// headReader collects a Head, the places of words that Plain leaves out, and
// those that Visible leaves out too.
type headReader struct {
	cursor
	h               Head
	dropped, hidden map[int]bool
	from, to        int // where the first table's name stands in the text
}

// drop passes the words if they come next, and leaves them out of Plain.
func (r *headReader) drop(words ...string) bool {
	at := r.pos
	if !r.accept(words...) {
		return false
	}
	for ; at < r.pos; at++ {
		r.dropped[at] = true
	}
	return true
}

func (r *headReader) verb() bool {
	verb, ok := r.acceptAny("CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE")
	r.h.Verb = verb
	switch verb {
	case "CREATE":
		r.h.OrReplace = r.drop("OR", "REPLACE")
	case "ALTER":
		r.drop("ONLINE")
		r.drop("IGNORE")
	}
	return ok
}

func (r *headReader) object() bool {
	for {
		if _, more := r.acceptAny("UNIQUE", "FULLTEXT", "SPATIAL", "ONLINE", "OFFLINE"); !more {
			break
		}
	}
	object, ok := r.acceptAny("TABLES", "TABLE", "DATABASE", "SCHEMA", "INDEX", "SEQUENCE")
	switch object {
	case "TABLES":
		object = "TABLE"
		r.tokens[r.pos-1].text = object
	case "SCHEMA":
		object = "DATABASE"
	}
	r.h.Object = object
	if !ok && r.h.Verb == "TRUNCATE" { // the word TABLE may be left out
		r.h.Object, ok = "TABLE", true
	}
	r.accept("IF", "NOT", "EXISTS")
	if r.h.Verb == "ALTER" || r.h.Verb == "RENAME" {
		r.h.IfExists = r.drop("IF", "EXISTS")
	} else {
		r.h.IfExists = r.accept("IF", "EXISTS")
	}
	return ok
}

func (r *headReader) names() bool {
	if r.h.Verb == "ALTER" && r.h.Object == "DATABASE" {
		if option, sure := r.option(); option || !sure {
			r.h.Tables = []Name{{}} // the session's schema
			return sure
		}
	}
	if r.h.Object == "INDEX" {
		name, err := r.name()
		if err != nil {
			return false
		}
		r.h.Index = name
		for !r.done() && !r.peek(0).is("ON") { // USING BTREE
			r.next()
		}
		r.next()
	}
	if !r.table() {
		return false
	}
	switch {
	case r.h.Verb == "DROP" && r.h.Object == "TABLE":
		for r.accept(",") {
			if !r.table() {
				return false
			}
		}
	case r.h.Verb == "RENAME":
		return r.renamed()
	}
	return true
}

// renamed reads on behind the first name of RENAME TABLE.
func (r *headReader) renamed() bool {
	for {
		if !r.accept("TO") || !r.table() {
			return false
		}
		if !r.accept(",") {
			return true
		}
		if !r.table() {
			return false
		}
	}
}

func (r *headReader) table() bool {
	from := r.peek(0).from
	name, err := r.name()
	if err != nil {
		return false
	}
	n := Name{Table: name}
	if r.h.Object == "DATABASE" {
		n = Name{Schema: name}
	} else if r.accept(".") {
		n.Schema = name
		if n.Table, err = r.name(); err != nil {
			return false
		}
	}
	if r.h.Tables = append(r.h.Tables, n); len(r.h.Tables) == 1 {
		r.from, r.to = from, r.tokens[r.pos-1].to
	}
	r.drop("NOWAIT")
	if r.peek(0).is("WAIT") {
		r.drop("WAIT")
		r.drop(strings.ToUpper(r.peek(0).text))
	}
	return true
}

// mentions tells whether one of the words stands behind the names.
func (r *headReader) mentions(words ...string) bool {
	for _, t := range r.tokens[min(r.pos, len(r.tokens)):] {
		for _, w := range words {
			if t.is(w) {
				return true
			}
		}
	}
	return false
}

// converts tells whether a table becomes a partition or the other way round.
func (r *headReader) converts() bool {
	for i := r.pos; i+1 < len(r.tokens); i++ {
		if r.tokens[i].is("CONVERT") && (r.tokens[i+1].is("TABLE") || r.tokens[i+1].is("PARTITION")) {
			return true
		}
	}
	return false
}

// option tells whether an option of a schema comes next, and not its name. It is
// not sure about names that read like an option.
func (r *headReader) option() (yes, sure bool) {
	for _, w := range []string{"DEFAULT", "CHARACTER", "COLLATE", "READ"} { // reserved words
		if r.peek(0).is(w) {
			return true, true
		}
	}
	for _, w := range []string{"CHARSET", "COMMENT", "ENCRYPTION"} {
		if r.peek(0).is(w) {
			set := r.peek(1).is("=") || r.peek(1).kind == str
			return set, set
		}
	}
	return false, true
}
