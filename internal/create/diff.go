package create

import (
	"fmt"
	"slices"
	"strings"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/route"
	"github.com/raftdm/raftdm/internal/schema"
)

// Difference is one between the table that the source's statement would make and
// the one that the target has.
type Difference struct {
	Says string `json:"says"`
	// Stops tells that rows cannot be written.
	Stops bool `json:"stops,omitempty"`
}

// Differences compares the table that the source's statement would make with the
// one that the target has, of which SHOW CREATE TABLE says text. to is the route
// by which rows come, whose columns are the target's own on purpose.
func Differences(source, target *schema.Table, text string, to *route.Target) []Difference {
	var out []Difference
	add := func(stops bool, format string, args ...any) {
		out = append(out, Difference{fmt.Sprintf(format, args...), stops})
	}
	for i := range source.Columns {
		c := &source.Columns[i]
		t := target.Column(c.Name)
		switch {
		case t == nil && c.Generated:
			add(false, "column %s is missing, a generated one", dbconn.Ident(c.Name))
		case t == nil:
			add(true, "column %s is missing", dbconn.Ident(c.Name))
		case t.Generated && !c.Generated:
			add(true, "column %s is a generated one", dbconn.Ident(c.Name))
		case c.Generated && !t.Generated:
			add(false, "column %s is no generated one, so the load gives it no values", dbconn.Ident(c.Name))
		case typeText(c) != typeText(t):
			add(!t.Keeps(c), "column %s is %s, on the source %s", dbconn.Ident(c.Name), typeText(t), typeText(c))
		}
	}
	for i := range target.Columns {
		c := &target.Columns[i]
		if source.Column(c.Name) != nil || filled(to, c.Name) {
			continue
		}
		must := !c.Generated && needsValue(text, c)
		note := ""
		if must {
			note = " and needs a value"
		}
		add(must, "column %s is there on the target only%s", dbconn.Ident(c.Name), note)
	}
	for _, k := range keysBeyond(source, target) {
		add(false, "unique key %s is missing", k)
	}
	for _, k := range keysBeyond(target, source) {
		add(false, "unique key %s is there on the target only", k)
	}
	return out
}

func filled(to *route.Target, name string) bool {
	return slices.ContainsFunc(to.Columns, func(c route.Column) bool { return strings.EqualFold(c.Name, name) })
}

// typeText writes what a column can hold, without what servers print differently
// of the same type.
func typeText(c *schema.Column) string {
	s := c.Type
	switch {
	case len(c.Elems) > 0:
		s += "('" + strings.Join(c.Elems, "','") + "')"
	case strings.HasSuffix(c.Type, "int"), c.Type == "year":
		// the width for display
	case c.Length >= 0 && c.Decimals >= 0:
		s += fmt.Sprintf("(%d,%d)", c.Length, c.Decimals)
	case c.Length >= 0 && !strings.HasSuffix(c.Type, "text") && !strings.HasSuffix(c.Type, "blob"):
		s += fmt.Sprintf("(%d)", c.Length)
	case c.Decimals > 0:
		s += fmt.Sprintf("(%d)", c.Decimals)
	}
	if c.Unsigned {
		s += " unsigned"
	}
	if c.Collate != "" && c.Collate != "binary" {
		s += " " + strings.Replace(c.Collate, "utf8mb3_", "utf8_", 1)
	}
	if !c.NotNull {
		return s
	}
	return s + " not null"
}

// needsValue tells whether an INSERT has to give a value for a column of SHOW
// CREATE TABLE.
func needsValue(text string, c *schema.Column) bool {
	if !c.NotNull {
		return false
	}
	for line := range strings.Lines(text) {
		def, ok := strings.CutPrefix(strings.TrimSpace(line), dbconn.Ident(c.Name)+" ")
		if ok {
			def = strings.ToUpper(def)
			return !strings.Contains(def, " DEFAULT ") && !strings.Contains(def, "AUTO_INCREMENT") && !strings.Contains(def, "AUTO_RANDOM")
		}
	}
	return false
}

// keysBeyond lists the unique keys of a that b has not.
func keysBeyond(a, b *schema.Table) []string {
	has := map[string]bool{}
	for i := range b.Indexes {
		has[strings.ToLower(keyText(b, &b.Indexes[i]))] = true
	}
	var out []string
	for i := range a.Indexes {
		if k := keyText(a, &a.Indexes[i]); !has[strings.ToLower(k)] {
			out = append(out, k)
		}
	}
	return out
}

// keyText writes the columns of a key.
func keyText(t *schema.Table, ix *schema.Index) string {
	var parts []string
	for _, p := range ix.Parts {
		switch {
		case p.Column < 0:
			parts = append(parts, "(expression)")
		case p.Prefix > 0:
			parts = append(parts, fmt.Sprintf("%s(%d)", dbconn.Ident(t.Columns[p.Column].Name), p.Prefix))
		default:
			parts = append(parts, dbconn.Ident(t.Columns[p.Column].Name))
		}
	}
	return "(" + strings.Join(parts, ", ") + ")"
}
