package syncer

import (
	"fmt"
	"slices"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

// passedOver tells for the forms of statements (schema.Words.Form) that are never
// replicated whether the log is told. They are about the server, its users, or
// things other than tables, or change nothing that a table holds.
func passedOver() map[string]bool {
	out := map[string]bool{
		"SAVEPOINT": false, "RELEASE": false,
		// Each client that goes away may write one.
		"CREATE TEMPORARY TABLE": false, "DROP TEMPORARY TABLE": false,
		"CREATE TEMPORARY SEQUENCE": false, "DROP TEMPORARY SEQUENCE": false,
		"FLUSH": true, "GRANT": true, "REVOKE": true, "INSTALL": true, "UNINSTALL": true,
		"OPTIMIZE TABLE": true, "ANALYZE TABLE": true, "REPAIR TABLE": true, "REPAIR VIEW": true, "CHECK TABLE": true, "CHECK VIEW": true,
		"LOAD INDEX": true, "CACHE INDEX": true,
		"SET PASSWORD": true, "SET DEFAULT ROLE": true, "SET ROLE": true, "SET RESOURCE GROUP": true,
		"RENAME USER": true,
	}
	for _, thing := range []string{
		"TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "VIEW", "PACKAGE", "LIBRARY", "USER", "ROLE", "SERVER", "INSTANCE",
		"TABLESPACE", "LOGFILE GROUP", "RESOURCE GROUP", "SPATIAL REFERENCE SYSTEM",
	} {
		for _, verb := range []string{"CREATE ", "ALTER ", "DROP "} {
			out[verb+thing] = true
		}
	}
	return out
}

// skipped tells whether a statement is one that is never replicated.
func (d *ddlParser) skipped(w *schema.Words) bool {
	form := w.Form()
	tell, skip := passedOver()[form]
	if tell {
		d.note(form)
	}
	return skip || w.Empty()
}

// note says that something is passed over. The statement itself may hold a
// password, so only its kind is told.
func (d *ddlParser) note(what string) {
	if d.log != nil {
		d.log.Info("a statement of the source is passed over, since it changes nothing that is in a table", "statement", what)
	}
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

// loads is dml for what the SQL parser cannot read, as it does LOAD XML.
func (d *ddlParser) loads(w *schema.Words, st *Statement) error {
	if n, ok := w.Loads(); ok && !d.concerns(&schema.Head{Tables: []schema.Name{n}}, st) {
		return nil
	}
	return dmlFound(st)
}

// call refuses a statement that is in the binlog because a stored function of
// the task's schemas has changed rows: no row events say which.
func (d *ddlParser) call(n ast.Node, st *Statement) error {
	found := &collector{}
	n.Accept(found)
	if len(found.homes) == 0 {
		found.homes = []string{st.Schema}
	}
	if slices.ContainsFunc(found.homes, d.filter.MatchSchema) {
		return dmlFound(st)
	}
	return nil
}

// collector finds the tables that a statement names, and the schemas of the
// stored functions that it calls.
type collector struct {
	found []schema.Name
	homes []string
}

func (c *collector) Enter(n ast.Node) (ast.Node, bool) {
	switch n := n.(type) {
	case *ast.TableName:
		c.found = append(c.found, nameOf(n))
	case *ast.FuncCallExpr:
		if n.Schema.O != "" {
			c.homes = append(c.homes, n.Schema.O)
		}
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
