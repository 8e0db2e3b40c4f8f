package precheck

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/schema"
)

// shard is a table of a source that becomes one with others.
type shard struct {
	*checker
	schema.Name
}

// group is the tables that become one of the target.
type group struct {
	to     schema.Name
	shards []shard
}

// checkShards compares the tables that become one, a result for each of the target.
func checkShards(ctx context.Context, sources []sourceResults, mode config.Mode, ignore []string, down *target) []Result {
	if ignored(ignore, itemShards) || mode == config.ModeDump {
		return nil
	}
	var out []Result
	for _, g := range groupsOf(sources, down) {
		name := dbconn.Ident(g.to.Schema, g.to.Table)
		out = append(out, run(ctx, checkLimit, []check{{"sharding table " + name + " consistency checking", "check consistency of sharding table structures",
			func(ctx context.Context) finding { return g.check(ctx, ignored(ignore, itemSerial), down) }}}, "sharding "+name)...)
	}
	return out
}

// groupsOf lists the tables of the target that several tables become.
func groupsOf(sources []sourceResults, down *target) []group {
	at := map[schema.Name]int{}
	var all []group
	for _, s := range sources {
		for i, to := range s.targets {
			key := down.key(to.Schema, to.Table)
			if _, known := at[key]; !known {
				at[key] = len(all)
				all = append(all, group{to: to})
			}
			g := &all[at[key]]
			g.shards = append(g.shards, shard{s.checker, s.selected[i]})
		}
	}
	return slices.DeleteFunc(all, func(g group) bool { return len(g.shards) < 2 })
}

// check compares each table with the first; the first difference ends it.
func (g *group) check(ctx context.Context, serialIgnored bool, down *target) finding {
	f := finding{instruction: "please set same table structure for sharding tables"}
	var first *structure
	var firstShard shard
	for _, s := range g.shards {
		one, err := s.structure(ctx, s.Name)
		if err != nil {
			return unanswered(err)
		}
		if one == nil || one.table == nil {
			continue // dropped meanwhile, or said by the check of the tables
		}
		if !serialIgnored {
			if d, err := g.serial(ctx, s, one, down); err != nil {
				return unanswered(err)
			} else if d != nil {
				f.details = append(f.details, *d)
				return f
			}
		}
		if first == nil {
			first, firstShard = one, s
			continue
		}
		if d := unlike(s, one, firstShard, first); d != nil {
			f.details = append(f.details, *d)
			return f
		}
	}
	if len(f.details) == 0 {
		f.instruction = ""
	}
	return f
}

// unlike finds the first difference of two tables. Columns are compared by their
// place; other keys are only a warning, as DM does not look at them.
func unlike(s shard, self *structure, o shard, other *structure) *Detail {
	a, b := self.table.Columns, other.table.Columns
	d := &Detail{Severity: Failed}
	if len(a) != len(b) {
		d.ShortErr = fmt.Sprintf("column length mismatch (self: %d vs other: %d)", len(a), len(b))
		d.Self, d.Other = s.describe(columnNames(a)), o.describe(columnNames(b))
		return d
	}
	for i := range a {
		x, y := columnText(&a[i]), columnText(&b[i])
		if !strings.EqualFold(a[i].Name, b[i].Name) || x != y {
			d.ShortErr = "different column definition"
			d.Self, d.Other = s.describe(fmt.Sprintf("column %s %s", a[i].Name, x)), o.describe(fmt.Sprintf("column %s %s", b[i].Name, y))
			return d
		}
	}
	if x, y := uniqueKeys(self.table), uniqueKeys(other.table); x != y {
		d.Severity, d.ShortErr = Warning, "different unique keys"
		d.Self, d.Other = s.describe("keys "+x), o.describe("keys "+y)
		return d
	}
	return nil
}

func (s *shard) describe(what string) string {
	return fmt.Sprintf("instance %s table %s %s", s.sub.SourceID, dbconn.Ident(s.Schema, s.Name.Table), what)
}

func columnNames(list []schema.Column) string {
	var names []string
	for i := range list {
		names = append(names, list[i].Name)
	}
	return fmt.Sprintf("columns %v", names)
}

// columnText writes a column's type.
func columnText(c *schema.Column) string {
	s := c.Type
	switch {
	case len(c.Elems) > 0:
		s += fmt.Sprintf("(%q)", c.Elems)
	case c.Decimals > 0:
		s += fmt.Sprintf("(%d,%d)", c.Length, c.Decimals)
	case c.Length >= 0:
		s += fmt.Sprintf("(%d)", c.Length)
	}
	if c.Unsigned {
		s += " unsigned"
	}
	return s
}

func uniqueKeys(t *schema.Table) string {
	var out []string
	for i := range t.Indexes {
		out = append(out, keyColumns(t, &t.Indexes[i]))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func keyColumns(t *schema.Table, ix *schema.Index) string {
	var names []string
	for _, p := range ix.Parts {
		if p.Column < 0 {
			names = append(names, "(expression)")
			continue
		}
		names = append(names, strings.ToLower(t.Columns[p.Column].Name))
	}
	return "(" + strings.Join(names, ",") + ")"
}

// serial finds a key that the servers number on their own, and that the target
// keeps unique: rows of several tables would have the same.
func (g *group) serial(ctx context.Context, s shard, one *structure, down *target) (*Detail, error) {
	column := serialKey(one.table, one.text)
	if column == "" {
		return nil, nil
	}
	if down.has(g.to.Schema, g.to.Table) {
		text, err := down.db.CreateTable(ctx, g.to)
		if err != nil {
			return nil, err
		}
		there, err := schema.Parse(text, "", g.to.Schema)
		if err == nil && !keyOf(there, column) {
			return nil, nil // the operator has taken care of it
		}
	}
	name := dbconn.Ident(g.to.Schema, g.to.Table)
	return &Detail{Severity: Failed, Self: s.describe("column " + column),
		ShortErr: fmt.Sprintf("instance %s table %s of sharding %s has the auto-increment key %s: rows of several tables would have the same value",
			s.sub.SourceID, one.ident(), name, dbconn.Ident(column)),
		Instruction: fmt.Sprintf("create %s on the target with another primary key, for example one over %s and the column that tells the shards apart;"+
			" when values cannot meet, list auto_increment_ID in ignore-checking-items", name, dbconn.Ident(column))}, nil
}

// serialKey gives the AUTO_INCREMENT column of a table if it alone is a primary or
// unique key, else "".
func serialKey(t *schema.Table, text string) string {
	for i := range t.Columns {
		name := t.Columns[i].Name
		for line := range strings.Lines(text) {
			def, ok := strings.CutPrefix(strings.TrimSpace(line), dbconn.Ident(name)+" ")
			def, _, _ = strings.Cut(def, "'") // texts may say anything
			if ok && strings.Contains(strings.ToUpper(def), " AUTO_INCREMENT") && keyOf(t, name) {
				return name
			}
		}
	}
	return ""
}

// keyOf tells whether a column alone is a primary or unique key.
func keyOf(t *schema.Table, column string) bool {
	return slices.ContainsFunc(t.Indexes, func(ix schema.Index) bool {
		return len(ix.Parts) == 1 && ix.Parts[0].Column >= 0 && strings.EqualFold(t.Columns[ix.Parts[0].Column].Name, column)
	})
}
