package expr

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"vitess.io/vitess/go/mysql/collations"
	"vitess.io/vitess/go/sqltypes"
	"vitess.io/vitess/go/vt/sqlparser"
	"vitess.io/vitess/go/vt/vtgate/evalengine"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

// ErrNoColumn: the table has no column of a name that the condition holds.
var ErrNoColumn = errors.New("the table has no such column")

// Bind ties the condition to a structure of its table. It fails with ErrNoColumn
// or when a column is of a kind that cannot be in a condition.
func (e *Expr) Bind(t *schema.Table) (*Bound, error) {
	env, err := environment()
	if err != nil {
		return nil, err
	}
	b := &Bound{expr: e, table: t}
	ast := adapt(sqlparser.Clone(e.ast), t)
	var failure error
	compiled, err := (&Expr{ast: ast}).translate(env, func(name *sqlparser.ColName) (int, error) {
		at, err := b.column(name.Name.String())
		failure = errors.Join(failure, err)
		return at, err
	}, func(n sqlparser.Expr) (evalengine.Type, bool) {
		name, ok := n.(*sqlparser.ColName)
		if !ok {
			return evalengine.Type{}, false
		}
		at, err := b.column(name.Name.String())
		if err != nil {
			return evalengine.Type{}, false
		}
		return b.types[at].Type, true
	})
	switch {
	case failure != nil:
		return nil, failure
	case err != nil:
		return nil, refused(functionHint, "%s%s", unsupportedPart(err), e.near(err))
	}
	b.compiled = compiled
	b.env = evalengine.NewExpressionEnv(context.Background(), nil, cursor{env})
	b.env.Row = make([]sqltypes.Value, len(b.columns))
	return b, b.try()
}

// try evaluates the condition for a row without NULLs: what the evaluator cannot
// do with values of these types shows before the first row comes.
func (b *Bound) try() error {
	for i := range b.types {
		text := "1"
		switch b.types[i].sql {
		case sqltypes.Year:
			text = "2001"
		case sqltypes.Date:
			text = "2001-01-01"
		case sqltypes.Datetime, sqltypes.Timestamp:
			text = "2001-01-01 00:00:00"
			if d := b.table.Columns[b.columns[i]].Decimals; d > 0 {
				text += "." + strings.Repeat("0", d)
			}
		case sqltypes.Time:
			text = "01:00:00"
		}
		b.env.Row[i] = sqltypes.MakeTrusted(b.types[i].sql, []byte(text))
	}
	_, err := b.evaluate()
	var f *fault.Error
	if err == nil || !errors.As(err, &f) || !impossible(err) {
		return nil
	}
	return &fault.Error{Kind: fault.Unsupported, Code: codeGrammar, Err: f.Err, Msg: fmt.Sprintf("not supported yet: the expression %q for the types of its columns", b.expr.text),
		Hint: functionHint}
}

// impossible tells an evaluator that cannot from one that finds no value.
func impossible(err error) bool {
	msg := err.Error()
	return strings.Contains(msg, "not implemented") || strings.Contains(msg, evaluatorFailed) || strings.Contains(msg, "temporal type with non-zero precision") ||
		strings.Contains(msg, "not supported")
}

// column gives the place in the row of values for a column of the table.
func (b *Bound) column(name string) (int, error) {
	at := slices.IndexFunc(b.table.Columns, func(c schema.Column) bool { return strings.EqualFold(c.Name, name) })
	if at < 0 {
		return 0, &fault.Error{Kind: fault.Invalid, Code: codeGrammar, Err: ErrNoColumn,
			Msg:  fmt.Sprintf("there is no column %q in %s.%s%s", name, b.table.Name.Schema, b.table.Name.Table, b.expr.at(name)),
			Hint: "write the name of a column of the table"}
	}
	if i := slices.Index(b.columns, at); i >= 0 {
		return i, nil
	}
	typ, err := typeOf(&b.table.Columns[at])
	if err != nil {
		return 0, err
	}
	b.columns, b.types = append(b.columns, at), append(b.types, typ)
	return len(b.columns) - 1, nil
}

// columnType is what the evaluator has to know of a column.
type columnType struct {
	evalengine.Type
	sql  sqltypes.Type
	size int // of BINARY(n), 0 for others
}

// typeOf maps a column's type.
func typeOf(c *schema.Column) (columnType, error) {
	out, scale, text := columnType{}, int32(max(c.Decimals, 0)), false
	var values *evalengine.EnumSetValues
	switch c.Type {
	case "tinyint", "smallint", "mediumint", "int", "bigint":
		out.sql = sqltypes.Int64
		if c.Unsigned {
			out.sql = sqltypes.Uint64
		}
	case "bit":
		out.sql = sqltypes.Uint64
	case "year":
		out.sql = sqltypes.Year
	case "float", "double":
		out.sql, scale = sqltypes.Float64, 0
	case "decimal":
		out.sql = sqltypes.Decimal
	case "date":
		out.sql = sqltypes.Date
	case "datetime":
		out.sql = sqltypes.Datetime
	case "timestamp":
		out.sql = sqltypes.Timestamp
	case "time":
		out.sql = sqltypes.Time
	case "char", "varchar", "tinytext", "text", "mediumtext", "longtext":
		out.sql, text = sqltypes.VarChar, true
	case "binary":
		out.sql, out.size = sqltypes.VarBinary, max(c.Length, 1)
	case "varbinary", "tinyblob", "blob", "mediumblob", "longblob":
		out.sql = sqltypes.VarBinary
	case "enum", "set":
		out.sql, text = sqltypes.Enum, true
		if c.Type == "set" {
			out.sql = sqltypes.Set
		}
		list := evalengine.EnumSetValues{}
		for _, e := range c.Elems {
			list = append(list, "'"+strings.ReplaceAll(e, "'", "''")+"'")
		}
		values = &list
	default:
		return out, &fault.Error{Kind: fault.Unsupported, Code: codeGrammar,
			Msg:  fmt.Sprintf("not supported yet: the column %q of type %s in an expression filter", c.Name, c.Type),
			Hint: "write the condition over other columns"}
	}
	collation := collations.ID(collations.CollationBinaryID)
	if text {
		var err error
		if collation, err = collationOf(c); err != nil {
			return out, err
		}
	}
	out.Type = evalengine.NewTypeEx(out.sql, collation, !c.NotNull, int32(max(c.Length, 0)), scale, values)
	return out, nil
}

// collationOf maps a column's collation. MariaDB's own are those of MySQL with
// the same rules where there are any.
func collationOf(c *schema.Column) (collations.ID, error) {
	name := c.Collate
	switch name {
	case "utf8mb4_uca1400_ai_ci": // the same but for characters that came with later editions of Unicode
		name = "utf8mb4_unicode_520_ci"
	case "utf8mb4_nopad_bin":
		name = "utf8mb4_0900_bin"
	}
	if rest, ok := strings.CutPrefix(name, "utf8_"); ok {
		name = "utf8mb3_" + rest
	}
	env, err := environment()
	if err != nil {
		return 0, err
	}
	id := env.CollationEnv().LookupByName(name)
	if id == collations.Unknown || !env.CollationEnv().IsSupported(id) {
		return 0, &fault.Error{Kind: fault.Unsupported, Code: codeGrammar,
			Msg:  fmt.Sprintf("not supported yet: the column %q with the collation %s in an expression filter", c.Name, c.Collate),
			Hint: "write the condition over other columns"}
	}
	return id, nil
}

// withOffset is a moment written with the offset of its time zone.
var withOffset = regexp.MustCompile(`^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,6})?[+-]\d\d:\d\d$`)

// inUTC rewrites literals with an offset where they are compared with times: a
// session's time zone is UTC.
func inUTC(ast sqlparser.Expr, t *schema.Table) {
	temporal := func(n sqlparser.Expr) bool {
		name, ok := n.(*sqlparser.ColName)
		return ok && slices.ContainsFunc(t.Columns, func(c schema.Column) bool {
			return strings.EqualFold(c.Name, name.Name.String()) && (c.Type == "datetime" || c.Type == "timestamp" || c.Type == "date")
		})
	}
	move := func(list ...sqlparser.Expr) {
		if !slices.ContainsFunc(list, temporal) {
			return
		}
		for _, n := range list {
			if tuple, ok := n.(sqlparser.ValTuple); ok {
				for _, one := range tuple {
					moveLiteral(one)
				}
			}
			moveLiteral(n)
		}
	}
	_ = sqlparser.Walk(func(n sqlparser.SQLNode) (bool, error) {
		switch n := n.(type) {
		case *sqlparser.ComparisonExpr:
			move(n.Left, n.Right)
		case *sqlparser.BetweenExpr:
			move(n.Left, n.From, n.To)
		}
		return true, nil
	}, ast)
}

func moveLiteral(n sqlparser.Expr) {
	lit, ok := n.(*sqlparser.Literal)
	if !ok || lit.Type != sqlparser.StrVal || !withOffset.MatchString(lit.Val) {
		return
	}
	at, err := time.Parse("2006-01-02T15:04:05.999999-07:00", lit.Val[:10]+"T"+lit.Val[11:])
	if err == nil {
		lit.Val = at.UTC().Format("2006-01-02 15:04:05.000000")
	}
}
