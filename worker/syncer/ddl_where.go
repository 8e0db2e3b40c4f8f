package syncer

import (
	"fmt"
	"slices"

	"github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/mysql"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	filters "github.com/raftdm/raftdm/internal/filter"
	"github.com/raftdm/raftdm/internal/route"
	"github.com/raftdm/raftdm/internal/schema"
)

// onTarget gives the name that a table or schema of the statement has on the target.
func (one *ddl) onTarget(n schema.Name) schema.Name {
	if to, moved := one.on[n]; moved {
		return to
	}
	return n
}

// apply applies the task's filters and routes to statements that were made of
// one of the source: by the names that the source has. left tells that the
// source's statement is left out by its text alone, by the rule everywhere.
func (d *ddlParser) apply(list []ddl, st *Statement, left bool, everywhere string) error {
	for i := range list {
		one := &list[i]
		rule, out := everywhere, left
		if !out && !d.events.Empty() {
			texts := []string{one.text}
			if len(list) == 1 { // else it speaks of the others, too
				texts = append(texts, st.Text)
			}
			rule, out = d.leavesOut(one, texts)
		}
		if out {
			one.idle, one.why = true, "left out by the filter "+rule
			continue
		}
		if err := d.move(one); err != nil {
			return err
		}
	}
	return nil
}

// leavesOut asks the filters about one statement: it is left out when they say
// so of any table in it.
func (d *ddlParser) leavesOut(one *ddl, texts []string) (rule string, out bool) {
	names := one.tables
	if len(names) == 0 {
		names = []schema.Name{one.watch}
	}
	for _, n := range names {
		if rule, out = d.events.Statement(n.Schema, n.Table, eventOf(one.node), texts...); out {
			return rule, true
		}
	}
	return "", false
}

// eventOf is the name that filters have for a statement.
func eventOf(n ast.StmtNode) filters.Event {
	switch n.(type) {
	case *ast.CreateDatabaseStmt:
		return filters.CreateDatabase
	case *ast.DropDatabaseStmt:
		return filters.DropDatabase
	case *ast.AlterDatabaseStmt:
		return filters.AlterDatabase
	case *ast.CreateTableStmt:
		return filters.CreateTable
	case *ast.DropTableStmt:
		return filters.DropTable
	case *ast.TruncateTableStmt:
		return filters.TruncateTable
	case *ast.RenameTableStmt:
		return filters.RenameTable
	case *ast.AlterTableStmt:
		return filters.AlterTable
	case *ast.CreateIndexStmt:
		return filters.CreateIndex
	case *ast.DropIndexStmt:
		return filters.DropIndex
	}
	return filters.Other
}

// leavesOutUnread is leavesOut for a statement of which only the first words are known.
func (d *ddlParser) leavesOutUnread(head *schema.Head, st *Statement) bool {
	return slices.ContainsFunc(d.named(head, st), func(n schema.Name) bool {
		_, out := d.events.Statement(n.Schema, n.Table, eventOfHead(head), st.Text)
		return out
	})
}

func eventOfHead(h *schema.Head) filters.Event {
	switch h.Verb + " " + h.Object {
	case "CREATE DATABASE":
		return filters.CreateDatabase
	case "DROP DATABASE":
		return filters.DropDatabase
	case "ALTER DATABASE":
		return filters.AlterDatabase
	case "CREATE TABLE":
		return filters.CreateTable
	case "DROP TABLE":
		return filters.DropTable
	case "TRUNCATE TABLE":
		return filters.TruncateTable
	case "RENAME TABLE":
		return filters.RenameTable
	case "ALTER TABLE":
		return filters.AlterTable
	case "CREATE INDEX":
		return filters.CreateIndex
	case "DROP INDEX":
		return filters.DropIndex
	}
	return filters.Other
}

// unread is what is left of a statement that is left out and cannot be read: the
// structures of the tables in it are not known any more.
func (d *ddlParser) unread(head *schema.Head, st *Statement, known bool) []ddl {
	if !known || head.Object == "DATABASE" {
		return nil
	}
	names := d.named(head, st)
	names = slices.DeleteFunc(names, func(n schema.Name) bool { return !d.filter.MatchTable(n.Schema, n.Table) })
	if len(names) == 0 {
		return nil
	}
	return []ddl{{text: st.Text, raw: true, idle: true, why: "left out by a filter", watch: names[0], tables: names}}
}

// unmoved refuses a statement in the source's words about a table that a route
// calls something else.
func (d *ddlParser) unmoved(one *ddl) error {
	names, err := d.names(one)
	if err != nil || names == nil {
		return err
	}
	return &fault.Error{Kind: fault.Unsupported, Code: codeParseDDL,
		Msg: fmt.Sprintf("the statement %q cannot be read, and a route gives its table another name on the target", excerpt(one.text))}
}

// names tells which names in one are others on the target, nil when none is.
func (d *ddlParser) names(one *ddl) (map[schema.Name]schema.Name, error) {
	if d.routes.Empty() {
		return nil, nil
	}
	out := map[schema.Name]schema.Name{}
	moved := false
	for _, n := range slices.Concat([]schema.Name{one.watch}, one.tables, one.uses) {
		to, err := moveName(d.routes, n)
		if err != nil {
			return nil, err
		}
		moved = moved || to != n
		out[n] = to
	}
	if !moved {
		return nil, nil
	}
	return out, nil
}

func moveName(r *route.Router, n schema.Name) (schema.Name, error) {
	if n.Table == "" {
		to, err := r.Schema(n.Schema)
		return schema.Name{Schema: to}, err
	}
	to, err := r.Table(n.Schema, n.Table)
	if err != nil {
		return n, err
	}
	return schema.Name{Schema: to.Schema, Table: to.Table}, nil
}

// move writes a statement with the names that the target has.
func (d *ddlParser) move(one *ddl) error {
	names, err := d.names(one)
	if err != nil || names == nil {
		return err
	}
	one.on = names
	if d.merged(one) {
		one.idle, one.why = true, "it changes names of the source that are one on the target"
		return nil
	}
	m := &mover{routes: d.routes}
	m.swap(one.node)
	if m.err == nil {
		one.text, m.err = restore(one.node)
	}
	m.back()
	if m.err != nil {
		return m.err
	}
	return d.reread(one)
}

// reread gives one a node of its own in place of the one that it shares with
// the tracker's, without a change of name that is none on the target.
func (d *ddlParser) reread(one *ddl) error {
	p := parser.New()
	p.SetSQLMode(mysql.ModeNone)
	nodes, _, err := p.Parse(one.text, "", "")
	if err != nil || len(nodes) != 1 {
		return &fault.Error{Kind: fault.Internal, Err: err, Msg: fmt.Sprintf("the statement %q cannot be read back", excerpt(one.text))}
	}
	sameConditions(nodes[0], one.node)
	one.node = nodes[0]
	alter, ok := one.node.(*ast.AlterTableStmt)
	if !ok {
		return nil
	}
	specs := len(alter.Specs)
	alter.Specs = slices.DeleteFunc(alter.Specs, func(s *ast.AlterTableSpec) bool {
		return s.Tp == ast.AlterTableRenameTable && nameOf(s.NewTable) == nameOf(alter.Table)
	})
	if len(alter.Specs) == specs {
		return nil
	}
	if len(alter.Specs) == 0 {
		one.idle, one.why = true, "it changes names of the source that are one on the target"
		return nil
	}
	one.text, err = restore(alter)
	return err
}

// merged tells whether a statement is about two names that are one on the target:
// a rename, or a table like another.
func (d *ddlParser) merged(one *ddl) bool {
	switch n := one.node.(type) {
	case *ast.RenameTableStmt:
		return one.onTarget(one.tables[0]) == one.onTarget(one.tables[1])
	case *ast.CreateTableStmt:
		return n.ReferTable != nil && one.onTarget(nameOf(n.Table)) == one.onTarget(nameOf(n.ReferTable))
	}
	return false
}

// mover writes the target's names into a statement for as long as it is restored.
type mover struct {
	routes *route.Router
	tables []*ast.TableName
	olds   []ast.TableName
	schema func() // puts a schema's old name back
	err    error
}

func (m *mover) swap(n ast.StmtNode) {
	switch n := n.(type) {
	case *ast.CreateDatabaseStmt:
		m.schema = m.swapSchema(&n.Name)
	case *ast.DropDatabaseStmt:
		m.schema = m.swapSchema(&n.Name)
	case *ast.AlterDatabaseStmt:
		m.schema = m.swapSchema(&n.Name)
	default:
		n.Accept(m)
	}
}

func (m *mover) swapSchema(name *ast.CIStr) func() {
	old := *name
	to, err := m.routes.Schema(old.O)
	if err != nil {
		m.err = err
		return nil
	}
	*name = ast.NewCIStr(to)
	return func() { *name = old }
}

// Enter swaps the name of one table, once: a node may be met again.
func (m *mover) Enter(n ast.Node) (ast.Node, bool) {
	t, ok := n.(*ast.TableName)
	if !ok || slices.Contains(m.tables, t) || m.err != nil {
		return n, false
	}
	to, err := m.routes.Table(t.Schema.O, t.Name.O)
	if err != nil {
		m.err = err
		return n, false
	}
	m.tables, m.olds = append(m.tables, t), append(m.olds, *t)
	t.Schema, t.Name = ast.NewCIStr(to.Schema), ast.NewCIStr(to.Table)
	return n, false
}

// Leave goes on.
func (m *mover) Leave(n ast.Node) (ast.Node, bool) { return n, m.err == nil }

// back restores the source's names.
func (m *mover) back() {
	if m.schema != nil {
		m.schema()
	}
	for i, t := range m.tables {
		*t = m.olds[i]
	}
}

// goesTo names a table of the source and, where it is another, of the target.
func goesTo(n schema.Name, to *route.Target) string {
	if n.Schema == to.Schema && n.Table == to.Table {
		return dbconn.Ident(n.Schema, n.Table)
	}
	return dbconn.Ident(n.Schema, n.Table) + ", routed to " + dbconn.Ident(to.Schema, to.Table)
}
