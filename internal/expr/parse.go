package expr

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"vitess.io/vitess/go/mysql/collations"
	"vitess.io/vitess/go/vt/sqlparser"
	"vitess.io/vitess/go/vt/vtenv"
	"vitess.io/vitess/go/vt/vtgate/evalengine"

	"github.com/raftdm/raftdm/internal/fault"
)

// codeGrammar is DM's number for an expression that cannot be used.
const codeGrammar = 20041

// Expr is a condition that can be evaluated, on some table.
type Expr struct {
	text    string
	ast     sqlparser.Expr
	columns []string // in the order of their first appearance
}

// String gives the text as it was written.
func (e *Expr) String() string { return e.text }

// Columns lists the columns that the condition names, each once.
func (e *Expr) Columns() []string { return slices.Clone(e.columns) }

// environment holds what does not depend on an expression: the version says
// whose rules are followed.
var environment = sync.OnceValues(func() (*vtenv.Environment, error) {
	return vtenv.New(vtenv.Options{MySQLServerVersion: "8.0.40"})
})

// head and tail surround an expression for the parser; brackets make it refuse
// whatever is more than one.
const (
	head = "select ("
	tail = "\n)"
)

// Parse reads a condition.
func Parse(text string) (*Expr, error) {
	if strings.TrimSpace(text) == "" {
		return nil, refused("write a condition over columns of the table, such as c % 2 = 0", "the expression is empty")
	}
	env, err := environment()
	if err != nil {
		return nil, err
	}
	quoted := quoteNames(text)
	stmt, err := env.Parser().Parse(head + quoted.text + tail)
	if err != nil {
		return nil, syntax(text, quoted, err)
	}
	ast, ok := condition(stmt)
	if _, err := env.Parser().Parse("select " + quoted.text); !ok || err != nil { // without brackets an expression stays one
		return nil, refused(conditionHint, "%q is not one expression", text)
	}
	e := &Expr{text: text, ast: ast}
	if err := e.check(); err != nil {
		return nil, err
	}
	if _, err := e.translate(env, func(*sqlparser.ColName) (int, error) { return 0, nil }, nil); err != nil {
		return nil, refused(functionHint, "%s%s", unsupportedPart(err), e.near(err))
	}
	return e, nil
}

const (
	conditionHint = "write one condition over columns of the table, such as c % 2 = 0"
	functionHint  = "write it with other functions, or leave rows out by kind with filters"
)

func refused(hint, format string, args ...any) *fault.Error {
	return &fault.Error{Kind: fault.Invalid, Code: codeGrammar, Msg: fmt.Sprintf(format, args...), Hint: hint}
}

// condition takes the expression out of the SELECT around it.
func condition(stmt sqlparser.Statement) (sqlparser.Expr, bool) {
	sel, ok := stmt.(*sqlparser.Select)
	if !ok || len(sel.SelectExprs.Exprs) != 1 {
		return nil, false
	}
	one, ok := sel.SelectExprs.Exprs[0].(*sqlparser.AliasedExpr)
	if !ok || one.As.NotEmpty() {
		return nil, false
	}
	_, list := one.Expr.(sqlparser.ValTuple)
	return one.Expr, !list
}

// parserPlace is how the parser says where it stopped: behind what it did not expect.
var parserPlace = regexp.MustCompile(`at position (\d+)(?: near '((?s:.*))')?`)

// syntax turns the parser's error about quoted into ours, with the place in text.
func syntax(text string, quoted quotedText, err error) error {
	m := parserPlace.FindStringSubmatch(err.Error())
	if m == nil {
		return refused(conditionHint, "%q cannot be read: %v", text, err)
	}
	end, _ := strconv.Atoi(m[1])
	end -= len(head) + 1
	at := end - max(len(m[2]), 1)
	if m[2] != "" && end > 0 && end <= len(quoted.text) && quoted.text[end-1] == '`' {
		at -= 2
	}
	at = quoted.place(at)
	near := ""
	if rest := strings.TrimSpace(text[at:]); rest != "" {
		near = fmt.Sprintf(" near %q", excerpt(rest))
	}
	return refused(conditionHint, "syntax error at character %d%s", utf8.RuneCountInString(text[:at])+1, near)
}

func excerpt(s string) string {
	const longest = 30
	if utf8.RuneCountInString(s) <= longest {
		return s
	}
	return string([]rune(s)[:longest]) + "..."
}

// check refuses what has no place in a filter, and gathers the columns.
func (e *Expr) check() error {
	var err error
	_ = sqlparser.Walk(func(n sqlparser.SQLNode) (bool, error) {
		what, word := "", ""
		switch n := n.(type) {
		case *sqlparser.ColName:
			if name := n.Name.String(); !slices.ContainsFunc(e.columns, func(c string) bool { return strings.EqualFold(c, name) }) {
				e.columns = append(e.columns, name)
			}
			return false, nil
		case *sqlparser.Subquery, *sqlparser.ExistsExpr:
			what, word = "a subquery", "select"
		case *sqlparser.Variable:
			what, word = "a variable", "@"
		case *sqlparser.Argument, sqlparser.ListArg:
			what, word = "a placeholder", ":"
		case sqlparser.AggrFunc:
			what, word = "the aggregate function "+n.AggrName(), n.AggrName()
		case *sqlparser.FuncExpr:
			if name := n.Name.Lowered(); slices.Contains(changing(), name) {
				what, word = "the function "+strings.ToUpper(name)+", which does not depend on the row,", name
			}
		}
		if what == "" {
			return true, nil
		}
		err = refused(conditionHint, "%s cannot stand in an expression filter%s", what, e.at(word))
		return false, err
	}, e.ast)
	return err
}

// changing are functions that tell nothing about a row.
func changing() []string {
	return []string{"rand", "uuid", "uuid_short", "random_bytes", "sleep", "sysdate", "version", "user", "current_user", "session_user", "system_user",
		"database", "schema", "last_insert_id", "connection_id", "found_rows", "row_count", "get_lock", "release_lock", "benchmark"}
}

// at says where a word stands in the text, "" when it is not found.
func (e *Expr) at(word string) string {
	i := strings.Index(strings.ToLower(e.text), strings.ToLower(word))
	if i < 0 || word == "" {
		return ""
	}
	return fmt.Sprintf(" (character %d of %q)", utf8.RuneCountInString(e.text[:i])+1, e.text)
}

// near says where the part stands that an error of the evaluator names.
func (e *Expr) near(err error) string {
	part := unsupportedPart(err)
	if _, rest, ok := strings.Cut(part, ": "); ok {
		part = rest
	}
	name, _, _ := strings.Cut(part, "(")
	if place := e.at(strings.Trim(name, " `")); place != "" {
		return place
	}
	return fmt.Sprintf(" in %q", e.text)
}

// unsupportedPart shortens the evaluator's message.
func unsupportedPart(err error) string {
	msg := strings.TrimSpace(err.Error())
	msg = strings.TrimPrefix(msg, "VT12001: unsupported: ")
	if rest, ok := strings.CutPrefix(msg, evalengine.ErrTranslateExprNotSupported+": "); ok {
		return "not supported: " + rest
	}
	return msg
}

// translate makes the evaluator's form of "(condition) IS TRUE".
func (e *Expr) translate(env *vtenv.Environment, column evalengine.ColumnResolver, types evalengine.TypeResolver) (evalengine.Expr, error) {
	return evalengine.Translate(&sqlparser.IsExpr{Left: e.ast, Right: sqlparser.IsTrueOp}, &evalengine.Config{
		ResolveColumn: column, ResolveType: types, Collation: connection(env),
		// Compiled and folded expressions change constants that all of them share.
		NoConstantFolding: true, NoCompilation: true,
		SQLMode: evalengine.ParseSQLMode(""), Environment: env,
	})
}

// connection is the collation of texts that are no column's.
func connection(env *vtenv.Environment) collations.ID {
	return env.CollationEnv().LookupByName("utf8mb4_general_ci")
}
