package create

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/route"
	"github.com/raftdm/raftdm/internal/schema"
)

// createHead is how SHOW CREATE begins, up to the name.
var createHead = regexp.MustCompile("^CREATE (?:TABLE|DATABASE) (?:IF NOT EXISTS |/\\*!32312 IF NOT EXISTS\\*/ )?(`(?:[^`]|``)+`)")

// reference is a line of a CREATE TABLE up to and with the other table's name.
var reference = regexp.MustCompile("(?m)^( *(?:CONSTRAINT `(?:[^`]|``)+` )?FOREIGN KEY .* REFERENCES )(?:(`(?:[^`]|``)+`)\\.)?(`(?:[^`]|``)+`)")

// renamedSchema is a CREATE DATABASE under the name that the schema has on the target.
func renamedSchema(create, name string) string {
	at := createHead.FindStringSubmatchIndex(create)
	if at == nil {
		return create
	}
	return create[:at[2]] + dbconn.Ident(name) + create[at[3]:]
}

// renamedTable is a CREATE TABLE under the name that table n has on the target, with the
// names of the tables there to which its foreign keys point.
func renamedTable(create string, n schema.Name, r *route.Router) (string, error) {
	to, err := r.Table(n.Schema, n.Table)
	if err != nil {
		return "", err
	}
	at := createHead.FindStringSubmatchIndex(create)
	if at == nil {
		return "", fault.New(fault.Internal, fmt.Sprintf("no name is found in the CREATE TABLE of %s", dbconn.Ident(n.Schema, n.Table)))
	}
	create = create[:at[2]] + dbconn.Ident(to.Table) + create[at[3]:]
	create = reference.ReplaceAllStringFunc(create, func(line string) string {
		m := reference.FindStringSubmatch(line)
		parent := schema.Name{Schema: n.Schema, Table: unquote(m[3])}
		if m[2] != "" {
			parent.Schema = unquote(m[2])
		}
		there, e := r.Table(parent.Schema, parent.Table)
		if e != nil {
			err = e
			return line
		}
		name := dbconn.Ident(there.Table)
		if there.Schema != to.Schema {
			name = dbconn.Ident(there.Schema, there.Table)
		}
		return m[1] + name
	})
	return create, err
}

// unquote gives the name in backquotes.
func unquote(ident string) string {
	return strings.ReplaceAll(ident[1:len(ident)-1], "``", "`")
}
