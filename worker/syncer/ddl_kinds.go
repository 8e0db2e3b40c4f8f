package syncer

import (
	"fmt"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

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
		if name := nameOf(n.Table); n.Select != nil && d.filter.MatchTable(name.Schema, name.Table) {
			return nil, dmlFound(st)
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
	case *ast.SelectStmt, *ast.SetOprStmt, *ast.DoStmt, *ast.CallStmt:
		return nil, d.call(n, st)
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
