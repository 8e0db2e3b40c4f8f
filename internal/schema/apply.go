package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/format"
	// The parser needs some driver of values; this one has no dependencies.
	_ "github.com/pingcap/tidb/pkg/parser/test_driver"

	"github.com/raftdm/raftdm/internal/fault"
)

// Apply changes the structures as the source did when it executed stmt with
// defaultSchema as its current schema. It gives the names of all tables that
// came, went or changed. It changes everything or, with an error, nothing.
//
// A statement or clause without a rule here is fault.Unsupported.
func (t *Tracker) Apply(defaultSchema string, stmt ast.StmtNode) (changed []Name, err error) {
	work := &change{Tracker: t.Clone(), defaultSchema: defaultSchema}
	err = refuseLossy(stmt)
	if err == nil {
		work.nameCollations(stmt)
		err = work.apply(stmt)
	}
	if err != nil {
		return nil, fault.Wrap("track "+describeStatement(stmt), err)
	}
	*t = *work.Tracker
	return work.changed, nil
}

// refuseLossy refuses what the SQL parser reads without keeping it: the
// character set that NATIONAL implies. The sql_mode of the statement is not
// known here, so its text is cut in both ways of reading backslashes.
func refuseLossy(stmt ast.StmtNode) error {
	switch stmt.(type) {
	case *ast.CreateTableStmt, *ast.AlterTableStmt:
	default:
		return nil
	}
	for _, mode := range []string{"", "NO_BACKSLASH_ESCAPES"} {
		tokens, err := lex(stmt.Text(), mode)
		if err != nil {
			continue // not that way, then
		}
		for _, w := range tokens {
			if w.is("NATIONAL") || w.is("NCHAR") || w.is("NVARCHAR") {
				return unsupportedClause("the type " + strings.ToUpper(w.text))
			}
		}
	}
	return nil
}

// change is one statement being applied to a copy of the tracker.
type change struct {
	*Tracker
	defaultSchema string
	changed       []Name
	// all asks for the usual collations too, and named tells that one was written.
	all, named bool
}

func (c *change) apply(stmt ast.StmtNode) error {
	switch s := stmt.(type) {
	case *ast.CreateDatabaseStmt:
		return c.createSchema(s)
	case *ast.AlterDatabaseStmt:
		return c.alterSchema(s)
	case *ast.DropDatabaseStmt:
		return c.dropSchema(s)
	case *ast.CreateTableStmt:
		return c.createTable(s)
	case *ast.DropTableStmt:
		return c.dropTables(s)
	case *ast.RenameTableStmt:
		return c.renameTables(s)
	case *ast.TruncateTableStmt:
		_, err := c.Table(c.nameOf(s.Table)) // rows only
		return err
	case *ast.AlterTableStmt:
		return c.alterTable(s)
	case *ast.CreateIndexStmt:
		return c.createIndex(s)
	case *ast.DropIndexStmt:
		return c.dropIndex(s)
	}
	return unsupportedClause(fmt.Sprintf("statement %T", stmt))
}

func unsupportedClause(what string) error {
	return &fault.Error{
		Kind: fault.Unsupported, Msg: what + " is not supported yet",
		Hint: "skip or replace the statement, and give the task the table's structure after it",
	}
}

// describeStatement shortens the statement for messages.
func describeStatement(stmt ast.StmtNode) string {
	text := stmt.Text()
	if text == "" {
		text, _ = restore(stmt) // a statement without text is described as far as possible
	}
	return fmt.Sprintf("%q", excerpt(strings.Join(strings.Fields(text), " ")))
}

// restore writes a node of the parser for the empty sql_mode.
func restore(n ast.Node) (string, error) {
	const flags = format.DefaultRestoreFlags | format.RestoreStringEscapeBackslash | format.RestoreStringWithoutDefaultCharset
	var b strings.Builder
	if err := n.Restore(format.NewRestoreCtx(flags, &b)); err != nil {
		return "", fault.Wrap("write the statement again", err)
	}
	return b.String(), nil
}

// restoreTokens is restore for the readers of this package.
func restoreTokens(n ast.Node) ([]token, error) {
	text, err := restore(n)
	if err != nil {
		return nil, err
	}
	return lex(text, "")
}

func (c *change) nameOf(t *ast.TableName) Name {
	if t.Schema.O == "" {
		return Name{c.defaultSchema, t.Name.O}
	}
	return Name{t.Schema.O, t.Name.O}
}

func (c *change) touch(n Name) {
	if !slices.Contains(c.changed, n) {
		c.changed = append(c.changed, n)
	}
}

func (c *change) createSchema(s *ast.CreateDatabaseStmt) error {
	name := c.fold(s.Name.O)
	if _, exists := c.schemas[name]; exists && s.IfNotExists {
		return nil
	}
	cs, err := schemaOptions(s.Options)
	if err != nil {
		return err
	}
	c.schemas[name] = cs.orElse(c.server)
	return nil
}

func (c *change) alterSchema(s *ast.AlterDatabaseStmt) error {
	name := s.Name.O
	if s.AlterDefaultDatabase {
		name = c.defaultSchema
	}
	cs, err := schemaOptions(s.Options)
	if err != nil {
		return err
	}
	c.schemas[c.fold(name)] = cs.orElse(c.schemaCharset(name))
	return nil
}

func schemaOptions(options []*ast.DatabaseOption) (charsets, error) {
	var cs charsets
	for _, o := range options {
		switch o.Tp {
		case ast.DatabaseOptionCharset:
			cs.charset = strings.ToLower(o.Value)
		case ast.DatabaseOptionCollate:
			cs.collate = strings.ToLower(o.Value)
		case ast.DatabaseOptionEncryption, ast.DatabaseOptionPlacementPolicy:
		default:
			return cs, unsupportedClause(fmt.Sprintf("database option %d", o.Tp))
		}
	}
	return cs, nil
}

func (c *change) dropSchema(s *ast.DropDatabaseStmt) error {
	for _, n := range c.DropSchema(s.Name.O) {
		c.touch(n)
	}
	return nil
}

func (c *change) createTable(s *ast.CreateTableStmt) error {
	name := c.nameOf(s.Table)
	switch _, exists := c.tables[c.key(name)]; {
	case exists && s.IfNotExists:
		return nil
	case exists:
		return fault.New(fault.Exists, fmt.Sprintf("table %s exists already", name.ident()))
	case s.TemporaryKeyword != ast.TemporaryNone:
		return unsupportedClause("CREATE TEMPORARY TABLE")
	case s.Select != nil:
		return unsupportedClause("CREATE TABLE ... SELECT")
	case s.ReferTable != nil:
		return c.createLike(name, c.nameOf(s.ReferTable))
	}
	text, err := restore(s)
	if err != nil {
		return err
	}
	d, _, err := parseCreate(text, "", c.schemaCharset(name.Schema))
	if err != nil {
		return err
	}
	for i, def := range s.Cols {
		d.columns[i].elementCharset(def)
		c.ownJSON(&d.columns[i])
	}
	c.PutTable(d.table(name.Schema))
	c.touch(name)
	return nil
}

func (c *change) createLike(name, like Name) error {
	model, err := c.Table(like)
	if err != nil {
		return err
	}
	d, err := model.definition()
	if err != nil {
		return err
	}
	d.name = name.Table
	c.PutTable(d.table(name.Schema))
	c.touch(name)
	return nil
}

// definition reads the table's canonical text.
func (t *Table) definition() (*definition, error) {
	d, _, err := parseCreate(t.CreateSQL, "", charsets{t.Charset, t.Collate})
	return d, err
}

func (c *change) dropTables(s *ast.DropTableStmt) error {
	if s.IsView || s.TemporaryKeyword != ast.TemporaryNone {
		return unsupportedClause("DROP VIEW or DROP TEMPORARY TABLE")
	}
	for _, table := range s.Tables {
		name := c.nameOf(table)
		if _, err := c.Table(name); err != nil {
			if s.IfExists {
				continue
			}
			return err
		}
		c.Drop(name)
		c.touch(name)
	}
	return nil
}

func (c *change) renameTables(s *ast.RenameTableStmt) error {
	for _, r := range s.TableToTables { // from left to right, as on the server
		if err := c.rename(c.nameOf(r.OldTable), c.nameOf(r.NewTable)); err != nil {
			return err
		}
	}
	return nil
}

func (c *change) rename(from, to Name) error {
	table, err := c.Table(from)
	if err != nil {
		return err
	}
	if _, exists := c.tables[c.key(to)]; exists && c.key(to) != c.key(from) {
		return fault.New(fault.Exists, fmt.Sprintf("table %s exists already", to.ident()))
	}
	d, err := table.definition()
	if err != nil {
		return err
	}
	d.name = to.Table
	c.Drop(from)
	c.PutTable(d.table(to.Schema))
	c.touch(table.Name)
	c.touch(to)
	return nil
}
