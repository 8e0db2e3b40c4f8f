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
	table  *ast.TableName // that is created or altered
	used   bool           // some name is in the default schema
}

func (q *qualifier) Enter(n ast.Node) (ast.Node, bool) {
	switch n := n.(type) {
	case *ast.CreateTableStmt:
		q.table = n.Table
	case *ast.AlterTableStmt:
		q.table = n.Table
	case *ast.ReferenceDef:
		q.beside(n)
	case *ast.ColumnDef:
		for _, o := range n.Options {
			q.beside(o.Refer)
		}
	case *ast.TableName:
		if n.Schema.O == "" {
			n.Schema, q.used = ast.NewCIStr(q.schema), true
		}
		if q.lower {
			n.Schema, n.Name = ast.NewCIStr(n.Schema.L), ast.NewCIStr(n.Name.L)
		}
	}
	return n, false
}

// beside qualifies the other end of a foreign key: servers look for it in the
// schema of the table, not in the session's.
func (q *qualifier) beside(r *ast.ReferenceDef) {
	if r != nil && r.Table != nil && r.Table.Schema.O == "" && q.table != nil {
		r.Table.Schema = q.table.Schema
	}
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
		anew := !n.IfNotExists
		n.IfNotExists = true
		list, err := d.create(n)
		for i := range list {
			list[i].anew = anew
		}
		return list, err
	case *ast.DropTableStmt:
		if n.IsView || n.TemporaryKeyword != ast.TemporaryNone {
			return nil, nil
		}
		var out []ddl
		for i, t := range n.Tables {
			one, err := d.tableDDL(&ast.DropTableStmt{IfExists: true, Tables: []*ast.TableName{t}}, nameOf(t))
			if err != nil {
				return nil, err
			}
			out = append(out, numbered(one, i, len(n.Tables))...)
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
		for i, tt := range n.TableToTables {
			one, err := d.rename(&ast.RenameTableStmt{TableToTables: []*ast.TableToTable{tt}}, nameOf(tt.OldTable), nameOf(tt.NewTable))
			if err != nil {
				return nil, err
			}
			out = append(out, numbered(one, i, len(n.TableToTables))...)
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
