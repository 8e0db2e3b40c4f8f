package expr

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/rowevent"
	"github.com/raftdm/raftdm/internal/schema"
)

// DM's numbers for rules that make no sense by themselves.
const (
	codeManyKinds = 20039
	codeNoTable   = 20042
)

// Rule is one entry of expression-filter, as a file has it. It is about one kind
// of change; an UPDATE may have a condition for each image.
type Rule struct {
	Name          string // for messages
	Schema, Table string // exact names
	Insert        string
	UpdateOld     string
	UpdateNew     string
	Delete        string
}

// Rules leaves out changes of rows. It is immutable; a nil *Rules leaves out nothing.
type Rules struct {
	fold    bool
	byTable map[schema.Name][]rule
}

// rule is a compiled Rule; a condition that it does not have is nil.
type rule struct {
	name                        string
	insert, before, after, gone *Expr
}

// NewRules compiles rules; none of them give nil.
func NewRules(list []Rule, caseSensitive bool) (*Rules, error) {
	if len(list) == 0 {
		return nil, nil //nolint:nilnil // the documented answer: nothing is left out
	}
	r := &Rules{fold: !caseSensitive, byTable: map[schema.Name][]rule{}}
	for _, one := range list {
		c, err := compile(one)
		if err != nil {
			return nil, err
		}
		n := r.key(schema.Name{Schema: one.Schema, Table: one.Table})
		r.byTable[n] = append(r.byTable[n], c)
	}
	return r, nil
}

func (r *Rules) key(n schema.Name) schema.Name {
	if r.fold {
		return schema.Name{Schema: strings.ToLower(n.Schema), Table: strings.ToLower(n.Table)}
	}
	return n
}

func compile(r Rule) (rule, error) {
	bad := func(code int, hint, format string, args ...any) error {
		msg := fmt.Sprintf(format, args...)
		if r.Name != "" {
			msg = r.Name + ": " + msg
		}
		return &fault.Error{Kind: fault.Invalid, Code: code, Msg: msg, Hint: hint}
	}
	if r.Schema == "" || r.Table == "" {
		return rule{}, bad(codeNoTable, "write both names; patterns are not possible here", "schema and table must both be set")
	}
	kinds := 0
	for _, given := range []bool{r.Insert != "", r.UpdateOld+r.UpdateNew != "", r.Delete != ""} {
		if given {
			kinds++
		}
	}
	if kinds > 1 {
		return rule{}, bad(codeManyKinds, "make one rule for each kind of change", "it has expressions for more than one of insert, update and delete")
	}
	out := rule{name: r.Name}
	for _, c := range []struct {
		key, text string
		into      **Expr
	}{
		{"insert-value-expr", r.Insert, &out.insert}, {"update-old-value-expr", r.UpdateOld, &out.before},
		{"update-new-value-expr", r.UpdateNew, &out.after}, {"delete-value-expr", r.Delete, &out.gone},
	} {
		if c.text == "" {
			continue
		}
		e, err := Parse(c.text)
		if f := (*fault.Error)(nil); errors.As(err, &f) {
			return out, bad(f.Code, f.Hint, "%s: %s", c.key, f.Msg)
		} else if err != nil {
			return out, err
		}
		*c.into = e
	}
	return out, nil
}

// Tables lists the tables that rules are about, as the rules name them, or in
// lower case where that does not count.
func (r *Rules) Tables() (out []schema.Name) {
	if r == nil {
		return nil
	}
	for n := range r.byTable {
		out = append(out, n)
	}
	return out
}

// Named is a rule and its conditions, as the file has them.
type Named struct {
	Name, Says string
}

// Rules lists the rules that are about a table.
func (r *Rules) Rules(n schema.Name) (out []Named) {
	if r == nil {
		return nil
	}
	for _, one := range r.byTable[r.key(n)] {
		var says []string
		for _, c := range []struct {
			key string
			e   *Expr
		}{{"insert-value-expr", one.insert}, {"update-old-value-expr", one.before}, {"update-new-value-expr", one.after}, {"delete-value-expr", one.gone}} {
			if c.e != nil {
				says = append(says, fmt.Sprintf("%s: %q", c.key, c.e.text))
			}
		}
		out = append(out, Named{one.name, strings.Join(says, ", ")})
	}
	return out
}

// Filter leaves out changes of the rows of one structure of a table. It belongs
// to one goroutine.
type Filter struct {
	rules []bound
}

// bound is a rule on a structure.
type bound struct {
	insert, before, after, gone *Bound
	update                      bool // before or after is there
}

// Bind ties the rules for a table to its structure; nil when there are none. A
// condition on a column that the table does not have is never true; missing
// says which.
func (r *Rules) Bind(t *schema.Table) (f *Filter, missing []error, err error) {
	if r == nil {
		return nil, nil, nil
	}
	for _, one := range r.byTable[r.key(t.Name)] {
		var b bound
		never := false
		tie := func(e *Expr, into **Bound) {
			if e == nil || err != nil {
				return
			}
			switch *into, err = e.Bind(t); {
			case errors.Is(err, ErrNoColumn):
				missing, never, err = append(missing, fault.Wrap(one.name, err)), true, nil
			case err != nil:
				err = fault.Wrap("expression-filter "+one.name, err)
			}
		}
		tie(one.insert, &b.insert)
		tie(one.before, &b.before)
		tie(one.after, &b.after)
		tie(one.gone, &b.gone)
		if err != nil {
			return nil, nil, err
		}
		if never {
			continue
		}
		b.update = b.before != nil || b.after != nil
		if f == nil {
			f = &Filter{}
		}
		f.rules = append(f.rules, b)
	}
	return f, missing, nil
}

// LeavesOut tells whether a change is left out: one rule is enough. Of an UPDATE
// with conditions for both images both must be true, and it is left out whole.
func (f *Filter) LeavesOut(kind rowevent.Kind, before, after rowevent.Image, now time.Time) (bool, error) {
	for i := range f.rules {
		out, err := f.rules[i].leavesOut(kind, before, after, now)
		if out || err != nil {
			return out, err
		}
	}
	return false, nil
}

func (b *bound) leavesOut(kind rowevent.Kind, before, after rowevent.Image, now time.Time) (bool, error) {
	switch {
	case kind == rowevent.Insert && b.insert != nil:
		return b.insert.True(after, now)
	case kind == rowevent.Delete && b.gone != nil:
		return b.gone.True(before, now)
	case kind != rowevent.Update || !b.update:
		return false, nil
	}
	if b.before != nil {
		if yes, err := b.before.True(before, now); !yes || err != nil {
			return false, err
		}
	}
	if b.after == nil {
		return true, nil
	}
	return b.after.True(after, now)
}
