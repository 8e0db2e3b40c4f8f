package syncer

import (
	"fmt"
	"strings"

	"github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/format"
	"github.com/pingcap/tidb/pkg/parser/mysql"
	_ "github.com/pingcap/tidb/pkg/parser/test_driver" // the parser needs some implementation of literals

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

const codeUnsupportedStmt = 36068

// ddl is one statement for the target, cut out of a source's statement.
type ddl struct {
	text string
	stmt ast.StmtNode
	// watch is the table (or, without a Table, the schema) whose structure tells
	// whether the statement ran.
	watch schema.Name
	// tables are those whose structure changes; none for a whole schema.
	tables []schema.Name
}

// skipWords begin statements that are never replicated: they are about the
// server, its users, or things other than tables. A word "*" stands for any one.
func skipWords() []string {
	return []string{
		"SAVEPOINT", "FLUSH", "OPTIMIZE TABLE", "OPTIMIZE LOCAL TABLE", "OPTIMIZE NO_WRITE_TO_BINLOG TABLE",
		"ANALYZE TABLE", "ANALYZE LOCAL TABLE", "ANALYZE NO_WRITE_TO_BINLOG TABLE",
		"REPAIR TABLE", "REPAIR LOCAL TABLE", "REPAIR NO_WRITE_TO_BINLOG TABLE", "DROP TEMPORARY TABLE", "CREATE TEMPORARY TABLE",
		"GRANT", "REVOKE", "SET PASSWORD", "SET DEFAULT ROLE",
		"CREATE USER", "ALTER USER", "RENAME USER", "DROP USER", "CREATE ROLE", "DROP ROLE",
		"CREATE TRIGGER", "DROP TRIGGER", "CREATE PROCEDURE", "ALTER PROCEDURE", "DROP PROCEDURE",
		"CREATE FUNCTION", "ALTER FUNCTION", "DROP FUNCTION", "CREATE AGGREGATE FUNCTION",
		"CREATE VIEW", "ALTER VIEW", "DROP VIEW", "CREATE TABLESPACE", "ALTER TABLESPACE", "DROP TABLESPACE",
		"CREATE EVENT", "ALTER EVENT", "DROP EVENT", "CREATE PACKAGE", "DROP PACKAGE", "CREATE SERVER", "DROP SERVER",
		"INSTALL", "UNINSTALL", "BINLOG",
	}
}

// definers may stand between CREATE or ALTER and the kind of a thing.
func isDefiner(word string) bool {
	for _, p := range []string{"DEFINER=", "ALGORITHM=", "SQL"} {
		if strings.HasPrefix(word, p) {
			return true
		}
	}
	return word == "SECURITY" || word == "DEFINER" || word == "INVOKER" || word == "OR" || word == "REPLACE"
}

// skippedByForm tells whether a statement is one that is never replicated.
func skippedByForm(text string) bool {
	words := strings.Fields(strings.ToUpper(stripComments(text)))
	if len(words) == 0 {
		return true
	}
	kept := words[:1]
	for i := 1; i < len(words) && len(kept) < 4; i++ {
		if len(kept) == 1 && isDefiner(words[i]) {
			// DEFINER=`a` @ `b` may be cut by blanks; the kind is found further on.
			continue
		}
		kept = append(kept, words[i])
	}
	head := strings.Join(kept, " ") + " "
	for _, s := range skipWords() {
		if strings.HasPrefix(head, s+" ") {
			return true
		}
	}
	return false
}

// stripComments drops comments before the first word, except those that servers execute.
func stripComments(text string) string {
	for {
		text = strings.TrimSpace(text)
		switch {
		case strings.HasPrefix(text, "/*") && !strings.HasPrefix(text, "/*!") && !strings.HasPrefix(text, "/*M!"):
			_, rest, found := strings.Cut(text, "*/")
			if !found {
				return ""
			}
			text = rest
		case strings.HasPrefix(text, "# ") || strings.HasPrefix(text, "-- "):
			_, rest, found := strings.Cut(text, "\n")
			if !found {
				return ""
			}
			text = rest
		default:
			return text
		}
	}
}

// ddlParser cuts source statements into statements for the target.
type ddlParser struct {
	parser *parser.Parser
	filter filter
	lower  bool // the source keeps names in lower case, however statements spell them
}

// filter is what decides about tables and schemas, system schemas excluded.
type filter interface {
	MatchSchema(schema string) bool
	MatchTable(schema, table string) bool
}

// parse answers what is to be executed for st; nothing when it does not concern
// the task.
func (d *ddlParser) parse(st *Statement) ([]ddl, error) {
	if skippedByForm(st.Text) {
		return nil, nil
	}
	mode := mysql.SQLMode(0)
	if st.HasMode {
		mode = mysql.SQLMode(st.SQLMode)
	}
	d.parser.SetSQLMode(mode)
	nodes, _, err := d.parser.Parse(st.Text, "", "")
	if err != nil {
		if isDML(st.Text) {
			return nil, dmlFound(st)
		}
		return nil, &fault.Error{Kind: fault.Unsupported, Code: codeParseDDL, Err: err,
			Msg: fmt.Sprintf("the statement %q cannot be read (default schema %q)", excerpt(st.Text), st.Schema)}
	}
	var out []ddl
	for _, n := range nodes {
		n.Accept(&qualifier{schema: st.Schema, lower: d.lower})
		one, err := d.split(n, st)
		if err != nil {
			return nil, err
		}
		out = append(out, one...)
	}
	return out, nil
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
		return d.tableDDL(n, nameOf(n.Table))
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
	return []ddl{{text: text, stmt: n, watch: schema.Name{Schema: name}}}, nil
}

func (d *ddlParser) tableDDL(n ast.StmtNode, name schema.Name) ([]ddl, error) {
	if !d.filter.MatchTable(name.Schema, name.Table) {
		return nil, nil
	}
	text, err := restore(n)
	if err != nil {
		return nil, err
	}
	return []ddl{{text: text, stmt: n, watch: name, tables: []schema.Name{name}}}, nil
}

func (d *ddlParser) alter(n *ast.AlterTableStmt) ([]ddl, error) {
	for _, s := range n.Specs {
		if s.Tp == ast.AlterTableRenameTable && s.NewTable != nil {
			return d.rename(n, nameOf(n.Table), nameOf(s.NewTable))
		}
	}
	return d.tableDDL(n, nameOf(n.Table))
}

// rename concerns two names, which must both be in the task or both out of it.
func (d *ddlParser) rename(n ast.StmtNode, from, to schema.Name) ([]ddl, error) {
	in, out := d.filter.MatchTable(from.Schema, from.Table), d.filter.MatchTable(to.Schema, to.Table)
	if !in && !out {
		return nil, nil
	}
	text, err := restore(n)
	if err != nil {
		return nil, err
	}
	if in != out {
		return nil, &fault.Error{Kind: fault.Unsupported, Code: codeUnsupportedStmt,
			Msg:  fmt.Sprintf("not supported yet: %q moves a table into or out of what the task replicates", excerpt(text)),
			Hint: "let the block-allow-list of the task match both names or none"}
	}
	return []ddl{{text: text, stmt: n, watch: from, tables: []schema.Name{from, to}}}, nil
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

func isDML(text string) bool {
	word, _, _ := strings.Cut(strings.ToUpper(stripComments(text)), " ")
	switch word {
	case "INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD":
		return true
	}
	return false
}

// restore writes a statement with quoted, qualified names, for a session
// without ANSI_QUOTES and with backslash escapes.
func restore(n ast.Node) (string, error) {
	var b strings.Builder
	flags := format.DefaultRestoreFlags | format.RestoreStringEscapeBackslash | format.RestoreStringWithoutDefaultCharset
	if err := n.Restore(format.NewRestoreCtx(flags, &b)); err != nil {
		return "", &fault.Error{Kind: fault.Unsupported, Code: codeUnsupportedStmt, Err: err, Msg: "a statement cannot be written for the target"}
	}
	return b.String(), nil
}

func excerpt(text string) string {
	const longest = 200
	if len(text) > longest {
		return strings.ToValidUTF8(text[:longest], "") + "..."
	}
	return text
}

// sessionMode gives the sql_mode for executing a statement of the source: what
// changes the meaning of definitions. How text is quoted is left out, since
// restore has written the text anew; so are modes that only one kind of server knows.
func sessionMode(st *Statement) string {
	if !st.HasMode {
		return ""
	}
	var out []string
	for _, m := range []struct {
		bit  uint
		name string
	}{
		{0, "REAL_AS_FLOAT"}, {6, "NO_UNSIGNED_SUBTRACTION"}, {19, "NO_AUTO_VALUE_ON_ZERO"},
		{21, "STRICT_TRANS_TABLES"}, {22, "STRICT_ALL_TABLES"}, {23, "NO_ZERO_IN_DATE"}, {24, "NO_ZERO_DATE"},
		{25, "ALLOW_INVALID_DATES"}, {26, "ERROR_FOR_DIVISION_BY_ZERO"},
	} {
		if st.SQLMode&(1<<m.bit) != 0 {
			out = append(out, m.name)
		}
	}
	return strings.Join(out, ",")
}
