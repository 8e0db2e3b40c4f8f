package create

import (
	"fmt"
	"strings"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

// Alters refuses a table of the target, of which SHOW CREATE TABLE says text, in
// which the server would round or cut values of the source's table without a word.
// Columns that would refuse a value are none of that: they name the row.
func Alters(source *schema.Table, on schema.Name, text string) error {
	there, err := schema.Parse(text, "", on.Schema)
	if err != nil {
		return nil //nolint:nilerr // a kind of table whose rows stop the task anyhow
	}
	for i := range source.Columns {
		c := &source.Columns[i]
		if t := there.Column(c.Name); t != nil && !t.Keeps(c) {
			return NarrowColumn(on, t, text, dbconn.Ident(c.Name)+" "+definedType(c))
		}
	}
	return nil
}

// NarrowColumn is the end of a column of the target's table that does not hold the
// source's values. text is what SHOW CREATE TABLE says of the table, want how the
// source's column is defined.
func NarrowColumn(on schema.Name, there *schema.Column, text, want string) *fault.Error {
	table := dbconn.Ident(on.Schema, on.Table)
	return &fault.Error{Kind: fault.Schema, Side: fault.Downstream,
		Msg:  fmt.Sprintf("the target's table %s has the column %s already, which does not hold the values of the source's %s", table, ColumnLine(text, there.Name), want),
		Hint: fmt.Sprintf("give the column the source's type, ALTER TABLE %s MODIFY COLUMN %s, then resume-task", table, want)}
}

// definedType is a column's type as a definition has it.
func definedType(c *schema.Column) string {
	s := strings.ToUpper(c.Type)
	switch {
	case len(c.Elems) > 0:
		var quoted []string
		for _, e := range c.Elems {
			quoted = append(quoted, "'"+strings.ReplaceAll(strings.ReplaceAll(e, `\`, `\\`), "'", "''")+"'")
		}
		s += "(" + strings.Join(quoted, ",") + ")"
	case strings.HasSuffix(c.Type, "int"), c.Type == "year", strings.HasSuffix(c.Type, "text"), strings.HasSuffix(c.Type, "blob"):
		// the width for display, and what the name says
	case c.Length >= 0 && c.Decimals >= 0:
		s += fmt.Sprintf("(%d,%d)", c.Length, c.Decimals)
	case c.Length >= 0:
		s += fmt.Sprintf("(%d)", c.Length)
	case c.Decimals > 0:
		s += fmt.Sprintf("(%d)", c.Decimals)
	}
	if c.Unsigned {
		s += " UNSIGNED"
	}
	if c.NotNull {
		s += " NOT NULL"
	}
	return s
}

// ColumnLine is a column's definition as SHOW CREATE TABLE has it.
func ColumnLine(text, name string) string {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); strings.HasPrefix(strings.ToLower(line), strings.ToLower(dbconn.Ident(name))+" ") {
			return strings.TrimSuffix(line, ",")
		}
	}
	return dbconn.Ident(name)
}
