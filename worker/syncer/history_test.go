package syncer

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/internal/rowevent"
	"github.com/raftdm/raftdm/internal/rowevent/rowtest"
	"github.com/raftdm/raftdm/internal/schema"
)

// shape is a table with a random set of keys, on both sides.
type shape struct {
	text   string // CREATE TABLE without the name, source
	target string // the same for the target, which may have more keys
	plan   *plan
	there  *schema.Table
}

// keyChoices are keys over the columns of a shape: b and d hold NULLs, c and d
// compare without case and accents, and the last two see a prefix only.
var keyChoices = []string{"(a)", "(b)", "(c)", "(d)", "(b, d)", "(a, b)", "(c(1))", "(d(2), a)"}

// drawShape draws a key that finds rows, up to three more, and up to two that
// only the target has.
func drawShape(t *rapid.T, tables int) []*shape {
	var out []*shape
	for n := range tables {
		const columns = "id INT NOT NULL, a INT NOT NULL, b INT, c VARCHAR(9) NOT NULL, d VARCHAR(9), v INT"
		var defs []string
		switch rapid.IntRange(0, 5).Draw(t, "primary") {
		case 0, 1, 2:
			defs = append(defs, "PRIMARY KEY (id)")
		case 3:
			defs = append(defs, "PRIMARY KEY (c)")
		case 4:
			defs = append(defs, "UNIQUE KEY k (id, a)")
		}
		more := rapid.SliceOfNDistinct(rapid.SampledFrom(keyChoices), 0, 3, rapid.ID[string]).Draw(t, "keys")
		for i, k := range more {
			defs = append(defs, fmt.Sprintf("UNIQUE KEY u%d %s", i, k))
		}
		ends := func(defs []string) string {
			return "(" + strings.Join(append([]string{columns}, defs...), ", ") + ") DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci"
		}
		s := &shape{text: ends(defs)}
		for i, k := range rapid.SliceOfNDistinct(rapid.SampledFrom(keyChoices), 0, 2, rapid.ID[string]).Draw(t, "target keys") {
			if !slices.Contains(more, k) {
				defs = append(defs, fmt.Sprintf("UNIQUE KEY x%d %s", i, k))
			}
		}
		s.target = ends(defs)
		name := fmt.Sprintf("t%d", n)
		ours := mustParse(t, name, s.text)
		s.there = mustParse(t, name, s.target)
		s.plan = newPlan(ours, &there{table: s.there}, false)
		out = append(out, s)
	}
	return out
}

func mustParse(t *rapid.T, name, text string) *schema.Table {
	out, err := schema.Parse("CREATE TABLE "+name+" "+text, "", "d")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// model is a database that does what a server does, in memory: it knows unique
// keys with their collation, prefixes and NULLs.
type model struct {
	shapes []*shape
	rows   [][][]any
}

func newModel(shapes []*shape) *model { return &model{shapes, make([][][]any, len(shapes))} }

func (m *model) at(p *plan) int {
	return slices.IndexFunc(m.shapes, func(s *shape) bool { return s.plan == p })
}

// folds are the letters of drawn values that differ and are equal all the same.
var folds = strings.NewReplacer("A", "a", "á", "a", "B", "b")

func weigh(v any, prefix int) any {
	s, ok := v.(string)
	if !ok {
		return v
	}
	if r := []rune(s); prefix > 0 && len(r) > prefix {
		s = string(r[:prefix])
	}
	return strings.TrimRight(folds.Replace(s), " ")
}

// meets tells whether two rows share a unique key.
func meets(t *schema.Table, x, y []any) bool {
	return slices.ContainsFunc(t.Indexes, func(ix schema.Index) bool {
		for _, p := range ix.Parts {
			a, b := weigh(x[p.Column], p.Prefix), weigh(y[p.Column], p.Prefix)
			if a == nil || b == nil || a != b {
				return false
			}
		}
		return true
	})
}

// put writes a row in place i, or as a new one.
func (m *model) put(table, i int, row []any) error {
	for j, other := range m.rows[table] {
		if j != i && meets(m.shapes[table].there, row, other) {
			return fmt.Errorf("duplicate: %v and %v", row, other)
		}
	}
	if i < 0 {
		m.rows[table] = append(m.rows[table], row)
	} else {
		m.rows[table][i] = row
	}
	return nil
}

// find gives the places that a plan's condition meets.
func (m *model) find(p *plan, image []any) []int {
	var out []int
	for i, row := range m.rows[m.at(p)] {
		equal := true
		for _, c := range p.where {
			if p.keyed {
				equal = equal && image[c] != nil && weigh(row[c], 0) == weigh(image[c], 0)
			} else {
				equal = equal && row[c] == image[c]
			}
		}
		if equal {
			out = append(out, i)
			if !p.keyed {
				break // LIMIT 1
			}
		}
	}
	return out
}

// do does what the statements of an op do, and checks their counts as a lane does.
func (m *model) do(o *op) error {
	p := o.changes[0].plan
	table := m.at(p)
	switch o.kind() {
	case Insert:
		for _, c := range o.changes {
			if err := m.put(table, -1, valuesOf(c.row.After)); err != nil {
				return err
			}
		}
		return nil
	case Delete:
		met := map[int]bool{}
		for _, c := range o.changes {
			for _, i := range m.find(p, valuesOf(c.row.Before)) {
				met[i] = true
			}
		}
		want := len(o.changes)
		if o.changes[0].absent {
			want = 0
		}
		if len(met) != want {
			return fmt.Errorf("a delete of %d met %d", want, len(met))
		}
		var kept [][]any
		for i, row := range m.rows[table] {
			if !met[i] {
				kept = append(kept, row)
			}
		}
		m.rows[table] = kept
		return nil
	}
	for _, c := range o.changes {
		i := m.find(p, valuesOf(c.row.Before))
		if len(i) != 1 {
			return fmt.Errorf("an update met %d", len(i))
		}
		// ON DUPLICATE KEY UPDATE changes the row that it meets.
		if len(o.changes) > 1 && !slices.Equal(m.find(p, valuesOf(c.row.After)), i) {
			return fmt.Errorf("an upsert of %v met another row", c.row.After)
		}
		if err := m.put(table, i[0], valuesOf(c.row.After)); err != nil {
			return err
		}
	}
	return nil
}

// content is the same for models, and servers, with the same rows.
func content(rows [][][]any) string {
	var out bytes.Buffer
	for n, table := range rows {
		lines := make([]string, len(table))
		for i, row := range table {
			lines[i] = fmt.Sprintf("t%d %q", n, row)
		}
		slices.Sort(lines)
		for _, l := range lines {
			fmt.Fprintln(&out, l)
		}
	}
	return out.String()
}

// imageOf gives values as a row of a plan's table.
func imageOf(t rowtest.TB, p *plan, values ...any) rowevent.Image {
	t.Helper()
	columns := make([]string, len(p.table.Columns))
	for i, c := range p.table.Columns {
		columns[i] = c.Type
		if c.Type == "varchar" {
			columns[i] = fmt.Sprintf("varchar(%d)", c.Length)
		}
	}
	return rowtest.Image(t, columns, values...)
}

// valuesOf takes a row apart: integers and text.
func valuesOf(im rowevent.Image) []any {
	out := make([]any, im.Len())
	for i := range out {
		v := im.Value(i)
		switch raw, text, _ := v.Bytes(); {
		case v.IsNull():
		case text:
			out[i] = string(raw)
		default:
			out[i] = v.Int()
		}
	}
	return out
}

func drawRow(t *rapid.T) []any {
	number := func(name string) any { return int64(rapid.IntRange(0, 3).Draw(t, name)) }
	text := func(name string) any {
		return rapid.SampledFrom([]string{"a", "A", "á", "a ", "b", "B", "ab", "aB", "bá", "abc"}).Draw(t, name)
	}
	maybe := func(name string, f func(string) any) any {
		if rapid.IntRange(0, 3).Draw(t, name+" is NULL") == 0 {
			return nil
		}
		return f(name)
	}
	return []any{number("id"), number("a"), maybe("b", number), text("c"), maybe("d", text), number("v")}
}

// drawHistory draws source transactions that the servers of both sides accept,
// swaps and rotations among them, and leaves in m what they come to.
func drawHistory(t *rapid.T, m *model, most int) []*Txn {
	var out []*Txn
	for n := rapid.IntRange(1, most).Draw(t, "transactions"); n > 0; n-- {
		tx := &Txn{Last: true}
		for k := rapid.IntRange(1, 6).Draw(t, "rows"); k > 0; k-- {
			table := rapid.IntRange(0, len(m.shapes)-1).Draw(t, "table")
			if rapid.IntRange(0, 5).Draw(t, "rotate") == 0 {
				m.rotate(t, tx, table)
				continue
			}
			m.drawChange(t, tx, table)
		}
		if len(tx.Rows) > 0 {
			out = append(out, tx)
		}
	}
	return out
}

func (m *model) drawChange(t *rapid.T, tx *Txn, table int) {
	rows := m.rows[table]
	kind := Kind(rapid.IntRange(0, 2).Draw(t, "kind"))
	if len(rows) == 0 {
		kind = Insert
	}
	if kind == Insert {
		m.apply(t, tx, table, -1, drawRow(t))
		return
	}
	i := rapid.IntRange(0, len(rows)-1).Draw(t, "row")
	if kind == Delete {
		m.apply(t, tx, table, i, nil)
		return
	}
	after, drawn := slices.Clone(rows[i]), drawRow(t)
	for _, c := range rapid.SliceOfN(rapid.SampledFrom([]int{5, 5, 5, 4, 3, 2, 1, 0}), 1, 3).Draw(t, "columns") {
		after[c] = drawn[c]
	}
	m.apply(t, tx, table, i, after)
}

// rotate exchanges a value of two rows by way of a third one.
func (m *model) rotate(t *rapid.T, tx *Txn, table int) {
	rows := m.rows[table]
	if len(rows) < 2 {
		return
	}
	c := rapid.IntRange(0, 4).Draw(t, "rotated")
	x, y := rows[0][c], rows[1][c]
	away := any(int64(99))
	if c >= 3 {
		away = "zz"
	}
	for _, step := range []struct {
		row   int
		value any
	}{{0, away}, {1, x}, {0, y}} {
		after := slices.Clone(m.rows[table][step.row])
		after[c] = step.value
		m.apply(t, tx, table, step.row, after)
	}
}

// apply adds a change to tx if the database accepts it.
func (m *model) apply(t *rapid.T, tx *Txn, table, i int, after []any) {
	s := m.shapes[table]
	r := Row{Table: s.plan.table.Name, Kind: Update}
	if after != nil {
		r.After = imageOf(t, s.plan, after...)
	}
	if i < 0 {
		r.Kind = Insert
	} else {
		r.Before = imageOf(t, s.plan, m.rows[table][i]...)
	}
	switch {
	case after == nil:
		r.Kind = Delete
		m.rows[table] = slices.Delete(slices.Clone(m.rows[table]), i, i+1)
	case m.put(table, i, after) != nil:
		return
	}
	r.plan = s.plan
	tx.Rows = append(tx.Rows, r)
}
