package create

import (
	"fmt"
	"strings"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/route"
	"github.com/raftdm/raftdm/internal/schema"
)

// Code is DM's number for what cannot be created.
const Code = 34007

// Rules are what decides how something is created.
type Rules struct {
	Routes *route.Router // nil for none
	Target dbconn.Server
	// Strict spells out the collation that the source means by a character set, and
	// replaces none: the target may refuse it.
	Strict bool
}

// Statement creates a schema or a table.
type Statement struct {
	// Schema is the current schema of the session, "" for a schema's own statement.
	Schema string `json:"schema,omitempty"`
	SQL    string `json:"sql"`
	// Replaced are the collations that the target does not know.
	Replaced []Replaced `json:"replaced,omitempty"`
}

// Replaced is a collation that the target does not know, and the one in its place.
type Replaced struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Schema gives the name of a schema on the target and the statement that creates
// it. text is what SHOW CREATE DATABASE says of it, or "".
func (r Rules) Schema(name, text string) (string, Statement, error) {
	if text == "" { // a dump of another tool may come without it
		text = "CREATE DATABASE " + dbconn.Ident(name)
	}
	to, err := r.Routes.Schema(name)
	if err != nil {
		return "", Statement{}, err
	}
	if to != name {
		text = renamedSchema(text, to)
	}
	st := Statement{}
	st.SQL, st.Replaced = r.collate(IfMissing(text))
	return to, st, nil
}

// IfMissing makes what SHOW CREATE DATABASE says harmless where the schema is there.
func IfMissing(create string) string {
	const head = "CREATE DATABASE "
	if rest, ok := strings.CutPrefix(create, head); ok && !strings.HasPrefix(rest, "IF NOT EXISTS ") && !strings.HasPrefix(rest, "/*!32312") {
		return head + "/*!32312 IF NOT EXISTS*/ " + rest
	}
	return create
}

// Table gives the statement that creates a table of which SHOW CREATE TABLE says text.
func (r Rules) Table(n schema.Name, to *route.Target, text string) (Statement, error) {
	if text == "" {
		return Statement{}, &fault.Error{Op: "create table " + dbconn.Ident(n.Schema, n.Table), Kind: fault.Schema, Side: fault.Downstream, Code: Code,
			Msg:  "neither the target nor the dump has the structure of the table",
			Hint: "create the table on the target, or put the file with its CREATE TABLE beside the data; then resume-task"}
	}
	if to.Routed {
		var err error
		if text, err = renamedTable(text, n, r.Routes); err != nil {
			return Statement{}, err
		}
	}
	if r.Target.TiDB {
		text = visible(text)
	}
	st := Statement{Schema: to.Schema}
	st.SQL, st.Replaced = r.collate(ifNotExists(text))
	return st, nil
}

// visible is a CREATE TABLE for a server that knows no invisible columns: there
// they are columns like others, as replication makes them.
func visible(text string) string {
	words := schema.ReadWords(text, "", false)
	if head, ok := words.Head(); ok && head.Visible != "" && head.Visible != head.Plain {
		return head.Visible
	}
	return text
}

// NoSchema is the end of a table whose schema nobody has created: only a route of
// schemas would.
func NoSchema(n schema.Name, to *route.Target) error {
	return &fault.Error{Op: "create table " + dbconn.Ident(to.Schema, to.Table), Kind: fault.Schema, Side: fault.Downstream, Code: Code,
		Msg: fmt.Sprintf("schema %s doesn't exist", to.Schema),
		Hint: fmt.Sprintf("create it on the target, or give the task a route with a schema-pattern for %q, target-schema %q and no table-pattern; then resume-task",
			n.Schema, to.Schema)}
}

// Filled refuses a table of the target that lacks a column which a route fills.
func Filled(to *route.Target, columns []string) error {
	for _, c := range to.Columns {
		if containsFold(columns, c.Name) {
			continue
		}
		name := dbconn.Ident(to.Schema, to.Table)
		return &fault.Error{Kind: fault.Schema, Side: fault.Downstream, Code: Code,
			Msg:  fmt.Sprintf("the route %q fills the column %s of %s, which the target's table does not have", to.Rule, dbconn.Ident(c.Name), name),
			Hint: fmt.Sprintf("on the target ALTER TABLE %s ADD COLUMN %s VARCHAR(64), then resume-task", name, dbconn.Ident(c.Name))}
	}
	return nil
}

func containsFold(list []string, s string) bool {
	for _, l := range list {
		if strings.EqualFold(l, s) {
			return true
		}
	}
	return false
}

// Holds is the end of a table without unique keys that holds rows which are not
// the task's: nothing would notice a row that is there already.
func Holds(to *route.Target) error {
	name := dbconn.Ident(to.Schema, to.Table)
	return &fault.Error{Op: "look into the table on the target", Kind: fault.Conflict, Side: fault.Downstream,
		Msg:  fmt.Sprintf("table %s has no unique key and holds rows already: loading into it could double rows unnoticed", name),
		Hint: fmt.Sprintf("empty it with TRUNCATE TABLE %s on the target, or exclude it with the block-allow-list; then resume-task", name)}
}
