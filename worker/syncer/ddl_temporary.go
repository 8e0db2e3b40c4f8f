package syncer

import (
	"maps"

	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/raftdm/raftdm/internal/schema"
)

// A session whose binlog_format is not ROW writes what it does to its temporary
// tables into the binlog, too. These may have the names of tables that are there, so
// what is about them has to be told from what is about the others: by the session,
// and by the names for which it has created temporary tables before.

// session is which session of the source has executed a statement.
type session struct {
	thread uint32
	// life is when the source was started: its sessions have ended with the last one.
	life uint32
	// temporary tells that the statement may be about a temporary table. Of
	// statements of a procedure it says so from the first such one on, and of a RENAME
	// TABLE never.
	temporary bool
}

func (g *grouper) session(h *replication.EventHeader, e *replication.QueryEvent) session {
	return session{thread: e.SlaveProxyID, life: g.life, temporary: h.Flags&replication.LOG_EVENT_THREAD_SPECIFIC_F != 0}
}

// lives notes when the source was started, which the first file since then says.
func (g *grouper) lives(content any) {
	if e, ok := content.(*replication.FormatDescriptionEvent); ok && e.CreateTimestamp != 0 {
		g.life = e.CreateTimestamp
	}
}

// temporary are the temporary tables of the sessions of a source, as far as they
// were created since the run has begun. It is used where the binlog is read: a
// transaction with statements about them is whole, since they mean nothing for it,
// and may be rolled back with all that is in it.
type temporary struct {
	parser *ddlParser
	life   uint32
	of     map[uint32]map[schema.Name]bool
}

func newTemporary(d *ddlParser) *temporary {
	own := *d // a parser is for one goroutine
	own.parser, own.online, own.collate, own.stamp, own.log = parser.New(), nil, nil, nil, nil
	return &temporary{parser: &own}
}

// passes tells whether a statement of the binlog is about temporary tables, or changes
// rows of others' tables, only. One that cannot be told from those is marked as refused.
func (t *temporary) passes(st *Statement) bool {
	if t.life != st.life {
		t.life, t.of = st.life, nil
	}
	d := t.parser
	words := schema.ReadWords(st.Text, quoting(st), d.comments)
	if verb, names := words.Temporary(); verb != "" {
		t.follow(st, verb == "CREATE", d.named(&schema.Head{Tables: names}, st))
		return true
	}
	if mine := t.of[st.thread]; len(mine) > 0 && (st.temporary || words.Form() == "RENAME TABLE") {
		about, err := d.aboutTemporary(mine, &words, st)
		if st.refused = err; about {
			return true
		}
	}
	if !words.Writes() {
		return false
	}
	list, err := d.literal(st)
	return err == nil && len(list) == 0
}

func (t *temporary) follow(st *Statement, there bool, names []schema.Name) {
	for _, n := range names {
		if there && t.of[st.thread] == nil {
			if t.of == nil {
				t.of = map[uint32]map[schema.Name]bool{}
			}
			t.of[st.thread] = map[schema.Name]bool{}
		}
		if there {
			t.of[st.thread][n] = true
		} else if delete(t.of[st.thread], n); len(t.of[st.thread]) == 0 {
			delete(t.of, st.thread)
		}
	}
}

// aboutTemporary tells whether a statement changes nothing but the temporary tables
// mine of its session, and follows them to new names.
func (d *ddlParser) aboutTemporary(mine map[schema.Name]bool, words *schema.Words, st *Statement) (bool, error) {
	head, known := words.Head()
	if !known && !words.Writes() {
		return false, nil
	}
	names := d.named(&head, st)
	switch {
	case !known:
		return d.writesOnly(mine, words, st), nil
	case head.Verb == "RENAME" && head.Object == "TABLE":
		return d.renamesOnly(mine, names, st)
	case head.Verb == "CREATE" && head.Object == "TABLE":
		if node, ok := d.one(words, &head, st).(*ast.CreateTableStmt); ok && node.ReferTable != nil && mine[nameOf(node.ReferTable)] &&
			d.filter.MatchTable(names[0].Schema, names[0].Table) {
			return false, outside(st.Text, "makes a table like a temporary one", "create the table on the target with the structure that it has on the source")
		}
		return false, nil
	case head.Object != "TABLE" && head.Object != "INDEX" || head.Verb == "DROP" && head.Object == "TABLE" || !mine[names[0]]:
		return false, nil
	}
	if node, ok := d.one(words, &head, st).(*ast.AlterTableStmt); ok {
		for _, s := range node.Specs {
			if s.Tp == ast.AlterTableRenameTable && s.NewTable != nil {
				delete(mine, names[0])
				mine[nameOf(s.NewTable)] = true
			}
		}
	}
	return true, nil
}

// renamesOnly is aboutTemporary for RENAME TABLE.
func (d *ddlParser) renamesOnly(mine map[schema.Name]bool, names []schema.Name, st *Statement) (bool, error) {
	now, other := maps.Clone(mine), false
	for i := 0; i+1 < len(names); i += 2 {
		if !now[names[i]] {
			other = other || d.filter.MatchTable(names[i].Schema, names[i].Table) || d.filter.MatchTable(names[i+1].Schema, names[i+1].Table)
			continue
		}
		delete(now, names[i])
		now[names[i+1]] = true
	}
	switch {
	case maps.Equal(now, mine):
		return false, nil
	case other:
		return false, outside(st.Text, "renames temporary tables and others", "rename the others on the target")
	}
	clear(mine)
	maps.Copy(mine, now)
	return true, nil
}

// writesOnly tells whether all tables of the task that a change of rows names are
// temporary ones. Those that it only reads count, too: they can be told from the
// others by the SQL parser alone, and to stop is never wrong.
func (d *ddlParser) writesOnly(mine map[schema.Name]bool, words *schema.Words, st *Statement) bool {
	found, calls, some := &collector{}, &caller{}, false
	if n := d.one(words, &schema.Head{}, st); n != nil {
		n.Accept(found)
		n.Accept(calls)
	}
	for _, n := range found.found {
		if !mine[n] && d.filter.MatchTable(n.Schema, n.Table) {
			return false
		}
		some = some || mine[n]
	}
	return some && !calls.some
}

// caller finds whether a statement calls what may be a stored function.
type caller struct{ some bool }

func (c *caller) Enter(n ast.Node) (ast.Node, bool) {
	_, call := n.(*ast.FuncCallExpr)
	c.some = c.some || call
	return n, false
}

func (c *caller) Leave(n ast.Node) (ast.Node, bool) { return n, true }

// one reads a statement with the names that the source gives it, nil if it cannot be
// read.
func (d *ddlParser) one(words *schema.Words, head *schema.Head, st *Statement) ast.StmtNode {
	plain := *st
	plain.Text = words.Text()
	nodes, err := d.read(&plain, words, head, head.Verb != "")
	if err != nil || len(nodes) != 1 {
		return nil
	}
	nodes[0].Accept(&qualifier{schema: st.Schema, lower: d.lower})
	return nodes[0]
}
