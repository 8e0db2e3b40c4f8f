package syncer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/mysql"
	_ "github.com/pingcap/tidb/pkg/parser/test_driver" // the parser needs some implementation of literals

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

const codeUnsupportedStmt = 36068

// ddl is one statement for the target, cut out of a source's statement.
type ddl struct {
	text string
	// stmt is what the tracker applies; nil where another piece of the source's
	// statement carries it, or where only text is known.
	stmt ast.StmtNode
	// node is what text says, nil where only text is known.
	node ast.StmtNode
	// own tells that text is in the source's words: it is for the default schema
	// of the source's session and, if quoted is set, for its way of quoting.
	own, quoted bool
	// raw tells that the SQL parser cannot read it; plain says the same for the
	// empty sql_mode.
	raw   bool
	plain string
	// creates and replaces tell of a raw statement that it is CREATE [OR REPLACE] TABLE.
	creates, replaces bool
	// watch is the table (or, without a Table, the schema) whose structure tells
	// whether the statement ran.
	watch schema.Name
	// tables are those whose structure changes; none for a whole schema.
	tables []schema.Name
	// uses is a table that the statement only reads.
	uses []schema.Name
	// swaps tells that the statement changes whose rows a table holds, and no
	// structure: it is told by the table's id whether it ran.
	swaps bool
	// ifExists tells that the statement is about a table that may not be there.
	ifExists bool
}

// ddlParser cuts source statements into statements for the target.
type ddlParser struct {
	parser *parser.Parser
	filter filter
	lower  bool // the source keeps names in lower case, however statements spell them
	tidb   bool // the target is a TiDB
	maria  bool // the target is a MariaDB
	same   bool // the target reads what the source reads
}

// filter is what decides about tables and schemas, system schemas excluded.
type filter interface {
	MatchSchema(schema string) bool
	MatchTable(schema, table string) bool
}

// Bits of the sql_mode that change how text is cut into words.
const (
	modeAnsiQuotes  = 1 << 2
	modeNoBackslash = 1 << 20
)

// parse answers what is to be executed for st; nothing when it does not concern
// the task.
func (d *ddlParser) parse(st *Statement) ([]ddl, error) {
	if skippedByForm(st.Text) {
		return nil, nil
	}
	head, known := schema.ReadHead(st.Text, quoting(st))
	if known && head.Whole && !d.concerns(&head, st) {
		return nil, nil
	}
	nodes, err := d.read(st, &head, known)
	if err != nil {
		if isDML(st.Text) {
			return nil, dmlFound(st)
		}
		if d.same && known {
			if one, ok := d.raw(&head, st); ok {
				return []ddl{one}, nil
			}
		}
		return nil, &fault.Error{Kind: fault.Unsupported, Code: codeParseDDL, Err: err,
			Msg: fmt.Sprintf("the statement %q cannot be read (default schema %q)", excerpt(st.Text), st.Schema)}
	}
	var out []ddl
	for _, n := range nodes {
		n.Accept(&qualifier{schema: st.Schema, lower: d.lower})
		if known && head.OrReplace {
			first, err := d.split(dropFor(n), st)
			if err != nil {
				return nil, err
			}
			out = append(out, first...)
		}
		list, err := d.split(n, st)
		if err != nil {
			return nil, err
		}
		for i := range list {
			list[i].ifExists = known && head.IfExists && head.Object == "TABLE"
			if d.maria && strings.Contains(list[i].text, "ENFORCED") {
				list[i].text = schema.WithoutEnforced(list[i].text)
			}
		}
		if d.same && known && len(nodes) == 1 && len(list) == 1 {
			inOwnWords(&list[0], &head, st)
		}
		out = append(out, list...)
	}
	return out, nil
}

// inOwnWords lets a target of the source's kind have the source's words, as the
// SQL parser does not give back all that it reads, such as the character set of
// an ENUM.
func inOwnWords(one *ddl, head *schema.Head, st *Statement) {
	switch one.node.(type) {
	case *ast.CreateTableStmt, *ast.AlterTableStmt, *ast.CreateIndexStmt:
		one.text, one.own, one.quoted = st.Text, true, true
		if head.OrReplace {
			one.text, one.quoted = head.Plain, false
		}
	}
}

// read gives the statement to the SQL parser: as it is, else without words that
// only MariaDB has, else, where the target has no such things, without what
// concerns how a table is shown and not what is in it.
func (d *ddlParser) read(st *Statement, head *schema.Head, known bool) ([]ast.StmtNode, error) {
	mode := mysql.SQLMode(0)
	if st.HasMode {
		mode = mysql.SQLMode(st.SQLMode)
	}
	d.parser.SetSQLMode(mode)
	nodes, _, first := d.parser.Parse(st.Text, "", "")
	if first == nil || !known {
		return nodes, first
	}
	d.parser.SetSQLMode(mode &^ (modeAnsiQuotes | modeNoBackslash))
	for _, text := range []string{head.Plain, head.Visible} {
		if nodes, _, err := d.parser.Parse(text, "", ""); err == nil {
			return nodes, nil
		}
		if d.same {
			break // the target knows INVISIBLE, too
		}
	}
	return nil, first
}

// quoting gives the part of the statement's sql_mode that changes how it is read.
func quoting(st *Statement) string {
	mode := ""
	if st.SQLMode&modeAnsiQuotes != 0 {
		mode = "ANSI_QUOTES,"
	}
	if st.SQLMode&modeNoBackslash != 0 {
		mode += "NO_BACKSLASH_ESCAPES"
	}
	return mode
}

// named gives the names of a head as the source keeps them.
func (d *ddlParser) named(head *schema.Head, st *Statement) []schema.Name {
	out := slices.Clone(head.Tables)
	for i := range out {
		if out[i].Schema == "" {
			out[i].Schema = st.Schema
		}
		if d.lower {
			out[i] = schema.Name{Schema: strings.ToLower(out[i].Schema), Table: strings.ToLower(out[i].Table)}
		}
	}
	return out
}

// concerns tells whether the task replicates one of the things that head names.
func (d *ddlParser) concerns(head *schema.Head, st *Statement) bool {
	return slices.ContainsFunc(d.named(head, st), func(n schema.Name) bool {
		if n.Table == "" {
			return d.filter.MatchSchema(n.Schema)
		}
		return d.filter.MatchTable(n.Schema, n.Table)
	})
}

// raw hands on a statement in the source's words, if it is about one table.
func (d *ddlParser) raw(head *schema.Head, st *Statement) (ddl, bool) {
	names := d.named(head, st)
	about := head.Object == "TABLE" && (head.Verb == "CREATE" || head.Verb == "ALTER") || head.Object == "INDEX"
	if !head.Whole || !about || len(names) != 1 {
		return ddl{}, false
	}
	return ddl{text: st.Text, own: true, quoted: true, raw: true, plain: head.Plain, watch: names[0], tables: names, ifExists: head.IfExists && head.Object == "TABLE",
		creates: head.Verb == "CREATE" && head.Object == "TABLE", replaces: head.OrReplace}, true
}

// dropFor is the statement that removes what n, a CREATE OR REPLACE, replaces.
func dropFor(n ast.StmtNode) ast.StmtNode {
	switch n := n.(type) {
	case *ast.CreateTableStmt:
		return &ast.DropTableStmt{IfExists: true, TemporaryKeyword: n.TemporaryKeyword, Tables: []*ast.TableName{n.Table}}
	case *ast.CreateDatabaseStmt:
		return &ast.DropDatabaseStmt{IfExists: true, Name: n.Name}
	case *ast.CreateIndexStmt:
		return &ast.DropIndexStmt{IfExists: true, IndexName: n.IndexName, Table: n.Table}
	}
	return n
}

// qualifier writes the default schema into names that have none, and all of
// them as the source keeps them.
type qualifier struct {
	schema string
	lower  bool
}

func (q *qualifier) Enter(n ast.Node) (ast.Node, bool) {
	if t, ok := n.(*ast.TableName); ok && t.Schema.O == "" {
		t.Schema = ast.NewCIStr(q.schema)
	}
	if t, ok := n.(*ast.TableName); ok && q.lower {
		t.Schema, t.Name = ast.NewCIStr(t.Schema.L), ast.NewCIStr(t.Name.L)
	}
	return n, false
}

func (q *qualifier) Leave(n ast.Node) (ast.Node, bool) { return n, true }

func nameOf(t *ast.TableName) schema.Name { return schema.Name{Schema: t.Schema.O, Table: t.Name.O} }

// split makes one ddl of each statement that touches one table of the task.
func (d *ddlParser) split(n ast.StmtNode, st *Statement) ([]ddl, error) {
	switch n := n.(type) {
	case *ast.CreateDatabaseStmt:
		n.IfNotExists = true
		return d.schemaDDL(n, n.Name.O)
	case *ast.DropDatabaseStmt:
		n.IfExists = true
		return d.schemaDDL(n, n.Name.O)
	case *ast.AlterDatabaseStmt:
		if n.AlterDefaultDatabase {
			n.AlterDefaultDatabase, n.Name = false, ast.NewCIStr(st.Schema)
		}
		return d.schemaDDL(n, n.Name.O)
	case *ast.CreateTableStmt:
		if n.TemporaryKeyword != ast.TemporaryNone {
			return nil, nil
		}
		n.IfNotExists = true
		return d.create(n)
	case *ast.DropTableStmt:
		if n.IsView || n.TemporaryKeyword != ast.TemporaryNone {
			return nil, nil
		}
		var out []ddl
		for _, t := range n.Tables {
			one, err := d.tableDDL(&ast.DropTableStmt{IfExists: true, Tables: []*ast.TableName{t}}, nameOf(t))
			if err != nil {
				return nil, err
			}
			out = append(out, one...)
		}
		return out, nil
	case *ast.TruncateTableStmt:
		return d.tableDDL(n, nameOf(n.Table))
	case *ast.CreateIndexStmt:
		return d.tableDDL(n, nameOf(n.Table))
	case *ast.DropIndexStmt:
		return d.tableDDL(n, nameOf(n.Table))
	case *ast.AlterTableStmt:
		return d.alter(n)
	case *ast.RenameTableStmt:
		var out []ddl
		for _, tt := range n.TableToTables {
			one, err := d.rename(&ast.RenameTableStmt{TableToTables: []*ast.TableToTable{tt}}, nameOf(tt.OldTable), nameOf(tt.NewTable))
			if err != nil {
				return nil, err
			}
			out = append(out, one...)
		}
		return out, nil
	case *ast.CreateViewStmt:
		return nil, nil
	case ast.DMLNode:
		return nil, d.dml(n, st)
	}
	return nil, &fault.Error{Kind: fault.Unsupported, Code: codeUnsupportedStmt,
		Msg: fmt.Sprintf("not supported yet: the statement %q", excerpt(st.Text))}
}

func (d *ddlParser) schemaDDL(n ast.StmtNode, name string) ([]ddl, error) {
	if !d.filter.MatchSchema(name) {
		return nil, nil
	}
	text, err := restore(n)
	if err != nil {
		return nil, err
	}
	return []ddl{{text: text, stmt: n, node: n, watch: schema.Name{Schema: name}}}, nil
}

func (d *ddlParser) tableDDL(n ast.StmtNode, name schema.Name) ([]ddl, error) {
	if !d.filter.MatchTable(name.Schema, name.Table) {
		return nil, nil
	}
	text, err := restore(n)
	if err != nil {
		return nil, err
	}
	return []ddl{{text: text, stmt: n, node: n, watch: name, tables: []schema.Name{name}}}, nil
}

// dml refuses a data change in statement form, unless no table of the task is in it.
func (d *ddlParser) dml(n ast.Node, st *Statement) error {
	names := &collector{}
	n.Accept(names)
	for _, t := range names.found {
		if d.filter.MatchTable(t.Schema, t.Table) {
			return dmlFound(st)
		}
	}
	return nil
}

type collector struct{ found []schema.Name }

func (c *collector) Enter(n ast.Node) (ast.Node, bool) {
	if t, ok := n.(*ast.TableName); ok {
		c.found = append(c.found, nameOf(t))
	}
	return n, false
}

func (c *collector) Leave(n ast.Node) (ast.Node, bool) { return n, true }

func dmlFound(st *Statement) error {
	return &fault.Error{Kind: fault.Data, Side: fault.Upstream, Code: codeDML,
		Msg: fmt.Sprintf("the binlog holds the data change %q as a statement, not as rows", excerpt(st.Text)),
		Hint: "on the source set binlog_format = ROW, reconnect its clients, and copy the data anew (stop-task, start-task --remove-meta)," +
			" since what a statement changed cannot be told from the binlog"}
}
