package syncer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

// fills refuses to go on to an ALTER TABLE whose new column each server fills with
// values of its own: numbers in the order in which it comes upon the rows, or what a
// function gives it. The source's binlog has no rows for these values. created is the
// target's table on, whose rows they would be, which byHand tells that somebody has
// altered. What keeps it from finding out is the second error.
func (d *ddlRunner) fills(ctx context.Context, conn *sql.Conn, one *ddl, on schema.Name, created string, byHand bool) (refusal, err error) {
	if created == "" {
		return nil, nil
	}
	column, why, from := "", "", 0
	switch n := one.node.(type) {
	case nil:
		if one.raw && !one.creates && !byHand && ownValue.MatchString(quotedText.ReplaceAllString(one.plain, "''")) {
			column, why = "a new column", "each server has values of its own for its default"
		}
	case *ast.AlterTableStmt:
		for _, c := range filled(n, on, created) {
			this := d.filling(one, c, on, created)
			if this == "" {
				continue
			}
			column, why, from = "column "+dbconn.Ident(c.Name.Name.O), this, 0
			if !isNumbered(c) {
				break
			}
			from = 1 // one row alone has the same number everywhere
		}
	}
	if why == "" {
		return nil, nil
	}
	table := dbconn.Ident(on.Schema, on.Table)
	if some, err := d.some(ctx, conn, one, fmt.Sprintf("SELECT 1 FROM %s LIMIT 1 OFFSET %d", table, from)); !some {
		return nil, err
	}
	return &fault.Error{Kind: fault.Unsupported, Side: fault.Downstream, Code: codeUnsupportedStmt,
		Msg:  fmt.Sprintf("the rows that the target's table %s has would get other values in %s than on the source: %s", table, column, why),
		Hint: "add the column there by hand, with the values that these rows have on the source, then resume-task; or " + wayAround}, nil
}

// some tells whether a query about what one would change has a row. What the target
// does not answer, such as for want of a right, counts as none.
func (d *ddlRunner) some(ctx context.Context, conn *sql.Conn, one *ddl, query string) (bool, error) {
	err := conn.QueryRowContext(ctx, query).Scan(new(int))
	var answer *mysql.MySQLError
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case errors.As(err, &answer) && !fault.Transient(err):
		d.log.Warn("it is not known whether the target makes of its rows what the source has made of them", "statement", one.text, "query", query, "answer", answer.Message)
		return false, nil
	}
	return err == nil, err
}

// filled gives the columns that a statement adds and that the target's table lacks.
func filled(n *ast.AlterTableStmt, on schema.Name, created string) []*ast.ColumnDef {
	var out []*ast.ColumnDef
	for _, s := range n.Specs {
		if s.Tp == ast.AlterTableAddColumns {
			out = append(out, s.NewColumns...)
		}
	}
	if len(out) == 0 {
		return nil
	}
	if there, err := schema.Parse(created, "", on.Schema); err == nil {
		out = slices.DeleteFunc(out, func(c *ast.ColumnDef) bool { return there.HasColumn(c.Name.Name.O) })
	}
	return out
}

// filling says why the target would fill a column with other values than the source,
// "" if it would not.
func (d *ddlRunner) filling(one *ddl, c *ast.ColumnDef, on schema.Name, created string) string {
	if isNumbered(c) {
		if one.online == nil && d.sameOrder(one, on, created) {
			return ""
		}
		return "numbers are given in the order in which a server has the rows"
	}
	if call := ownDefault(c); call != "" {
		return fmt.Sprintf("each server has values of its own for %s", call)
	}
	source, target := d.structures.source.Server, d.db.Server
	if source.Flavor == target.Flavor && !target.TiDB || !otherDefault(c, source.Flavor == binlog.MariaDB || target.Flavor == binlog.MariaDB, target.TiDB) {
		return ""
	}
	return "servers make different values of its default"
}

func isNumbered(c *ast.ColumnDef) bool {
	return slices.ContainsFunc(c.Options, func(o *ast.ColumnOption) bool { return o.Tp == ast.ColumnOptionAutoIncrement })
}

// numbers tells that a statement gives rows numbers.
func numbers(n ast.StmtNode) bool {
	alter, ok := n.(*ast.AlterTableStmt)
	return ok && slices.ContainsFunc(alter.Specs, func(s *ast.AlterTableSpec) bool { return slices.ContainsFunc(s.NewColumns, isNumbered) })
}

// ownDefault gives the function in a column's default that has another value on each
// server, "" when there is none.
func ownDefault(c *ast.ColumnDef) string {
	var found ownCalls
	for _, o := range c.Options {
		if o.Tp == ast.ColumnOptionDefaultValue {
			o.Expr.Accept(&found)
		}
	}
	return string(found)
}

// ownCalls looks for such a function.
type ownCalls string

// Enter implements ast.Visitor.
func (c *ownCalls) Enter(n ast.Node) (ast.Node, bool) {
	switch n := n.(type) {
	case *ast.FuncCallExpr:
		if name := strings.ToUpper(n.FnName.O); ownValue.MatchString("DEFAULT " + name + "()") {
			*c = ownCalls(name + "()")
		}
	case *ast.VariableExpr:
		*c = ownCalls("@" + n.Name)
	}
	return n, false
}

// Leave implements ast.Visitor.
func (c *ownCalls) Leave(n ast.Node) (ast.Node, bool) { return n, true }

// ownValue finds in a statement without quoted text a DEFAULT by functions that give
// another value at each call or on each server, as far as a server takes them there.
// The time is none of them: the target's session has the source's.
var (
	ownValue = regexp.MustCompile(`(?i)\bDEFAULT\b.*\b(uuid|uuid_v4|uuid_v7|uuid_short|sys_guid|rand|random_bytes|sysdate|user|current_user|session_user|system_user|` +
		`connection_id|last_insert_id|nextval|lastval|database|schema|version)\s*\(|\bDEFAULT\b.*(\bcurrent_user\b|\bnext\s+value\s+for\b|@@?\w+)`)
	quotedText = regexp.MustCompile(`'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|` + "`(?:[^`]|``)*`")
)

// sameOrder tells whether the target has the rows in the source's order: that of the
// key by which InnoDB stores them.
func (d *ddlRunner) sameOrder(one *ddl, on schema.Name, created string) bool {
	source, err := d.known(one, created)
	if err != nil || !strings.Contains(created, "ENGINE=InnoDB") {
		return false
	}
	there, err := schema.Parse(created, "", on.Schema)
	if err != nil {
		return false
	}
	key := keyColumns(source)
	return key != nil && slices.Equal(key, keyColumns(there))
}

func keyColumns(t *schema.Table) []string {
	key := t.Key()
	if key == nil {
		return nil
	}
	out := make([]string, 0, len(key.Parts))
	for _, p := range key.Parts {
		out = append(out, strings.ToLower(t.Columns[p.Column].Name))
	}
	return out
}
