package expr

import (
	"slices"
	"strings"

	"vitess.io/vitess/go/vt/sqlparser"

	"github.com/raftdm/raftdm/internal/schema"
)

// adapter rewrites what the evaluator does in another way than servers:
//
//   - Most collations hold texts for equal that differ in blanks at the end. The
//     evaluator counts these, so they are cut from both sides of a comparison.
//   - LOWER and UPPER work under some collations only: they are done under one of
//     these, and the result has the collation that it had.
//   - Moments with an offset are written in UTC where they are compared with times.
type adapter struct{ table *schema.Table }

// adapt changes ast in place.
func adapt(ast sqlparser.Expr, t *schema.Table) sqlparser.Expr {
	a := adapter{table: t}
	inUTC(ast, t)
	out := sqlparser.Rewrite(ast, nil, func(c *sqlparser.Cursor) bool {
		switch n := c.Node().(type) {
		case *sqlparser.ComparisonExpr:
			a.comparison(n)
		case *sqlparser.BetweenExpr:
			if a.padded(n.Left, n.From, n.To) {
				n.Left, n.From, n.To = trimmed(n.Left), trimmed(n.From), trimmed(n.To)
			}
		case *sqlparser.FuncExpr:
			if changed := a.function(n); changed != nil {
				c.Replace(changed)
			}
		}
		return true
	})
	expr, _ := out.(sqlparser.Expr)
	return expr
}

func (a adapter) comparison(n *sqlparser.ComparisonExpr) {
	switch n.Operator {
	case sqlparser.LikeOp, sqlparser.NotLikeOp, sqlparser.RegexpOp, sqlparser.NotRegexpOp:
		return
	}
	tuple, list := n.Right.(sqlparser.ValTuple)
	if !list {
		if a.padded(n.Left, n.Right) {
			n.Left, n.Right = trimmed(n.Left), trimmed(n.Right)
		}
		return
	}
	if a.padded(append([]sqlparser.Expr{n.Left}, tuple...)...) {
		n.Left = trimmed(n.Left)
		for i := range tuple {
			tuple[i] = trimmed(tuple[i])
		}
	}
}

// sort is what kind of text an expression has, if any.
type sort int

const (
	noText  sort = iota
	anyText      // a literal, or NULL: the other side decides
	padText      // blanks at the end do not count
	ownText      // they do
)

// padded tells whether all are texts, and blanks at their ends do not count.
func (a adapter) padded(list ...sqlparser.Expr) bool {
	all := a.together(list...)
	return all == padText || all == anyText
}

func (a adapter) together(list ...sqlparser.Expr) sort {
	out := anyText
	for _, n := range list {
		switch s := a.sortOf(n); {
		case s == noText, s == ownText:
			return s
		case s == padText:
			out = padText
		}
	}
	return out
}

func (a adapter) sortOf(n sqlparser.Expr) sort {
	switch n := n.(type) {
	case *sqlparser.NullVal:
		return anyText
	case *sqlparser.Literal:
		if n.Type == sqlparser.StrVal {
			return anyText
		}
	case *sqlparser.ColName:
		return a.columnSort(n.Name.String())
	case *sqlparser.CollateExpr:
		return collationSort(n.Collation)
	case *sqlparser.TrimFuncExpr:
		return a.sortOf(n.StringArg)
	case *sqlparser.SubstrExpr:
		return a.sortOf(n.Name)
	case *sqlparser.CastExpr:
		return charSort(n.Type)
	case *sqlparser.ConvertExpr:
		return charSort(n.Type)
	case *sqlparser.CaseExpr:
		list := []sqlparser.Expr{&sqlparser.NullVal{}}
		for _, w := range n.Whens {
			list = append(list, w.Val)
		}
		if n.Else != nil {
			list = append(list, n.Else)
		}
		return a.together(list...)
	case *sqlparser.FuncExpr:
		switch n.Name.Lowered() {
		case "concat", "concat_ws":
			out := anyText
			for _, arg := range n.Exprs {
				if s := a.sortOf(arg); s == ownText || s == padText && out == anyText {
					out = s
				}
			}
			return out
		case "left", "right", "reverse", "replace", "repeat", "lower", "upper", "lcase", "ucase", "lpad", "rpad", "nullif":
			if len(n.Exprs) > 0 {
				return a.sortOf(n.Exprs[0])
			}
		case "hex":
			return anyText
		case "ifnull", "coalesce":
			return a.together(n.Exprs...)
		case "if":
			return a.together(n.Exprs[1:]...)
		}
	}
	return noText
}

func (a adapter) column(name string) *schema.Column {
	i := slices.IndexFunc(a.table.Columns, func(c schema.Column) bool { return strings.EqualFold(c.Name, name) })
	if i < 0 {
		return nil
	}
	return &a.table.Columns[i]
}

func (a adapter) columnSort(name string) sort {
	c := a.column(name)
	if c == nil {
		return noText
	}
	switch c.Type {
	case "char", "varchar", "tinytext", "text", "mediumtext", "longtext":
		return collationSort(c.Collate)
	case "enum", "set":
		return anyText
	}
	return noText
}

func collationSort(name string) sort {
	if name == "binary" || strings.Contains(name, "_0900_") || strings.Contains(name, "nopad") {
		return ownText
	}
	return padText
}

func charSort(t *sqlparser.ConvertType) sort {
	if t != nil && strings.EqualFold(t.Type, "char") {
		return anyText
	}
	return noText
}

// trimmed is a text without blanks at its end.
func trimmed(n sqlparser.Expr) sqlparser.Expr {
	switch n := n.(type) {
	case *sqlparser.NullVal:
		return n
	case *sqlparser.Literal:
		return sqlparser.NewStrLiteral(strings.TrimRight(n.Val, " "))
	}
	return &sqlparser.TrimFuncExpr{TrimFuncType: sqlparser.RTrimType, Type: sqlparser.TrailingTrimType, StringArg: n}
}

// function rewrites LOWER and UPPER; nil for what stays.
func (a adapter) function(n *sqlparser.FuncExpr) sqlparser.Expr {
	switch n.Name.Lowered() {
	case "lower", "upper", "lcase", "ucase":
	default:
		return nil
	}
	if len(n.Exprs) != 1 {
		return nil
	}
	collation := "utf8mb4_general_ci"
	for _, name := range namesIn(n.Exprs[0]) {
		if c := a.column(name); c != nil && strings.HasPrefix(c.Collate, "utf8") {
			_, rest, _ := strings.Cut(c.Collate, "_")
			collation = "utf8mb4_" + rest
		}
	}
	changed := *n
	changed.Exprs = []sqlparser.Expr{&sqlparser.CollateExpr{Expr: &sqlparser.ConvertUsingExpr{Expr: n.Exprs[0], Type: "utf8mb4"}, Collation: "utf8mb4_0900_ai_ci"}}
	return &sqlparser.CollateExpr{Expr: &changed, Collation: collation}
}

func namesIn(n sqlparser.Expr) (out []string) {
	_ = sqlparser.Walk(func(n sqlparser.SQLNode) (bool, error) {
		if c, ok := n.(*sqlparser.ColName); ok {
			out = append(out, c.Name.String())
		}
		return true, nil
	}, n)
	return out
}
