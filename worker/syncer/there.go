package syncer

import (
	"context"
	"slices"
	"strings"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

// there is a table as the target has it, which may have other columns and other
// keys than the source's.
type there struct {
	// table is nil when the target has no such table, or one that cannot be read.
	table *schema.Table
	// apart lists the columns whose values the target gives and never twice:
	// numbers of its own, and NULL. No two rows meet in a key that has one.
	apart []string
	// related means that a foreign key of the target, which it checks, begins or
	// ends here.
	related  bool
	triggers bool
}

// there reads a table of the target. What was read stays until a DDL comes by.
func (s *structures) there(ctx context.Context, n schema.Name) (*there, error) {
	if out := s.targets[n]; out != nil {
		return out, nil
	}
	out := &there{}
	text, err := s.target.CreateTable(ctx, n)
	switch {
	case absent(err): // the first row will say so
	case err != nil:
		return nil, err
	default:
		if out.table, err = schema.Parse(text, "", n.Schema); err != nil {
			s.log.Warn("the rows of a table keep their order, since the target's structure cannot be read",
				"table", dbconn.Ident(n.Schema, n.Table), "err", err)
			out.table = nil
		} else {
			out.apart = apart(out.table, text)
		}
	}
	if out.related, err = s.related(ctx, n); err != nil {
		return nil, err
	}
	query := "SELECT COUNT(*) FROM information_schema.triggers WHERE event_object_schema = ? AND event_object_table = ?"
	if out.triggers, err = s.any(ctx, query, n.Schema, n.Table); err != nil {
		return nil, err
	}
	s.targets[n] = out
	return out, nil
}

// related asks for foreign keys where the sessions of the lanes check them.
func (s *structures) related(ctx context.Context, n schema.Name) (bool, error) {
	if !s.foreignKeys {
		return false, nil
	}
	query := "SELECT COUNT(*) FROM information_schema.key_column_usage WHERE referenced_table_name IS NOT NULL" +
		" AND (table_schema = ? AND table_name = ? OR referenced_table_schema = ? AND referenced_table_name = ?)"
	return s.any(ctx, query, n.Schema, n.Table, n.Schema, n.Table)
}

func (s *structures) any(ctx context.Context, query string, args ...any) (bool, error) {
	count := 0
	if err := s.target.QueryRowContext(ctx, query, args...).Scan(&count); err != nil {
		return false, dbconn.Error(fault.Downstream, "read the target's structure", err)
	}
	return count > 0, nil
}

// forget drops what a DDL may have changed on the target. A new foreign key
// also changes the table at its other end, which the DDL does not name as changed.
func (s *structures) forget(changed map[schema.Name]string) {
	s.namesakes = nil
	on := make(map[schema.Name]bool, len(changed))
	for n := range changed {
		on[s.on(n)] = true
	}
	for n := range s.targets {
		if on[n] || on[schema.Name{Schema: n.Schema}] || s.foreignKeys {
			delete(s.targets, n)
		}
	}
}

// apart finds the columns of there.apart by the lines of SHOW CREATE TABLE.
func apart(t *schema.Table, text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		for i := range t.Columns {
			c := &t.Columns[i]
			def, ok := strings.CutPrefix(line, dbconn.Ident(c.Name)+" ")
			if !ok || c.Generated {
				continue
			}
			def, _, _ = strings.Cut(strings.ToUpper(def), "'") // texts may say anything
			numbered := strings.Contains(def, "AUTO_INCREMENT") || strings.Contains(def, "AUTO_RANDOM")
			null := !c.NotNull && (!strings.Contains(def, "DEFAULT") || strings.HasSuffix(strings.TrimSuffix(def, ","), "DEFAULT NULL"))
			if numbered || null && !strings.Contains(line, "'") {
				out = append(out, c.Name)
			}
		}
	}
	return out
}

// plain tells that a column is there and that the target does not compute it. What
// the source has computed is written there, then.
func (t *there) plain(name string) bool {
	return t.table != nil && slices.ContainsFunc(t.table.Columns, func(c schema.Column) bool {
		return !c.Generated && strings.EqualFold(c.Name, name)
	})
}

// fit is what the target's table means for the rows of the source's.
type fit struct {
	// extra has the source's columns, with the target's collations, and the
	// unique keys that only the target has; nil when there are none.
	extra *schema.Table
	keys  []targetKey // all unique keys of the target that the source's columns tell
	// where is a key of the target that finds a row of the source's, nil without.
	where   []int
	primary []string // names of the columns by which the target's rows are named
	replace bool     // REPLACE deletes by the keys of the source and by all of them
	serial  bool     // nothing is known of the target's keys
	wider   bool     // the target has columns that the source has not
	looser  []int    // columns of which texts that differ on the source may be equal on the target
	alone   bool     // where is the primary key of the target, or its only one
	related bool
	// merge means that changes of different rows commute and are free of side
	// effects, so that one statement may stand for many.
	merge bool
}

// targetKey is a unique key of the target over the source's columns.
type targetKey struct {
	schema.Index
	own bool // the source does not have it
}

func newFit(t *schema.Table, on *there) fit {
	if on.table == nil {
		return fit{serial: true, related: on.related}
	}
	f := fit{related: on.related, merge: !on.triggers && !on.related}
	at := make([]int, len(on.table.Columns)) // their columns -> ours, -1 for none
	like := slices.Clone(t.Columns)
	for i := range on.table.Columns {
		c := &on.table.Columns[i]
		at[i] = slices.IndexFunc(t.Columns, func(o schema.Column) bool { return strings.EqualFold(o.Name, c.Name) })
		switch {
		case at[i] < 0:
			f.wider = true
		case !alike(&t.Columns[at[i]], c):
			at[i] = -1
		default:
			like[at[i]].Collate = c.Collate
			if looser(&t.Columns[at[i]], c) {
				f.looser = append(f.looser, at[i])
			}
		}
	}
	extra := &schema.Table{Name: t.Name, Columns: like}
	covered := make([]bool, len(t.Indexes))
	for i := range on.table.Indexes {
		ix := &on.table.Indexes[i]
		if f.setsApart(ix, t, on) {
			continue
		}
		ours := translate(ix, at)
		same := slices.IndexFunc(t.Indexes, func(o schema.Index) bool { return sameKey(&o, &ours, t.Columns, like) })
		if same >= 0 {
			covered[same] = true
		} else {
			extra.Indexes = append(extra.Indexes, schema.Index{Name: "target " + ix.Name, Parts: ours.Parts})
		}
		if wholeColumns(&ours) {
			f.keys = append(f.keys, targetKey{Index: ours, own: same < 0})
		}
	}
	if len(extra.Indexes) > 0 {
		f.extra = extra
	}
	f.replace = f.extra == nil && !slices.Contains(covered, false)
	f.choose(t, on)
	return f
}

// alike tells whether values that differ on the source differ on the target too,
// as far as the columns' types go.
func alike(a, b *schema.Column) bool {
	return a.Type == b.Type && a.Unsigned == b.Unsigned && a.Decimals == b.Decimals && a.Generated == b.Generated &&
		(b.Length < 0 || b.Length >= a.Length || a.Type == "bit" || strings.HasSuffix(a.Type, "int")) &&
		slices.Equal(a.Elems, b.Elems)
}

// looser tells whether texts that differ in column a of the source may be equal
// in column b of the target. Of other collations than exact ones it is not known.
func looser(a, b *schema.Column) bool {
	if !isText(a) || a.Collate == b.Collate {
		return false
	}
	exact, counted := a.Exact()
	there, countedThere := b.Exact()
	return exact && (!there || counted && !countedThere)
}

// setsApart tells whether a key has a column of the target's own with values
// that never meet.
func (f *fit) setsApart(ix *schema.Index, t *schema.Table, on *there) bool {
	for _, p := range ix.Parts {
		if p.Column < 0 {
			continue
		}
		name := on.table.Columns[p.Column].Name
		ours := slices.ContainsFunc(t.Columns, func(o schema.Column) bool { return strings.EqualFold(o.Name, name) })
		if !ours && slices.Contains(on.apart, name) {
			return true
		}
	}
	return false
}

// translate gives a key over our columns; what is not ours is an expression.
func translate(ix *schema.Index, at []int) schema.Index {
	out := schema.Index{Name: ix.Name, Primary: ix.Primary}
	for _, p := range ix.Parts {
		if p.Column >= 0 {
			p.Column = at[p.Column]
		}
		if p.Column < 0 {
			p.Prefix = 0
		}
		out.Parts = append(out.Parts, p)
	}
	return out
}

// sameKey tells whether two keys hold the same rows for equal.
func sameKey(a, b *schema.Index, ours, like []schema.Column) bool {
	if len(a.Parts) != len(b.Parts) {
		return false
	}
	for i, p := range a.Parts {
		if p != b.Parts[i] || p.Column < 0 || ours[p.Column].Collate != like[p.Column].Collate {
			return false
		}
	}
	return true
}

// choose finds the key of the target to find rows by: the source's own if the
// target has it, else the target's.
func (f *fit) choose(t *schema.Table, on *there) {
	best := -1
	for i, k := range f.keys {
		whole := !slices.ContainsFunc(k.Parts, func(p schema.IndexPart) bool { return p.Prefix > 0 || !t.Columns[p.Column].NotNull })
		if !whole {
			continue
		}
		own := t.Key()
		if own != nil && slices.Equal(own.Parts, k.Parts) {
			best = i
			break
		}
		if best < 0 {
			best = i
		}
	}
	if best >= 0 {
		k := f.keys[best]
		for _, p := range k.Parts {
			f.where = append(f.where, p.Column)
		}
		f.alone = k.Primary || len(on.table.Indexes) == 1
	}
	f.merge = f.merge && f.where != nil
	if key := on.table.Key(); key != nil {
		for _, p := range key.Parts {
			if p.Column >= 0 {
				f.primary = append(f.primary, on.table.Columns[p.Column].Name)
			}
		}
	}
}
