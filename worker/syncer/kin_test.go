package syncer

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/internal/schema"
)

// kin is a database of tables that foreign keys tie together, in memory. All have
// the columns (id, ref, v). Parents' ref is a unique key of their own, that of the
// others points to the id of the table before them: children, grandchildren, and a
// table whose rows point to each other.
type kin struct {
	rules [4]ties
	plans [4]*plan
	rows  [4]map[int64]kinRow
	// unchecked stands for a session with foreign_key_checks = 0.
	unchecked bool
}

type kinRow struct {
	ref any
	v   int64
}

const parents, children, grandchildren, selves = 0, 1, 2, 3

var kinNames = [4]string{"p", "c", "g", "s"}

// ties are what the foreign key of a table does when the row it points to goes
// or changes its key.
type ties struct{ onDelete, onUpdate string }

const restrict, cascades, setNull = "RESTRICT", "CASCADE", "SET NULL"

// kinFamilies are the rules for children, grandchildren and selves that are tried.
// InnoDB takes no cascading update within one table.
func kinFamilies() []*kin {
	return []*kin{
		newKin(ties{restrict, restrict}, ties{restrict, restrict}, ties{restrict, restrict}),
		newKin(ties{cascades, cascades}, ties{cascades, cascades}, ties{cascades, restrict}),
		newKin(ties{setNull, setNull}, ties{cascades, restrict}, ties{setNull, restrict}),
		newKin(ties{cascades, setNull}, ties{setNull, cascades}, ties{restrict, restrict}),
	}
}

func newKin(c, g, s ties) *kin {
	k := &kin{rules: [4]ties{{}, c, g, s}}
	for i := range kinNames {
		ours, err := schema.Parse("CREATE TABLE "+kinNames[i]+" "+k.columns(i), "", "d")
		if err != nil {
			panic(err)
		}
		k.plans[i] = newPlan(ours, &there{table: ours, related: true}, false)
	}
	k.forget()
	return k
}

func (k *kin) forget() {
	for i := range k.rows {
		k.rows[i] = map[int64]kinRow{}
	}
}

// columns is the table's structure, without its foreign key.
func (k *kin) columns(table int) string {
	if table == parents {
		return "(id INT PRIMARY KEY, ref INT UNIQUE, v INT)"
	}
	return "(id INT PRIMARY KEY, ref INT, v INT)"
}

// create gives the CREATE TABLE statements.
func (k *kin) create(schemaName string) []string {
	var out []string
	for i, name := range kinNames {
		text := "CREATE TABLE " + schemaName + "." + name + " " + k.columns(i)
		if i != parents {
			text = strings.TrimSuffix(text, ")") + fmt.Sprintf(", CONSTRAINT fk_%s FOREIGN KEY (ref) REFERENCES %s (id) ON DELETE %s ON UPDATE %s)",
				name, kinNames[above(i)], k.rules[i].onDelete, k.rules[i].onUpdate)
		}
		out = append(out, text)
	}
	return out
}

// above is the table that another one's foreign key points to.
func above(table int) int {
	if table == selves {
		return selves
	}
	return table - 1
}

// below lists the tables that point to a table.
func below(table int) []int {
	return [4][]int{{children}, {grandchildren}, nil, {selves}}[table]
}

// fits tells whether the foreign key, or the unique one, takes a row.
func (k *kin) fits(table int, id int64, r kinRow) bool {
	switch {
	case r.ref == nil:
		return true
	case table == parents:
		for other, o := range k.rows[table] {
			if other != id && o.ref == r.ref {
				return false
			}
		}
		return true
	case table == selves && r.ref == id:
		return false // servers differ in how such a row goes
	case k.unchecked:
		return true
	}
	_, there := k.rows[above(table)][r.ref.(int64)]
	return there
}

// remove deletes a row and does what follows from it; false when a rule forbids it.
func (k *kin) remove(table int, id int64) bool {
	delete(k.rows[table], id)
	if k.unchecked {
		return true
	}
	for _, t := range below(table) {
		for _, child := range slices.Sorted(maps.Keys(k.rows[t])) {
			r, still := k.rows[t][child]
			if !still || r.ref != id {
				continue
			}
			switch k.rules[t].onDelete {
			case restrict:
				return false
			case setNull:
				k.rows[t][child] = kinRow{nil, r.v}
			case cascades:
				if !k.remove(t, child) {
					return false
				}
			}
		}
	}
	return true
}

// rekey changes the id of a row; false when a rule forbids it.
func (k *kin) rekey(table int, id, to int64) bool {
	if _, taken := k.rows[table][to]; taken {
		return false
	}
	for _, t := range below(table) {
		for child, r := range k.rows[t] {
			if r.ref != id || k.unchecked {
				continue
			}
			switch k.rules[t].onUpdate {
			case restrict:
				return false
			case setNull:
				k.rows[t][child] = kinRow{nil, r.v}
			case cascades:
				k.rows[t][child] = kinRow{to, r.v}
			}
		}
	}
	k.rows[table][to] = k.rows[table][id]
	delete(k.rows[table], id)
	return true
}

// cascading tells whether a key deletes or changes rows of which the binlog
// says nothing.
func (k *kin) cascading() bool {
	return slices.ContainsFunc(k.rules[:], func(r ties) bool { return r.onDelete == cascades || r.onUpdate == cascades })
}

// without lets changes be made without checks, if so, until the answer is called.
func (k *kin) without(unchecked bool) func() {
	k.unchecked = unchecked
	return func() { k.unchecked = false }
}

// attempt does a change; on false nothing has happened.
func (k *kin) attempt(do func() bool) bool {
	before := k.rows
	for i := range k.rows {
		k.rows[i] = maps.Clone(k.rows[i])
	}
	if !do() {
		k.rows = before
		return false
	}
	return true
}

// drawHistory draws transactions that a source with these foreign keys accepts
// and writes into its binlog, which has nothing of what a key does by itself.
func (k *kin) drawHistory(t *rapid.T, most int) []*Txn {
	var out []*Txn
	for n := rapid.IntRange(1, most).Draw(t, "transactions"); n > 0; n-- {
		tx := &Txn{Last: true}
		for i := rapid.IntRange(1, 4).Draw(t, "rows"); i > 0; i-- {
			k.drawChange(t, tx)
		}
		if len(tx.Rows) > 0 {
			out = append(out, tx)
		}
	}
	return out
}

func (k *kin) drawChange(t *rapid.T, tx *Txn) {
	table := rapid.IntRange(0, 3).Draw(t, "table")
	number := func(name string) int64 { return int64(rapid.IntRange(1, 4).Draw(t, name)) }
	id, after := number("id"), kinRow{nil, number("v")}
	if rapid.IntRange(0, 3).Draw(t, "points nowhere") > 0 {
		after.ref = number("ref")
	}
	p := k.plans[table]
	image := func(id int64, r kinRow) []any { return []any{id, r.ref, r.v} }
	r := Row{Table: p.table.Name, Kind: Insert, unchecked: rapid.IntRange(0, 3).Draw(t, "unchecked") == 0}
	defer k.without(r.unchecked)()
	old, known := k.rows[table][id]
	to := id
	ok := k.attempt(func() bool {
		switch {
		case !known:
			k.rows[table][id] = after
			return k.fits(table, id, after)
		case rapid.IntRange(0, 2).Draw(t, "delete") == 0:
			r.Kind = Delete
			return k.remove(table, id)
		}
		r.Kind = Update
		if rapid.Bool().Draw(t, "another id") {
			to = number("new id")
		}
		if rapid.Bool().Draw(t, "same ref") {
			after.ref = old.ref
		}
		if to != id && !k.rekey(table, id, to) {
			return false
		}
		k.rows[table][to] = after
		return k.fits(table, to, after)
	})
	if !ok {
		return
	}
	if r.Kind != Insert {
		r.Before = imageOf(t, p, image(id, old)...)
	}
	if r.Kind != Delete {
		r.After = imageOf(t, p, image(to, after)...)
	}
	r.plan = p
	tx.Rows = append(tx.Rows, r)
}

// content lists all rows.
func (k *kin) content() []string {
	var out []string
	for i, name := range kinNames {
		for _, id := range slices.Sorted(maps.Keys(k.rows[i])) {
			r := k.rows[i][id]
			ref := "NULL"
			if r.ref != nil {
				ref = fmt.Sprint(r.ref)
			}
			out = append(out, fmt.Sprintf("%s|%d|%s|%d|", name, id, ref, r.v))
		}
	}
	return out
}
